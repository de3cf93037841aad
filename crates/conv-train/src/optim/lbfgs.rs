//! L-BFGS, for one smooth function of many numbers that is evaluated whole, such as the loss of a
//! picture.

mod state;

use super::line_search::{Point, strong_wolfe};
use conv_hub::InvalidField;
use num_traits::Float;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Settings of [`Lbfgs`]; the defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LbfgsConfig {
    /// The step that a search tries first, above 0; 1 is Newton's.
    pub learning_rate: f64,
    /// What the numbers change by in sum where the very first search begins, above 0; in a picture
    /// of many pixels PyTorch's 1 costs ten evaluations before anything moves.
    pub first_change: f64,
    /// Steps that are remembered, 1 to 1,000. Each takes two numbers a number that is optimised.
    pub history: usize,
    /// A gradient whose largest element is at most this ends the descent.
    pub gradient_tolerance: f64,
    /// A slope, a change of the value or of the numbers below this ends it.
    pub change_tolerance: f64,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1.0,
            first_change: 1.0,
            history: 100,
            gradient_tolerance: 1e-7,
            change_tolerance: 1e-9,
        }
    }
}

impl LbfgsConfig {
    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let check = InvalidField::unless;
        check(positive(self.learning_rate), "learning_rate", &self.learning_rate, "above 0")?;
        check(positive(self.first_change), "first_change", &self.first_change, "above 0")?;
        check((1..=1000).contains(&self.history), "history", &self.history, "1 to 1000")?;
        for (name, value) in [
            ("gradient_tolerance", self.gradient_tolerance),
            ("change_tolerance", self.change_tolerance),
        ] {
            check(value.is_finite() && value >= 0.0, name, &value, "at least 0")?;
        }
        Ok(())
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// The value where the descent now stands.
    pub value: f64,
    /// Evaluations that the step took; 0 where it was over before.
    pub evaluations: usize,
    /// Why there is no further step; `None` while there is one.
    pub stall: Option<Stall>,
}

/// Why a descent does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    /// The gradient vanishes: this is a minimum, or a plain.
    Gradient,
    /// The direction does not lead down any more.
    Slope,
    /// The numbers, or the value, hardly change.
    Change,
}

impl std::fmt::Display for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stall::Gradient => "the gradient vanishes",
            Stall::Slope => "no direction leads further down",
            Stall::Change => "the search changes nothing any more",
        })
    }
}

/// Limited-memory BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithms 7.4 and 7.5) with a
/// search for the strong Wolfe conditions: step by step the numbers of PyTorch's
/// `torch.optim.LBFGS(line_search_fn="strong_wolfe")`.
///
/// With s the change of the numbers in a step and y that of the gradient, the last `history` pairs
/// stand for the inverse Hessian H, and the direction is −H·g; a pair with sᵀy ≤ 10⁻¹⁰ is left out.
/// Numbers are f32 or f64; products are summed in f64 in one order, so that the same start gives
/// the same bits.
///
/// ```
/// use conv_train::optim::{Lbfgs, LbfgsConfig};
/// // Rosenbrock's valley, whose minimum is at (1, 1).
/// let valley = |x: &[f64]| -> Result<(f64, Vec<f64>), String> {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     Ok((a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b]))
/// };
/// let mut descent = Lbfgs::new(LbfgsConfig::default(), vec![-1.2, 1.0]);
/// while descent.step(valley)?.stall.is_none() {}
/// assert!(descent.numbers().iter().all(|x| (x - 1.0).abs() < 1e-3));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lbfgs<T> {
    config: LbfgsConfig,
    numbers: Vec<T>,
    /// The value and the gradient there, once they have been asked for.
    here: Option<(f64, Vec<T>)>,
    last: Option<Last<T>>,
    pairs: VecDeque<Pair<T>>,
    /// The first guess of the inverse Hessian: a factor.
    scale: f64,
}

