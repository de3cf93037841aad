//! What agents have heard, computed once for all games in which it was the same.

use crate::Result;
use candle_core::{Device, Tensor};
use conv_nn::{Lstm, LstmState, Mode};
use std::collections::HashMap;

/// The states of one agent in N games. Two games in which it heard the same share a state: of a
/// thousand games of few symbols a hundred or so are left, and what comes out is what each game by
/// itself would give.
pub(super) struct States {
    /// Each game's state, `[N]`, a place in the state's rows.
    pub of_game: Vec<u32>,
    /// `[1, U, H]` each; `None` where nothing was heard yet.
    state: Option<LstmState>,
}

impl States {
    pub fn new(games: usize) -> Self {
        Self { of_game: vec![0; games], state: None }
    }

    /// Forgets what was heard.
    pub fn forget(&mut self) {
        *self = Self::new(self.of_game.len());
    }

    /// Each game's agent hears one of `inputs` `[N]`; `embed` gives their vectors, numbers `[U]` →
    /// `[U, D]`.
    pub fn hear(
        &mut self,
        layer: &Lstm,
        inputs: &[u32],
        embed: impl FnOnce(&[u32]) -> Result<Tensor>,
        device: &Device,
    ) -> Result<()> {
        let mut places = HashMap::new();
        let mut before = Vec::new();
        let mut heard = Vec::new();
        for (state, &input) in self.of_game.iter_mut().zip(inputs) {
            *state = *places.entry((*state, input)).or_insert_with(|| {
                before.push(*state);
                heard.push(input);
                heard.len() as u32 - 1
            });
        }
        let x = embed(&heard)?.unsqueeze(1)?;
        let before = Tensor::new(before, device)?;
        let previous = match &self.state {
            None => None,
            Some(LstmState { h, c }) => {
                Some(LstmState { h: h.index_select(&before, 1)?, c: c.index_select(&before, 1)? })
            }
        };
        let (_, state) = layer.forward(&x, None, previous.as_ref(), &mut Mode::Eval)?;
        self.state = Some(state);
        Ok(())
    }

    /// The layer's outputs, `[U, H]`. At least one symbol was heard.
    pub fn outputs(&self) -> Result<Tensor> {
        match &self.state {
            Some(state) => Ok(state.h.squeeze(0)?),
            None => Err(candle_core::Error::Msg("nothing was heard yet".into()).into()),
        }
    }
}
