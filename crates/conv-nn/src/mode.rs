//! Training or evaluation, said at each call: no layer keeps a flag, and no generator is hidden.

use rand_chacha::ChaCha8Rng;

/// What a forward pass is for. Passed down as `&mut Mode`, so that each layer draws from the one
/// stream in turn.
///
/// ```
/// use conv_nn::{Mode, rng};
/// let mut stream = rng::seeded(1, "step 0");
/// let mut mode = Mode::Train(&mut stream);
/// assert!(mode.rng().is_some());
/// assert!(Mode::Eval.rng().is_none());
/// ```
#[derive(Debug)]
pub enum Mode<'a> {
    /// Inference: nothing is random.
    Eval,
    /// Training: randomness (dropout) comes from this stream.
    Train(&'a mut ChaCha8Rng),
}

impl Mode<'_> {
    /// The stream to draw from in training; `None` in evaluation.
    pub fn rng(&mut self) -> Option<&mut ChaCha8Rng> {
        match self {
            Mode::Eval => None,
            Mode::Train(rng) => Some(rng),
        }
    }
}
