//! All alignments of one target: the forward and backward variables of Graves et al. (2006),
//! section 4.1, in log space.

use crate::real::Real;
use crate::softmax::log_sum_exp;

/// A target's symbols with a blank around each, over its frames.
pub(super) struct Lattice {
    /// l′ of equation 5: 2U + 1 classes.
    states: Vec<usize>,
    frames: usize,
    /// -ln p(target).
    pub loss: f64,
    /// ln α_t(s), `[frames, states]`: all paths to state s at frame t, what is seen there included.
    /// Kept for the gradient.
    alphas: Vec<f64>,
    /// Of each frame the largest logit, and ln Σ exp(x - largest).
    log_sum_exps: Vec<[f64; 2]>,
}

impl Lattice {
    pub fn new(target: &[u32], blank: u32, frames: usize) -> Self {
        let blank = blank as usize;
        let around = target.iter().flat_map(|&symbol| [symbol as usize, blank]);
        let states = std::iter::once(blank).chain(around).collect();
        Self { states, frames, loss: 0.0, alphas: Vec::new(), log_sum_exps: Vec::new() }
    }

    /// Whether a path may come to state `state` from the symbol before it without a blank between
    /// (below equation 6).
    fn may_skip(&self, state: usize) -> bool {
        state % 2 == 1 && state >= 2 && self.states[state] != self.states[state - 2]
    }

    /// ln y of each state at frame `frame` into `out`.
    fn emissions<T: Real>(&self, x: &[T], classes: usize, frame: usize, out: &mut [f64]) {
        let [largest, log] = self.log_sum_exps[frame];
        let x = &x[frame * classes..][..classes];
        for (out, &class) in out.iter_mut().zip(&self.states) {
            *out = x[class].to_f64() - largest - log;
        }
    }

    /// The loss (equations 6 to 8). Without `keep` nothing stays for a gradient.
    pub fn run_forward<T: Real>(&mut self, x: &[T], classes: usize, keep: bool) {
        let rows = x.chunks_exact(classes).take(self.frames);
        self.log_sum_exps = rows
            .map(|x| {
                let (largest, log) = log_sum_exp(x);
                [largest.to_f64(), log.to_f64()]
            })
            .collect();
        let count = self.states.len();
        let mut emissions = vec![0.0; count];
        let mut alphas = vec![f64::NEG_INFINITY; self.frames * count];
        for frame in 0..self.frames {
            self.emissions(x, classes, frame, &mut emissions);
            let (before, now) = alphas.split_at_mut(frame * count);
            let before = before.get((frame.max(1) - 1) * count..).unwrap_or_default();
            for state in 0..count {
                let from = match frame {
                    // A path begins with a blank or the first symbol.
                    0 if state < 2 => 0.0,
                    0 => f64::NEG_INFINITY,
                    _ => log_sum([
                        before[state],
                        if state > 0 { before[state - 1] } else { f64::NEG_INFINITY },
                        if self.may_skip(state) { before[state - 2] } else { f64::NEG_INFINITY },
                    ]),
                };
                now[state] = from + emissions[state];
            }
        }
        // A path ends with the last symbol or a blank.
        let ends = &alphas[alphas.len() - alphas.len().min(2).min(count)..];
        self.loss = match (self.frames, ends) {
            (0, _) => 0.0,
            (_, &[one]) => -one,
            (_, ends) => -log_sum([ends[0], ends[1], f64::NEG_INFINITY]),
        };
        if keep {
            self.alphas = alphas;
        }
    }

    /// Adds `gradient` · (softmax − the posterior probability of each class) of each frame to `out`
    /// (equation 16).
    pub fn gradient<T: Real>(&self, x: &[T], classes: usize, gradient: T, out: &mut [T]) {
        if self.loss == f64::INFINITY || self.alphas.is_empty() {
            return;
        }
        let count = self.states.len();
        let mut emissions = vec![0.0; count];
        // ln of all paths from a state to the end, what is seen at its own frame left out.
        let mut betas = vec![f64::NEG_INFINITY; count];
        betas[count.saturating_sub(2)..].fill(0.0);
        let mut posteriors = vec![0.0; classes];
        for frame in (0..self.frames).rev() {
            if frame + 1 < self.frames {
                self.emissions(x, classes, frame + 1, &mut emissions);
                // Upwards: a state needs those above it as they were.
                for (beta, emission) in betas.iter_mut().zip(&emissions) {
                    *beta += emission;
                }
                for state in 0..count {
                    let skips = state + 2 < count && self.may_skip(state + 2);
                    betas[state] = log_sum([
                        betas[state],
                        betas.get(state + 1).copied().unwrap_or(f64::NEG_INFINITY),
                        if skips { betas[state + 2] } else { f64::NEG_INFINITY },
                    ]);
                }
            }
            posteriors.fill(0.0);
            let alphas = &self.alphas[frame * count..][..count];
            for ((&class, alpha), beta) in self.states.iter().zip(alphas).zip(&betas) {
                posteriors[class] += (alpha + beta + self.loss).exp();
            }
            let [largest, log] = self.log_sum_exps[frame];
            let x = &x[frame * classes..];
            let out = &mut out[frame * classes..][..classes];
            for ((out, &x), posterior) in out.iter_mut().zip(x).zip(&posteriors) {
                let share = (x.to_f64() - largest - log).exp();
                *out = gradient * T::from_f64(share - posterior);
            }
        }
    }
}

/// ln Σ exp.
fn log_sum(terms: [f64; 3]) -> f64 {
    let largest = terms[0].max(terms[1]).max(terms[2]);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let sum: f64 = terms.iter().map(|term| (term - largest).exp()).sum();
    largest + sum.ln()
}
