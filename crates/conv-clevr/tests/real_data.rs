//! Scenes, questions and programs of CLEVR itself. Needs CONVOKE_DATA.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use conv_clevr::render::{Camera, Stage, beside};
use conv_clevr::{Answer, Generator, QuestionFile, SceneFile, Templates};
use std::collections::BTreeMap;
use std::path::PathBuf;

const PARTS: [(&str, &str, usize, usize); 3] = [
    ("real/CLEVR_train_scenes.json", "real/CLEVR_train_questions.json", 867, 8670),
    ("real/CLEVR_val_scenes.json", "real/CLEVR_val_questions.json", 250, 2500),
    ("rendered/scenes.json", "rendered/questions.json", 750, 7500),
];

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("CONVOKE_DATA").map(|data| PathBuf::from(data).join("clevr"));
    if data.is_none() {
        eprintln!("skipped: set CONVOKE_DATA to the folder of docs/datasets.md");
    }
    data
}

/// The published scenes come back byte for byte; those of another order of fields with equal
/// values.
#[test]
fn scenes_are_written_as_they_were_read() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (scenes, _, count, _) in PARTS {
        let path = data.join(scenes);
        let written = folder.path().join("scenes.json");
        let file = SceneFile::read(&path).unwrap();
        assert_eq!(file.scenes.len(), count);
        file.write(&written).unwrap();
        let [before, after] = [&path, &written].map(|path| std::fs::read(path).unwrap());
        if scenes.starts_with("real") {
            assert!(before == after, "{scenes} has changed");
        } else {
            let [before, after] = [before, after]
                .map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap());
            assert_eq!(before, after);
        }
    }
}

#[test]
fn relations_are_the_originals() {
    let Some(data) = data() else { return };
    for (scenes, ..) in PARTS {
        for scene in SceneFile::read(&data.join(scenes)).unwrap().scenes {
            let computed = scene.computed_relationships().unwrap();
            for (computed, relation) in computed.iter().zip(conv_clevr::Relation::ALL) {
                let stored = scene.relationships.get(relation.word()).unwrap();
                assert_eq!(computed, stored, "{relation} in {}", scene.image_filename);
            }
        }
    }
}

#[test]
fn every_question_has_the_stored_answer() {
    let Some(data) = data() else { return };
    let mut right = 0;
    for (scenes, questions, _, count) in PARTS {
        let scenes = SceneFile::read(&data.join(scenes)).unwrap();
        let graphs: BTreeMap<_, _> = scenes
            .scenes
            .iter()
            .map(|scene| (&scene.image_filename, scene.graph().unwrap()))
            .collect();
        let questions = QuestionFile::read(&data.join(questions)).unwrap().questions;
        assert_eq!(questions.len(), count);
        for question in questions {
            let program = question.program().unwrap().unwrap();
            let found = program.execute(&graphs[&question.image_filename]).unwrap();
            assert_eq!(Some(found.answer), question.answer, "{}", question.question);
            right += 1;
        }
    }
    assert_eq!(right, 18_670);
}

/// The original's templates about rendered scenes: no two questions of a picture by one template,
/// and over ninety pictures every template as often as any other, but for those that few scenes
/// allow.
#[test]
fn questions_are_balanced() {
    let Some(data) = data() else { return };
    let templates = Templates::read(&data.join("templates")).unwrap();
    assert_eq!(templates.len(), 90);
    let scenes = SceneFile::read(&data.join("rendered/scenes.json")).unwrap().scenes;
    let mut generator = Generator::new(&templates, conv_nn::rng::seeded(1, "questions")).unwrap();
    let mut families = BTreeMap::new();
    let mut answers = BTreeMap::new();
    let mut all = 0;
    for scene in &scenes[..90] {
        let graph = scene.graph().unwrap();
        let questions = generator.scene(scene, 10).unwrap();
        assert_eq!(questions.len(), 10);
        let mut here = std::collections::BTreeSet::new();
        for question in questions {
            assert!(here.insert(question.family()), "{}", question.question);
            let found = question.program().unwrap().unwrap().execute(&graph).unwrap().answer;
            assert_eq!(Some(found), question.answer, "{}", question.question);
            *families.entry(question.family()).or_insert(0) += 1;
            *answers.entry(found).or_insert(0) += 1;
            all += 1;
        }
    }
    assert_eq!(all, 900);
    assert!(families.len() > 85 && families.values().all(|&count| count <= 14), "{families:?}");
    let [yes, no] = [true, false].map(|value| f64::from(answers[&Answer::Bool(value)]));
    assert!((0.8..1.25).contains(&(yes / no)), "{yes} {no}");
}

