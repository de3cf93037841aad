use super::*;

/// A hum.
fn hum(count: usize, by: f32) -> Vec<f32> {
    (0..count).map(|at| (at as f32 * by).sin() * 0.3).collect()
}

fn surroundings() -> Surroundings {
    let mut response = vec![0.0; 50];
    (response[5], response[40]) = (1.0, 0.5);
    Surroundings::new(vec![hum(700, 0.9), hum(3000, 2.3)], vec![response])
}

#[test]
fn noise_has_the_ratio_that_was_asked_for() {
    let speech = hum(2000, 0.1);
    let all = surroundings();
    for db in [-5.0, 0.0, 20.0] {
        let config = SurroundingsConfig { noise: 1.0, snr: [db, db], room: 0.0 };
        for seed in 0..20 {
            let heard = all.heard(&config, &speech, &mut seeded(seed, "noise"));
            assert_eq!(heard, all.heard(&config, &speech, &mut seeded(seed, "noise")));
            let noise: Vec<f32> = heard.iter().zip(&speech).map(|(a, b)| a - b).collect();
            let found = 10.0 * (power(&speech) / power(&noise)).log10();
            assert!((found - db).abs() < 0.01, "{found} of {db} dB");
        }
    }
    // Between bounds the draws are spread, and some recordings have none.
    let config = SurroundingsConfig { noise: 0.5, snr: [0.0, 20.0], room: 0.0 };
    let mut ratios = Vec::new();
    for seed in 0..200 {
        let heard = all.heard(&config, &speech, &mut seeded(seed, "noise"));
        let noise: Vec<f32> = heard.iter().zip(&speech).map(|(a, b)| a - b).collect();
        if power(&noise) > 0.0 {
            ratios.push(10.0 * (power(&speech) / power(&noise)).log10());
        }
    }
    assert!((70..130).contains(&ratios.len()), "{}", ratios.len());
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((8.0..12.0).contains(&mean) && ratios.iter().all(|db| (-0.01..20.01).contains(db)));
}

#[test]
fn a_room_leaves_words_where_they_are_and_as_loud() {
    let mut click = vec![0.0; 200];
    click[100] = 1.0;
    let config = SurroundingsConfig { room: 1.0, ..SurroundingsConfig::default() };
    let heard = surroundings().heard(&config, &click, &mut seeded(1, "room"));
    assert_eq!(heard.len(), 200);
    assert!((power(&heard) - power(&click)).abs() < 1e-6);
    let (direct, echo) = (heard[100], heard[135]);
    assert!((echo / direct - 0.5).abs() < 1e-4, "{direct} {echo}");
    let others = heard.iter().enumerate().filter(|(at, _)| ![100, 135].contains(at));
    assert!(others.map(|(_, value)| value.abs()).fold(0.0, f32::max) < 1e-5);
}

#[test]
fn silence_stays_silence_and_a_list_is_changed_by_place_and_seed() -> Result<()> {
    let config = SurroundingsConfig { noise: 1.0, snr: [0.0, 10.0], room: 0.5 };
    let all = surroundings().with_simulated(3, 8000, 1);
    assert_eq!(all.heard(&config, &[0.0; 400], &mut seeded(1, "silence")), [0.0; 400]);
    assert!(all.heard(&config, &[], &mut seeded(1, "nothing")).is_empty());
    let recording = |name: &str| Recording {
        name: name.into(),
        audio: Audio { samples: hum(800, 0.2), rate: 8000 },
        text: "A".into(),
        speaker: None,
    };
    let recordings = ["a", "b"].map(recording).to_vec();
    let list = Recordings { name: "list".into(), rate: 8000, recordings };
    let of = |seed| list.clone().within(&all, &config, seed);
    assert_eq!(of(1)?, of(1)?);
    assert_ne!(of(1)?, of(2)?);
    assert_ne!(of(1)?.recordings[0].audio, of(1)?.recordings[1].audio);
    assert_eq!(list.clone().within(&all, &SurroundingsConfig::default(), 1)?, list);
    assert_eq!(all, surroundings().with_simulated(3, 8000, 1));
    assert_ne!(all.fingerprint(), surroundings().fingerprint());
    Ok(())
}

#[test]
fn what_is_missing_or_out_of_range_is_named() -> std::result::Result<(), Box<dyn std::error::Error>>
{
    let message = |config: SurroundingsConfig, all: Option<&Surroundings>| {
        config.check(all).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let none = SurroundingsConfig::default();
    assert!(message(none, None).is_empty());
    let noisy = SurroundingsConfig { noise: 0.5, ..none };
    assert!(message(noisy, None).contains("surroundings.noise is 0.5, expected 0, or noises"));
    assert!(message(noisy, Some(&surroundings())).is_empty());
    for (bad, field) in [
        (SurroundingsConfig { noise: 1.5, ..none }, "surroundings.noise is 1.5"),
        (SurroundingsConfig { room: f64::NAN, ..none }, "surroundings.room is NaN"),
        (SurroundingsConfig { snr: [10.0, 0.0], ..none }, "surroundings.snr is 10 to 0"),
    ] {
        assert!(message(bad, Some(&surroundings())).contains(field));
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("silent.wav");
    let mut file = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend([8000u32, 16_000].map(u32::to_le_bytes).concat());
    file.extend(b"\x02\0\x10\0data\x08\0\0\0\0\0\0\0\0\0\0\0");
    std::fs::write(&path, file)?;
    let found = Surroundings::read(&[folder.path().into()], &[], 8000);
    let text = found.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("silent.wav: silence, expected a noise"), "{text}");
    Ok(())
}
