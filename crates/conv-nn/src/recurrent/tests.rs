use super::cell::{Gated, LongShortTerm};
use super::*;
use crate::{Parameters, rng};
use candle_core::{DType, Device, Var};
use gradcheck::values;
use proptest::prelude::*;

/// A stack that is checked, and its batch.
#[derive(Debug, Clone)]
struct Shape {
    steps: usize,
    input: usize,
    units: usize,
    layers: usize,
    projection: Option<usize>,
    is_bidirectional: bool,
    has_bias: bool,
    /// Of each sequence.
    lengths: Vec<usize>,
    are_lengths_given: bool,
}

impl Shape {
    fn stacking(&self) -> Stacking {
        let Self { layers, is_bidirectional, has_bias, .. } = *self;
        Stacking { layers, is_bidirectional, has_bias, dropout: 0.0 }
    }

    fn lengths(&self) -> Option<&[usize]> {
        self.are_lengths_given.then_some(&self.lengths[..])
    }

    /// Input, initial h and c, and all weights one after the other.
    fn inputs<C: Cell>(&self) -> Vec<Tensor> {
        let batch = self.lengths.len();
        let units = self.units;
        let directions = 1 + usize::from(self.is_bidirectional);
        let output = self.projection.unwrap_or(units);
        let sums = C::GATES * units;
        // The input not in the order of its memory.
        let mut shapes = vec![vec![self.steps, batch, self.input]];
        shapes.push(vec![self.layers * directions, batch, output]);
        if C::CARRIES {
            shapes.push(vec![self.layers * directions, batch, units]);
        }
        for layer in 0..self.layers {
            let input = if layer == 0 { self.input } else { directions * output };
            for _ in 0..directions {
                shapes.extend([vec![sums, input], vec![sums, output]]);
                if self.has_bias {
                    shapes.extend([vec![sums], vec![sums]]);
                }
                shapes.extend(self.projection.map(|output| vec![output, units]));
            }
        }
        shapes.into_iter().zip(1..).map(|(shape, seed)| values(shape, seed)).collect()
    }

    /// Outputs and states in one tensor, by the kernel or by the composition.
    fn run<C: Cell>(&self, inputs: &[Tensor], is_composed: bool) -> candle_core::Result<Tensor> {
        let mut rest = inputs[1..].iter();
        let mut next = || rest.next().cloned();
        let x = inputs[0].transpose(0, 1)?;
        let h = next();
        let c = if C::CARRIES { next() } else { None };
        let mut weights = Vec::new();
        while let Some(weight_ih) = next() {
            let Some(weight_hh) = next() else { break };
            let bias = if self.has_bias { next().zip(next()) } else { None };
            let weight_hr = if self.projection.is_some() { next() } else { None };
            weights.push(LayerWeights { weight_ih, weight_hh, bias, weight_hr });
        }
        let stack = Stack::<C> { weights, stacking: self.stacking(), cell: PhantomData };
        let (y, h, c) = if !is_composed {
            stack.forward(&x, self.lengths(), (h.as_ref(), c.as_ref()), &mut Mode::Eval)?
        } else {
            composed_stack(&stack, &x, self.lengths(), (h.as_ref(), c.as_ref()))?
        };
        let parts = [Some(y), Some(h), c];
        let parts = parts.iter().flatten().map(Tensor::flatten_all);
        Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)
    }
}

