use super::*;
use candle_core::{IndexOp, Var};
use gradcheck::{check_many, values};
use proptest::prelude::*;

fn unreduced() -> CtcConfig {
    CtcConfig { reduction: Reduction::None, ..CtcConfig::default() }
}

/// A path without immediate repeats, then without blanks.
fn collapsed(path: &[u32], blank: u32) -> Vec<u32> {
    let mut symbols = path.to_vec();
    symbols.dedup();
    symbols.retain(|&symbol| symbol != blank);
    symbols
}

/// -ln of the sum over every path of `classes` ^ `frames` that becomes the target.
fn enumerated(shares: &[Vec<f64>], target: &[u32], blank: u32) -> f64 {
    let classes = shares[0].len();
    let paths = classes.pow(shares.len() as u32);
    let mut total = 0.0;
    for number in 0..paths {
        let digit = |frame: usize| (number / classes.pow(frame as u32) % classes) as u32;
        let path: Vec<u32> = (0..shares.len()).map(digit).collect();
        if collapsed(&path, blank) == target {
            let shares = shares.iter().zip(&path).map(|(share, &class)| share[class as usize]);
            total += shares.product::<f64>();
        }
    }
    -total.ln()
}

/// What is drawn of a batch: [`cases`].
type Drawn = (usize, usize, u32, Vec<(usize, Vec<u32>)>, u64);

/// Two samples of frames, classes, a blank, and targets that fit.
fn cases() -> impl Strategy<Value = Drawn> {
    let sizes = (1usize..6, 2usize..4);
    sizes.prop_flat_map(|(frames, classes)| {
        let symbol = 0..classes as u32 - 1;
        let sample = (0..=frames, prop::collection::vec(symbol, 0..4));
        let samples = prop::collection::vec(sample, 2);
        (Just(frames), Just(classes), 0..classes as u32, samples, any::<u64>())
    })
}

#[test]
fn it_is_the_sum_over_all_alignments_and_its_gradient_is_right() {
    check_many(400, cases(), |(frames, classes, blank, samples, seed)| {
        let mut lengths = Vec::new();
        let mut targets = Vec::new();
        for (length, target) in samples {
            // Symbols step over the blank; what does not fit is cut.
            let mut target: Vec<u32> =
                target.into_iter().map(|id| id + u32::from(id >= blank)).collect();
            while ctc_frames(&target) > length {
                target.pop();
            }
            lengths.push(length);
            targets.push(target);
        }
        let x = values((2, frames, classes), seed);
        let config = CtcConfig { blank, ..unreduced() };
        let losses = ctc_loss(&x, &lengths, &targets, &config)?.to_vec1::<f64>()?;
        let shares = crate::softmax(&x, 2)?.to_vec3::<f64>()?;
        for (sample, loss) in losses.iter().enumerate() {
            let expected = match lengths[sample] {
                0 => 0.0,
                length => enumerated(&shares[sample][..length], &targets[sample], blank),
            };
            assert!((loss - expected).abs() < 1e-9, "{loss}, all alignments {expected}");
        }
        gradcheck::check("ctc_loss", &[x], |t| Ok(ctc_loss(&t[0], &lengths, &targets, &config)?));
        let repeats = targets.iter().any(|target| repeats(target) > 0);
        let exact = targets.iter().zip(&lengths).any(|(t, &l)| l > 0 && ctc_frames(t) == l);
        candle_core::Result::Ok(vec![
            ("an immediate repeat", repeats),
            ("an exact fit", exact),
            ("no symbol", targets.iter().any(Vec::is_empty)),
            ("no frame", lengths.contains(&0)),
            ("padding", lengths.iter().any(|&length| length < frames)),
        ])
    });
}

