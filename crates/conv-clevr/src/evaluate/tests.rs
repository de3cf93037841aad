#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Color, Kind, Material, Shape, Size, Traits};

const CUBE: Traits =
    Traits { size: Size::Large, color: Color::Red, material: Material::Metal, shape: Shape::Cube };
const BALL: Traits = Traits {
    size: Size::Small,
    color: Color::Blue,
    material: Material::Rubber,
    shape: Shape::Sphere,
};

/// A cube, and a ball right of it and in front.
fn scene() -> Scene {
    let object = |traits: Traits, coords: [f64; 3], pixel: [i64; 2]| {
        serde_json::json!({"color": traits.color, "size": traits.size, "shape": traits.shape, "material": traits.material,
            "3d_coords": coords, "pixel_coords": [pixel[0], pixel[1], 10.0]})
    };
    let objects =
        [object(CUBE, [0.0, 0.0, 0.7], [200, 150]), object(BALL, [2.0, -1.0, 0.35], [300, 200])];
    serde_json::from_value(serde_json::json!({"image_index": 0, "image_filename": "a.png", "objects": objects,
        "directions": {"left": [-1, 0, 0], "right": [1, 0, 0], "behind": [0, 1, 0], "front": [0, -1, 0]}}))
    .unwrap()
}

/// What was seen of it, on a picture of 480 columns read at 320.
fn sight(traits: &[Traits], places: &[[f64; 2]], centres: &[[f64; 2]]) -> Sight {
    let seen = |(traits, [x, y]): (&Traits, &[f64; 2])| {
        let bounds = [x - 9.0, y - 9.0, x + 9.0, y + 9.0];
        Seen { traits: *traits, bounds, score: 1.0, beliefs: Beliefs::certain(traits) }
    };
    let graph = crate::see::graph(traits.to_vec(), places).unwrap();
    Sight {
        objects: traits.iter().zip(centres).map(seen).collect(),
        places: places.to_vec(),
        graph,
    }
}

fn program(prefix: &str) -> Program {
    let functions: Vec<Function> = prefix.split(' ').map(|token| token.parse().unwrap()).collect();
    Program::from_prefix(&functions).unwrap()
}

fn fault(prefix: &str, expected: &str, sight: &Sight) -> Fault {
    let scene = scene();
    let graph = scene.graph().unwrap();
    let matched = matched(sight, &scene, 320.0 / 480.0);
    let program = program(prefix);
    let expected = expected.parse().unwrap();
    assert_eq!(program.execute(&graph).unwrap().answer, expected);
    assert!(program.execute(&sight.graph).map_or(true, |execution| execution.answer != expected));
    whose(&program, expected, sight, (&scene, &graph), &matched).unwrap()
}

const PLACES: [[f64; 2]; 2] = [[0.0, 0.0], [2.0, -1.0]];
const CENTRES: [[f64; 2]; 2] = [[133.0, 101.0], [201.0, 130.0]];

#[test]
fn an_error_is_whose_correction_corrects_it() {
    let green = Traits { color: Color::Green, ..BALL };
    let wrong_color = sight(&[CUBE, green], &PLACES, &CENTRES);
    let ball = "query_color unique filter_shape[sphere] scene";
    assert_eq!(fault(ball, "blue", &wrong_color), Fault::Attribute);
    let wrong_place = sight(&[CUBE, BALL], &[[0.0, 0.0], [-2.0, -1.0]], &CENTRES);
    let right_of = "query_color unique relate[right] unique filter_shape[cube] scene";
    assert_eq!(fault(right_of, "blue", &wrong_place), Fault::Relation);
    let both = sight(&[CUBE, green], &[[0.0, 0.0], [-2.0, -1.0]], &CENTRES);
    assert_eq!(fault(right_of, "blue", &both), Fault::AttributeAndRelation);
    let missed = sight(&[CUBE], &PLACES[..1], &CENTRES[..1]);
    assert_eq!(fault("count scene", "2", &missed), Fault::Object);
    let invented = sight(
        &[CUBE, BALL, BALL],
        &[PLACES[0], PLACES[1], [3.0, 3.0]],
        &[CENTRES[0], CENTRES[1], [20.0, 20.0]],
    );
    assert_eq!(fault(ball, "blue", &invented), Fault::Object);
}