/// [`Stack::forward`], step by step.
fn composed_stack<C: Cell>(
    stack: &Stack<C>,
    x: &Tensor,
    lengths: Option<&[usize]>,
    (h, c): (Option<&Tensor>, Option<&Tensor>),
) -> Result<Stacked> {
    let forward = Sequences::of(C::NAME, x, lengths)?;
    let directions = 1 + usize::from(stack.stacking.is_bidirectional);
    let mut x = x.clone();
    let mut last = Vec::new();
    let mut carried = Vec::new();
    for (layer, weights) in stack.weights.chunks(directions).enumerate() {
        let mut outputs = Vec::new();
        for (direction, weights) in weights.iter().enumerate() {
            let number = layer * directions + direction;
            let state = [h, c].into_iter().flatten().map(|state| state.get(number));
            let state = Tensor::cat(&state.collect::<candle_core::Result<Vec<_>>>()?, 1)?;
            let sequences = if direction == 0 { forward.clone() } else { forward.reversed() };
            let (y, h, c) = composed::apply::<C>(&sequences, &x, weights, &state)?;
            outputs.push(y);
            last.push(h);
            carried.extend(c);
        }
        x = Tensor::cat(&outputs, 2)?;
    }
    let carried = C::CARRIES.then(|| Tensor::stack(&carried, 0)).transpose()?;
    Ok((x, Tensor::stack(&last, 0)?, carried))
}

fn shapes() -> impl Strategy<Value = Shape> {
    let sizes = (1usize..4, 1usize..4, 1usize..4, 1usize..3);
    let kinds = (0usize..4, any::<bool>(), any::<bool>(), any::<bool>());
    (sizes, kinds, proptest::collection::vec(0usize..4, 0..4)).prop_map(
        |((steps, input, units, layers), (projection, both, has_bias, given), lengths)| Shape {
            steps,
            input,
            units,
            layers,
            projection: Some(projection).filter(|size| (1..units).contains(size)),
            is_bidirectional: both,
            has_bias,
            lengths: lengths.into_iter().map(|length| length.min(steps)).collect(),
            are_lengths_given: given,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_gradients_are_right(shape in shapes()) {
        let plain = Shape { projection: None, ..shape.clone() };
        gradcheck::check("lstm", &shape.inputs::<LongShortTerm>(), |t| {
            shape.run::<LongShortTerm>(t, false)
        });
        gradcheck::check("gru", &plain.inputs::<Gated>(), |t| plain.run::<Gated>(t, false));
    }

    #[test]
    fn step_by_step_it_is_the_same(shape in shapes()) {
        // candle's operations cannot take parts of a batch of none.
        let lengths = [vec![1], shape.lengths.clone()].concat();
        let shape = Shape { lengths, ..shape };
        let plain = Shape { projection: None, ..shape.clone() };
        gradcheck::check_same(
            "lstm",
            &shape.inputs::<LongShortTerm>(),
            |t| shape.run::<LongShortTerm>(t, false),
            |t| shape.run::<LongShortTerm>(t, true),
        );
        gradcheck::check_same(
            "gru",
            &plain.inputs::<Gated>(),
            |t| plain.run::<Gated>(t, false),
            |t| plain.run::<Gated>(t, true),
        );
    }
}

/// More than a tile, a panel and a block have.
#[test]
fn of_larger_sizes_too_it_is_the_same() {
    let shape = Shape {
        steps: 13,
        input: 37,
        units: 51,
        layers: 1,
        projection: Some(29),
        is_bidirectional: true,
        has_bias: true,
        lengths: vec![13, 2, 7, 13, 0, 1, 12, 9, 5, 5, 13],
        are_lengths_given: true,
    };
    let small = |inputs: Vec<Tensor>| -> candle_core::Result<Vec<Tensor>> {
        inputs.into_iter().map(|input| input * 0.3).collect()
    };
    for projection in [None, Some(29)] {
        let shape = Shape { projection, ..shape.clone() };
        let inputs = small(shape.inputs::<LongShortTerm>()).expect("small tensors");
        gradcheck::check_same(
            "lstm",
            &inputs,
            |t| shape.run::<LongShortTerm>(t, false),
            |t| shape.run::<LongShortTerm>(t, true),
        );
    }
    let shape = Shape { projection: None, ..shape };
    let inputs = small(shape.inputs::<Gated>()).expect("small tensors");
    gradcheck::check_same(
        "gru",
        &inputs,
        |t| shape.run::<Gated>(t, false),
        |t| shape.run::<Gated>(t, true),
    );
}

fn f32s(shape: &[usize], seed: u64) -> candle_core::Result<Tensor> {
    values(shape, seed).to_dtype(DType::F32)
}

fn bits(tensor: &Tensor) -> candle_core::Result<Vec<u32>> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().map(f32::to_bits).collect())
}

