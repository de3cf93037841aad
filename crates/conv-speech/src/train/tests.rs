use super::*;
use crate::data::Audio;
use crate::frontend::LogMelConfig;
use crate::{Perturbation, TransducerConfig};

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
        Ok((batch.inputs.to_vec3::<f32>()?, batch.frames))
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
