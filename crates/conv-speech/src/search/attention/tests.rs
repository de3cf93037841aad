use super::*;
use crate::config::tests::tiny;
use crate::frontend::{FrontEnd, LogMelConfig};
use crate::model::Output;
use crate::search::tests::{classes, posteriors};
use crate::{Alphabet, AttentionConfig, Decoding, Language, NgramModel, Objective, cldnn};
use candle_core::{DType, Device};
use conv_nn::Parameters;

/// A decoder as it is drawn, with weights so large that it is sure of something, and outputs of an
/// encoder, `[T', H]`.
fn drawn(seed: u64, alphabet: &Alphabet, steps: usize) -> Result<(Attention, Tensor)> {
    let mut config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
    config.objective = Objective::Attention;
    let (filters, ctc_weight) = (2, 0.0);
    config.attention = Some(AttentionConfig {
        embedding: 4,
        units: 5,
        energies: 6,
        filters,
        width: 3,
        ctc_weight,
    });
    config.letters = alphabet.clone();
    let device = Device::Cpu;
    let first = Parameters::new(seed);
    cldnn(&config, None, &first.builder(DType::F32, &device))?;
    let grown = first.tensors().into_iter().map(|(name, tensor)| Ok((name, (tensor * 3.0)?)));
    let grown = Parameters::frozen(grown.collect::<Result<_>>()?);
    let model = cldnn(&config, None, &grown.builder(DType::F32, &device))?;
    let Output::Attention(attention, None) = model.output() else {
        unreachable!("it was asked for")
    };
    let encoded = gradcheck::values((steps, 10), seed).to_dtype(DType::F32)?;
    Ok((attention.clone(), encoded))
}

/// The log-probabilities of a text's letters and its end, `[U + 1, V]`, as training has them.
fn rows(attention: &Attention, encoded: &Tensor, text: &[u32]) -> Result<Vec<Vec<f32>>> {
    let (steps, _) = encoded.dims2()?;
    let texts = [text.to_vec()];
    let logits = attention.logits(&encoded.unsqueeze(0)?, &[steps], &texts, &mut Mode::Eval)?;
    Ok(log_softmax(&logits.get(0)?, 1)?.to_vec2()?)
}

#[test]
fn a_beam_of_one_takes_the_likeliest_class_each_time() -> Result<()> {
    let alphabet = Alphabet::of(["A B"]);
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let (attention, encoded) = drawn(seed, &alphabet, 5)?;
        let search = Search { attention: &attention, ctc: None, width: 1 };
        let mut texts = Texts::new(&alphabet, None, None);
        let Decoded { letters, shares } = search.letters(&encoded, &mut texts)?;
        let text = classes(&letters, &alphabet);
        let rows = rows(&attention, &encoded, &text)?;
        for (row, &class) in rows.iter().zip(text.iter().chain([&END])) {
            let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            // A text of ten letters and one more at five steps is cut off.
            assert!(best == Some(class as usize) || text.len() == 11, "seed {seed}");
        }
        let steps: Vec<usize> = letters.iter().map(|one| one.steps[0]).collect();
        assert!(steps.is_sorted() && steps.iter().all(|step| *step < 5), "{steps:?}");
        // What was looked at for each letter is one in all, but for the small shares.
        let looked: f32 = shares.unwrap_or_default().iter().flatten().sum();
        assert!((looked - text.len() as f32).abs() < 0.05 * text.len() as f32 + 1e-6);
        lengths.insert(text.len());
    }
    assert!(lengths.len() > 3, "{lengths:?}");
    Ok(())
}

#[test]
fn a_wide_beam_finds_what_enumeration_does() -> Result<()> {
    let model = NgramModel::train(["A B", "AB A", "BA"], [], 2);
    let alphabet = Alphabet::of(["A B"]);
    let mut letters = 0;
    for seed in 0..20 {
        let (attention, encoded) = drawn(seed, &alphabet, 2)?;
        let logs: Vec<Vec<f64>> = posteriors(2, 4, seed)
            .iter()
            .map(|row| row.iter().map(|&share| f64::from(share).ln()).collect())
            .collect();
        for (weight, lexicon) in [(0.0, None), (0.4, None), (0.0, Some(true)), (0.4, Some(false))] {
            let language = lexicon.map(|lexicon| {
                let decoding = Decoding { beam: 512, weight: 0.7, bonus: -0.5, lexicon };
                Language::new(model.clone(), decoding, &alphabet)
            });
            let language = language.transpose()?;
            let language = language.as_ref();
            let ctc = (weight > 0.0).then_some((&logs[..], weight));
            let search = Search { attention: &attention, ctc, width: 512 };
            let mut texts = Texts::new(&alphabet, language, None);
            let found = classes(&search.letters(&encoded, &mut texts)?.letters, &alphabet);
            // Every text of up to four letters, as two steps allow.
            let (mut texts, mut best) =
                (Texts::new(&alphabet, language, None), (f64::NEG_INFINITY, vec![]));
            for number in 0..5usize.pow(4) {
                let digits = [1, 5, 25, 125].map(|by| (number / by % 5) as u32);
                let text: Vec<u32> = digits.into_iter().take_while(|class| *class < 4).collect();
                if text.contains(&END) {
                    continue;
                }
                let at = text.iter().try_fold(0, |at, &class| texts.add((at, class)));
                let Some(language) = at.and_then(|at| texts.ended(at)) else { continue };
                let rows = rows(&attention, &encoded, &text)?;
                let ended = text.iter().chain([&END]);
                let log: f64 = rows
                    .iter()
                    .zip(ended)
                    .map(|(row, &class)| f64::from(row[class as usize]))
                    .sum();
                let prefix = |prefix: Prefix, &class: &u32| prefix.with(class, &logs).0;
                let ctc = text.iter().fold(Prefix::empty(&logs), prefix).ended();
                let ctc = if weight > 0.0 { weight * ctc } else { 0.0 };
                let score = (1.0 - weight) * log + ctc + language;
                if score > best.0 {
                    best = (score, text);
                }
            }
            assert_eq!(found, best.1, "seed {seed}, CTC {weight}, lexicon {lexicon:?}");
            letters += found.len();
        }
    }
    assert!(letters > 20, "{letters}");
    Ok(())
}
