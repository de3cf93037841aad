//! A fully connected map for inference, its weight laid out once.

use candle_core::{DType, Device, Module, Tensor};

use crate::call::Call;
use crate::element::{Element, compute_dtype, read, room, try_zeros};
use crate::geometry::fits;
use crate::kernels::{laid_out_len, laid_out_row, lay_out, multiply_rows};
use crate::operation::Convolution;
use crate::{Conv2dConfig, Error, Result};

const OP: &str = "dense";

/// y = W x + b of each row x, or a · σ(b) of the halves of y, for weights that do not change: those
/// of a decoder, which multiplies them with a few rows for each word. What a row becomes does not
/// depend on the others, to the last bit.
///
/// For inference: arguments that are tracked for gradients are refused.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::Dense;
///
/// let weight = Tensor::new(&[[1f32, 2.], [0., -1.], [3., 0.]], &Device::Cpu)?;
/// let dense = Dense::new(&weight, Some(&Tensor::new(&[0f32, 0., 1.], &Device::Cpu)?))?;
/// let x = Tensor::new(&[[1f32, 1.], [2., 0.]], &Device::Cpu)?;
/// assert_eq!(dense.forward(&x)?.to_vec2::<f32>()?, [[3., -1., 4.], [2., 0., 7.]]);
/// # Ok::<(), conv_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dense {
    /// `[O, C, 1]`. Beside panels it is its shape that is wanted: a single number, seen at each
    /// place.
    weight: Tensor,
    bias: Option<Tensor>,
    /// The weight as the kernel reads it, on the CPU.
    panels: Option<Tensor>,
    glu: bool,
}

impl Dense {
    /// From weight `[O, C]` and bias `[O]`.
    ///
    /// # Errors
    /// Shapes, types or devices that do not fit each other; an argument that is tracked for
    /// gradients.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        Self::build(weight, bias, false)
    }

    /// [`Dense::new`] with a gated linear unit behind it.
    ///
    /// # Errors
    /// As there; an odd number of outputs.
    pub fn glu(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        Self::build(weight, bias, true)
    }

    fn build(weight: &Tensor, bias: Option<&Tensor>, glu: bool) -> Result<Self> {
        let mut dense = Self {
            weight: column("weight", weight, "[O, C]")?,
            bias: bias.map(Tensor::copy).transpose()?,
            panels: None,
            glu,
        };
        // What fits no row fits none later; its shape is all that counts.
        let row = Tensor::zeros(1, weight.dtype(), weight.device())?;
        let row = row.broadcast_as((1, weight.dims()[1]))?;
        let convolution = dense.convolution(&column("input", &row, "[B, C]")?)?;
        if weight.device().is_cpu() {
            let panels = match compute_dtype(OP, weight.dtype())? {
                DType::F64 => dense.laid_out::<f64>(&convolution)?,
                _ => dense.laid_out::<f32>(&convolution)?,
            };
            dense.panels = Some(panels);
            let shape = dense.weight.shape().clone();
            dense.weight =
                Tensor::zeros(1, weight.dtype(), weight.device())?.broadcast_as(shape)?;
        }
        Ok(dense)
    }

    fn laid_out<T: Element>(&self, convolution: &Convolution) -> Result<Tensor> {
        let g = &convolution.geometry;
        let weight = self.weight.to_dtype(T::DTYPE)?;
        let len = laid_out_len(g);
        let no_room = || Error::OutOfMemory { op: OP, elements: len };
        let mut panels = try_zeros::<T>(len).ok_or_else(no_room)?;
        read(&weight, |weight| {
            lay_out(g, weight, self.glu, &mut panels);
            Ok(())
        })?;
        Ok(Tensor::from_vec(panels, len, &Device::Cpu)?)
    }

    /// `[B, C]` → `[B, O]`, or `[B, O / 2]` where it is gated. f16 and bf16 are computed in f32 and
    /// rounded at the end.
    ///
    /// # Errors
    /// Rows that do not fit the weight, or are tracked for gradients.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = column("input", x, "[B, C]")?;
        let convolution = self.convolution(&x)?;
        let y = match &self.panels {
            None => convolution.apply(&x, &self.weight, self.bias.as_ref())?,
            Some(panels) => match panels.dtype() {
                DType::F64 => self.rows::<f64>(&convolution, &x, panels)?,
                _ => self.rows::<f32>(&convolution, &x, panels)?,
            },
        };
        Ok(y.squeeze(2)?)
    }

    /// Some rows of the weight, `[N]` of u32 → `[N, C]`, as they were given: a table that is an
    /// output layer too need not be kept beside it.
    ///
    /// # Errors
    /// A gated map, whose rows stand in another order; a row that the weight does not have.
    pub fn weight_rows(&self, rows: &Tensor) -> Result<Tensor> {
        let (outputs, inputs, _) = self.weight.dims3()?;
        if self.glu {
            let found = "the weight of a gated map".into();
            let expected = "that of a plain one";
            return Err(Error::Refused { op: OP, found, expected });
        }
        let Some(panels) = &self.panels else {
            return Ok(self.weight.squeeze(2)?.index_select(rows, 0)?);
        };
        let of_panels = match panels.dtype() {
            DType::F64 => gathered::<f64>(panels, [outputs, inputs], rows)?,
            _ => gathered::<f32>(panels, [outputs, inputs], rows)?,
        };
        Ok(of_panels.to_dtype(self.weight.dtype())?)
    }

    /// The same as a convolution.
    fn convolution(&self, x: &Tensor) -> Result<Convolution> {
        let Self { weight, bias, glu, .. } = self;
        let bias = bias.as_ref();
        if [Some(x), Some(weight), bias].into_iter().flatten().any(Tensor::track_op) {
            let found = "an argument that is tracked for gradients".into();
            let expected = "none that is: conv1d and matmul have gradients";
            return Err(Error::Refused { op: OP, found, expected });
        }
        let dims = ("[B, C, 1]", "[O, C, 1]");
        let call = Call { op: OP, rank: 3, dims, x, weight, bias };
        let convolution = call.convolution(&Conv2dConfig::default())?;
        if *glu { convolution.with_glu([None; 3]) } else { Ok(convolution) }
    }

    fn rows<T: Element>(
        &self,
        convolution: &Convolution,
        x: &Tensor,
        panels: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let (g, shape) = (&convolution.geometry, &convolution.output);
        let given = x.dtype();
        let x = x.to_dtype(T::DTYPE)?;
        let bias = self.bias.as_ref().map(|bias| bias.to_dtype(T::DTYPE)?.to_vec1::<T>());
        let bias = bias.transpose()?;
        let epilogue = convolution.epilogue(bias.as_deref());
        let y = read(&x, |x: &[T]| {
            read(panels, |panels| {
                multiply_rows(g, x, panels, epilogue)
                    .map_err(|no_room| no_room.in_operation(OP).into())
            })
        })?;
        Tensor::from_vec(y, shape, x.device())?.to_dtype(given)
    }
}

