//! Weights as torchvision's users have them: to detect with, and to train from.

use crate::{detect, error, json, write_scenes};
use candle_core::{DType, Device, Tensor};
use conv_detect::{Architecture, Config, mask_rcnn};
use conv_hub::files::write_safetensors;
use conv_nn::Parameters;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What torchvision called a parameter before 0.13.
fn earlier(name: &str) -> String {
    let name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.");
    let name = name.replace("roi_heads.mask_head.0.0.", "roi_heads.mask_head.mask_fcn1.");
    let is_of_pyramid = name.starts_with("backbone.fpn.");
    if is_of_pyramid {
        name.replacen(".0.weight", ".weight", 1).replacen(".0.bias", ".bias", 1)
    } else {
        name
    }
}

/// A narrow detector on ResNet-18 with COCO's 91 answers, which takes everything for a bottle, as
/// torchvision's users store it.
fn write_weights(path: &Path) -> BTreeMap<String, Tensor> {
    let config = Config {
        pyramid: 16,
        box_features: 16,
        mask_layers: 1,
        mask_channels: 16,
        ..Config::torchvision(Architecture::ResNet18, 90)
    };
    let parameters = Parameters::new(1);
    mask_rcnn(&config, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
    let bias: Vec<f32> = (0..91).map(|answer| if answer == 44 { 30.0 } else { 0.0 }).collect();
    let mut tensors = parameters.tensors();
    let name = "roi_heads.box_predictor.cls_score.bias";
    tensors.insert(name.into(), Tensor::new(bias, &Device::Cpu).unwrap());
    let named = tensors.iter().map(|(name, tensor)| (earlier(name), tensor.clone())).collect();
    write_safetensors(path, &named).unwrap();
    tensors
}

const RECIPE: &str = "[network]\ninput = { short_side = 64, long_side = 96 }\n";

#[test]
fn torchvision_s_weights_are_used_and_trained_from() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_scenes(&folder.join("scenes"), 10);
    let given = write_weights(&folder.join("coco.safetensors"));

    // Numbers and names are COCO's.
    let file = "scenes/images/scene_0002.png";
    let predict = ["predict", "--model", "coco.safetensors", file, "--threshold", "0.9"];
    let found = json(folder, &predict);
    let first = &found[0];
    assert_eq!((&first["category_id"], &first["category"]), (&json!(44), &json!("bottle")));
    // Names that are too few for its classes.
    fs::write(folder.join("names.txt"), "a\nb\n").unwrap();
    let text = error(folder, &[&predict[..], &["--labels", "names.txt"]].concat());
    assert!(text.contains("the number of names is 2, expected 90 classes"), "{text}");

    let inspection = json(folder, &["inspect", "coco.safetensors"]);
    assert_eq!(inspection["labels"][89], "toothbrush");
    assert_eq!(inspection["config"]["backbone"]["epsilon"], 0.0);

    fs::write(folder.join("small.toml"), RECIPE).unwrap();
    let train = [
        "train",
        "--data",
        "scenes",
        "--config",
        "small.toml",
        "--from",
        "coco.safetensors",
        "--epochs",
        "1",
    ];
    let out = [&train[..], &["--freeze", "stem,layer1,layer2", "--out", "run"]].concat();
    let assert = detect(folder, &out).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for expected in [
        "begins anew: roi_heads.box_predictor.cls_score: 2 rows in place of 91",
        "begins anew: roi_heads.box_predictor.bbox_pred: 8 rows in place of 364",
        "begins anew: roi_heads.mask_predictor.mask_fcn_logits: 2 rows in place of 91",
        "begins anew: roi_heads.attribute_predictor.shape: 3 rows, which it had not",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let weights = folder.join("run/model/model.safetensors");
    let trained = conv_hub::read_safetensors(&weights, None).unwrap();
    let moved = |name: &str| {
        let difference = (&trained[name] - &given[name]).unwrap().abs().unwrap();
        difference.max_all().unwrap().to_scalar::<f32>().unwrap() > 0.0
    };
    for (name, expected) in [
        ("backbone.body.conv1.weight", false),
        ("backbone.body.layer2.1.conv2.weight", false),
        ("backbone.body.layer3.0.conv1.weight", true),
        ("backbone.fpn.inner_blocks.0.0.weight", true),
        ("roi_heads.box_head.fc6.weight", true),
        // Frozen wherever it is.
        ("backbone.body.layer4.1.bn2.weight", false),
        ("backbone.body.layer4.1.bn2.running_var", false),
    ] {
        assert_eq!(moved(name), expected, "{name}");
    }
    let inspection = json(folder, &["inspect", "run/model"]);
    assert_eq!(inspection["config"]["backbone"]["architecture"], "resnet18");
    assert_eq!(inspection["training"]["start"]["from"], "coco.safetensors");
    // What was trained is a start too, and other stages can be frozen.
    let again = [&train[..6], &["run/model", "--freeze", "fpn,rpn", "--dry-run"]].concat();
    let again: Vec<&str> =
        again.into_iter().map(|a| if a == "coco.safetensors" { "run/model" } else { a }).collect();
    assert!(detect(folder, &again).assert().get_output().stderr.len() < 400);
}

#[test]
fn a_start_gives_the_same_bits_for_any_threads() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_scenes(&folder.join("scenes"), 10);
    fs::write(folder.join("small.toml"), RECIPE).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/models/clevr-objects");
    let shipped = shipped.to_string_lossy();
    let train = ["train", "--data", "scenes", "--config", "small.toml", "--from", &shipped];
    let weights = |out: &str, threads: &str| {
        let more = ["--freeze", "stem,fpn", "--epochs", "1", "--out", out, "--threads", threads];
        let assert = detect(folder, &[&train[..], &more].concat()).assert().success();
        // CLEVR's words are those that it knows.
        let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(!said.contains("begins anew"), "{said}");
        fs::read(folder.join(out).join("model/model.safetensors")).unwrap()
    };
    assert_eq!(weights("one", "1"), weights("two", "2"));
}

