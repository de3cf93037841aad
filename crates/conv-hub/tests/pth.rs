//! Checkpoints that PyTorch wrote (tests/reference/make_pth.py), against the tensors that PyTorch
//! says are in them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;
use conv_hub::{Checkpoint, read_safetensors};

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn open(name: &str) -> Checkpoint {
    Checkpoint::open(&reference(name)).unwrap()
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    safetensors::serialize([("t", tensor)], None).unwrap()
}

/// Same names, types, shapes and bits.
fn assert_same(found: &BTreeMap<String, Tensor>, expected: &str) {
    let expected = read_safetensors(&reference(expected), None).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, tensor) in found {
        assert_eq!(
            bytes(tensor),
            bytes(&expected[name]),
            "{name}: {tensor} instead of {}",
            expected[name]
        );
    }
}

#[test]
fn every_element_type_is_read_bit_for_bit() {
    assert_same(&open("types.pth").tensors().unwrap(), "types.safetensors");
}

#[test]
fn views_of_shared_storages_are_gathered() {
    let tensors = open("views.pth").tensors().unwrap();
    assert_same(&tensors, "views.safetensors");
    assert_eq!(tensors["whole"].id(), tensors["tied"].id(), "tied tensors are one");
}

#[test]
fn the_models_state_is_found_in_a_training_checkpoint() {
    assert_same(&open("training.pth").tensors().unwrap(), "training.safetensors");
    assert_same(&open("protocol5.pth").tensors().unwrap(), "training.safetensors");
    let parameter = open("parameter.pth").tensors().unwrap();
    assert_eq!(parameter["tensor"].dims(), [5, 3]);
}

#[test]
fn the_older_form_holds_the_same() {
    assert_same(&open("types_legacy.pth").tensors().unwrap(), "types.safetensors");
    let tensors = open("views_legacy.pth").tensors().unwrap();
    assert_same(&tensors, "views.safetensors");
    assert_eq!(tensors["whole"].id(), tensors["tied"].id(), "tied tensors are one");
    let mut training = open("training_legacy.pth");
    assert_same(&training.tensors().unwrap(), "training.safetensors");
    let arch = training.root().get("args").and_then(|args| args.get("arch"));
    assert_eq!(arch.and_then(|arch| arch.as_str()), Some("fconv"));
    let module = training.root().get("criterion").unwrap();
    assert_eq!(module.get("training").and_then(|training| training.as_bool()), Some(true));
}

#[test]
fn any_other_state_is_found_by_its_keys() {
    let mut checkpoint = open("training.pth");
    let state = checkpoint.tensors_at(&["optimizer", "state"]).unwrap();
    assert_eq!(state["0.exp_avg"].dims(), [5, 3]);
    let error = checkpoint.tensors_at(&["optimiser"]).unwrap_err().to_string();
    assert!(error.contains("no `optimiser`") && error.contains("\"optimizer\""), "{error}");
    let error = checkpoint.tensors_at(&["vocabulary"]).unwrap_err().to_string();
    assert!(error.contains("has no tensors there"), "{error}");
}

#[test]
fn what_is_saved_beside_the_tensors_can_be_read() {
    let checkpoint = open("training.pth");
    let root = checkpoint.root();
    let args = root.get("args").unwrap();
    assert_eq!(args.get("arch").unwrap().as_str(), Some("fconv"));
    assert_eq!(args.get("dropout").unwrap().as_f64(), Some(0.2));
    assert_eq!(args.get("share").unwrap().as_bool(), Some(true));
    assert_eq!(root.get("epoch").unwrap().as_i64(), Some(3));
    assert_eq!(root.get("lr").unwrap().as_list().unwrap()[1].as_f64(), Some(1e-3));
    assert_eq!(root.get("vocabulary").unwrap().get("naïve").unwrap().as_i64(), Some(1));
    assert_eq!(root.get("vocabulary").unwrap().as_dict().unwrap()[0].0.as_str(), Some("the"));
    assert_eq!(root.get("meter").unwrap().get("best").unwrap().as_f64(), Some(0.75));
    assert_eq!(root.get("size").unwrap().get("absent").map(|_| ()), None);
    let class = |key: &str| match root.get(key) {
        Some(conv_hub::pth::Value::Object(object)) => object.class.to_string(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(class("meter"), "training.meters.Meter");
    assert_eq!(class("dtype"), "torch.float16");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let cases = [
        ("script.pth", "TorchScript"),
        ("sparse.pth", "`torch._utils._rebuild_sparse_tensor`"),
        (
            "complex.pth",
            "tensor `w` has elements of the unsupported type torch.ComplexFloatStorage",
        ),
        (
            "module.pth",
            "an object of the class `torch.nn.modules.linear.Linear`; save its state_dict()",
        ),
        ("types.safetensors", "not a PyTorch checkpoint"),
    ];
    for (name, expected) in cases {
        let error =
            Checkpoint::open(&reference(name)).and_then(|mut checkpoint| checkpoint.tensors());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(name), "{error}\nexpected: {expected}");
    }
}
