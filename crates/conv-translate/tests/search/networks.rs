//! Small networks of random weights, and sentences.

use candle_core::{DType, Device};
use conv_nn::{Parameters, rng::seeded};
use conv_translate::{Config, ConvS2s, Layers, Preset, Request, convs2s};
use rand::Rng;

pub type Failure = Box<dyn std::error::Error>;

/// Every preset's layers with a sixteenth of their channels; the output's weights are longer, so
/// that few probabilities are alike.
pub fn network(preset: Preset, vocabulary: usize, seed: u64) -> Result<ConvS2s, Failure> {
    let mut config = preset.config(vocabulary, vocabulary)?;
    let narrow = |layers: &mut Layers| layers.0.iter_mut().for_each(|layer| layer.channels /= 16);
    narrow(&mut config.encoder_layers);
    narrow(&mut config.decoder_layers);
    let sizes = [
        &mut config.encoder_embedding,
        &mut config.decoder_embedding,
        &mut config.output_embedding,
    ];
    sizes.into_iter().for_each(|size| *size /= 16);
    config.target_positions = 40;
    sharp(&config, seed)
}

/// Few layers; the decoder's last sees no word before, so that it has nothing to keep.
pub fn tiny(vocabulary: usize, seed: u64) -> Result<ConvS2s, Failure> {
    let config = Config {
        encoder_layers: "[(12, 3)]".parse()?,
        decoder_layers: "[(12, 3), (12, 1)]".parse()?,
        attention: vec![true, true],
        encoder_embedding: 12,
        decoder_embedding: 12,
        output_embedding: 8,
        target_positions: 30,
        ..Preset::Fconv.config(vocabulary, vocabulary)?
    };
    sharp(&config, seed)
}

fn sharp(config: &Config, seed: u64) -> Result<ConvS2s, Failure> {
    let parameters = Parameters::new(seed);
    convs2s(config, &parameters.builder(DType::F32, &Device::Cpu))?;
    let mut tensors = parameters.tensors();
    for (name, factor) in [
        ("decoder.fc3.weight_g", 3.0),
        ("decoder.embed_tokens.weight", 5.0),
        ("encoder.embed_tokens.weight", 5.0),
    ] {
        let tensor = tensors.get_mut(name).ok_or("a parameter is missing")?;
        *tensor = (&*tensor * factor)?;
    }
    Ok(convs2s(config, &Parameters::frozen(tensors).builder(DType::F32, &Device::Cpu))?)
}

/// Sentences of 1 to 8 words and their ends.
pub fn requests(count: usize, vocabulary: u32, seed: u64) -> Vec<Request> {
    let mut stream = seeded(seed, "sentences");
    let mut source = || {
        let length = stream.random_range(1..9);
        let words = (0..length).map(|_| stream.random_range(4..vocabulary));
        words.chain([2]).collect()
    };
    (0..count).map(|place| Request::new(place, source())).collect()
}
