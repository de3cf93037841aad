//! Files that are wrong are named by dialog and round; the real ones are read.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use conv_dialog::data::{Dense, ReadOptions, VisDial, read_text, without_images};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Two dialogs of ten rounds with four candidates.
fn visdial() -> Value {
    let round = |number: usize| json!({ "question": number % 3, "answer": 1, "answer_options": [0, 1, 2, 3], "gt_index": 1 });
    let rounds: Vec<Value> = (0..10).map(round).collect();
    let dialog = |image: u64| json!({ "image_id": image, "caption": "a cat", "dialog": rounds });
    let data = json!({
        "questions": ["is it big", "what color is it", "anything else"],
        "answers": ["no", "yes", "black", "not that i can see"],
        "dialogs": [dialog(7), dialog(9)],
    });
    json!({ "split": "val2018", "version": "1.0", "data": data })
}

fn read(folder: &Path, value: &Value) -> Result<VisDial, String> {
    let path = folder.join("visdial.json");
    std::fs::write(&path, value.to_string()).unwrap();
    VisDial::read(&path, ReadOptions { candidates: 4 }).map_err(|error| error.to_string())
}

/// The file with a field of it changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut file = visdial();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match (file.pointer_mut(parent).unwrap(), value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(field)),
        (Value::Object(fields), value) => drop(fields.insert(field.into(), value)),
        (Value::Array(items), Value::Null) => drop(items.remove(field.parse().unwrap())),
        (Value::Array(items), value) => items[field.parse::<usize>().unwrap()] = value,
        _ => unreachable!(),
    }
    file
}

#[test]
fn dialogs_are_read_as_text() {
    let place = tempfile::tempdir().unwrap();
    let data = read(place.path(), &visdial()).unwrap();
    assert_eq!((data.dialogs.len(), data.images().len()), (2, 2));
    let text = data.to_string();
    assert!(
        text.contains("image 7: a cat")
            && text.contains("   2. what color is it? yes  (4 candidates)"),
        "{text}"
    );
}

/// Cases V2 and V7, and what else may be missing.
#[test]
fn what_is_wrong_is_named_by_dialog_and_round() {
    let place = tempfile::tempdir().unwrap();
    let second = "/data/dialogs/1";
    for (pointer, value, expected) in [
        (
            format!("{second}/dialog/3/answer_options/2"),
            json!(4),
            "dialog 2 (image 9), round 4: candidate 4, expected 0 to 3",
        ),
        (
            format!("{second}/dialog/3/question"),
            json!(99),
            "dialog 2 (image 9), round 4: question 99, expected 0 to 2",
        ),
        (
            format!("{second}/dialog/0/answer"),
            json!(5_000_000_000u64),
            "round 1: answer 5000000000, expected 0 to 3",
        ),
        (
            format!("{second}/dialog/0/answer"),
            json!(2),
            "round 1: candidate 1 is answer 1, expected 2, the true one",
        ),
        (
            format!("{second}/dialog/0/answer"),
            Value::Null,
            "dialog 2 (image 9), round 1: no `answer`",
        ),
        (format!("{second}/dialog/5/gt_index"), json!(4), "round 6: `gt_index` 4, expected 0 to 3"),
        (format!("{second}/dialog/5/gt_index"), Value::Null, "round 6: no `gt_index`"),
        (
            format!("{second}/dialog/9/answer_options/0"),
            Value::Null,
            "dialog 2 (image 9), round 10: 3 candidates, expected 4",
        ),
        (
            format!("{second}/dialog/9/answer_options"),
            Value::Null,
            "round 10: 0 candidates, expected 4",
        ),
        (format!("{second}/dialog/9"), Value::Null, "dialog 2 (image 9): 9 rounds, expected 10"),
        (format!("{second}/dialog"), Value::Null, "dialog 2 (image 9): 0 rounds, expected 10"),
        (format!("{second}/image_id"), Value::Null, "dialog 2: no `image_id`"),
        (
            format!("{second}/image_id"),
            json!(7),
            "dialog 2 (image 7): an earlier dialog has the same image",
        ),
        (format!("{second}/caption"), Value::Null, "dialog 2 (image 9): no `caption`"),
        (
            format!("{second}/dialog/0/question"),
            json!(-1),
            "field `data.dialogs[1].dialog[0].question`: invalid value",
        ),
        ("/data/dialogs".into(), json!([]), "no dialogs, expected at least one"),
        ("/data".into(), Value::Null, "missing field `data`"),
    ] {
        let error = read(place.path(), &with(&pointer, value)).unwrap_err();
        assert!(error.contains(expected) && error.contains("visdial.json"), "{pointer}: {error}");
    }
    let path = place.path().join("visdial.json");
    std::fs::write(&path, visdial().to_string()).unwrap();
    let error = VisDial::read(&path, ReadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("dialog 1 (image 7), round 1: 4 candidates, expected 100"), "{error}");
}

