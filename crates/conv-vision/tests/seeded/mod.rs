//! Numbers by one formula here and in Python (`tests/reference/seeded.py`).
#![allow(dead_code, clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use conv_vision::{Architecture, Picture};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn integers(name: &str, count: usize) -> impl Iterator<Item = u32> {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let seed = name.bytes().fold(0x811c_9dc5, step);
    (0..count as u32).map(move |at| {
        let mut x = at.wrapping_mul(0x9e37_79b1).wrapping_add(seed);
        x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        x ^ (x >> 16)
    })
}

/// From −`bound` to `bound`.
pub fn numbers(name: &str, shape: &[usize], bound: f64) -> Tensor {
    let count = shape.iter().product();
    let number = |x: u32| ((f64::from(x) / 2f64.powi(31) - 1.0) * bound) as f32;
    let values: Vec<f32> = integers(name, count).map(number).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub fn noise(name: &str, width: usize, height: usize) -> Picture {
    let bytes = integers(name, 3 * width * height).map(|x| (x >> 24) as u8).collect();
    Picture::new(width, height, bytes).unwrap()
}

/// Weights of He's scale.
pub fn weights(architecture: Architecture) -> BTreeMap<String, Tensor> {
    let draw = |(name, shape): (String, Vec<usize>)| {
        if name.ends_with("running_var") {
            let value = (numbers(&name, &shape, 0.5) + 1.0).unwrap();
            return (name, value);
        }
        let bound = match shape.as_slice() {
            [_] => 0.1,
            [_, fan_in @ ..] => (6.0 / fan_in.iter().product::<usize>() as f64).sqrt(),
            [] => unreachable!("a parameter has a shape"),
        };
        let values = numbers(&name, &shape, bound);
        (name, values)
    };
    architecture.parameters().unwrap().into_iter().map(draw).collect()
}

pub fn save(tensors: &BTreeMap<String, Tensor>, path: &Path) {
    conv_hub::files::write_safetensors(path, tensors).unwrap();
}

pub fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}
