use super::*;
use crate::data::{Audio, Recording};
use crate::frontend::{FrontEnd, LogMelConfig};
use crate::metrics::Tally;
use crate::{
    AttentionConfig, Decoding, Language, NgramModel, Objective, Perturbation, SurroundingsConfig,
    TransducerConfig,
};
use conv_nn::Mode;
use conv_train::Learner;
use std::collections::BTreeMap;

/// A recording of so many frames of 10 ms.
fn recording(name: &str, text: &str, frames: usize) -> Recording {
    let wave = |t: usize| ((t * t) as f32 / 5000.0).sin() * 0.3;
    let samples = (0..200 + 80 * (frames - 1)).map(wave).collect();
    let audio = Audio { samples, rate: 8000 };
    Recording { name: name.into(), audio, text: text.into(), speaker: None }
}

fn recordings(recordings: Vec<Recording>) -> Recordings {
    Recordings { name: "list".into(), rate: 8000, recordings }
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::small(FrontEnd::LogMel(LogMelConfig::default()));
    recipe.transducer = TransducerConfig { embedding: 4, units: 5, joint: 6 };
    recipe.attention = AttentionConfig {
        embedding: 4,
        units: 5,
        energies: 6,
        filters: 2,
        width: 3,
        ctc_weight: 0.0,
    };
    recipe
}

fn gradients(training: &Training) -> Result<(f32, BTreeMap<String, Vec<f32>>)> {
    let labelled = training.load(None, &(0..training.train.len()).collect::<Vec<_>>())?;
    let loss = training.loss_of(&labelled, &mut Mode::Eval)?;
    let gradients = loss.value.backward()?;
    let mut found = BTreeMap::new();
    for (name, variable) in training.parameters.vars() {
        if let Some(gradient) = gradients.get(&variable) {
            found.insert(name, gradient.flatten_all()?.to_vec1::<f32>()?);
        }
    }
    Ok((loss.value.to_scalar()?, found))
}

fn log_mel(batch: &crate::Batch) -> Result<Vec<Vec<Vec<f32>>>> {
    let features = batch.log_mel.as_ref().map(|features| features.to_vec3::<f32>());
    Ok(features.transpose()?.unwrap_or_default())
}

/// 16 frames are 4 steps. ABB needs as many as 3 letters and one repeat; AABB one more.
#[test]
fn a_text_that_is_a_step_too_long_is_named_and_changes_nothing_else() -> Result<()> {
    let recipe = recipe();
    let fitting = [recording("exact", "ABB", 16), recording("long", "BA", 40)];
    let mut all = fitting.to_vec();
    all.insert(1, recording("short", "AABB", 20));
    let [whole, without] = [all, fitting.to_vec()].map(recordings);
    let whole = Training::new(&recipe, &whole, None, None, &Device::Cpu)?;
    let without = Training::new(&recipe, &without, None, None, &Device::Cpu)?;
    let expected = LeftOut { name: "short".into(), letters: 4, repeats: 2, steps: 5 };
    assert_eq!(whole.left_out(), [expected]);
    let message =
        "short is left out: its text has 4 letters and 2 repeats, more than the network's 5 steps";
    assert_eq!(whole.left_out()[0].to_string(), message);
    let (loss, gradients_of_whole) = gradients(&whole)?;
    assert!(
        loss.is_finite() && gradients_of_whole.values().flatten().all(|value| value.is_finite())
    );
    assert_eq!((loss, gradients_of_whole), gradients(&without)?);
    Ok(())
}

#[test]
fn a_transducer_writes_any_text_over_any_steps_and_learns_from_all() -> Result<()> {
    let recipe = Recipe { objective: Objective::Rnnt, ..recipe() };
    let recordings = recordings(vec![recording("short", "AABB", 4), recording("long", "", 40)]);
    let training = Training::new(&recipe, &recordings, None, None, &Device::Cpu)?;
    assert!(training.left_out().is_empty());
    let (loss, gradients) = gradients(&training)?;
    assert!(loss.is_finite());
    for name in ["transducer.embedding.weight", "transducer.output.bias", "convolutions.0.weight"] {
        assert!(gradients[name].iter().any(|&value| value != 0.0), "{name}");
    }
    Ok(())
}