/// Rows of the weight `[O, C]` that `panels` were laid out from.
fn gathered<T: Element>(
    panels: &Tensor,
    [outputs, inputs]: [usize; 2],
    rows: &Tensor,
) -> Result<Tensor> {
    let count = rows.dims1()?;
    fits(OP, "result", &[count, inputs])?;
    // First, since an expanded index can claim more rows than there is memory.
    let mut elements = room::<T>(OP, count * inputs)?;
    let rows = rows.to_vec1::<u32>()?;
    if let Some(row) = rows.iter().find(|row| **row as usize >= outputs) {
        let found = format!("row {row} of {outputs}");
        let expected = "one that the weight has";
        return Err(Error::Refused { op: OP, found, expected });
    }
    read(panels, |panels: &[T]| {
        elements.extend(rows.iter().flat_map(|row| laid_out_row(panels, inputs, *row as usize)));
        Ok(())
    })?;
    Ok(Tensor::from_vec(elements, (count, inputs), &Device::Cpu)?)
}

impl Module for Dense {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(Self::forward(self, x)?)
    }
}

/// A matrix as images of a single pixel.
fn column(argument: &'static str, matrix: &Tensor, expected: &'static str) -> Result<Tensor> {
    match matrix.rank() {
        2 => Ok(matrix.unsqueeze(2)?),
        _ => Err(Error::Rank { op: OP, argument, found: matrix.dims().to_vec(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv1dConfig, conv1d, conv1d_glu};
    use candle_core::Var;
    use gradcheck::values;

    /// Below, at and above the edges of tiles and panels.
    #[test]
    fn it_is_a_convolution_and_a_row_is_the_same_in_any_batch() -> Result<()> {
        for dtype in [DType::F32, DType::F64] {
            let values = |shape: &[usize], seed| values(shape, seed).to_dtype(dtype);
            let flat = |t: Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
            for (rows, inputs, outputs) in
                [(1, 1, 2), (3, 5, 16), (4, 40, 18), (5, 300, 48), (8, 17, 50), (23, 64, 194)]
            {
                let x = values(&[rows, inputs], 1)?;
                let weight = values(&[outputs, inputs], 2)?;
                let bias = values(&[outputs], 3)?;
                let config = Conv1dConfig::default();
                for bias in [None, Some(&bias)] {
                    let columns = x.unsqueeze(2)?;
                    let kernels = weight.unsqueeze(2)?;
                    let plain = conv1d(&columns, &kernels, bias, &config)?;
                    let gated = conv1d_glu(&columns, &kernels, bias, &config)?;
                    for (dense, expected) in
                        [(Dense::new(&weight, bias)?, plain), (Dense::glu(&weight, bias)?, gated)]
                    {
                        if !dense.glu {
                            let rows: Vec<u32> = (0..outputs as u32).rev().collect();
                            let rows = Tensor::from_vec(rows, outputs, &Device::Cpu)?;
                            let (found, given) =
                                (dense.weight_rows(&rows)?, weight.index_select(&rows, 0)?);
                            assert_eq!(flat(found)?, flat(given)?);
                        }
                        let y = dense.forward(&x)?;
                        let worst = (&y - expected.squeeze(2)?)?.abs()?.max_all()?;
                        let worst = worst.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                        assert!(worst < 1e-4, "{rows} rows, {inputs} → {outputs}: {worst}");
                        for row in 0..rows {
                            let alone = dense.forward(&x.narrow(0, row, 1)?)?;
                            assert_eq!(flat(alone)?, flat(y.narrow(0, row, 1)?)?);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// One that is made of a network in training does not change with it.
    #[test]
    fn it_is_of_the_values_that_it_was_given() -> Result<()> {
        let (weight, bias) =
            (Var::from_tensor(&values((3, 2), 1))?, Var::from_tensor(&values(3, 2))?);
        let dense = Dense::new(&weight.detach(), Some(&bias.detach()))?;
        let x = values((4, 2), 3);
        let before = dense.forward(&x)?.to_vec2::<f64>()?;
        weight.set(&weight.zeros_like()?)?;
        bias.set(&bias.ones_like()?)?;
        assert_eq!(dense.forward(&x)?.to_vec2::<f64>()?, before);
        Ok(())
    }

    #[test]
    fn what_it_cannot_take_is_refused_by_name() -> Result<()> {
        let text = |dense: Result<Dense>| dense.err().map(|e| e.to_string()).unwrap_or_default();
        let weight = values((3, 2), 1);
        let tracked = Var::from_tensor(&weight)?;
        assert_eq!(
            text(Dense::new(&tracked, None)),
            "dense: an argument that is tracked for gradients, expected none that is: conv1d and matmul have gradients"
        );
        assert_eq!(
            text(Dense::glu(&weight, None)),
            "dense: 3 output channels, expected an even number"
        );
        assert!(text(Dense::new(&weight, Some(&values(2, 1)))).contains("bias"));
        assert!(text(Dense::new(&values((3, 2, 1), 1), None)).contains("weight"));
        assert!(text(Dense::new(&values((3, 0), 1), None)).contains("number of channels"));
        let dense = Dense::new(&weight, None)?;
        for x in
            [values((4, 3), 1), values(2, 1), Var::from_tensor(&values((4, 2), 1))?.into_inner()]
        {
            assert!(dense.forward(&x).is_err());
        }
        assert_eq!(dense.forward(&values((0, 2), 1))?.dims(), [0, 3]);
        let rows = Tensor::new(&[0u32, 3], &Device::Cpu)?;
        let text = |rows: Result<Tensor>| rows.err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            text(dense.weight_rows(&rows)),
            "dense: row 3 of 3, expected one that the weight has"
        );
        // Expanded views that claim more than there is memory for.
        let far =
            |sizes: (usize, usize)| Tensor::zeros(1, DType::F32, &Device::Cpu)?.broadcast_as(sizes);
        assert!(Dense::new(&far((1, 1 << 50))?, None).is_err());
        assert!(Dense::new(&far((1 << 50, 1))?, None).is_err());
        let far = Tensor::zeros(1, DType::U32, &Device::Cpu)?.broadcast_as(1 << 50)?;
        assert!(dense.weight_rows(&far).is_err());
        let gated = Dense::glu(&values((4, 2), 1), None)?;
        assert!(text(gated.weight_rows(&rows)).contains("gated"));
        Ok(())
    }
}
