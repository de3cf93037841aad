//! The most frequent answer by type.

use super::{Asked, Config, Head};
use crate::{Function, Result};
use candle_core::Tensor;
use conv_nn::{Init, Mode, VarBuilder};

/// A table with a row for each function that a program may end in, and one for all questions, which
/// answers where nothing says what is asked.
#[derive(Debug)]
pub(super) struct Counted {
    table: Tensor,
}

/// The name of the table, `[F + 1, A]`: logarithms of how often each answer was given.
pub(super) const TABLE: &str = "table";

/// The functions that a program may end in, by name and in order.
pub(super) fn functions() -> Vec<&'static str> {
    let last = Function::all().into_iter().filter(|function| function.output().is_answer());
    let mut names: Vec<&str> = last.map(Function::name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The row of a function.
pub(super) fn row(function: Option<Function>) -> u32 {
    let functions = functions();
    let place = function.and_then(|function| functions.binary_search(&function.name()).ok());
    place.unwrap_or(functions.len()) as u32
}

impl Counted {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let shape = (functions().len() + 1, config.answers);
        Ok(Self { table: vb.get_with_hints(shape, TABLE, Init::Const(0.0))? })
    }
}

impl Head for Counted {
    fn logits(&self, asked: &Asked, _: &mut Mode) -> Result<Tensor> {
        let rows: Vec<u32> = asked.functions.iter().map(|function| row(*function)).collect();
        Ok(self.table.index_select(&Tensor::new(rows, self.table.device())?, 0)?)
    }
}
