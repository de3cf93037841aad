//! Damaged safetensors.

use candle_core::{Device, Tensor};
use conv_hub::read_safetensors;
use proptest::prelude::*;

use super::{every_byte_flipped, every_truncation_is_an_error, read_within_bounds};

fn valid() -> Vec<u8> {
    let weight = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
    let count = Tensor::new(&[7i64], &Device::Cpu).unwrap();
    safetensors::serialize([("weight", &weight), ("count", &count)], None).unwrap()
}

#[test]
fn cut_anywhere() {
    every_truncation_is_an_error(&valid(), |path| read_safetensors(path, None));
}

#[test]
fn one_bit_flipped_anywhere() {
    // No checksum: a flipped number is read as it is, and a flipped letter of a name as another
    // name.
    every_byte_flipped(
        &valid(),
        |path| read_safetensors(path, None),
        |tensors| assert!(tensors.len() <= 2),
    );
}

#[test]
fn a_header_that_claims_a_terabyte() {
    let json = r#"{"a":{"dtype":"F32","shape":[250000000000],"data_offsets":[0,1000000000000]}}"#;
    let bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
    let error =
        read_within_bounds(&bytes, |path| read_safetensors(path, None)).unwrap_err().to_string();
    assert!(error.contains("describes 1000000000000 bytes of tensors, and 0 follow"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_within_bounds(&bytes, |path| read_safetensors(path, None));
    }

    #[test]
    fn any_header(json in r#"\{"a":\{"dtype":"(F32|F64|U8|F4|BOOL)","shape":\[[0-9]{0,19}(,[0-9]{1,19})?\],"data_offsets":\[0,[0-9]{1,2}\]\}\}"#,
                  data in 0usize..100) {
        let bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &vec![0; data]].concat();
        let _ = read_within_bounds(&bytes, |path| read_safetensors(path, None));
    }
}
