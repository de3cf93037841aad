//! What a recurrent layer does with a unit at a step, and its gradient.

use crate::real::Real;
use std::ops::Range;

/// The arithmetic of a layer's units, in rows that hold something of each.
pub(super) trait Cell: Send + Sync + 'static {
    /// The operation's name in errors.
    const NAME: &'static str;
    /// Products with the input and with the state for each unit: the weights have so many rows a
    /// unit.
    const GATES: usize;
    /// Numbers of each unit and step that the backward pass needs. The first [`Cell::GATES`] are
    /// sums at first.
    const KEPT: usize;
    /// Gradients of sums of each unit and step.
    const SLOPES: usize;
    /// Whether there is a state beside the output.
    const CARRIES: bool;
    /// Which of the slopes are those of the products with the input, gate by gate; and with the
    /// state, of which the first is given.
    const OF_INPUT: &'static [usize];
    const OF_STATE: usize;

    /// What [`Cell::step`] finds beside the products with the input, a number for each that is
    /// kept.
    fn biases<T: Real>(of_input: &[T], of_state: &[T], units: usize) -> Vec<T>;

    /// One step of some units. `kept` has the input's share of the sums and gets what the backward
    /// pass needs; `sums` are the state's, a slice a gate.
    fn step<'a, T: Real>(units: Units<'_, T>, sums: impl Fn(usize) -> &'a [T]);

    /// The step's gradient, for all units.
    fn back<T: Real>(of: Slopes<'_, T>);
}

/// Units of a sequence at a step.
pub(super) struct Units<'a, T> {
    /// Which they are.
    pub range: Range<usize>,
    /// What is kept, of all units.
    pub kept: &'a mut [T],
    /// The output before, of all units.
    pub before: &'a [T],
    /// The carried state, of all units.
    pub carried: &'a mut [T],
    /// The output, of all units.
    pub output: &'a mut [T],
}

/// Gradients of a sequence at a step, each for all units.
pub(super) struct Slopes<'a, T> {
    /// What the step has kept.
    pub kept: &'a [T],
    /// The carried state before the step.
    pub carried_before: &'a [T],
    /// The output before the step.
    pub before: &'a [T],
    /// The gradient of the output; then what of it goes past all products to the output before.
    pub output: &'a mut [T],
    /// The gradient of the carried state; then of the one before.
    pub carried: &'a mut [T],
    /// The gradients of the sums.
    pub sums: &'a mut [T],
}

/// tanh x: in f32 to 1e-7.
#[inline(always)]
fn tanh<T: Real>(x: T) -> T {
    let s = (x + x).sigmoid();
    s + s - T::one()
}

/// The first `N` parts of so many elements, of each those in `range`.
#[inline(always)]
fn parts<const N: usize, T>(of: &[T], size: usize, range: Range<usize>) -> [&[T]; N] {
    let mut parts = of.chunks_exact(size);
    std::array::from_fn(|_| parts.next().map(|part| &part[range.clone()]).unwrap_or_default())
}

/// [`parts`] to be changed.
#[inline(always)]
fn parts_mut<const N: usize, T>(of: &mut [T], size: usize, range: Range<usize>) -> [&mut [T]; N] {
    let mut parts = of.chunks_exact_mut(size);
    std::array::from_fn(|_| parts.next().map(|part| &mut part[range.clone()]).unwrap_or_default())
}

/// Long short-term memory: c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'). Kept are the gates and
/// c'.
#[derive(Debug, Clone)]
pub(super) struct LongShortTerm;

impl Cell for LongShortTerm {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const KEPT: usize = 5;
    const SLOPES: usize = 4;
    const CARRIES: bool = true;
    const OF_INPUT: &'static [usize] = &[0, 1, 2, 3];
    const OF_STATE: usize = 0;

    fn biases<T: Real>(of_input: &[T], of_state: &[T], units: usize) -> Vec<T> {
        let mut biases: Vec<T> = of_input.iter().zip(of_state).map(|(&a, &b)| a + b).collect();
        biases.resize(Self::KEPT * units, T::zero());
        biases
    }

