use super::*;
use candle_core::{IndexOp, Var};
use gradcheck::{check_many, values};
use proptest::prelude::*;

fn unreduced() -> RnntConfig {
    RnntConfig { reduction: Reduction::None, ..RnntConfig::default() }
}

/// The sum over every alignment from a place on, by its definition: the next symbol here, or a
/// blank to the next frame.
fn enumerated(
    shares: &[Vec<Vec<f64>>],
    target: &[u32],
    blank: usize,
    (t, u): (usize, usize),
) -> f64 {
    let here = &shares[t][u];
    let by_symbol = match target.get(u) {
        Some(&symbol) => here[symbol as usize] * enumerated(shares, target, blank, (t, u + 1)),
        None => 0.0,
    };
    let by_blank = match (t + 1 < shares.len(), u == target.len()) {
        (true, _) => here[blank] * enumerated(shares, target, blank, (t + 1, u)),
        (false, true) => here[blank],
        (false, false) => 0.0,
    };
    by_symbol + by_blank
}

type Drawn = (usize, usize, u32, Vec<(usize, Vec<u32>)>, u64);

/// Two samples of frames, classes, a blank, and targets.
fn cases() -> impl Strategy<Value = Drawn> {
    (1usize..5, 2usize..4).prop_flat_map(|(frames, classes)| {
        let target = prop::collection::vec(0..classes as u32 - 1, 0..4);
        let samples = prop::collection::vec((1..=frames, target), 2);
        (Just(frames), Just(classes), 0..classes as u32, samples, any::<u64>())
    })
}

#[test]
fn it_is_the_sum_over_all_alignments_and_its_gradient_is_right() {
    check_many(300, cases(), |(frames, classes, blank, samples, seed)| {
        let (lengths, targets): (Vec<usize>, Vec<Vec<u32>>) = samples
            .into_iter()
            .map(|(length, target)| {
                // Symbols step over the blank.
                let target = target.into_iter().map(|id| id + u32::from(id >= blank));
                (length, target.collect::<Vec<u32>>())
            })
            .unzip();
        let places = targets.iter().map(Vec::len).max().unwrap_or(0) + 1;
        let x = values((2, frames, places, classes), seed);
        let config = RnntConfig { blank, ..unreduced() };
        let losses = rnnt_loss(&x, &lengths, &targets, &config)?.to_vec1::<f64>()?;
        let shares = crate::softmax(&x, 3)?;
        for (sample, loss) in losses.iter().enumerate() {
            let shares = shares.i(sample)?.to_vec3::<f64>()?;
            let sum =
                enumerated(&shares[..lengths[sample]], &targets[sample], blank as usize, (0, 0));
            assert!((loss + sum.ln()).abs() < 1e-9, "{loss}, all alignments {}", -sum.ln());
        }
        gradcheck::check("rnnt_loss", &[x], |t| Ok(rnnt_loss(&t[0], &lengths, &targets, &config)?));
        candle_core::Result::Ok(vec![
            ("a repeat", targets.iter().any(|t| t.windows(2).any(|pair| pair[0] == pair[1]))),
            ("more symbols than frames", targets.iter().zip(&lengths).any(|(t, &l)| t.len() > l)),
            ("no symbol", targets.iter().any(Vec::is_empty)),
            ("one frame", lengths.contains(&1)),
            ("padding", lengths.iter().any(|&length| length < frames)),
        ])
    });
}

#[test]
fn a_sample_is_as_it_is_alone_and_beyond_its_places_the_gradient_is_0() -> Result<()> {
    let x = Var::from_tensor(&values((3, 6, 5, 4), 4))?;
    let lengths = [6, 2, 4];
    let targets = [&[1u32, 1, 3, 2][..], &[3, 3, 3], &[]];
    let losses = rnnt_loss(&x, &lengths, &targets, &unreduced())?;
    let gradient = losses.sum_all()?.backward()?.get(&x).cloned();
    let gradient = gradient.map_or_else(|| x.zeros_like(), Ok)?;
    for (sample, (&length, target)) in lengths.iter().zip(targets).enumerate() {
        let own = |t: &Tensor| t.i(sample)?.narrow(0, 0, length)?.narrow(1, 0, target.len() + 1);
        let alone = Var::from_tensor(&own(&x)?.unsqueeze(0)?.contiguous()?)?;
        let loss = rnnt_loss(&alone, &[length], &[target], &unreduced())?;
        assert_eq!(loss.to_vec1::<f64>()?[0], losses.to_vec1::<f64>()?[sample]);
        let of_alone = loss.sum_all()?.backward()?.get(&alone).cloned();
        let of_alone = of_alone.map_or_else(|| alone.zeros_like(), Ok)?;
        let values = |t: &Tensor| t.flatten_all()?.to_vec1::<f64>();
        assert_eq!(values(&own(&gradient)?)?, values(&of_alone)?);
        let all: usize =
            values(&gradient.i(sample)?)?.iter().filter(|value| **value != 0.0).count();
        assert_eq!(all, values(&of_alone)?.iter().filter(|value| **value != 0.0).count());
    }
    Ok(())
}