/// What the present step learns from.
#[derive(Debug, Clone)]
struct Last<T> {
    direction: Vec<T>,
    step: f64,
    gradient: Vec<T>,
}

#[derive(Debug, Clone)]
struct Pair<T> {
    /// How the gradient changed: y.
    gradient: Vec<T>,
    /// How the numbers changed: s.
    numbers: Vec<T>,
    /// 1 / sᵀy.
    rho: f64,
}

impl<T: Float> Lbfgs<T> {
    /// A descent that begins at `numbers`.
    pub fn new(config: LbfgsConfig, numbers: Vec<T>) -> Self {
        Self { config, numbers, here: None, last: None, pairs: VecDeque::new(), scale: 1.0 }
    }

    /// Where it stands.
    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// One step. `evaluate` gives the function's value at some numbers and its gradient, which has
    /// as many.
    ///
    /// # Errors
    /// Those of `evaluate`, a value that is not finite for one: the descent then stands where it
    /// stood before the step.
    pub fn step<E>(
        &mut self,
        mut evaluate: impl FnMut(&[T]) -> Result<(f64, Vec<T>), E>,
    ) -> Result<Descent, E> {
        let mut evaluations = 0;
        let (value, gradient) = match self.here.take() {
            Some(here) => here,
            None => {
                evaluations = 1;
                evaluate(&self.numbers)?
            }
        };
        self.here = Some((value, gradient.clone()));
        let stalled = |evaluations, stall| Descent { value, evaluations, stall: Some(stall) };
        if largest(&gradient) <= self.config.gradient_tolerance {
            return Ok(stalled(evaluations, Stall::Gradient));
        }
        let (direction, first) = match self.last.take() {
            None => {
                let sum: f64 = gradient.iter().map(|&g| f64_of(g).abs()).sum();
                let direction = gradient.iter().map(|&g| -g).collect();
                (direction, (self.config.first_change / sum).min(1.0) * self.config.learning_rate)
            }
            Some(last) => {
                self.remember(last, &gradient);
                (self.direction(&gradient), self.config.learning_rate)
            }
        };
        let slope = dot(&gradient, &direction);
        if slope.is_nan() || slope > -self.config.change_tolerance {
            self.last = Some(Last { direction, step: 0.0, gradient });
            return Ok(stalled(evaluations, Stall::Slope));
        }
        let start = Point { step: 0.0, value, gradient, slope };
        let numbers = &self.numbers;
        let along = |step: f64| {
            let (value, gradient) = evaluate(&moved(numbers, &direction, step))?;
            let slope = dot(&gradient, &direction);
            Ok(Point { step, value, gradient, slope })
        };
        let smallest = self.config.change_tolerance;
        let found = strong_wolfe(along, &start, first, largest(&direction), smallest);
        let (found, searched) = match found {
            Ok(found) => found,
            Err(error) => {
                self.last = Some(Last { direction, step: 0.0, gradient: start.gradient });
                return Err(error);
            }
        };
        self.numbers = moved(&self.numbers, &direction, found.step);
        let change = largest(&direction) * found.step.abs();
        let stall = match () {
            () if largest(&found.gradient) <= self.config.gradient_tolerance => {
                Some(Stall::Gradient)
            }
            () if change <= smallest || (found.value - value).abs() < smallest => {
                Some(Stall::Change)
            }
            () => None,
        };
        self.last = Some(Last { direction, step: found.step, gradient: start.gradient });
        self.here = Some((found.value, found.gradient));
        Ok(Descent { value: found.value, evaluations: evaluations + searched, stall })
    }

    /// Takes in what the last step has shown of the curvature.
    fn remember(&mut self, last: Last<T>, gradient: &[T]) {
        let step = of(last.step);
        let change: Vec<T> = gradient.iter().zip(&last.gradient).map(|(&a, &b)| a - b).collect();
        let numbers: Vec<T> = last.direction.iter().map(|&d| d * step).collect();
        let curvature = dot(&change, &numbers);
        if curvature > 1e-10 {
            if self.pairs.len() == self.config.history {
                self.pairs.pop_front();
            }
            self.scale = curvature / dot(&change, &change);
            self.pairs.push_back(Pair { gradient: change, numbers, rho: 1.0 / curvature });
        }
    }