    #[inline(always)]
    fn step<'a, T: Real>(units: Units<'_, T>, sums: impl Fn(usize) -> &'a [T]) {
        let Units { range, kept, carried, output, .. } = units;
        let count = range.len();
        let size = output.len();
        let carried = &mut carried[range.clone()];
        let output = &mut output[range.clone()];
        let [i, f, g, o, c] = parts_mut::<5, T>(kept, size, range);
        let [of_i, of_f, of_g, of_o] = [0, 1, 2, 3].map(|gate| &sums(gate)[..count]);
        for n in 0..count {
            i[n] = (i[n] + of_i[n]).sigmoid();
            f[n] = (f[n] + of_f[n]).sigmoid();
            g[n] = tanh(g[n] + of_g[n]);
            o[n] = (o[n] + of_o[n]).sigmoid();
            c[n] = f[n] * carried[n] + i[n] * g[n];
            carried[n] = c[n];
            output[n] = o[n] * tanh(c[n]);
        }
    }

    #[inline(always)]
    fn back<T: Real>(of: Slopes<'_, T>) {
        let Slopes { kept, carried_before, output, carried, sums, .. } = of;
        let size = output.len();
        let [i, f, g, o, c] = parts::<5, T>(kept, size, 0..size);
        let [of_i, of_f, of_g, of_o] = parts_mut::<4, T>(sums, size, 0..size);
        let before = &carried_before[..size];
        let carried = &mut carried[..size];
        for n in 0..size {
            let i = i[n];
            let f = f[n];
            let g = g[n];
            let o = o[n];
            let of_output = output[n];
            let of_cell = tanh(c[n]);
            let of_carried = carried[n] + of_output * o * (T::one() - of_cell * of_cell);
            of_i[n] = of_carried * g * i * (T::one() - i);
            of_f[n] = of_carried * before[n] * f * (T::one() - f);
            of_g[n] = of_carried * i * (T::one() - g * g);
            of_o[n] = of_output * of_cell * o * (T::one() - o);
            carried[n] = of_carried * f;
            output[n] = T::zero();
        }
    }
}

impl LongShortTerm {
    /// The output before it is projected, from what was kept.
    #[inline(always)]
    pub fn output<T: Real>(kept: &[T], output: &mut [T]) {
        let size = output.len();
        let [_, _, _, o, c] = parts::<5, T>(kept, size, 0..size);
        for ((output, &o), &c) in output.iter_mut().zip(o).zip(c) {
            *output = o * tanh(c);
        }
    }
}

/// The gated recurrent unit: n = tanh(x_n + σ(r) q), h' = (1 - σ(z)) n + σ(z) h, where q is the
/// state's share of n with its bias. Kept are r, z, n and q.
#[derive(Debug, Clone)]
pub(super) struct Gated;

impl Cell for Gated {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    const KEPT: usize = 4;
    /// Of n, r, z and q: so both products' lie side by side.
    const SLOPES: usize = 4;
    const CARRIES: bool = false;
    const OF_INPUT: &'static [usize] = &[1, 2, 0];
    const OF_STATE: usize = 1;

    fn biases<T: Real>(of_input: &[T], of_state: &[T], units: usize) -> Vec<T> {
        let mut biases = of_input.to_vec();
        for (bias, &of_state) in biases.iter_mut().zip(&of_state[..2 * units]) {
            *bias += of_state;
        }
        biases.extend_from_slice(&of_state[2 * units..]);
        biases
    }

    #[inline(always)]
    fn step<'a, T: Real>(units: Units<'_, T>, sums: impl Fn(usize) -> &'a [T]) {
        let Units { range, kept, before, output, .. } = units;
        let count = range.len();
        let size = output.len();
        let before = &before[range.clone()];
        let output = &mut output[range.clone()];
        let [r, z, n, q] = parts_mut::<4, T>(kept, size, range);
        let [of_r, of_z, of_n] = [0, 1, 2].map(|gate| &sums(gate)[..count]);
        for u in 0..count {
            r[u] = (r[u] + of_r[u]).sigmoid();
            z[u] = (z[u] + of_z[u]).sigmoid();
            q[u] += of_n[u];
            n[u] = tanh(n[u] + r[u] * q[u]);
            output[u] = (T::one() - z[u]) * n[u] + z[u] * before[u];
        }
    }

    #[inline(always)]
    fn back<T: Real>(of: Slopes<'_, T>) {
        let Slopes { kept, before, output, sums, .. } = of;
        let size = output.len();
        let [r, z, n, q] = parts::<4, T>(kept, size, 0..size);
        let [of_n, of_r, of_z, of_q] = parts_mut::<4, T>(sums, size, 0..size);
        let before = &before[..size];
        for u in 0..size {
            let r = r[u];
            let z = z[u];
            let n = n[u];
            let of_output = output[u];
            let slope = of_output * (T::one() - z) * (T::one() - n * n);
            of_n[u] = slope;
            of_r[u] = slope * q[u] * r * (T::one() - r);
            of_z[u] = of_output * (before[u] - n) * z * (T::one() - z);
            of_q[u] = slope * r;
            output[u] = of_output * z;
        }
    }
}