/// Alone it writes any text over any steps; where CTC counts too, a text must fit it, and the loss
/// is what both say together.
#[test]
fn attention_learns_with_ctc_or_without() -> Result<()> {
    let list = vec![recording("short", "AABB", 4), recording("long", "BA", 40)];
    let list = recordings(list);
    let fitting = recordings(vec![recording("long", "BA", 40)]);
    let mut losses = Vec::new();
    for ctc_weight in [0.0, 0.25, 0.75] {
        let mut recipe = Recipe { objective: Objective::Attention, ..recipe() };
        recipe.attention.ctc_weight = ctc_weight;
        let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
        let left_out = if ctc_weight > 0.0 { 1 } else { 0 };
        assert_eq!(training.left_out().len(), left_out);
        let (loss, gradients) = gradients(&training)?;
        assert!(loss.is_finite());
        let heads =
            ["attention.energy.weight", "attention.filters.weight", "convolutions.0.weight"];
        for name in heads {
            assert!(gradients[name].iter().any(|&value| value != 0.0), "{name}");
        }
        assert_eq!(gradients.contains_key("output.weight"), ctc_weight > 0.0);
        let fitting = Training::new(&recipe, &fitting, None, None, &Device::Cpu)?;
        losses.push(fitting.mean_loss(&fitting.train)?);
    }
    // Both are what they are alone, each counting its weight: between two mixtures lies a straight
    // line.
    let of_ctc = losses[0] + (losses[2] - losses[0]) / 0.75;
    let expected = 0.75 * losses[0] + 0.25 * of_ctc;
    assert!((losses[1] - expected).abs() < 1e-5, "{losses:?}");
    Ok(())
}

#[test]
fn what_an_encoder_learnt_under_another_loss_is_taken_and_told() -> Result<()> {
    let place = tempfile::tempdir().map_err(Error::io(Path::new("a folder")))?;
    let folder = place.path().join("ctc");
    let list = recordings(vec![recording("a", "AB", 40), recording("b", "B", 60)]);
    let first = recipe();
    let first = Training::new(&first, &list, None, None, &Device::Cpu)?;
    conv_train::task::save(&first, &folder, &crate::card("tones", [].into()), false)?;
    let mut recipe = Recipe { objective: Objective::Attention, ..recipe() };
    recipe.fit.seed = 7;
    for (ctc_weight, unused) in [(0.0, vec!["output.bias", "output.weight"]), (0.5, vec![])] {
        recipe.attention.ctc_weight = ctc_weight;
        let training = Training::new(&recipe, &list, None, Some(&folder), &Device::Cpu)?;
        let Some(start) = training.start() else { unreachable!("it was asked for") };
        assert_eq!(start.unused, unused);
        assert!(start.drawn.iter().all(|name| name.starts_with("attention.")), "{start}");
        let [own, others] = [&training, &first].map(|training| training.parameters.tensors());
        assert_eq!(start.taken.len() + start.drawn.len(), own.len());
        for name in &start.taken {
            let [own, other] = [&own, &others].map(|all| all[name].flatten_all()?.to_vec1::<f32>());
            assert_eq!(own?, other?, "{name}");
        }
        let text = start.to_string();
        assert!(text.contains("are those of ctc: convolutions.0, convolutions.1, "), "{text}");
        let end =
            if unused.is_empty() { "not used of ctc: none" } else { "not used of ctc: output" };
        assert!(text.ends_with(end), "{text}");
    }
    // Other letters have other rows.
    let others = recordings(vec![recording("a", "XY", 40)]);
    let training = Training::new(&recipe, &others, None, Some(&folder), &Device::Cpu)?;
    assert!(training.start().is_some_and(|start| start.unused.contains(&"output.weight".into())));
    Ok(())
}

/// A recording whose letters are tones, one behind the other.
fn spoken(number: usize, text: &str) -> Recording {
    let mut samples = vec![0.0; 400];
    for letter in text.chars() {
        let hertz = if letter == 'A' { 400.0 } else { 2000.0 } + number as f32;
        samples.extend(
            (0..1000).map(|t| 0.3 * (hertz * t as f32 / 8000.0 * std::f32::consts::TAU).sin()),
        );
        samples.extend([0.0; 600]);
    }
    let audio = Audio { samples, rate: 8000 };
    Recording { name: number.to_string(), audio, text: text.into(), speaker: None }
}

