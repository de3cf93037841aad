//! Word by word the decoder says what it says of whole sentences.

use candle_core::{D, DType, Device, IndexOp, Tensor};
use conv_nn::{Mode, Parameters, keep_first, log_softmax};
use conv_translate::{Config, ConvS2s, Layers, Preset, convs2s};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::Off;
use rand::Rng;

type Failure = Box<dyn std::error::Error>;

const VOCABULARY: usize = 23;

/// Every preset's layers with a sixteenth of their channels, or some with connections over several
/// layers.
fn config(which: usize) -> Result<Config, Failure> {
    let mut config = match Preset::ALL.get(which) {
        Some(preset) => preset.config(VOCABULARY, VOCABULARY)?,
        None => Config {
            encoder_layers: "[(128, 3)] * 2 + [(160, 4, 2), (96, 1, 0)]".parse()?,
            decoder_layers: "[(128, 3)] * 2 + [(160, 2, 2), (96, 1, 0)]".parse()?,
            attention: vec![true, false, true, false],
            ..Preset::Fconv.config(VOCABULARY, VOCABULARY)?
        },
    };
    let narrow = |layers: &mut Layers| layers.0.iter_mut().for_each(|layer| layer.channels /= 16);
    narrow(&mut config.encoder_layers);
    narrow(&mut config.decoder_layers);
    config.encoder_embedding /= 16;
    config.decoder_embedding /= 16;
    config.output_embedding /= 16;
    config.target_positions = 40;
    Ok(config)
}

fn network(which: usize, seed: u64) -> Result<ConvS2s, Failure> {
    let parameters = Parameters::new(seed);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    convs2s(&config(which)?, &vb)?;
    let parameters = Parameters::frozen(parameters.tensors());
    Ok(convs2s(&config(which)?, &parameters.builder(DType::F32, &Device::Cpu))?)
}

fn tokens(rows: usize, columns: usize, seed: u64) -> Result<Tensor, Failure> {
    let mut stream = conv_nn::rng::seeded(seed, "tokens");
    let tokens = (0..rows * columns).map(|_| stream.random_range(2..VOCABULARY as u32));
    Ok(Tensor::from_vec(tokens.collect::<Vec<_>>(), (rows, columns), &Device::Cpu)?)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f32, Failure> {
    Ok((a - b)?.abs()?.max_all()?.to_scalar()?)
}

/// Two sentences of three rows each; in the middle the rows change places, and then one sentence is
/// left.
fn agrees(which: usize, seed: u64) -> Result<(), Failure> {
    let model = network(which, seed)?;
    let ids = tokens(2, 9, seed)?;
    let lengths = [9, 5];
    let source = model.encode(&ids, &lengths, &mut Mode::Eval)?;
    let (rows, length, turn, cut) = (6, 12, 5, 9);
    let target = tokens(rows, length, seed + 1)?;
    // Rows 0 to 2 are of the first sentence.
    let of_rows = |x: &Tensor| {
        x.contiguous()?.index_select(&Tensor::new(&[0u32, 0, 0, 1, 1, 1], x.device())?, 0)
    };
    let every = conv_translate::Encoded {
        keys: of_rows(&source.keys)?,
        values: of_rows(&source.values)?,
        lengths: vec![9, 9, 9, 5, 5, 5],
    };
    let order = Tensor::new(&[2u32, 0, 1, 4, 4, 3], &Device::Cpu)?;
    let turned = Tensor::cat(
        &[
            target.narrow(1, 0, turn)?.contiguous()?.index_select(&order, 0)?,
            target.narrow(1, turn, length - turn)?,
        ],
        1,
    )?;
    let full = [
        model.decode(&target, &every, &mut Mode::Eval)?,
        model.decode(&turned, &every, &mut Mode::Eval)?,
    ];
    let steps = model.clone().step_decoder()?;
    // A search reads its sources without padding, and each as if it were alone.
    let read = steps.encode(&ids, &lengths)?;
    let alone = steps.encode(&ids.i((1.., ..5))?, &[5])?;
    for (what, read, expected, alone) in [
        ("keys", &read.keys, &source.keys, &alone.keys),
        ("values", &read.values, &source.values, &alone.values),
    ] {
        let kept = |x: &Tensor| keep_first(&x.contiguous()?, &lengths);
        let difference = largest_difference(&kept(read)?, &kept(expected)?)?;
        assert!(difference < 1e-5, "{what} of network {which}: {difference}");
        assert_eq!(largest_difference(&read.i((1.., .., ..5))?, alone)?, 0.0, "{what}, alone");
    }
    let mut state = steps.begin(&source, 3)?;
    for t in 0..length {
        let mut input = target.i((.., t))?.contiguous()?;
        if t == turn {
            state.reorder(&order)?;
        }
        if t == cut {
            state.keep(&[1], &Tensor::new(&[3u32, 4, 5], &Device::Cpu)?)?;
        }
        let from = if t >= cut { 3 } else { 0 };
        input = input.narrow(0, from, rows - from)?;
        let step = steps.step(&input, &mut state)?;
        let full = &full[usize::from(t >= turn)];
        let expected =
            log_softmax(&full.logits, D::Minus1)?.narrow(0, from, rows - from)?.i((.., t))?;
        let difference = largest_difference(&step.log_probabilities, &expected)?;
        assert!(difference < 1e-5, "network {which}, position {t}: {difference}");
        let expected = full.attention.narrow(0, from, rows - from)?.i((.., t))?;
        let difference = largest_difference(&step.attention, &expected)?;
        assert!(difference < 1e-5, "attention of network {which}, position {t}: {difference}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: Some(Box::new(Off)), ..ProptestConfig::with_cases(4) })]
    #[test]
    fn incremental_decoding_is_full_decoding(which in 0..=Preset::ALL.len(), seed in 0..1000u64) {
        agrees(which, seed).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn it_is_for_every_presets_layers() -> Result<(), Failure> {
    (0..=Preset::ALL.len()).try_for_each(|which| agrees(which, 7))
}

#[test]
fn positions_beyond_the_table_are_refused() -> Result<(), Failure> {
    let model = network(1, 1)?;
    let source = model.encode(&tokens(1, 3, 1)?, &[3], &mut Mode::Eval)?;
    let steps = model.clone().step_decoder()?;
    let mut state = steps.begin(&source, 1)?;
    let token = Tensor::new(&[5u32], &Device::Cpu)?;
    for _ in 0..38 {
        steps.step(&token, &mut state)?;
    }
    let expected = "a target sentence has 39 tokens with its end, expected at most 38, the positions that the model knows";
    let message = steps.step(&token, &mut state).err().map(|error| error.to_string());
    assert_eq!(message.as_deref(), Some(expected));
    let long = model.decode(&tokens(1, 39, 1)?, &source, &mut Mode::Eval).err();
    assert_eq!(long.map(|error| error.to_string()).as_deref(), Some(expected));
    Ok(())
}
