//! Rows of a table by id.
//!
//! On candle's own `index_select`, whose gradient is right, adds up in the order of the ids, and
//! goes straight into the table's: an operation of our own would make a second buffer of the
//! table's size.

use crate::kernel::{contiguous, read_ids};
use crate::{Error, Init, Result, VarBuilder};
use candle_core::{Module, Tensor};
use serde::{Deserialize, Serialize};

const NAME: &str = "embedding";

/// How an [`Embedding`] works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// The id that stands for nothing: it reads as zeros, whatever the table holds, and its row
    /// gets no gradient.
    pub padding_index: Option<u32>,
}

/// A table with one row for each of V ids.
///
/// # Shapes
/// ids `[…]` of u32 → `[…, D]`; weight `[V, D]` of f32 or f64.
///
/// # Errors
/// An id that is not below V is named with its position.
#[derive(Debug, Clone)]
pub struct Embedding {
    weight: Tensor,
    config: EmbeddingConfig,
}

/// An [`Embedding`] of `vocabulary` rows of `size` elements from `weight`, at first standard normal
/// as in PyTorch. For other first values, e.g. pre-trained rows, ask the builder for the table with
/// an [`Init`] and use [`Embedding::new`].
pub fn embedding(
    vocabulary: usize,
    size: usize,
    config: EmbeddingConfig,
    vb: VarBuilder,
) -> candle_core::Result<Embedding> {
    let drawn = Init::Normal { mean: 0.0, std: 1.0 };
    let init = match config.padding_index {
        None => drawn,
        Some(row) => Init::Rows {
            rest: Box::new(drawn),
            index: vec![row],
            values: Tensor::zeros((1, size), vb.dtype(), vb.device())?,
        },
    };
    let weight = vb.get_with_hints((vocabulary, size), "weight", init)?;
    Ok(Embedding { weight, config })
}

impl Embedding {
    /// From a given table `[V, D]`. A detached one stays as it is in training.
    pub fn new(weight: Tensor, config: EmbeddingConfig) -> Self {
        Self { weight, config }
    }

    /// The table, `[V, D]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        let &[rows, width] = self.weight.dims() else {
            return Err(Error::Shape {
                operation: NAME,
                argument: "weight",
                found: self.weight.dims().to_vec(),
                expected: "[V, D]".into(),
            });
        };
        let mut list = read_ids(NAME, "ids", ids)?;
        if let Some(position) = list.iter().position(|id| *id as usize >= rows) {
            let id = list[position];
            return Err(Error::IdOutOfRange { id, position, rows });
        }
        // The largest id is candle's for "none": it reads as zeros, and its gradient is dropped.
        for id in &mut list {
            if Some(*id) == self.config.padding_index {
                *id = u32::MAX;
            }
        }
        let list = Tensor::from_vec(list, ids.elem_count(), self.weight.device())?;
        let looked_up = contiguous(NAME, &self.weight)?.index_select(&list, 0)?;
        Ok(looked_up.reshape([ids.dims(), &[width]].concat())?)
    }
}

impl Module for Embedding {
    fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.rows(ids)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use gradcheck::values;
    use proptest::prelude::*;

    fn ids(list: Vec<u32>) -> candle_core::Result<Tensor> {
        let count = list.len();
        Tensor::from_vec(list, count, &Device::Cpu)
    }

    fn layer(weight: &Tensor, padding_index: Option<u32>) -> Embedding {
        Embedding::new(weight.clone(), EmbeddingConfig { padding_index })
    }

    proptest! {
        #[test]
        fn the_gradient_of_a_table_used_twice_is_right(
            rows in 1u32..5,
            width in 1usize..4,
            list in prop::collection::vec(0u32..1000, 0..12),
            padding in prop::option::of(0u32..5),
            seed: u64,
        ) {
            let list: Vec<u32> = list.into_iter().map(|id| id % rows).collect();
            let once = ids(list.clone())?;
            let again = ids(list.into_iter().rev().collect())?;
            gradcheck::check("embedding", &[values((width, rows as usize), seed)], |t| {
                let layer = layer(&t[0].t()?, padding);
                Tensor::cat(&[layer.forward(&once)?, layer.forward(&again)?], 1)
            });
        }
    }

    #[test]
    fn rows_come_back_in_the_shape_of_the_ids() -> candle_core::Result<()> {
        let weight = values((5, 2), 1);
        let table = weight.to_vec2::<f64>()?;
        let list = Tensor::new(&[[[4u32, 0], [1, 4]]], &Device::Cpu)?.transpose(1, 2)?;
        let y = layer(&weight, None).forward(&list)?;
        assert_eq!(y.dims(), [1, 2, 2, 2]);
        let expected = [4, 1, 0, 4].map(|id: usize| table[id].clone());
        assert_eq!(y.flatten(0, 2)?.to_vec2::<f64>()?, expected);
        Ok(())
    }

    #[test]
    fn the_padding_row_starts_at_zero_and_gets_no_gradient() -> candle_core::Result<()> {
        let parameters = crate::Parameters::new(1);
        let vb = parameters.builder(DType::F64, &Device::Cpu);
        let layer = embedding(4, 3, EmbeddingConfig { padding_index: Some(2) }, vb)?;
        let table = layer.weight().to_vec2::<f64>()?;
        assert_eq!(table[2], [0.0; 3]);
        assert!(table[0].iter().all(|x| *x != 0.0));
        let y = layer.forward(&ids(vec![2, 1, 2, 1])?)?;
        let (_, weight) = parameters.vars().remove(0);
        let gradients = y.sum_all()?.backward()?;
        let gradient = gradients.get(&weight).map(|g| g.to_vec2::<f64>());
        let expected = [[0.0; 3], [2.0; 3], [0.0; 3], [0.0; 3]].map(|row| row.to_vec());
        assert_eq!(gradient.transpose()?, Some(expected.to_vec()));
        Ok(())
    }

    #[test]
    fn padding_reads_as_zeros_even_from_a_table_of_other_values() -> candle_core::Result<()> {
        let table = layer(&values((3, 2), 1), Some(0));
        assert_eq!(table.forward(&ids(vec![0])?)?.to_vec2::<f64>()?, [[0.0; 2]]);
        Ok(())
    }

    #[test]
    fn bad_ids_are_named() -> candle_core::Result<()> {
        let layer = layer(&values((5, 2), 1), None);
        let message =
            |list: &Tensor| layer.forward(list).err().map(|e| e.to_string()).unwrap_or_default();
        let found = message(&ids(vec![0, 4, 5])?);
        assert!(
            found.starts_with("embedding: id 5 at position 2 has no row in a table of 5 rows"),
            "{found}"
        );
        let found = message(&Tensor::new(&[1i64], &Device::Cpu)?);
        assert!(found.starts_with("embedding: ids is I64, expected U32"), "{found}");
        Ok(())
    }
}
