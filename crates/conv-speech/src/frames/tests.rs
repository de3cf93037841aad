use super::*;
use crate::data::Audio;
use crate::frontend::{FrontEnd, LogMelConfig};
use crate::{Recipe, Training};
use candle_core::Device;
use conv_train::Learner;
use std::path::Path;

#[test]
fn frames_between_near_letters_are_shared_and_the_others_are_silent() {
    // Letters at 20 to 24 and at 30 to 32; one far behind.
    let found = states(&[[20, 24], [30, 32], [60, 64]], &[1, 2, 1], 66);
    let expected: Vec<u32> = (0..66)
        .map(|frame| match frame {
            14..27 => 1,
            27..38 => 2,
            54..66 => 1,
            _ => 0,
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(states(&[], &[], 3), [0, 0, 0]);
    // What stands at the beginning and beyond the end is cut, and nothing panics.
    assert_eq!(states(&[[0, 4]], &[7], 3), [7, 7, 7]);
    assert_eq!(states(&[[9, 12]], &[7], 3), [0, 0, 0]);
}

#[test]
fn a_step_is_asked_for_what_was_before_it() {
    let config = FramesConfig { delay: 5 };
    let states: Vec<u32> = (0..20).collect();
    assert_eq!(config.targets(&states, 8, 1, 1.0), [0, 0, 0, 0, 0, 0, 1, 2]);
    // The middle of the third step of four is frame 10, five before it 5.
    assert_eq!(config.targets(&states, 4, 4, 1.0), [0, 1, 5, 9]);
    // Played twice as fast, frame 5 was frame 10.
    assert_eq!(config.targets(&states, 4, 4, 2.0), [0, 2, 10, 18]);
    assert_eq!(config.targets(&states, 9, 4, 1.0)[6..], [0, 0, 0]);
    assert!(FramesConfig { delay: 101 }.check().is_err());
}

/// A high tone is an A, a low one a B: a network that reads forward learns which each frame is,
/// from what another has aligned, and writes the same texts.
#[test]
fn frames_are_learnt_from_what_another_network_aligns() -> Result<()> {
    let recording = |number: usize| {
        let text = ["A", "B", "AB", "BA", "BAB", "ABA"][number % 6];
        let mut samples = vec![0.0; 800];
        for letter in text.chars() {
            let hertz = if letter == 'A' { 2000.0 } else { 400.0 } + number as f32;
            let tone = |t: usize| 0.3 * (hertz * t as f32 / 8000.0 * std::f32::consts::TAU).sin();
            samples.extend((0..1200).map(tone));
            samples.extend([0.0; 1200]);
        }
        let audio = Audio { samples, rate: 8000 };
        Recording { name: number.to_string(), audio, text: text.into(), speaker: None }
    };
    let recordings = (0..12).map(recording).collect();
    let list = Recordings { name: "tones".into(), rate: 8000, recordings };
    let place = tempfile::tempdir().map_err(Error::io(Path::new("a folder")))?;
    let log_mel = || FrontEnd::LogMel(LogMelConfig::default());
    let mut first = Recipe::small(log_mel());
    first.fit.epochs = 60;
    let aligner = Training::new(&first, &list, None, None, &Device::Cpu)?;
    conv_train::fit(&aligner, &first.fit, conv_train::Run::new(&place.path().join("ctc")))?;
    let aligner = aligner.recognizer();

    let mut recipe = Recipe::small(log_mel());
    (recipe.recurrent.bidirectional, recipe.convolutions[1].stride[1]) = (false, 1);
    (recipe.dropout, recipe.fit.epochs) = (0.0, 40);
    let states = aligner.states(&list)?;
    let frames = |text: &str| states[text.len() - 1].iter().filter(|state| **state > 0).count();
    assert!((10..40).contains(&frames("A")), "{states:?}");
    let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?.frame_by_frame(
        &aligner,
        &list,
        None,
        FramesConfig::default(),
    )?;
    conv_train::fit(&training, &recipe.fit, conv_train::Run::new(&place.path().join("frames")))?;
    let figures = training.evaluate()?;
    assert!(figures["training frame error"] < 0.1, "{figures:?}");
    let recognizer = training.recognizer();
    for one in &list.recordings {
        assert_eq!(recognizer.transcribe(&one.audio)?.text, one.text, "{}", one.name);
    }
    // Nor is it the same run as one without states.
    let plain = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
    assert_ne!(plain.identity(), training.identity());
    Ok(())
}

#[test]
fn other_letters_than_the_aligners_are_named() -> Result<()> {
    let list = |text: &str| {
        let audio = Audio { samples: vec![0.1; 8000], rate: 8000 };
        let one = Recording { name: "one".into(), audio, text: text.into(), speaker: None };
        Recordings { name: "list".into(), rate: 8000, recordings: vec![one] }
    };
    let recipe = Recipe::small(FrontEnd::LogMel(LogMelConfig::default()));
    let [first, second] = ["AB", "XY"].map(list);
    let aligner = Training::new(&recipe, &first, None, None, &Device::Cpu)?.recognizer();
    let training = Training::new(&recipe, &second, None, None, &Device::Cpu)?;
    let error = training.frame_by_frame(&aligner, &second, None, FramesConfig::default());
    let error = error.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("expected \"AB\"\"\" as the aligner has"), "{error}");
    Ok(())
}