/// With the weights as variables and as plain tensors.
fn tracked_and_not<C: Cell>(
    sizes: (usize, usize, Option<usize>),
    stacking: Stacking,
) -> candle_core::Result<[Stack<C>; 2]> {
    let parameters = Parameters::new(3);
    let stack = Stack::<C>::build(sizes, stacking, &parameters.builder(DType::F32, &Device::Cpu))?;
    let detached = |weights: &LayerWeights| LayerWeights {
        weight_ih: weights.weight_ih.detach(),
        weight_hh: weights.weight_hh.detach(),
        bias: weights.bias.as_ref().map(|(a, b)| (a.detach(), b.detach())),
        weight_hr: weights.weight_hr.as_ref().map(Tensor::detach),
    };
    let plain = Stack {
        weights: stack.weights.iter().map(detached).collect(),
        stacking,
        cell: PhantomData,
    };
    Ok([stack, plain])
}

const PLAIN: Stacking =
    Stacking { layers: 1, is_bidirectional: false, has_bias: true, dropout: 0.0 };

/// Which sequences are in the batch, how many steps there are, and whether gradients are kept:
/// nothing of it moves a bit.
#[test]
fn a_step_is_the_same_bits_in_any_company() -> candle_core::Result<()> {
    fn check<C: Cell>(projection: Option<usize>) -> candle_core::Result<()> {
        let stacking = Stacking { layers: 2, ..PLAIN };
        let [tracked, plain] = tracked_and_not::<C>((37, 70, projection), stacking)?;
        let x = f32s(&[9, 11, 37], 1)?;
        let none = (None, None);
        let (y, h, c) = plain.forward(&x, None, none, &mut Mode::Eval)?;
        let (of_tracked, ..) = tracked.forward(&x, None, none, &mut Mode::Eval)?;
        assert!(of_tracked.track_op() && !y.track_op());
        assert_eq!(bits(&of_tracked)?, bits(&y)?);
        // Alone, and with the state carried from step to step.
        let mut state = (None, None);
        for step in 0..11 {
            let one = x.narrow(0, 4, 1)?.narrow(1, step, 1)?;
            let (found, h, c) =
                plain.forward(&one, None, (state.0.as_ref(), state.1.as_ref()), &mut Mode::Eval)?;
            assert_eq!(bits(&found)?, bits(&y.narrow(0, 4, 1)?.narrow(1, step, 1)?)?);
            state = (Some(h), c);
        }
        let of_fourth = |last: &Tensor| bits(&last.narrow(1, 4, 1)?);
        assert_eq!(state.0.map(|h| bits(&h)).transpose()?, Some(of_fourth(&h)?));
        let carried = [state.1.map(|c| bits(&c)), c.as_ref().map(of_fourth)];
        let [found, expected] = carried.map(Option::transpose);
        assert_eq!(found?, expected?);
        // As one of lengths.
        let lengths = [0, 3, 11, 5, 8, 1, 11, 2, 7];
        let stacking = Stacking { is_bidirectional: true, ..PLAIN };
        let [_, plain] = tracked_and_not::<C>((37, 70, projection), stacking)?;
        let (y, h, _) = plain.forward(&x, Some(&lengths), none, &mut Mode::Eval)?;
        for (sequence, length) in lengths.into_iter().enumerate().filter(|(_, length)| *length > 0)
        {
            let alone = x.narrow(0, sequence, 1)?.narrow(1, 0, length)?;
            let (found, last, _) = plain.forward(&alone, None, none, &mut Mode::Eval)?;
            let of_batch = y.narrow(0, sequence, 1)?;
            assert_eq!(bits(&found)?, bits(&of_batch.narrow(1, 0, length)?)?);
            assert_eq!(bits(&last)?, bits(&h.narrow(1, sequence, 1)?)?);
            let behind = of_batch.narrow(1, length, 11 - length)?;
            assert!(bits(&behind)?.iter().all(|bits| *bits == 0));
        }
        Ok(())
    }
    check::<LongShortTerm>(None)?;
    check::<LongShortTerm>(Some(33))?;
    check::<Gated>(None)
}

