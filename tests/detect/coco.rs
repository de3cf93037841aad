//! COCO's annotations from training to results: categories in any order and from 0, pictures
//! without objects, crowds alone, boxes of no width.

use crate::{RECIPE, detect, json};
use conv_vision::Picture;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SIDES: (usize, usize) = (96, 64);

/// Twenty pictures, of which every fourth shows nothing and one a crowd alone; the others a red or
/// a blue square, as polygon or run-length.
fn write(folder: &Path) {
    for part in ["annotations", "squares"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut images = Vec::new();
    let mut annotations = Vec::new();
    for number in 0..20 {
        let mut pixels = vec![110u8; 3 * SIDES.0 * SIDES.1];
        let left = 8 + number * 3;
        let top = 6 + number;
        let side = 24;
        let is_red = number % 3 == 0;
        if number % 4 > 0 {
            for at in (0..SIDES.0 * SIDES.1).filter(|at| {
                let x = at % SIDES.0;
                let y = at / SIDES.0;
                (left..left + side).contains(&x) && (top..top + side).contains(&y)
            }) {
                let colour = if is_red { [220, 40, 30] } else { [30, 50, 220] };
                pixels[3 * at..][..3].copy_from_slice(&colour);
            }
            let right = left + side;
            let bottom = top + side;
            let polygon = json!([[left, top, right, top, right, bottom, left, bottom]]);
            let before = left * SIDES.1 + top;
            let mut counts = vec![before, side];
            (1..side).for_each(|_| counts.extend([SIDES.1 - side, side]));
            counts.push(SIDES.0 * SIDES.1 - counts.iter().sum::<usize>());
            let runs = json!({ "size": [SIDES.1, SIDES.0], "counts": counts });
            let is_crowd = number == 7;
            annotations.push(json!({
                "id": number, "image_id": number, "category_id": i32::from(is_red), "area": side * side,
                "bbox": [left, top, side, side], "segmentation": if number % 2 == 0 { polygon } else { runs },
                "iscrowd": i32::from(is_crowd),
            }));
        }
        let file = format!("{number:03}.png");
        images
            .push(json!({ "id": number, "file_name": file, "width": SIDES.0, "height": SIDES.1 }));
        let png = Picture::new(SIDES.0, SIDES.1, pixels).unwrap().to_png().unwrap();
        fs::write(folder.join("squares").join(file), png).unwrap();
    }
    let mut none = annotations[0].clone();
    (none["id"], none["bbox"]) = (json!(99), json!([220.8, 10, 0, 12]));
    annotations.push(none);
    let category = |id: u64, name: &str| json!({ "id": id, "name": name });
    let categories = [category(19, "never"), category(1, "red"), category(0, "blue")];
    let file = json!({ "images": images, "annotations": annotations, "categories": categories });
    fs::write(folder.join("annotations/instances_squares.json"), file.to_string()).unwrap();
}

#[test]
fn coco_s_annotations_are_trained_on_and_results_have_their_numbers() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(&folder.join("data"));
    fs::write(folder.join("small.toml"), RECIPE).unwrap();
    let counts = json(folder, &["inspect", "--data", "data", "--page", "drawn/page.html"]);
    assert_eq!((&counts["pictures"], &counts["objects"]), (&json!(20), &json!(15)));
    assert_eq!((&counts["without_objects"], &counts["left_out"]), (&json!(5), &json!(1)));
    assert_eq!(counts["classes"], json!({ "never": 0, "red": 5, "blue": 10 }));

    let train =
        ["train", "--data", "data", "--config", "small.toml", "--epochs", "3", "--out", "run"];
    let assert = detect(folder, &train).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.contains("left out: 1"), "{said}");
    assert!(said.contains("image 1, annotation 99: a box of 0 × 12 pixels"), "{said}");
    let labels = fs::read_to_string(folder.join("run/model/labels.txt")).unwrap();
    assert_eq!(labels, "never\nred\nblue\n");
    let log = fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap();
    let losses = log.lines().filter_map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["loss"].as_f64()
    });
    assert!(losses.clone().count() > 0 && losses.into_iter().all(f64::is_finite), "{log}");

    let predict = ["predict", "--model", "run/model", "data/squares", "--threshold", "0"];
    let found = json(folder, &predict);
    let numbers = found.as_array().unwrap().iter().map(|found| found["category_id"].as_u64());
    let numbers: BTreeSet<Option<u64>> = numbers.collect();
    assert!(numbers.is_subset(&[19, 1, 0].map(Some).into()) && !numbers.is_empty(), "{numbers:?}");
    let eval =
        ["eval", "--model", "run/model", "--data", "data/annotations/instances_squares.json"];
    let evaluation = json(folder, &eval);
    // A crowd is no object that could be found.
    assert_eq!((&evaluation["pictures"], &evaluation["objects"]), (&json!(20), &json!(14)));
    assert!(evaluation["box"]["AP50"].as_f64().is_some(), "{evaluation}");
}
