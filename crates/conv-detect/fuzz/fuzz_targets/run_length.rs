//! Any bytes as a run-length in JSON: what is read comes back.
#![no_main]

use conv_detect::RunLength;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(runs) = serde_json::from_slice::<RunLength>(bytes) else { return };
    let pixels: u64 = runs.counts().iter().map(|&count| u64::from(count)).sum();
    assert_eq!(pixels, (runs.width() * runs.height()) as u64);
    let text = serde_json::to_string(&runs).expect("a text");
    assert_eq!(serde_json::from_str::<RunLength>(&text).expect("what was written"), runs);
});