#[test]
fn what_is_no_start_is_one_line() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_scenes(&folder.join("scenes"), 10);
    write_weights(&folder.join("coco.safetensors"));
    let train = ["train", "--data", "scenes", "--out", "run"];
    // Without weights nothing can stay, and frozen normalisation learns nothing.
    detect(folder, &[&train[..], &["--freeze", "stem"]].concat()).assert().code(2);
    fs::write(folder.join("large.toml"), "[network]\nbackbone = { architecture = \"resnet18\" }\n")
        .unwrap();
    let text = error(folder, &[&train[..], &["--config", "large.toml"]].concat());
    assert!(text.contains("backbone is resnet18, expected weights to start from"), "{text}");
    let from = [&train[..], &["--from", "coco.safetensors"]].concat();
    fs::write(folder.join("wide.toml"), "[network]\npyramid = 32\n").unwrap();
    let text = error(folder, &[&from[..], &["--config", "wide.toml"]].concat());
    assert!(text.contains("its network has another pyramid, expected that of coco"), "{text}");
    // Weights of something else, by what is missing.
    let one = Tensor::zeros((3, 4), DType::F32, &Device::Cpu).unwrap();
    let write = |name: &str| {
        let tensors = BTreeMap::from([(name.to_string(), one.clone())]);
        write_safetensors(&folder.join("other.safetensors"), &tensors).unwrap();
        error(folder, &["predict", "--model", "other.safetensors", "scenes/images"])
    };
    let text = write("encoder.weight");
    assert!(text.starts_with("error: other.safetensors: its backbone is none, expected"), "{text}");
    let text = write("roi_heads.box_head.0.0.weight");
    assert!(text.contains("is of maskrcnn_resnet50_fpn_v2"), "{text}");
    assert_eq!(text.lines().count(), 1);
}