#[test]
fn what_was_seen_is_compared_with_what_is_there() {
    let scene = scene();
    let graph = scene.graph().unwrap();
    let green = Traits { color: Color::Green, ..BALL };
    let sight = sight(
        &[green, CUBE, BALL],
        &[PLACES[1], PLACES[0], [3.0, 3.0]],
        &[CENTRES[1], CENTRES[0], [20.0, 20.0]],
    );
    let found = matched(&sight, &scene, 320.0 / 480.0);
    assert_eq!(found, [Some(1), Some(0), None]);
    let mut seeing = Seeing::default();
    seeing.add(&sight, &graph, &found);
    assert_eq!(seeing.recall, Share { right: 2, all: 2 });
    assert_eq!(seeing.precision, Share { right: 2, all: 3 });
    assert_eq!(seeing.attributes[&Kind::Color], Share { right: 1, all: 2 });
    assert_eq!(seeing.attributes[&Kind::Shape], Share { right: 2, all: 2 });
    assert_eq!(seeing.relations, Share { right: 8, all: 8 });
    assert_eq!(seeing.scenes, Share { right: 0, all: 1 });
}

#[test]
fn the_most_frequent_answer_is_by_function() {
    let outcome = |expected: &str, found: &str| Outcome {
        image: "a.png".into(),
        question: String::new(),
        r#type: Type::QueryAttribute,
        family: Family::Unknown,
        steps: None,
        objects: None,
        expected: expected.parse().unwrap(),
        found: found.parse().ok(),
        refused: found.is_empty().then(|| "no question".into()),
        fault: (expected != found).then_some(Fault::Attribute),
    };
    let outcomes = vec![
        outcome("red", "red"),
        outcome("red", "blue"),
        outcome("blue", ""),
        outcome("cube", "cube"),
        outcome("sphere", "sphere"),
    ];
    let [color, shape] = [Kind::Color, Kind::Shape].map(|kind| Some(Function::Query(kind)));
    let functions = [color, color, color, shape, shape];
    let found = summary(outcomes, &functions, 1, Share::default(), None, 1);
    assert_eq!((found.accuracy, found.most_frequent, found.refused), (0.6, 0.6, 1));
    assert_eq!(found.faults[&Fault::Attribute], 2);
    assert_eq!(found.interval, [0.6, 0.6]);
    let text = found.to_string();
    assert!(text.contains("query attribute") && text.contains("60.0 %"), "{text}");
    assert_eq!(serde_json::to_value(&found).unwrap()["accuracy"], 0.6);
}

#[test]
fn parts_are_by_template_length_and_objects() {
    let outcome = |image: &str, index, is_right: bool| Outcome {
        image: image.into(),
        question: String::new(),
        r#type: Type::Exist,
        family: Family::Template("own.json".into(), index),
        steps: Some(3 + index as usize),
        objects: (image == "a.png").then_some(7),
        expected: Answer::Bool(true),
        found: Some(Answer::Bool(is_right)),
        refused: None,
        fault: (!is_right).then_some(Fault::Object),
    };
    let outcomes = vec![
        outcome("a.png", 0, true),
        outcome("a.png", 1, true),
        outcome("b.png", 0, false),
        outcome("c.png", 0, true),
        outcome("c.png", 0, true),
    ];
    let found = summary(outcomes, &[Some(Function::Exist); 5], 3, Share::default(), None, 1);
    let all = Part { questions: 1, accuracy: 1.0, interval: [1.0; 2] };
    assert_eq!((found.families["own 1"], found.lengths[&4]), (all, all));
    // Pictures are drawn as wholes: three times b gives none, three times another all.
    let some = Part { questions: 4, accuracy: 0.75, interval: [0.0, 1.0] };
    assert_eq!((found.families["own 0"], found.lengths[&3]), (some, some));
    assert_eq!(found.objects.keys().collect::<Vec<_>>(), [&7]);
    let text = found.to_string();
    let hardest = text.split("hardest templates").nth(1).unwrap();
    assert!(hardest.find("own 0") < hardest.find("own 1") && text.contains("75.0 %"), "{text}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["objects"]["7"]["questions"], 2);
}
