use super::*;
use crate::config::tests::tiny;
use crate::frontend::{FrontEnd, LogMelConfig};
use crate::model::Output;
use crate::search::tests::classes;
use crate::{Config, Decoding, Language, NgramModel, Objective, TransducerConfig, cldnn};
use candle_core::{DType, Device, IndexOp};
use conv_nn::{Mode, Parameters, Reduction, RnntConfig, rnnt_loss};

/// A transducer as it is drawn, its weights so many times as large, for the letters of a text, and
/// some outputs of an encoder, `[T', H]`.
fn drawn(
    seed: u64,
    letters: &str,
    steps: usize,
    times: f64,
) -> Result<(Config, Transducer, Tensor)> {
    let mut config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
    config.objective = Objective::Rnnt;
    config.transducer = Some(TransducerConfig { embedding: 4, units: 5, joint: 6 });
    config.letters = Alphabet::of([letters]);
    let first = Parameters::new(seed);
    cldnn(&config, None, &first.builder(DType::F32, &Device::Cpu))?;
    let grown = first.tensors().into_iter().map(|(name, tensor)| Ok((name, (tensor * times)?)));
    let grown = Parameters::frozen(grown.collect::<Result<_>>()?);
    let model = cldnn(&config, None, &grown.builder(DType::F32, &Device::Cpu))?;
    let Output::Rnnt(transducer) = model.output() else { unreachable!("it was asked for") };
    let wave = |at: usize| ((at * at + seed as usize) as f32 * 0.37).sin() * 3.0;
    let rows: Vec<Vec<f32>> =
        (0..steps).map(|t| (0..10).map(|h| wave(t * 10 + h)).collect()).collect();
    Ok((config, transducer.clone(), Tensor::new(rows, &Device::Cpu)?))
}

#[test]
fn decoding_takes_the_likeliest_class_of_the_joint_network() -> Result<()> {
    let mut letters = 0;
    for seed in 0..20 {
        let (config, transducer, encoded) = drawn(seed, "YES NO", 6, 1.0)?;
        let found = greedy(&transducer, &encoded, &config.letters)?;
        assert_eq!(found.shares.map(|rows| rows.len()), Some(6));
        // The same letters, all at once as training has them: each place's best class is the one
        // that was taken.
        let text = classes(&found.letters, &config.letters);
        let heard = encoded.unsqueeze(0)?;
        let logits = transducer.logits(&heard, std::slice::from_ref(&text), &mut Mode::Eval)?;
        let logits = logits.i(0)?;
        let mut at = 0;
        for step in 0..6 {
            let here = found.letters.iter().filter(|letter| letter.steps[0] == step).count();
            // What was written at this step, and the blank behind it.
            let written = text[at..at + here].iter().copied().chain([0]);
            for (place, expected) in (at..).zip(written) {
                let row: Vec<f32> = logits.i((step, place))?.to_vec1()?;
                let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                if here < MOST_AT_A_STEP {
                    assert_eq!(best, Some(expected as usize), "seed {seed}, step {step}");
                }
            }
            at += here;
        }
        letters += text.len();
    }
    assert!(letters > 20, "{letters}");
    Ok(())
}

/// The probability of a text by the loss, in nats: the sum over all its alignments.
fn log_probability(transducer: &Transducer, encoded: &Tensor, text: &[u32]) -> Result<f64> {
    let texts = [text.to_vec()];
    let logits = transducer.logits(&encoded.unsqueeze(0)?, &texts, &mut Mode::Eval)?;
    let config = RnntConfig { reduction: Reduction::Sum, ..RnntConfig::default() };
    let loss = rnnt_loss(&logits, &[encoded.dim(0)?], &texts, &config)?;
    Ok(-f64::from(loss.to_scalar::<f32>()?))
}

/// All texts of up to so many of the classes 1 to `classes`.
fn all(classes: u32, longest: usize) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    let mut first = 0;
    for _ in 0..longest {
        let last = all.len();
        for at in first..last {
            let longer = (1..=classes).map(|class| [&all[at][..], &[class]].concat());
            all.extend(longer.collect::<Vec<_>>());
        }
        first = last;
    }
    all
}

#[test]
fn a_wide_beam_finds_what_enumeration_does() -> Result<()> {
    let model = NgramModel::train(["A B", "AB A", "BA"], [], 2);
    let (mut letters, mut greedier) = (0, 0);
    for seed in 0..24 {
        let (config, transducer, encoded) = drawn(seed, "A B", 3, 1.0)?;
        let alphabet = &config.letters;
        for kind in [None, Some(false), Some(true)] {
            let language = kind.map(|lexicon| {
                let decoding = Decoding { beam: 512, weight: 0.7, bonus: 0.5, lexicon };
                Language::new(model.clone(), decoding, alphabet)
            });
            let language = language.transpose()?;
            let mut texts = Texts::new(alphabet, language.as_ref(), None);
            let found = beam(&transducer, &encoded, &mut texts, 512)?;
            let mut texts = Texts::new(alphabet, language.as_ref(), None);
            let mut best = (f64::NEG_INFINITY, Vec::new());
            for text in all(3, 6) {
                let number = text.iter().try_fold(0, |number, &class| texts.add((number, class)));
                let Some(language) = number.and_then(|number| texts.ended(number)) else {
                    continue;
                };
                let score = log_probability(&transducer, &encoded, &text)? + language;
                if score > best.0 {
                    best = (score, text);
                }
            }
            let written = classes(&found.letters, alphabet);
            assert_eq!(written, best.1, "seed {seed}, lexicon {kind:?}");
            assert_eq!(found.shares.map(|rows| rows.len()), Some(3));
            let steps: Vec<usize> = found.letters.iter().map(|one| one.steps[0]).collect();
            assert!(steps.is_sorted() && steps.iter().all(|step| *step < 3), "{steps:?}");
            letters += written.len();
            let plain = greedy(&transducer, &encoded, alphabet)?;
            greedier += usize::from(kind.is_none() && classes(&plain.letters, alphabet) != written);
        }
    }
    // Texts of some length are among them, and some that greedy decoding does not find.
    assert!(letters > 20 && greedier > 2, "{letters} {greedier}");
    Ok(())
}

/// A network that knows nothing has no likeliest text that greedy decoding would find: it writes
/// until it is stopped.
#[test]
fn wider_beams_find_likelier_texts() -> Result<()> {
    for seed in 0..30 {
        let (config, transducer, encoded) = drawn(seed, "YES NO", 5, 4.0)?;
        let alphabet = &config.letters;
        let log = |found: Decoded| {
            log_probability(&transducer, &encoded, &classes(&found.letters, alphabet))
        };
        let of = |width| {
            let mut texts = Texts::new(alphabet, None, None);
            log(beam(&transducer, &encoded, &mut texts, width)?)
        };
        let plain = log(greedy(&transducer, &encoded, alphabet)?)?;
        let one = of(1)?;
        let wide = of(64)?;
        assert!(plain <= one + 1e-5 && one <= wide + 1e-5, "seed {seed}: {plain} {one} {wide}");
    }
    Ok(())
}