/// Not even what is not a number.
#[test]
fn what_lies_behind_an_end_does_not_matter() -> candle_core::Result<()> {
    fn check<C: Cell>() -> candle_core::Result<()> {
        let stacking = Stacking { is_bidirectional: true, ..PLAIN };
        let [stack, _] = tracked_and_not::<C>((5, 6, None), stacking)?;
        let lengths = [4, 2, 0];
        let x = f32s(&[3, 4, 5], 1)?.flatten_all()?.to_vec1::<f32>()?;
        let of = |padding: f32| -> candle_core::Result<Vec<Vec<u32>>> {
            let mut x = x.clone();
            for (sequence, x) in x.chunks_mut(4 * 5).enumerate() {
                x[lengths[sequence] * 5..].fill(padding);
            }
            let x = Var::from_vec(x, (3, 4, 5), &Device::Cpu)?;
            let (y, ..) = stack.forward(&x, Some(&lengths), (None, None), &mut Mode::Eval)?;
            let gradients = y.sqr()?.sum_all()?.backward()?;
            let weights = stack.weights.iter().flat_map(LayerWeights::tensors);
            let all = weights.chain([x.as_tensor()]).map(|weight| gradients.get(weight));
            let all: Vec<_> = all.flatten().collect();
            assert_eq!(all.len(), 2 * 4 + 1);
            all.into_iter().chain([&y]).map(bits).collect()
        };
        assert_eq!(of(f32::NAN)?, of(0.5)?);
        Ok(())
    }
    check::<LongShortTerm>()?;
    check::<Gated>()
}

/// On a stack that a walk through 3,000 nodes would overflow: with the first number at the last
/// step as the target.
#[test]
fn three_thousand_steps_train() -> candle_core::Result<()> {
    fn train<C: Cell>() -> candle_core::Result<()> {
        let [stack, _] = tracked_and_not::<C>((2, 8, None), PLAIN)?;
        let x =
            Tensor::cat(&[f32s(&[4, 10, 2], 1)?, f32s(&[4, 2990, 2], 2)?.affine(0.0, 0.0)?], 1)?;
        let target = x.narrow(1, 0, 1)?.sum((1, 2))?;
        let mut losses = Vec::new();
        for _ in 0..40 {
            let (y, ..) = stack.forward(&x, None, (None, None), &mut Mode::Eval)?;
            let loss = (y.narrow(1, 5, 1)?.sum((1, 2))? - &target)?.sqr()?.mean_all()?;
            let last = y.narrow(1, 2999, 1)?.sqr()?.mean_all()?;
            let gradients = (&loss + last)?.backward()?;
            for weight in stack.weights.iter().flat_map(LayerWeights::tensors) {
                let Some(gradient) = gradients.get(weight) else { panic!("no gradient") };
                let variable = Var::from_tensor(weight)?;
                variable.set(&(weight.detach() - (gradient * 0.5)?)?)?;
            }
            losses.push(loss.to_scalar::<f32>()?);
        }
        assert!(losses[39] < 0.5 * losses[0], "{losses:?}");
        Ok(())
    }
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let both = || train::<LongShortTerm>().and_then(|()| train::<Gated>());
    thread.spawn(both)?.join().expect("no overflow")
}