    /// −H·g by the two loops of algorithm 7.4.
    fn direction(&self, gradient: &[T]) -> Vec<T> {
        let mut q: Vec<T> = gradient.iter().map(|&g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = dot(&pair.numbers, &q) * pair.rho;
            add(&mut q, &pair.gradient, -alpha);
            alphas.push(alpha);
        }
        let scale = of(self.scale);
        q.iter_mut().for_each(|q| *q = *q * scale);
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(&pair.gradient, &q) * pair.rho;
            add(&mut q, &pair.numbers, alpha - beta);
        }
        q
    }
}

fn f64_of<T: Float>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

fn of<T: Float>(x: f64) -> T {
    T::from(x).unwrap_or_else(T::nan)
}

fn dot<T: Float>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64_of(a) * f64_of(b)).sum()
}

/// The largest absolute value.
fn largest<T: Float>(x: &[T]) -> f64 {
    x.iter().fold(0.0, |most, &x| f64_of(x).abs().max(most))
}

fn add<T: Float>(to: &mut [T], x: &[T], factor: f64) {
    let factor = of(factor);
    to.iter_mut().zip(x).for_each(|(to, &x)| *to = *to + x * factor);
}

fn moved<T: Float>(from: &[T], direction: &[T], step: f64) -> Vec<T> {
    let mut numbers = from.to_vec();
    add(&mut numbers, direction, step);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ (xᵢ − i)² · (1 + i).
    fn bowl(x: &[f32]) -> Result<(f64, Vec<f32>), String> {
        let of = |(i, x): (usize, &f32)| (x - i as f32, 1.0 + i as f32);
        let value = x.iter().enumerate().map(of).map(|(d, k)| f64::from(d * d * k)).sum();
        Ok((value, x.iter().enumerate().map(of).map(|(d, k)| 2.0 * d * k).collect()))
    }

    #[test]
    fn a_bowl_is_found_in_f32_and_its_end_is_told() -> Result<(), String> {
        let mut descent =
            Lbfgs::new(LbfgsConfig { history: 2, ..Default::default() }, vec![9.0; 6]);
        let mut last = descent.step(bowl)?;
        for _ in 0..100 {
            if last.stall.is_some() {
                break;
            }
            last = descent.step(bowl)?;
            assert!(descent.pairs.len() <= 2);
        }
        assert!(last.stall.is_some() && last.value < 1e-9, "{last:?}");
        // Once more: it is at the bottom still.
        let again = descent.step(bowl)?;
        assert!(again.stall.is_some() && again.value < 1e-9, "{again:?}");
        Ok(())
    }

    #[test]
    fn an_error_leaves_the_descent_where_it_was() -> Result<(), String> {
        let mut descent = Lbfgs::new(LbfgsConfig::default(), vec![9.0; 6]);
        descent.step(bowl)?;
        let there = descent.numbers().to_vec();
        let mut calls = 0;
        let failed = descent.step(|x| {
            calls += 1;
            if calls == 1 { Err("NaN".to_string()) } else { bowl(x) }
        });
        assert_eq!(failed, Err("NaN".into()));
        assert_eq!(descent.numbers(), there);
        assert!(descent.step(bowl)?.value < bowl(&there)?.0);
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = LbfgsConfig { history: 0, ..Default::default() };
        let text = config.check().map_err(|error| error.to_string());
        assert_eq!(text, Err("history is 0, expected 1 to 1000".into()));
        assert!(LbfgsConfig { learning_rate: f64::NAN, ..Default::default() }.check().is_err());
        assert!(LbfgsConfig::default().check().is_ok());
    }
}
