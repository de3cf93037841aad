use super::*;
use crate::config::tests::tiny;
use crate::frontend::{FrontEnd, LogMelConfig};
use crate::{Objective, cldnn};
use candle_core::{DType, Device};
use conv_nn::{LayerWeights, Parameters};
use gradcheck::values;

/// H, P, A, E, V, K and N of the tests.
const SIZES: [usize; 7] = [4, 3, 5, 2, 4, 2, 3];

/// The decoder's tensors, with filters or without.
fn tensors(has_filters: bool) -> Vec<Tensor> {
    let [inputs, units, energies, size, classes, filters, width] = SIZES;
    let mut shapes = vec![
        vec![classes, size],
        vec![4 * units, size + inputs],
        vec![4 * units, units],
        vec![4 * units],
        vec![4 * units],
        vec![energies, inputs],
        vec![energies],
        vec![energies, units],
        vec![1, energies],
        vec![units, units + inputs],
        vec![units],
        vec![classes, units],
        vec![classes],
    ];
    if has_filters {
        shapes.extend([vec![filters, 1, width], vec![energies, filters]]);
    }
    (1..).zip(shapes).map(|(seed, shape)| values(shape, seed)).collect()
}

fn decoder(t: &[Tensor]) -> Attention {
    let linear = |weight: usize, bias: Option<usize>| {
        Linear::new(t[weight].clone(), bias.map(|bias| t[bias].clone()))
    };
    let weights = LayerWeights {
        weight_ih: t[1].clone(),
        weight_hh: t[2].clone(),
        bias: Some((t[3].clone(), t[4].clone())),
        weight_hr: None,
    };
    let around = Conv1dConfig { padding: (SIZES[6] / 2, SIZES[6] / 2), ..Conv1dConfig::default() };
    Attention {
        embedding: Embedding::new(t[0].clone(), EmbeddingConfig::default()),
        recurrent: Lstm::new(vec![weights], LstmConfig::default()),
        heard: linear(5, Some(6)),
        asked: linear(7, None),
        energy: linear(8, None),
        hidden: linear(9, Some(10)),
        output: linear(11, Some(12)),
        places: (t.len() > 13)
            .then(|| (Conv1d::new(t[13].clone(), None, around), linear(14, None))),
        dropout: 0.3,
    }
}

#[test]
fn the_gradients_are_right() {
    let texts = [vec![1, 3], vec![2]];
    for has_filters in [true, false] {
        let mut inputs = tensors(has_filters);
        inputs.push(values((2, 3, 4), 30));
        gradcheck::check("attention", &inputs, |t| {
            let (encoded, own) = t.split_last().unwrap_or_else(|| unreachable!("it was pushed"));
            let logits = decoder(own).logits(encoded, &[3, 2], &texts, &mut Mode::Eval);
            logits.map_err(candle_core::Error::wrap)
        });
    }
}

/// W x + b.
fn product(weight: &[Vec<f64>], bias: &[f64], x: &[f64]) -> Vec<f64> {
    let row =
        |(row, bias): (&Vec<f64>, &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias;
    weight.iter().zip(bias).map(row).collect()
}

/// The logits of a text, number by number.
fn plainly(t: &[Tensor], encoded: &[Vec<f64>], text: &[u32]) -> Result<Vec<Vec<f64>>> {
    let [inputs, units, energies, _, _, filters, width] = SIZES;
    let matrix = |at: usize| t[at].to_vec2::<f64>();
    let vector = |at: usize| t[at].to_vec1::<f64>();
    let of_input = matrix(1)?;
    let of_state = matrix(2)?;
    let biases: Vec<f64> = vector(3)?.iter().zip(vector(4)?).map(|(a, b)| a + b).collect();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut h = vec![0.0; units];
    let mut c = vec![0.0; units];
    let mut read = vec![0.0; inputs];
    let mut shares = vec![0.0; encoded.len()];
    shares[0] = 1.0;
    let mut rows = Vec::new();
    for class in [END].iter().chain(text) {
        let mut x = matrix(0)?[*class as usize].clone();
        x.extend(&read);
        let sums = product(&of_input, &biases, &x);
        let sums: Vec<f64> = sums
            .iter()
            .zip(product(&of_state, &vec![0.0; 4 * units], &h))
            .map(|(a, b)| a + b)
            .collect();
        for unit in 0..units {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| sums[gate * units + unit]);
            c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * g.tanh();
            h[unit] = sigmoid(o) * c[unit].tanh();
        }
        let asked = product(&matrix(7)?, &vec![0.0; energies], &h);
        let mut fits = Vec::new();
        for (place, heard) in encoded.iter().enumerate() {
            let mut sum = product(&matrix(5)?, &vector(6)?, heard);
            for (sum, asked) in sum.iter_mut().zip(&asked) {
                *sum += asked;
            }
            if t.len() > 13 {
                let around: Vec<f64> = t[13].to_vec3::<f64>()?[..filters]
                    .iter()
                    .map(|filter| {
                        (0..width)
                            .filter_map(|tap| {
                                let at = (place + tap).checked_sub(width / 2)?;
                                Some(filter[0][tap] * shares.get(at)?)
                            })
                            .sum()
                    })
                    .collect();
                let places = product(&matrix(14)?, &vec![0.0; energies], &around);
                for (sum, place) in sum.iter_mut().zip(places) {
                    *sum += place;
                }
            }
            let tanh: Vec<f64> = sum.iter().map(|x| x.tanh()).collect();
            fits.push(product(&matrix(8)?, &[0.0], &tanh)[0].exp());
        }
        let all: f64 = fits.iter().sum();
        shares = fits.iter().map(|fit| fit / all).collect();
        read = (0..inputs)
            .map(|at| encoded.iter().zip(&shares).map(|(heard, share)| heard[at] * share).sum())
            .collect();
        let both = [&h[..], &read].concat();
        let hidden: Vec<f64> =
            product(&matrix(9)?, &vector(10)?, &both).iter().map(|x| x.tanh()).collect();
        rows.push(product(&matrix(11)?, &vector(12)?, &hidden));
    }
    Ok(rows)
}

