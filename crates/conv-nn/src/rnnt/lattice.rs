//! All alignments of one target: the forward and backward variables of Graves (2012), section 2.4,
//! in log space.

use crate::real::Real;
use crate::softmax::log_sum_exp;

/// A target's symbols over its frames: at place (t, u) an alignment is at frame t and has written u
/// symbols.
pub(super) struct Lattice {
    symbols: Vec<usize>,
    blank: usize,
    frames: usize,
    /// Places of a frame that the logits have, U + 1 of the longest target, and their classes.
    places: usize,
    classes: usize,
    /// -ln p(target).
    pub loss: f64,
    /// ln α(t, u), `[frames, symbols + 1]`: all alignments to a place. Kept for the gradient.
    alphas: Vec<f64>,
    /// Of each place the largest logit, and ln Σ exp(x - largest).
    log_sum_exps: Vec<[f64; 2]>,
}

impl Lattice {
    pub fn new(target: &[u32], blank: u32, [frames, places, classes]: [usize; 3]) -> Self {
        Self {
            symbols: target.iter().map(|&symbol| symbol as usize).collect(),
            blank: blank as usize,
            frames,
            places,
            classes,
            loss: 0.0,
            alphas: Vec::new(),
            log_sum_exps: Vec::new(),
        }
    }

    /// Places of a frame.
    fn width(&self) -> usize {
        self.symbols.len() + 1
    }

    fn logits<'x, T>(&self, x: &'x [T], t: usize, u: usize) -> &'x [T] {
        &x[(t * self.places + u) * self.classes..][..self.classes]
    }

    /// ln of the probability of a class at a place.
    fn log<T: Real>(&self, x: &[T], t: usize, u: usize, class: usize) -> f64 {
        let [largest, log] = self.log_sum_exps[t * self.width() + u];
        self.logits(x, t, u)[class].to_f64() - largest - log
    }

    /// ln ∅(t, u), equation 14.
    fn log_blank<T: Real>(&self, x: &[T], t: usize, u: usize) -> f64 {
        self.log(x, t, u, self.blank)
    }

    /// ln y(t, u): of the next symbol, where there is one.
    fn log_symbol<T: Real>(&self, x: &[T], t: usize, u: usize) -> f64 {
        self.symbols.get(u).map_or(f64::NEG_INFINITY, |&symbol| self.log(x, t, u, symbol))
    }

    /// The loss (equations 16 and 17). Without `keep` nothing stays for a gradient.
    pub fn run_forward<T: Real>(&mut self, x: &[T], keep: bool) {
        let width = self.width();
        for t in 0..self.frames {
            for u in 0..width {
                let (largest, log) = log_sum_exp(self.logits(x, t, u));
                self.log_sum_exps.push([largest.to_f64(), log.to_f64()]);
            }
        }
        let mut alphas = vec![f64::NEG_INFINITY; self.frames * width];
        alphas[0] = 0.0;
        for t in 0..self.frames {
            for u in 0..width {
                let place = t * width + u;
                if t > 0 {
                    alphas[place] = alphas[place - width] + self.log_blank(x, t - 1, u);
                }
                if u > 0 {
                    let below = alphas[place - 1] + self.log_symbol(x, t, u - 1);
                    alphas[place] = log_sum(alphas[place], below);
                }
            }
        }
        // The last blank leaves the last frame.
        let (t, u) = (self.frames - 1, width - 1);
        self.loss = -(alphas[t * width + u] + self.log_blank(x, t, u));
        if keep {
            self.alphas = alphas;
        }
    }

    /// Adds `gradient` · (share · occupancy − what leaves by each class) of each place to `out`
    /// (equation 20, by the softmax's inputs).
    pub fn gradient<T: Real>(&self, x: &[T], gradient: T, out: &mut [T]) {
        if self.loss == f64::INFINITY || self.alphas.is_empty() {
            return;
        }
        let width = self.width();
        // ln β of the frame behind (equation 18), and of the present one, which is filled from its
        // last place on.
        let mut behind = vec![f64::NEG_INFINITY; width];
        let mut betas = vec![f64::NEG_INFINITY; width];
        for t in (0..self.frames).rev() {
            for u in (0..width).rev() {
                let is_end = t + 1 == self.frames && u + 1 == width;
                let onwards = if is_end { 0.0 } else { behind[u] };
                let by_blank = self.log_blank(x, t, u) + onwards;
                let above = betas.get(u + 1).copied().unwrap_or(f64::NEG_INFINITY);
                let by_symbol = self.log_symbol(x, t, u) + above;
                betas[u] = log_sum(by_blank, by_symbol);
                let alpha = self.alphas[t * width + u] + self.loss;
                let occupied = (alpha + betas[u]).exp();
                let [largest, log] = self.log_sum_exps[t * width + u];
                let place = (t * self.places + u) * self.classes;
                let logits = self.logits(x, t, u);
                for (class, out) in out[place..][..self.classes].iter_mut().enumerate() {
                    let share = (logits[class].to_f64() - largest - log).exp();
                    let mut value = share * occupied;
                    if class == self.blank {
                        value -= (alpha + by_blank).exp();
                    } else if self.symbols.get(u) == Some(&class) {
                        value -= (alpha + by_symbol).exp();
                    }
                    *out = gradient * T::from_f64(value);
                }
            }
            std::mem::swap(&mut behind, &mut betas);
            betas.fill(f64::NEG_INFINITY);
        }
    }
}

/// ln (exp a + exp b).
fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