/// Few recordings are learnt by heart and written without an error: by attention alone and with
/// CTC, and by a transducer, each letter by letter and by beams of one text and more. Where a
/// transducer is sure, a beam of one is greedy decoding.
#[test]
fn small_sets_are_learnt_by_heart() -> Result<()> {
    let texts = ["A", "B", "AB", "BA", "ABB", "BAA", "BABA", "AABA"];
    let list: Vec<Recording> = texts.iter().zip(0..).map(|(text, at)| spoken(at, text)).collect();
    let list = recordings(list);
    let place = tempfile::tempdir().map_err(Error::io(Path::new("a folder")))?;
    for (run, objective, ctc_weight) in [
        ("alone", Objective::Attention, 0.0),
        ("joint", Objective::Attention, 0.3),
        ("transducer", Objective::Rnnt, 0.0),
    ] {
        let small = Recipe::small(FrontEnd::LogMel(LogMelConfig::default()));
        let mut recipe = Recipe { objective, ..small };
        recipe.attention.ctc_weight = ctc_weight;
        recipe.dropout = 0.0;
        recipe.fit.epochs = 60;
        let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
        conv_train::fit(&training, &recipe.fit, conv_train::Run::new(&place.path().join(run)))?;
        let letters = Alphabet::of(texts);
        let any = NgramModel::train(texts, [], 1);
        for (beam, language) in [(1, false), (4, false), (1, true), (4, true)] {
            let mut recognizer = training.recognizer().with_beam(beam)?;
            if language {
                // It says nothing, but a transducer searches by a beam of one too.
                let decoding = Decoding { beam, weight: 0.0, bonus: 0.0, lexicon: false };
                let language = Language::new(any.clone(), decoding, &letters)?;
                recognizer = recognizer.with_language(language);
            }
            let mut tally = Tally::default();
            for one in &list.recordings {
                let found = recognizer.transcribe(&one.audio)?;
                tally.add(&one.text, &found.text);
                let told = found.words.iter().all(|word| word.start < word.end);
                let near = found.words.iter().all(|word| word.end <= one.audio.seconds() + 0.05);
                assert!(told && near, "{run}: {found:?}");
            }
            assert_eq!(tally.right, 8, "{run}, beam {beam}, {language}: {tally:?}");
        }
    }
    Ok(())
}

#[test]
fn recordings_are_changed_anew_each_epoch_from_the_seed_alone() -> Result<()> {
    let mut recipe = recipe();
    recipe.perturbation = Perturbation { speed: [0.8, 1.25], warp: 0.1, gain: 6.0 };
    // The last one fits its steps so closely that it is never played faster.
    let list = vec![recording("a", "AB", 40), recording("b", "B", 60), recording("c", "ABAB", 16)];
    let list = recordings(list);
    let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
    type Loaded = (Vec<Vec<Vec<f32>>>, Vec<usize>);
    let load = |epoch, indexes: &[usize]| -> Result<Loaded> {
        let Labelled { batch, .. } = training.load(epoch, indexes)?;
        Ok((log_mel(&batch)?, batch.frames))
    };
    let own = load(None, &[0, 1, 2])?;
    assert_eq!(own.1, [40, 60, 16]);
    let mut lengths = std::collections::BTreeSet::new();
    for epoch in 0..20 {
        let found = load(Some(epoch), &[0, 1, 2])?;
        assert_eq!(found, load(Some(epoch), &[0, 1, 2])?);
        // An example does not depend on its neighbours.
        let (alone, frames) = load(Some(epoch), &[0])?;
        let part: Vec<Vec<f32>> = found.0[0].iter().map(|row| row[..frames[0]].to_vec()).collect();
        assert_eq!((part, found.1[0]), (alone[0].clone(), frames[0]));
        assert!(found.1[2] >= 13, "{:?}", found.1);
        lengths.insert(found.1[0]);
    }
    assert!(lengths.len() > 5 && lengths.first() < Some(&40) && lengths.last() > Some(&40));
    Ok(())
}

#[test]
fn noises_and_rooms_are_drawn_anew_each_epoch_from_the_seed_alone() -> Result<()> {
    let mut recipe = recipe();
    recipe.surroundings = SurroundingsConfig { noise: 0.7, snr: [0.0, 20.0], room: 0.5 };
    let list = recordings(vec![recording("a", "AB", 40), recording("b", "B", 60)]);
    let all = Surroundings::new(vec![vec![0.1, -0.3, 0.2, 0.5, -0.4]], vec![]);
    let all = all.with_simulated(4, 8000, 3);
    let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
    assert!(training.load(Some(0), &[0]).is_err());
    let training = training.within(&all)?;
    let load = |epoch, indexes: &[usize]| -> Result<Vec<Vec<Vec<f32>>>> {
        log_mel(&training.load(epoch, indexes)?.batch)
    };
    let own = load(None, &[0, 1])?;
    let mut others = 0;
    for epoch in 0..10 {
        let found = load(Some(epoch), &[0, 1])?;
        assert_eq!(found, load(Some(epoch), &[0, 1])?);
        let alone: Vec<Vec<f32>> = found[0].iter().map(|row| row[..40].to_vec()).collect();
        assert_eq!(load(Some(epoch), &[0])?[0], alone);
        others += usize::from(found[0] != own[0]);
    }
    assert!((6..=10).contains(&others), "{others}");
    Ok(())
}