#[test]
fn the_logits_are_those_of_the_plain_equations() -> Result<()> {
    let encoded = values((2, 5, 4), 40);
    let texts = [vec![3, 1, 2], vec![2]];
    let lengths = [5, 3];
    for has_filters in [true, false] {
        let t = tensors(has_filters);
        let found = decoder(&t).logits(&encoded, &lengths, &texts, &mut Mode::Eval)?;
        let found = found.to_vec3::<f64>()?;
        let encoded = encoded.to_vec3::<f64>()?;
        for (number, text) in texts.iter().enumerate() {
            let expected = plainly(&t, &encoded[number][..lengths[number]], text)?;
            for (row, expected) in found[number].iter().zip(&expected) {
                for (found, expected) in row.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_loss_is_that_of_the_letters_and_the_end() -> Result<()> {
    let logits = values((2, 3, 4), 50);
    let texts = [vec![3, 1], vec![2]];
    let rows = logits.to_vec3::<f64>()?;
    let log = |row: &[f64], class: usize| {
        row[class] - row.iter().map(|logit| logit.exp()).sum::<f64>().ln()
    };
    let (mut sum, mut smooth) = (0.0, 0.0);
    for (number, place, class) in [(0, 0, 3), (0, 1, 1), (0, 2, 0), (1, 0, 2), (1, 1, 0)] {
        let row = &rows[number][place];
        sum -= log(row, class);
        smooth -= 0.8 * log(row, class) + (0..4).map(|class| 0.05 * log(row, class)).sum::<f64>();
    }
    for (smoothing, expected) in [(0.0, sum), (0.2, smooth)] {
        let found = loss(&logits, &texts, smoothing)?.to_scalar::<f64>()?;
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
    Ok(())
}

#[test]
fn what_stands_behind_an_utterance_changes_no_bit_of_it() -> Result<()> {
    let mut config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
    config.objective = Objective::Attention;
    for filters in [0, 3] {
        config.attention = Some(AttentionConfig {
            embedding: 4,
            units: 40,
            energies: 33,
            filters,
            width: 7,
            ctc_weight: 0.0,
        });
        let drawn = Parameters::new(3);
        cldnn(&config, None, &drawn.builder(DType::F32, &Device::Cpu))?;
        let frozen = Parameters::frozen(drawn.tensors());
        let model = cldnn(&config, None, &frozen.builder(DType::F32, &Device::Cpu))?;
        let crate::model::Output::Attention(decoder, None) = model.output() else {
            unreachable!("it was asked for")
        };
        let of = |shape: (usize, usize, usize), seed| values(shape, seed).to_dtype(DType::F32);
        let own = of((1, 9, 10), 1)?;
        let text = vec![1, 4, 2];
        let bits =
            |encoded: &Tensor, lengths: &[usize], texts: &[Vec<u32>]| -> Result<Vec<Vec<f32>>> {
                let logits = decoder.logits(encoded, lengths, texts, &mut Mode::Eval)?;
                Ok(logits.get(0)?.narrow(0, 0, 4)?.to_vec2()?)
            };
        let alone = bits(&own, &[9], std::slice::from_ref(&text))?;
        for longest in [10, 31, 300] {
            let padded = Tensor::cat(&[&own, &of((1, longest - 9, 10), 2)?], 1)?;
            let both = Tensor::cat(&[padded, of((1, longest, 10), 3)?], 0)?;
            let texts = [text.clone(), vec![3; 6]];
            assert_eq!(bits(&both, &[9, longest], &texts)?, alone, "beside {longest}");
        }
    }
    Ok(())
}
