//! Initial values of parameters: drawn, given, or drawn with some rows given.

use candle_core::{DType, Device, Shape, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// How a parameter gets its first value when no stored one is at hand.
#[derive(Debug, Clone)]
pub enum Init {
    /// Every element the same.
    Const(f64),
    /// Uniform over `[low, high)`.
    Uniform {
        /// Lower bound, included.
        low: f64,
        /// Upper bound, excluded.
        high: f64,
    },
    /// Normal with the given moments.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// A value computed from elsewhere, e.g. weight norm's g = ‖v‖ from the v just drawn.
    Value(Tensor),
    /// Drawn by `rest`, but rows `index` are `values`: pre-trained word vectors, a padding row of
    /// zeros.
    Rows {
        /// How the other rows are drawn.
        rest: Box<Init>,
        /// Row numbers along the first dimension.
        index: Vec<u32>,
        /// Their values, `[index.len(), …]`.
        values: Tensor,
    },
    /// First values of what is no parameter, such as running statistics: a buffer is saved and
    /// restored with the parameters, but never stepped, averaged or counted.
    Buffer(Box<Init>),
}

impl Default for Init {
    fn default() -> Self {
        Init::Const(0.0)
    }
}

impl Init {
    /// PyTorch's default for the weight and bias of linear and convolution layers:
    /// U[−1/√fan_in, 1/√fan_in] (`kaiming_uniform_(a=√5)`).
    pub fn uniform_fan_in(fan_in: usize) -> Self {
        let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
        Init::Uniform { low: -bound, high: bound }
    }

    /// Makes the value of the parameter `name`, drawing from `rng`.
    pub(crate) fn make(
        &self,
        name: &str,
        shape: &Shape,
        dtype: DType,
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> crate::Result<Tensor> {
        let count = shape.elem_count();
        let drawn: Vec<f64> = match self {
            Init::Const(value) => return Ok(Tensor::full(*value, shape, device)?.to_dtype(dtype)?),
            Init::Uniform { low, high } => {
                (0..count).map(|_| low + (high - low) * rng.random::<f64>()).collect()
            }
            Init::Normal { mean, std } => {
                (0..count).map(|_| mean + std * standard_normal(rng)).collect()
            }
            Init::Value(value) => {
                same_shape(name, value.dims(), shape.dims())?;
                return Ok(value.to_dtype(dtype)?.to_device(device)?.copy()?);
            }
            Init::Buffer(init) => return init.make(name, shape, dtype, device, rng),
            Init::Rows { rest, index, values } => {
                let drawn = rest.make(name, shape, dtype, device, rng)?;
                return overwrite_rows(name, drawn, index, values);
            }
        };
        Ok(Tensor::from_vec(drawn, shape, device)?.to_dtype(dtype)?)
    }
}

fn same_shape(name: &str, found: &[usize], expected: &[usize]) -> crate::Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(crate::Error::ParameterShape {
        name: name.into(),
        found: found.to_vec(),
        expected: expected.to_vec(),
    })
}

fn overwrite_rows(
    name: &str,
    drawn: Tensor,
    index: &[u32],
    values: &Tensor,
) -> crate::Result<Tensor> {
    let mut expected = drawn.dims().to_vec();
    let rows = expected.first().copied().unwrap_or(0);
    if let Some(row) = index.iter().find(|row| **row as usize >= rows) {
        let reason = format!("an initial value for row {row} is given, but it has {rows} rows");
        return Err(crate::Error::Initial { name: name.into(), reason });
    }
    if let Some(first) = expected.first_mut() {
        *first = index.len();
    }
    same_shape(name, values.dims(), &expected)?;
    if index.is_empty() {
        return Ok(drawn);
    }
    // One index per row of the result into [drawn; values], so that the rows are copied and not
    // added.
    let mut source: Vec<u32> = (0..rows as u32).collect();
    for (position, row) in index.iter().enumerate() {
        source[*row as usize] = (rows + position) as u32;
    }
    let source = Tensor::new(source, drawn.device())?;
    let values = values.to_dtype(drawn.dtype())?.to_device(drawn.device())?;
    Ok(Tensor::cat(&[&drawn, &values], 0)?.index_select(&source, 0)?)
}

// Box–Muller, one of the pair: exactly two draws a value keeps the stream easy to reason about.
fn standard_normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

impl Init {
    /// candle's description of the same thing; its Kaiming forms need the shape for their fan.
    pub fn from_candle(init: candle_nn::Init, shape: &Shape) -> Self {
        use candle_nn::init::NormalOrUniform;
        match init {
            candle_nn::Init::Const(value) => Init::Const(value),
            candle_nn::Init::Randn { mean, stdev } => Init::Normal { mean, std: stdev },
            candle_nn::Init::Uniform { lo, up } => Init::Uniform { low: lo, high: up },
            candle_nn::Init::Kaiming { dist, fan, non_linearity } => {
                let std = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
                match dist {
                    NormalOrUniform::Normal => Init::Normal { mean: 0.0, std },
                    NormalOrUniform::Uniform => {
                        let bound = 3f64.sqrt() * std;
                        Init::Uniform { low: -bound, high: bound }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::seeded;

    fn make(init: &Init, shape: (usize, usize)) -> crate::Result<Vec<Vec<f64>>> {
        let mut rng = seeded(7, "weight");
        let value = init.make("weight", &shape.into(), DType::F64, &Device::Cpu, &mut rng)?;
        Ok(value.to_vec2()?)
    }

    #[test]
    fn drawn_values_have_the_moments_asked_for() -> crate::Result<()> {
        let moments = |values: Vec<Vec<f64>>| {
            let all = values.concat();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
            (mean, variance.sqrt())
        };
        let (mean, std) = moments(make(&Init::Normal { mean: 1.0, std: 0.5 }, (200, 100))?);
        assert!((mean - 1.0).abs() < 0.02 && (std - 0.5).abs() < 0.01, "{mean} {std}");
        let (mean, std) = moments(make(&Init::Uniform { low: -3.0, high: 3.0 }, (200, 100))?);
        assert!(mean.abs() < 0.06 && (std - 3f64.sqrt()).abs() < 0.03, "{mean} {std}");
        Ok(())
    }

    #[test]
    fn given_rows_replace_drawn_ones_and_leave_the_others() -> crate::Result<()> {
        let rest = Init::Uniform { low: 1.0, high: 2.0 };
        let drawn = make(&rest, (4, 2))?;
        let values = Tensor::new(&[[0.0, 0.0], [5.0, 6.0]], &Device::Cpu)?;
        let init = Init::Rows { rest: Box::new(rest), index: vec![0, 2], values };
        let expected = vec![vec![0.0, 0.0], drawn[1].clone(), vec![5.0, 6.0], drawn[3].clone()];
        assert_eq!(make(&init, (4, 2))?, expected);
        Ok(())
    }

    #[test]
    fn a_row_beyond_the_table_is_named() -> crate::Result<()> {
        let values = Tensor::new(&[[0.0, 0.0]], &Device::Cpu)?;
        let init = Init::Rows { rest: Box::new(Init::default()), index: vec![4], values };
        let error = make(&init, (4, 2)).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            error,
            "parameter `weight`: an initial value for row 4 is given, but it has 4 rows"
        );
        Ok(())
    }
}