#[test]
fn probabilities_that_underflow_stay_finite() -> Result<()> {
    // Each place gives its symbol e^-800; 20 of them are no number of f64.
    let logits: Vec<f32> = (0..30 * 21).flat_map(|_| [800f32, 0.0, 0.0]).collect();
    let x = Var::from_tensor(&Tensor::from_vec(logits, (1, 30, 21, 3), &Device::Cpu)?)?;
    let target: Vec<u32> = (0..20).map(|at| 1 + at % 2).collect();
    let loss = rnnt_loss(&x, &[30], &[target], &unreduced())?.sum_all()?;
    let value = loss.to_scalar::<f32>()?;
    assert!((value - 16_000.0).abs() < 100.0, "{value}");
    let gradient = loss.backward()?.get(&x).map(|g| g.flatten_all()?.to_vec1::<f32>());
    assert!(gradient.transpose()?.is_some_and(|g| g.iter().all(|value| value.is_finite())));
    Ok(())
}

#[test]
fn no_alignment_at_all_is_infinite_without_a_gradient() -> Result<()> {
    let x = Tensor::new(&[[[[0f32, f32::NEG_INFINITY]; 2]]], &Device::Cpu)?;
    let x = Var::from_tensor(&x)?;
    let loss = rnnt_loss(&x, &[1], &[[1u32]], &unreduced())?.sum_all()?;
    assert_eq!(loss.to_scalar::<f32>()?, f32::INFINITY);
    let gradient = loss.backward()?.get(&x).map(|g| g.flatten_all()?.to_vec1::<f32>());
    assert_eq!(gradient.transpose()?, Some(vec![0.0; 4]));
    Ok(())
}

#[test]
fn reductions_are_sum_and_mean() -> Result<()> {
    let x = values((2, 3, 3, 4), 7);
    let loss = |reduction| {
        rnnt_loss(&x, &[3, 2], &[&[1u32, 2][..], &[3]], &RnntConfig { reduction, blank: 0 })
    };
    let losses = loss(Reduction::None)?.to_vec1::<f64>()?;
    assert_eq!(loss(Reduction::Sum)?.to_scalar::<f64>()?, losses[0] + losses[1]);
    let mean = loss(Reduction::Mean)?.to_scalar::<f64>()?;
    assert!((mean - (losses[0] + losses[1]) / 2.0).abs() < 1e-12);
    Ok(())
}

#[test]
fn what_does_not_fit_is_named() {
    let x = values((2, 3, 2, 4), 1);
    let message = |lengths: &[usize], targets: &[&[u32]], blank: u32| {
        let config = RnntConfig { blank, ..unreduced() };
        rnnt_loss(&x, lengths, targets, &config).map_or_else(|e| e.to_string(), |_| String::new())
    };
    assert_eq!(message(&[3, 1], &[&[1], &[]], 0), "");
    for (lengths, targets, blank, part) in [
        (&[3][..], &[&[1u32][..]][..], 0, "1 lengths and 1 targets"),
        (&[3, 4], &[&[1], &[1]], 0, "of which 4 is none"),
        (&[3, 0], &[&[1], &[1]], 0, "of which 0 is none"),
        (&[3, 3], &[&[1], &[1, 2]], 0, "U of at least 2"),
        (&[3, 3], &[&[1], &[0]], 0, "rnnt_loss: symbol 0 at position 0 of sample 1"),
        (&[3, 3], &[&[4], &[1]], 0, "rnnt_loss: symbol 4 at position 0 of sample 0"),
        (&[3, 3], &[&[1], &[1]], 4, "blank's number 4"),
    ] {
        let text = message(lengths, targets, blank);
        assert!(text.contains(part), "{text}");
    }
}