/// The camera is the original's: for each of 1,117 published scenes one is found that explains its
/// pixels to within the rounding of them, whose root of the mean square is 0.289.
#[test]
fn every_published_scene_has_its_camera() {
    let Some(data) = data() else { return };
    for (scenes, size) in [
        ("real/CLEVR_train_scenes.json", (480, 320)),
        ("real/CLEVR_val_scenes.json", (480, 320)),
        ("rendered/scenes.json", (320, 240)),
    ] {
        let (mut sum, mut most, mut pixels) = (0.0, 0f64, 0);
        for scene in SceneFile::read(&data.join(scenes)).unwrap().scenes {
            let (camera, off) = Camera::fit(&scene.objects, size).unwrap();
            for (at, usual) in conv_clevr::render::PLACE.iter().enumerate() {
                assert!((camera.place[at] - usual).abs() < 0.53, "{}", scene.image_filename);
            }
            sum += off * off * scene.objects.len() as f64;
            pixels += scene.objects.len();
            most = most.max(off);
        }
        let mean = (sum / pixels as f64).sqrt();
        eprintln!("{scenes}: off by {mean:.3} pixels, {most:.3} at most");
        assert!(mean < 0.3 && most < 0.5, "{scenes}: {mean} {most}");
    }
}

/// Pictures of the same scene graphs: the originals' lamps were moved by chance, so that no pixel
/// can be equal; means over all can.
#[test]
fn pictures_are_as_bright_and_coloured_as_the_originals() {
    let Some(data) = data() else { return };
    let scenes = SceneFile::read(&data.join("real/CLEVR_train_scenes.json")).unwrap().scenes;
    let images = data.join("real/images");
    let folder = tempfile::tempdir().unwrap();
    let there = scenes.iter().filter(|scene| images.join(&scene.image_filename).is_file());
    let there: Vec<_> = there.take(12).collect();
    for scene in &there {
        let (_, stage) = Stage::of(scene, Some(320)).unwrap();
        let picture = stage.picture(scene.image_index).unwrap();
        std::fs::write(folder.path().join(&scene.image_filename), picture.to_png().unwrap())
            .unwrap();
    }
    let names = there.iter().map(|scene| scene.image_filename.as_str());
    let (found, page) = beside(folder.path(), &images, names).unwrap();
    eprintln!("{found:?}");
    assert_eq!((found.pictures, page.matches("<img").count()), (12, 24));
    for (a, b) in found.ours.iter().zip(found.theirs) {
        assert!((a - b).abs() < 4.0, "{found:?}");
    }
    assert!(found.off < 6.0, "{found:?}");
}

/// The wordings that ship are this project's own.
#[test]
fn no_text_is_the_originals() {
    let Some(data) = data() else { return };
    let texts = |folder: &std::path::Path| {
        let mut texts = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = std::fs::read(entry.unwrap().path()).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
            for template in value.as_array().into_iter().flatten() {
                let of_one = template["text"].as_array().unwrap().iter();
                texts.extend(of_one.map(|text| text.as_str().unwrap().replace(['[', ']'], "")));
            }
        }
        texts
    };
    let own = texts(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/templates/clevr").as_ref());
    let original = texts(&data.join("templates"));
    assert!(own.len() > 250 && original.len() > 250, "{} {}", own.len(), original.len());
    assert_eq!(own.intersection(&original).collect::<Vec<_>>(), Vec::<&String>::new());
}
