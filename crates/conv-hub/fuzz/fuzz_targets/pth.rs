//! Any bytes as a PyTorch checkpoint. Seeds: `cp tests/reference/*.pth fuzz/corpus/pth/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a written file");
    let _ = conv_hub::Checkpoint::open(file.path()).and_then(|mut checkpoint| checkpoint.tensors());
});
