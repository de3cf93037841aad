//! The search along a direction: a point that satisfies the strong Wolfe conditions (Nocedal and
//! Wright 2006, algorithms 3.5 and 3.6), by the rules of PyTorch's `_strong_wolfe`, which are those
//! of Mark Schmidt's minFunc.

/// The share of the slope that the fall must have: c₁.
const SUFFICIENT: f64 = 1e-4;
/// The share of the slope that may be left: c₂.
const CURVATURE: f64 = 0.9;
/// Evaluations of one search after the first.
const MOST: usize = 25;

/// The objective at a point of the line.
#[derive(Debug, Clone)]
pub(super) struct Point<G> {
    /// How far along the direction.
    pub(super) step: f64,
    pub(super) value: f64,
    pub(super) gradient: G,
    /// The gradient along the direction.
    pub(super) slope: f64,
}

/// From `start`, at step 0 and falling, to a point that satisfies the conditions, or the lowest
/// found when there is no room or no evaluation left; and how many evaluations that took. `length`
/// is the direction's largest element, and steps that move no element by more than `smallest` are
/// not told apart.
///
/// # Errors
/// Those of `evaluate`.
pub(super) fn strong_wolfe<G: Clone, E>(
    mut evaluate: impl FnMut(f64) -> Result<Point<G>, E>,
    start: &Point<G>,
    first: f64,
    length: f64,
    smallest: f64,
) -> Result<(Point<G>, usize), E> {
    let rises =
        |point: &Point<G>| point.value > start.value + SUFFICIENT * point.step * start.slope;
    let is_flat = |point: &Point<G>| point.slope.abs() <= -CURVATURE * start.slope;

    // Out, until the minimum lies between two points.
    let mut before = start.clone();
    let mut new = evaluate(first)?;
    let (mut evaluations, mut searched) = (1, 0);
    let mut bracket = loop {
        if searched == MOST {
            break [start.clone(), new];
        }
        if rises(&new) || searched > 1 && new.value >= before.value {
            break [before, new];
        }
        if is_flat(&new) {
            return Ok((new, evaluations));
        }
        if new.slope >= 0.0 {
            break [before, new];
        }
        let bounds = (new.step + 0.01 * (new.step - before.step), new.step * 10.0);
        let step = minimum_of_cubic(&before, &new, bounds);
        (before, new) = (new, evaluate(step)?);
        evaluations += 1;
        searched += 1;
    };

    // In, between the lower point and the higher.
    let order = |bracket: &[Point<G>; 2]| if bracket[0].value <= bracket[1].value { 0 } else { 1 };
    let mut low = order(&bracket);
    let mut is_slow = false;
    while searched < MOST {
        let [a, b] = [bracket[0].step, bracket[1].step];
        let (least, most) = (a.min(b), a.max(b));
        if (most - least) * length < smallest {
            break;
        }
        let mut step = minimum_of_cubic(&bracket[0], &bracket[1], (least, most));
        // Twice near an end, or on it, is no progress: it then goes a tenth of the way in.
        let margin = 0.1 * (most - least);
        if (most - step).min(step - least) < margin {
            if is_slow || step >= most || step <= least {
                let near_most = (step - most).abs() < (step - least).abs();
                step = if near_most { most - margin } else { least + margin };
                is_slow = false;
            } else {
                is_slow = true;
            }
        } else {
            is_slow = false;
        }
        let new = evaluate(step)?;
        evaluations += 1;
        searched += 1;
        if rises(&new) || new.value >= bracket[low].value {
            bracket[1 - low] = new;
            low = order(&bracket);
            continue;
        }
        let is_done = is_flat(&new);
        if !is_done && new.slope * (bracket[1 - low].step - bracket[low].step) >= 0.0 {
            bracket[1 - low] = bracket[low].clone();
        }
        bracket[low] = new;
        if is_done {
            break;
        }
    }
    let [a, b] = bracket;
    Ok((if low == 0 { a } else { b }, evaluations))
}

/// Where the cubic through two points with their slopes is lowest, within the bounds; their middle
/// where it has no minimum.
fn minimum_of_cubic<G>(a: &Point<G>, b: &Point<G>, (least, most): (f64, f64)) -> f64 {
    let (left, right) = if a.step <= b.step { (a, b) } else { (b, a) };
    let d1 = left.slope + right.slope - 3.0 * (left.value - right.value) / (left.step - right.step);
    let square = d1 * d1 - left.slope * right.slope;
    if square < 0.0 || square.is_nan() {
        return (least + most) / 2.0;
    }
    let d2 = square.sqrt();
    let share = (right.slope + d2 - d1) / (right.slope - left.slope + 2.0 * d2);
    (right.step - (right.step - left.step) * share).max(least).min(most)
}
