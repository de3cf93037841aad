//! Rows of a table by id, with a gradient that adds up in a fixed order.

use crate::kernel::{Kernel, Real, apply, fill, fill_rows, read_ids};
use crate::{Error, Init, Result, VarBuilder};
use candle_core::{Module, Tensor};
use serde::{Deserialize, Serialize};

/// How an [`Embedding`] works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// The id that stands for nothing: its row starts at 0 and gets no gradient.
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

/// An [`Embedding`] of `vocabulary` rows of `size` elements from `weight`, at first drawn from N(0, 1), as in PyTorch. For
/// other first values, e.g. pre-trained rows, ask the builder for the table with an [`Init`] and use [`Embedding::new`].
pub fn embedding(
    vocabulary: usize,
    size: usize,
    config: EmbeddingConfig,
    vb: VarBuilder,
) -> candle_core::Result<Embedding> {
    let drawn = Init::Normal {
        mean: 0.0,
        std: 1.0,
    };
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
                operation: Lookup::NAME,
                argument: "weight",
                found: self.weight.dims().to_vec(),
                expected: "[V, D]".into(),
            });
        };
        let list = read_ids(Lookup::NAME, "ids", ids)?;
        if let Some(position) = list.iter().position(|id| *id as usize >= rows) {
            return Err(Error::IdOutOfRange {
                id: list[position],
                position,
                rows,
            });
        }
        let looked_up = if self.weight.device().is_cpu() {
            let padding = self.config.padding_index;
            apply(
                Lookup {
                    ids: list,
                    width,
                    padding,
                },
                &self.weight,
            )?
        } else {
            self.composed(&ids.flatten_all()?)?
        };
        Ok(looked_up.reshape([ids.dims(), &[width]].concat())?)
    }

    fn composed(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        let rows = self.weight.index_select(ids, 0)?;
        let Some(padding) = self.config.padding_index else {
            return Ok(rows);
        };
        let is_padding = ids.eq(padding)?.unsqueeze(1)?.broadcast_as(rows.shape())?;
        is_padding.where_cond(&rows.detach(), &rows)
    }
}

impl Module for Embedding {
    fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.rows(ids)?)
    }
}

struct Lookup {
    ids: Vec<u32>,
    width: usize,
    padding: Option<u32>,
}

/// Table rows of which a thread takes the gradient at a time.
const ROWS: usize = 256;

impl Kernel for Lookup {
    const NAME: &'static str = "embedding";

    fn output(&self, _weight: &[usize]) -> Vec<usize> {
        vec![self.ids.len(), self.width]
    }

    fn forward<T: Real>(&self, weight: &[T]) -> Vec<T> {
        let width = self.width;
        fill_rows(self.ids.len() * width, width, width, |position, row| {
            row.copy_from_slice(&weight[self.ids[position] as usize * width..][..width]);
        })
    }

    fn backward<T: Real>(&self, weight: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let width = self.width;
        // Sorted by id and then by position, so that a block of the table finds its ids side by side, and each row's sum
        // runs in the order of the positions.
        let mut uses: Vec<(u32, usize)> = self.ids.iter().copied().zip(0..).collect();
        uses.retain(|(id, _)| Some(*id) != self.padding);
        uses.sort_unstable();
        fill(weight.len(), ROWS * width, |start, block| {
            let first = start / width;
            let end = first + block.len() / width;
            let from = uses.partition_point(|(id, _)| (*id as usize) < first);
            for &(id, position) in uses[from..]
                .iter()
                .take_while(|(id, _)| (*id as usize) < end)
            {
                let total = &mut block[(id as usize - first) * width..][..width];
                for (total, gradient) in total.iter_mut().zip(&gradient[position * width..]) {
                    *total += *gradient;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    fn ids(list: Vec<u32>) -> candle_core::Result<Tensor> {
        let count = list.len();
        Tensor::from_vec(list, count, &Device::Cpu)
    }

    fn layer(weight: &Tensor, padding_index: Option<u32>) -> Embedding {
        Embedding::new(weight.clone(), EmbeddingConfig { padding_index })
    }

    fn gradient(var: &Var, y: &Tensor, cotangent: &Tensor) -> candle_core::Result<Vec<Vec<f64>>> {
        let store = y.mul(cotangent)?.sum_all()?.backward()?;
        store.get(var).map_or(Ok(Vec::new()), |g| g.to_vec2())
    }

    proptest! {
        #[test]
        fn the_gradient_is_right(
            rows in 1usize..5, width in 1usize..4, list in prop::collection::vec(0u32..1000, 0..12), seed: u64,
        ) {
            let list: Vec<u32> = list.into_iter().map(|id| id % rows as u32).collect();
            gradcheck::check("embedding", &[values((width, rows), seed)], |t| {
                layer(&t[0].t()?, None).forward(&ids(list.clone())?)
            });
        }

        #[test]
        fn the_composition_agrees(list in prop::collection::vec(0u32..900, 1..1500), padding: bool) {
            let weight = Var::from_tensor(&values((900, 3), 1))?;
            let layer = layer(&weight, padding.then_some(list[0]));
            let cotangent = values((list.len(), 3), 2);
            let list = ids(list)?;
            let (kernel, composed) = (layer.forward(&list)?, layer.composed(&list)?);
            prop_assert_eq!(kernel.to_vec2::<f64>()?, composed.to_vec2::<f64>()?);
            let kernel = gradient(&weight, &kernel, &cotangent)?;
            let composed = gradient(&weight, &composed, &cotangent)?;
            prop_assert_eq!(kernel, composed);
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
        let layer = embedding(
            4,
            3,
            EmbeddingConfig {
                padding_index: Some(2),
            },
            vb,
        )?;
        let table = layer.weight().to_vec2::<f64>()?;
        assert_eq!(table[2], [0.0; 3]);
        assert!(table[0].iter().all(|x| *x != 0.0));
        let y = layer.forward(&ids(vec![2, 1, 2, 1])?)?;
        let (_, weight) = parameters.vars().remove(0);
        let made = gradient(&weight, &y, &y.ones_like()?)?;
        assert_eq!(made, [[0.0; 3], [2.0; 3], [0.0; 3], [0.0; 3]]);
        Ok(())
    }

    #[test]
    fn bad_ids_are_named() -> candle_core::Result<()> {
        let layer = layer(&values((5, 2), 1), None);
        let message = |list: &Tensor| {
            layer
                .forward(list)
                .err()
                .map(|e| e.to_string())
                .unwrap_or_default()
        };
        let found = message(&ids(vec![0, 4, 5])?);
        assert!(
            found.starts_with("embedding: id 5 at position 2 has no row in a table of 5 rows"),
            "{found}"
        );
        let found = message(&Tensor::new(&[1i64], &Device::Cpu)?);
        assert!(
            found.starts_with("embedding: ids is I64, expected U32"),
            "{found}"
        );
        Ok(())
    }
}