#[test]
fn only_tracked_arguments_get_a_gradient_and_a_graph_is_walked_twice() -> candle_core::Result<()> {
    let shape = Shape {
        steps: 3,
        input: 2,
        units: 3,
        layers: 1,
        projection: None,
        is_bidirectional: false,
        has_bias: true,
        lengths: vec![3, 3],
        are_lengths_given: false,
    };
    let plain = shape.inputs::<LongShortTerm>();
    for tracked in 0..plain.len() {
        let mut inputs = plain.clone();
        let var = Var::from_tensor(&plain[tracked])?;
        // An intermediate result, for which candle insists on a gradient.
        inputs[tracked] = var.affine(2.0, 0.0)?;
        let loss = shape.run::<LongShortTerm>(&inputs, false)?.sum_all()?;
        let walk = || -> candle_core::Result<_> {
            let of = loss.backward()?.get(&var).cloned();
            of.map(|of| of.flatten_all()?.to_vec1::<f64>()).transpose()
        };
        let first = walk()?;
        assert!(first.is_some());
        assert_eq!(first, walk()?);
    }
    Ok(())
}

#[test]
fn dropout_is_between_layers_in_training() -> candle_core::Result<()> {
    let stacking = Stacking { layers: 2, dropout: 0.5, ..PLAIN };
    let [_, stack] = tracked_and_not::<Gated>((3, 20, None), stacking)?;
    let x = f32s(&[2, 4, 3], 1)?;
    let run = |mode: &mut Mode| bits(&stack.forward(&x, None, (None, None), mode)?.1);
    let mut stream = rng::seeded(1, "step");
    let train = run(&mut Mode::Train(&mut stream))?;
    let eval = run(&mut Mode::Eval)?;
    assert_eq!(train[..40], eval[..40], "the first layer's state");
    assert_ne!(train[40..], eval[40..]);
    Ok(())
}

#[test]
fn misfits_are_named() -> candle_core::Result<()> {
    let [_, stack] = tracked_and_not::<LongShortTerm>((3, 5, None), PLAIN)?;
    let text = |x: &Tensor, lengths: Option<&[usize]>, h: Option<&Tensor>| {
        let made = stack.forward(x, lengths, (h, None), &mut Mode::Eval);
        made.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let x = f32s(&[2, 4, 3], 1)?;
    let expected = "lstm: its input has shape [2, 3], expected [B, T, D]";
    assert_eq!(text(&f32s(&[2, 3], 1)?, None, None), expected);
    let expected = "lstm: its input has shape [2, 4, 3], expected [3, T, D] as there are lengths";
    assert_eq!(text(&x, Some(&[1, 2, 3]), None), expected);
    let expected = "lstm: its input has shape [2, 4, 3], expected [B, T, D] with T of at least 5";
    assert_eq!(text(&x, Some(&[5, 2]), None), expected);
    let expected = "lstm: weight_ih has shape [20, 3], expected [20, 4], and at least one input";
    assert_eq!(text(&f32s(&[2, 4, 4], 1)?, None, None), expected);
    let expected = "lstm: the initial h has shape [1, 3, 5], expected [1, 2, 5]";
    assert_eq!(text(&x, None, Some(&f32s(&[1, 3, 5], 1)?)), expected);
    let expected = "lstm: a weight is F32, expected F64, as its input has";
    assert_eq!(text(&values((2, 4, 3), 1), None, None), expected);
    let expected = "lstm: the initial h is F64, expected F32, as its input has";
    assert_eq!(text(&x, None, Some(&values((1, 2, 5), 1))), expected);
    for (steps, batch) in [(0, 2), (4, 0)] {
        let (y, ..) =
            stack.forward(&f32s(&[batch, steps, 3], 1)?, None, (None, None), &mut Mode::Eval)?;
        assert_eq!(y.dims(), [batch, steps, 5]);
    }
    Ok(())
}
