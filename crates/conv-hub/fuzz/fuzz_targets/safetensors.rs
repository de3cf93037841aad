//! Any bytes as a safetensors file. Seeds:
//! `cp tests/reference/*.safetensors fuzz/corpus/safetensors/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a written file");
    let _ = conv_hub::read_safetensors(file.path(), None);
});