#[test]
fn a_sample_is_as_it_is_alone_and_beyond_its_length_the_gradient_is_0() -> Result<()> {
    let x = Var::from_tensor(&values((3, 9, 5), 4))?;
    let lengths = [9, 4, 6];
    let targets = [&[1u32, 1, 4, 2][..], &[3, 3, 3], &[2]];
    // One frame short: 3 symbols and 2 repeats want 5.
    let error = ctc_loss(&x, &lengths, &targets, &unreduced()).err().map(|e| e.to_string());
    let expected = "ctc_loss: sample 1 has 4 frames, expected at least 5: 3 symbols and 2 of them a repeat of the one before";
    assert_eq!(error.as_deref(), Some(expected));
    let lengths = [9, 5, 6];
    let losses = ctc_loss(&x, &lengths, &targets, &unreduced())?;
    let gradient = losses.sum_all()?.backward()?.get(&x).cloned();
    let gradient = gradient.map_or_else(|| x.zeros_like(), Ok)?;
    for (sample, (&length, target)) in lengths.iter().zip(targets).enumerate() {
        let alone = Var::from_tensor(&x.i(sample..=sample)?.narrow(1, 0, length)?)?;
        let loss = ctc_loss(&alone, &[length], &[target], &unreduced())?;
        assert_eq!(loss.to_vec1::<f64>()?[0], losses.to_vec1::<f64>()?[sample]);
        let of_alone = loss.sum_all()?.backward()?.get(&alone).cloned();
        let of_alone = of_alone.map_or_else(|| alone.zeros_like(), Ok)?;
        let own = gradient.i(sample)?;
        let values = |t: &Tensor| t.to_vec2::<f64>();
        assert_eq!(values(&own.narrow(0, 0, length)?)?, values(&of_alone.i(0)?)?);
        let beyond = own.narrow(0, length, 9 - length)?.flatten_all()?.to_vec1::<f64>()?;
        assert!(beyond.iter().all(|&value| value == 0.0));
    }
    Ok(())
}

#[test]
fn probabilities_that_underflow_stay_finite() -> Result<()> {
    // Each frame gives the target's symbol e^-800; over 400 frames that is no number of f64.
    let frames: Vec<f32> = (0..400).flat_map(|_| [800f32, 0.0, 0.0]).collect();
    let x = Var::from_tensor(&Tensor::from_vec(frames, (1, 400, 3), &Device::Cpu)?)?;
    let target: Vec<u32> = (0..200).map(|at| 1 + at % 2).collect();
    let loss = ctc_loss(&x, &[400], &[target], &unreduced())?.sum_all()?;
    let value = loss.to_scalar::<f32>()?;
    assert!((value - 160_000.0).abs() < 1000.0, "{value}");
    let gradient = loss.backward()?.get(&x).map(|g| g.flatten_all()?.to_vec1::<f32>());
    assert!(gradient.transpose()?.is_some_and(|g| g.iter().all(|value| value.is_finite())));
    Ok(())
}

#[test]
fn no_alignment_at_all_is_infinite_without_a_gradient() -> Result<()> {
    let x = Tensor::new(&[[[0f32, f32::NEG_INFINITY]]], &Device::Cpu)?;
    let x = Var::from_tensor(&x)?;
    let loss = ctc_loss(&x, &[1], &[[1u32]], &unreduced())?.sum_all()?;
    assert_eq!(loss.to_scalar::<f32>()?, f32::INFINITY);
    let gradient = loss.backward()?.get(&x).map(|g| g.flatten_all()?.to_vec1::<f32>());
    assert_eq!(gradient.transpose()?, Some(vec![0.0, 0.0]));
    Ok(())
}

#[test]
fn what_does_not_fit_is_named() {
    let x = values((2, 3, 4), 1);
    let message = |lengths: &[usize], targets: &[&[u32]], blank: u32| {
        let config = CtcConfig { blank, ..unreduced() };
        ctc_loss(&x, lengths, targets, &config).map_or_else(|e| e.to_string(), |_| String::new())
    };
    assert_eq!(message(&[3, 3], &[&[1], &[2]], 0), "");
    for (lengths, targets, blank, part) in [
        (&[3][..], &[&[1u32][..]][..], 0, "1 lengths and 1 targets"),
        (&[3, 4], &[&[1], &[1]], 0, "T of at least 4"),
        (&[3, 3], &[&[1], &[1, 0]], 0, "symbol 0 at position 1 of sample 1"),
        (&[3, 3], &[&[4], &[1]], 0, "symbol 4 at position 0 of sample 0"),
        (&[3, 3], &[&[1], &[1]], 4, "blank's number 4"),
    ] {
        let text = message(lengths, targets, blank);
        assert!(text.contains(part), "{text}");
    }
}
