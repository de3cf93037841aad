//! Any bytes as word vectors, in the form that they look like and in each of the three.
#![no_main]

use conv_hub::vectors::{Form, Vectors};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for form in [None, Some(Form::Word2VecBinary), Some(Form::Word2VecText), Some(Form::GloVe)] {
        if let Ok(vectors) = Vectors::parse(bytes, bytes.len() as u64, form, |_| true) {
            assert_eq!(vectors.values().len(), vectors.len() * vectors.dimension());
        }
    }
});