/// Case V1, as far as reading goes: the test split has candidates in the last round only, and says
/// no true answer there.
#[test]
fn the_test_split_is_read_with_its_last_round_open() {
    let place = tempfile::tempdir().unwrap();
    let mut file = with("/split", json!("test2018"));
    for dialog in file["data"]["dialogs"].as_array_mut().unwrap() {
        let rounds = dialog["dialog"].as_array_mut().unwrap();
        rounds.truncate(4);
        for (number, round) in rounds.iter_mut().enumerate() {
            let round = round.as_object_mut().unwrap();
            round.remove("gt_index");
            round.remove(if number < 3 { "answer_options" } else { "answer" });
        }
    }
    let data = read(place.path(), &file).unwrap();
    let last = &data.dialogs[1].rounds[3];
    assert_eq!((last.answer, last.truth, last.candidates.len()), (None, None, 4));
    file["data"]["dialogs"][0]["dialog"][1].as_object_mut().unwrap().remove("answer");
    let error = read(place.path(), &file).unwrap_err();
    assert!(error.contains("dialog 1 (image 7), round 2: no `answer`"), "{error}");
}

#[test]
fn dense_annotations_of_another_round_or_image_are_named() {
    let place = tempfile::tempdir().unwrap();
    let data = read(place.path(), &visdial()).unwrap();
    let path = place.path().join("dense.json");
    let read = |annotations: Value| {
        std::fs::write(&path, annotations.to_string()).unwrap();
        Dense::read(&path, &data).map_err(|error| error.to_string())
    };
    let one = |image: u64, round: u64, relevance: &[f64]| json!({ "image_id": image, "round_id": round, "gt_relevance": relevance });
    let good = [0.0, 1.0, 0.5, 0.0];
    let dense = read(json!([one(9, 4, &good)])).unwrap();
    assert_eq!(dense.of(1, 3), Some(&[0.0, 1.0, 0.5, 0.0][..]));
    assert_eq!(dense.of(1, 4), None);
    for (annotations, expected) in [
        (
            json!([one(9, 0, &good)]),
            "annotation 1 (image 9), round 0: no such round, expected 1 to 10",
        ),
        (
            json!([one(7, 1, &good), one(9, 11, &good)]),
            "annotation 2 (image 9), round 11: no such round",
        ),
        (json!([one(8, 1, &good)]), "annotation 1 (image 8), round 1: no such image"),
        (
            json!([one(7, 1, &good), one(7, 2, &good)]),
            "round 2: round 1 of the same image is annotated too",
        ),
        (json!([one(7, 1, &good[..3])]), "relevance of 3 candidates, expected 4"),
        (json!([one(7, 1, &[0.0, 1.5, 0.0, 0.0])]), "relevance 1.5, expected 0 to 1"),
    ] {
        let error = read(annotations).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn dialogs_as_text_are_named_by_their_line() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("text.jsonl");
    let line = |image: &str, speakers: [&str; 3]| {
        let sentences = [["a", "cat"], ["big", "?"], ["no", "."]];
        let speakers = speakers.map(|speaker| [speaker; 2]);
        json!({ "image_file": image, "sentences": sentences, "speakers": speakers }).to_string()
    };
    let roles = ["caption", "question", "answer"];
    let good = line("COCO_train2014_000000000042.jpg", roles);
    std::fs::write(&path, &good).unwrap();
    let dialogs = read_text(&[&path]).unwrap();
    assert_eq!((dialogs[0].image_id, dialogs[0].rounds[0][1].as_str()), (42, "no ."));
    // A question that nobody answers is left out.
    let mut open: Value = serde_json::from_str(&good).unwrap();
    open["sentences"].as_array_mut().unwrap().push(json!(["why", "?"]));
    open["speakers"].as_array_mut().unwrap().push(json!(["question", "question"]));
    std::fs::write(&path, open.to_string()).unwrap();
    assert_eq!(read_text(&[&path]).unwrap()[0].rounds, dialogs[0].rounds);
    for (second, expected) in [
        (good.clone(), "line 2: image 42 again"),
        (line("cat.jpg", roles), "expected a name that ends in the image's number"),
        (
            line("cat_7.jpg", ["caption", "answer", "question"]),
            "sentence 2 is of answer, expected question",
        ),
        ("{}".into(), "line 2: missing field `image_file`"),
    ] {
        std::fs::write(&path, format!("{good}\n{second}\n")).unwrap();
        let error = read_text(&[&path]).unwrap_err().to_string();
        assert!(error.contains("text.jsonl line 2") && error.contains(expected), "{error}");
    }
}

/// The real files: 76 dialogs of 100 candidates, and 983 of 1,000 dialogs as text that are about
/// other images.
#[test]
fn dialogs_about_the_measured_images_are_not_trained_on() {
    let Some(folder) =
        std::env::var_os("CONVOKE_DATA").map(|data| PathBuf::from(data).join("dialog"))
    else {
        eprintln!("skipped: CONVOKE_DATA names no folder with dialog/ (docs/datasets.md)");
        return;
    };
    let data =
        VisDial::read(&folder.join("visdial_1.0_val_vispro.json"), ReadOptions::default()).unwrap();
    assert_eq!(data.dialogs.len(), 76);
    let dense =
        Dense::read(&folder.join("visdial_1.0_val_dense_annotations_vispro.json"), &data).unwrap();
    let annotated =
        |dialog: usize| (0..10).filter(|&round| dense.of(dialog, round).is_some()).count();
    assert!((0..76).all(|dialog| annotated(dialog) == 1));
    let files = ["val", "test"].map(|part| folder.join(format!("{part}.vispro.1.1.jsonlines")));
    let dialogs = read_text(&files).unwrap();
    let images = data.images();
    let (kept, left_out) = without_images(dialogs, &images);
    assert_eq!((kept.len(), left_out), (983, 17));
    assert!(kept.iter().all(|dialog| !images.contains(&dialog.image_id)));
}
