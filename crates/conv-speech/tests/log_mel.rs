//! Log-mel energies against numpy's: `reference/make_log_mel.py` made the values.

use candle_core::{Device, Result};
use conv_speech::frontend::{LogMel, LogMelConfig};

#[test]
fn energies_are_those_of_the_reference_to_1e_4() -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/log_mel.safetensors");
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    for (rate, filters, lowest, highest) in
        [(8000, 40, 20.0, 4000.0), (16_000, 80, 20.0, 8000.0), (11_025, 23, 100.0, 5000.0)]
    {
        let config =
            LogMelConfig { filters, lowest, highest: Some(highest), ..LogMelConfig::default() };
        let samples = tensors[&format!("samples.{rate}")].to_vec1::<f32>()?;
        let expected = &tensors[&format!("log_mel.{rate}")];
        assert_eq!(expected.dim(0)?, filters);
        let expected = expected.flatten_all()?.to_vec1::<f32>()?;
        let found = LogMel::new(&config, rate).features(&samples);
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-4, "{rate} Hz, {at}: {found}, numpy {expected}");
        }
    }
    Ok(())
}
