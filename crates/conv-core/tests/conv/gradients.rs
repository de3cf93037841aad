//! Finite differences in f64 over drawn geometries, arguments of any layout, and every way a
//! gradient comes back.

use candle_core::{Result, Tensor};
use gradcheck::Kinds;
use proptest::prelude::*;

use crate::cases::{Case, Operation, any_case};

const GEOMETRIES: u32 = 250;

/// How an argument lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Contiguous,
    /// The first two dimensions swapped.
    Transposed,
    /// Cut out of a larger tensor, in the last dimension.
    Narrowed,
    /// The first dimension expanded from one element: stride 0.
    Expanded,
}

impl Layout {
    /// The shape of a contiguous tensor that [`Layout::view`] makes one of `shape` from.
    fn stored(self, shape: &[usize]) -> Vec<usize> {
        let mut stored = shape.to_vec();
        match self {
            Self::Contiguous => {}
            Self::Transposed => stored.swap(0, 1),
            Self::Narrowed => stored[shape.len() - 1] += 3,
            Self::Expanded => stored[0] = 1,
        }
        stored
    }

    fn view(self, stored: &Tensor, shape: &[usize]) -> Result<Tensor> {
        match self {
            Self::Contiguous => Ok(stored.clone()),
            Self::Transposed => stored.transpose(0, 1),
            Self::Narrowed => stored.narrow(shape.len() - 1, 2, shape[shape.len() - 1]),
            Self::Expanded => stored.broadcast_as(shape),
        }
    }
}

/// What becomes of the output. candle makes every gradient contiguous before it hands it on: those
/// of another layout are tested in `src/operation.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Plain,
    Transposed,
    Summed,
    /// The output is used twice, and so is each argument, once of them nonlinearly.
    Twice,
}

fn any_layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        2 => Just(Layout::Contiguous),
        1 => Just(Layout::Transposed),
        1 => Just(Layout::Narrowed),
        1 => Just(Layout::Expanded),
    ]
}

fn any_use() -> impl Strategy<Value = Use> {
    prop_oneof![Just(Use::Plain), Just(Use::Transposed), Just(Use::Summed), Just(Use::Twice),]
}

fn check(case: &Case, layouts: [Layout; 2], used: Use) {
    let x_shape = case.x_shape();
    let weight_shape = case.weight_shape();
    let mut inputs = vec![
        gradcheck::values(layouts[0].stored(&x_shape), 1),
        gradcheck::values(layouts[1].stored(&weight_shape), 2),
    ];
    if case.bias {
        inputs.push(gradcheck::values(case.groups * case.outputs, 3));
    }
    gradcheck::check(case.operation.name(), &inputs, |inputs| {
        let x = layouts[0].view(&inputs[0], &x_shape)?;
        let weight = layouts[1].view(&inputs[1], &weight_shape)?;
        let y = case.run(&x, &weight, inputs.get(2))?;
        match used {
            Use::Plain => Ok(y),
            Use::Transposed => y.transpose(1, y.rank() - 1),
            Use::Summed => y.sum_keepdim((0, y.rank() - 1)),
            Use::Twice => {
                let again = case.run(&x.tanh()?, &weight.sqr()?, inputs.get(2))?;
                (again + y.mul(&y)?)?.broadcast_add(&x.sum_all()?)
            }
        }
    });
}

fn check_many(operation: Operation) {
    let drawn = (any_case(operation), [any_layout(), any_layout()], any_use());
    gradcheck::check_many(GEOMETRIES, drawn, |(case, layouts, used)| {
        check(&case, layouts, used);
        kinds(&case, layouts, used)
    });
}

fn kinds(case: &Case, layouts: [Layout; 2], used: Use) -> Result<Kinds> {
    let strided = |layout: Layout, shape: Vec<usize>| -> Result<bool> {
        let view = layout.view(&gradcheck::values(layout.stored(&shape), 1), &shape)?;
        Ok(!view.is_contiguous())
    };
    let x_strided = strided(layouts[0], case.x_shape())?;
    let axes = if case.operation.is_1d() { vec![case.w] } else { vec![case.h, case.w] };
    let any = |of: &dyn Fn(&crate::cases::Axis) -> bool| axes.iter().any(of);
    let mut kinds = vec![
        ("batch of several", case.batch > 1),
        ("groups", case.groups > 1),
        ("depthwise", case.groups > 1 && case.inputs == 1),
        // The kernels go two ways, by the channels of a group.
        ("four input channels or more", case.inputs > 3),
        ("four output channels or more", case.outputs > 3),
        ("bias", case.bias),
        ("no bias", !case.bias),
        ("stride", any(&|a| a.stride > 1)),
        ("dilation", any(&|a| a.dilation > 1)),
        ("padding", any(&|a| a.padding != (0, 0))),
        ("one-sided padding", any(&|a| a.padding.0 > 0 && a.padding.1 == 0)),
        ("input not contiguous", x_strided),
        ("weight not contiguous", strided(layouts[1], case.weight_shape())?),
        ("input of stride 0", x_strided && layouts[0] == Layout::Expanded),
        ("output transposed", used == Use::Transposed),
        ("output summed", used == Use::Summed),
        ("tensors used twice", used == Use::Twice),
    ];
    if case.operation.is_transposed() {
        kinds.push(("output padding", any(&|a| a.output_padding > 0)));
    } else {
        let rest = |a: &crate::cases::Axis| a.room().is_some_and(|room| room % a.stride != 0);
        kinds.push(("stride leaves a rest", any(&rest)));
    }
    if !case.operation.is_1d() {
        kinds.push(("height is not width", case.h.size != case.w.size));
        kinds.push(("stride differs", case.h.stride != case.w.stride));
        kinds.push(("dilation differs", case.h.dilation != case.w.dilation));
    }
    Ok(kinds)
}

#[test]
fn conv1d_gradients_equal_finite_differences() {
    check_many(Operation::Conv1d);
}

#[test]
fn conv2d_gradients_equal_finite_differences() {
    check_many(Operation::Conv2d);
}

#[test]
fn conv_transpose1d_gradients_equal_finite_differences() {
    check_many(Operation::ConvTranspose1d);
}

#[test]
fn conv_transpose2d_gradients_equal_finite_differences() {
    check_many(Operation::ConvTranspose2d);
}
