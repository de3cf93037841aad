//! Convolution and its transpose as candle operations with backward passes of their own.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Tensor, bail};

use crate::cpu::check_first_order;
use crate::element::{Element, compute_dtype, read, row_major};
use crate::geometry::Geometry;
use crate::glu;
use crate::kernels::{Epilogue, bias_gradient, forward, input_gradient, weight_gradient};
use crate::memory::AllocError;
use crate::{Error, Precision, Result, device, relu};

/// A convolution, or the transpose of one, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    pub op: &'static str,
    /// For a transpose, the geometry of the convolution that it is the transpose of.
    pub geometry: Geometry,
    pub transposed: bool,
    pub precision: Precision,
    /// Whether the packed weight is kept for the next call: in inference, where it does not change
    /// from one to the next.
    pub keep: bool,
    /// Whether negative results become 0.
    pub relu: bool,
    /// Whether the second half of the channels gates the first one's.
    pub glu: bool,
    /// Where a gate's gradient will be wanted, the sums before it once they are there.
    pub sums: Option<Arc<OnceLock<Tensor>>>,
    /// The shape of the result.
    pub output: Shape,
}

/// A convolution or the gradient of its input, each of which is the other's transpose.
type Gradient<T> =
    fn(&Geometry, &[T], &[T], Epilogue<'_, T>) -> std::result::Result<Vec<T>, AllocError>;

/// An argument as candle hands it to an operation.
type Argument<'a> = (&'a CpuStorage, &'a Layout);

impl Convolution {
    /// The same with a rectifier on its result, as it is stored.
    pub fn with_relu(self) -> Self {
        Self { relu: true, ..self }
    }

    /// The same with its result gated: as it is stored, or behind the sums where the gradients of
    /// `arguments` may be wanted.
    pub fn with_glu(self, arguments: [Option<&Tensor>; 3]) -> Result<Self> {
        let (op, groups, mut dims) =
            (self.op, self.geometry.groups, self.output.clone().into_dims());
        let refused = |found, expected| Err(Error::Refused { op, found, expected });
        if groups > 1 {
            return refused(format!("{groups} groups"), "one, or conv1d and a gated linear unit");
        }
        if dims[1] % 2 != 0 {
            return refused(format!("{} output channels", dims[1]), "an even number");
        }
        let is_tracked = arguments.into_iter().flatten().any(Tensor::track_op);
        dims[1] /= 2;
        Ok(Self { glu: true, sums: is_tracked.then(Arc::default), output: dims.into(), ..self })
    }

    /// The convolution whose result is gated.
    fn without_glu(self) -> Self {
        let mut dims = self.output.clone().into_dims();
        dims[1] *= if self.glu { 2 } else { 1 };
        Self { glu: false, sums: None, output: dims.into(), ..self }
    }

    /// Runs it on checked arguments.
    pub fn apply(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let given = x.dtype();
        let dtype = compute_dtype(self.op, given)?;
        let x = x.to_dtype(dtype)?;
        let weight = weight.to_dtype(dtype)?;
        let bias = bias.map(|bias| bias.to_dtype(dtype)).transpose()?;
        let y = match (x.device().is_cpu(), bias) {
            (true, Some(bias)) => x.apply_op3(&weight, &bias, self)?,
            (true, None) => x.apply_op2(&weight, self)?,
            (false, bias) => {
                let Self { relu, glu, .. } = self;
                let y = device::apply(self.without_glu(), &x, &weight, bias.as_ref())?;
                match (relu, glu) {
                    // Not candle's own relu, whose gradient at 0 is 1.
                    (true, _) => y.le(0f64)?.where_cond(&y.zeros_like()?, &y)?,
                    (_, true) => {
                        let halves = y.chunk(2, 1)?;
                        (&halves[0] / (halves[1].neg()?.exp()? + 1.0)?)?
                    }
                    _ => y,
                }
            }
        };
        Ok(y.to_dtype(given)?)
    }

    fn cpu(
        &self,
        x: Argument<'_>,
        weight: Argument<'_>,
        bias: Option<Argument<'_>>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = match x.0 {
            CpuStorage::F64(_) => self.forward::<f64>(x, weight, bias)?,
            _ => self.forward::<f32>(x, weight, bias)?,
        };
        Ok((y, self.output.clone()))
    }

    fn forward<T: Element>(
        &self,
        x: Argument<'_>,
        weight: Argument<'_>,
        bias: Option<Argument<'_>>,
    ) -> candle_core::Result<CpuStorage> {
        let x = row_major::<T>(x.0, x.1)?;
        let weight = row_major::<T>(weight.0, weight.1)?;
        let bias = bias.map(|(s, l)| row_major::<T>(s, l)).transpose()?;
        let epilogue = self.epilogue(bias.as_deref());
        let run: Gradient<T> = if self.transposed { input_gradient } else { forward };
        let failed = |no_room: AllocError| no_room.in_operation(self.op);
        let sums = run(&self.geometry, &x, &weight, epilogue).map_err(failed)?;
        let Some(kept) = &self.sums else { return Ok(T::to_cpu_storage_owned(sums)) };
        let of_sample = self.output.elem_count() / self.output.dims()[0].max(1);
        let y = glu::glu(&sums, of_sample).map_err(failed)?;
        let shape = self.clone().without_glu().output;
        let sums = Tensor::from_vec(sums, shape, &Device::Cpu)?;
        kept.get_or_init(|| sums);
        Ok(T::to_cpu_storage_owned(y))
    }

    pub fn epilogue<'a, T>(&self, bias: Option<&'a [T]>) -> Epilogue<'a, T> {
        let Self { relu, keep, .. } = *self;
        let glu = self.glu && self.sums.is_none();
        Epilogue { bias, relu, glu, exact: self.precision == Precision::Exact, keep }
    }

    /// The gradients of those arguments that need one. Where the result `y` is rectified, that of a
    /// sum that became 0 is 0.
    pub fn gradients(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        (y, dy): (Option<&Tensor>, &Tensor),
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        check_first_order(self.op, dy)?;
        match dy.dtype() {
            DType::F64 => self.gradients_in::<f64>(x, weight, bias, (y, dy)),
            _ => self.gradients_in::<f32>(x, weight, bias, (y, dy)),
        }
    }

    /// The gradient of the sums, from that of what became of them.
    fn of_sums<T: Element>(
        &self,
        y: Option<&Tensor>,
        dy: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        match (&self.sums, y.filter(|_| self.relu)) {
            (Some(sums), _) => {
                let Some(sums) = sums.get() else {
                    bail!("{}: a gradient before a result", self.op)
                };
                glu::gradient::<T>(self.op, sums, dy).map(Some)
            }
            (None, Some(y)) => relu::gradient::<T>(self.op, y, dy).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn gradients_in<T: Element>(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        (y, dy): (Option<&Tensor>, &Tensor),
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        let g = &self.geometry;
        let of_sums = self.of_sums::<T>(y, dy)?;
        let dy = of_sums.as_ref().unwrap_or(dy);
        let failed = |no_room: AllocError| no_room.in_operation(self.op);
        let gradient = |of: &Tensor, make: &dyn Fn() -> std::result::Result<Vec<T>, AllocError>| {
            if !of.track_op() {
                return Ok(None);
            }
            Tensor::from_vec(make().map_err(failed)?, of.shape(), &Device::Cpu).map(Some)
        };
        let (x_of, weight_of) = (x, weight);
        let epilogue = Epilogue { relu: false, glu: false, ..self.epilogue(None) };
        read(dy, |dy| {
            read(x, |x| {
                read(weight, |weight| {
                    let (of_input, input, output, pixels) = if self.transposed {
                        (forward::<T> as Gradient<T>, dy, x, g.pixels_in())
                    } else {
                        (input_gradient::<T> as Gradient<T>, x, dy, g.pixels_out())
                    };
                    let of_bias = |bias: &Tensor| {
                        let channels = bias.elem_count();
                        gradient(bias, &|| bias_gradient([channels, pixels], dy))
                    };
                    Ok([
                        gradient(x_of, &|| of_input(g, dy, weight, epilogue))?,
                        gradient(weight_of, &|| weight_gradient(g, input, output))?,
                        bias.map_or(Ok(None), of_bias)?,
                    ])
                })
            })
        })
    }
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.cpu((x, x_layout), (weight, weight_layout), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dweight, _] = self.gradients(x, weight, None, (Some(y), dy))?;
        Ok((dx, dweight))
    }
}

impl CustomOp3 for Convolution {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let bias = Some((bias, bias_layout));
        self.cpu((x, x_layout), (weight, weight_layout), bias)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dweight, dbias] = self.gradients(x, weight, Some(bias), (Some(y), dy))?;
        Ok((dx, dweight, dbias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::{Conv2dConfig, ConvTranspose2dConfig};

    /// An operation, its input, weight and bias, and a gradient of its output's shape.
    fn examples() -> Result<Vec<(Convolution, [Tensor; 4])>> {
        let x = gradcheck::values((3, 4, 5, 6), 1);
        let weight = gradcheck::values((4, 4, 2, 3), 2);
        let bias = gradcheck::values(4, 3);
        let call =
            Call { op: "conv", rank: 4, dims: ("", ""), x: &x, weight: &weight, bias: Some(&bias) };
        [
            call.convolution(&Conv2dConfig::default())?,
            call.transposed(&ConvTranspose2dConfig::default())?,
        ]
        .into_iter()
        .map(|convolution| {
            let dy = gradcheck::values(convolution.output.clone(), 4);
            let leaf = |t: &Tensor| Ok::<_, Error>(candle_core::Var::from_tensor(t)?.into_inner());
            let arguments = [leaf(&x)?, leaf(&weight)?, leaf(&bias)?, dy];
            Ok((convolution, arguments))
        })
        .collect()
    }

    /// candle adds each gradient to zeros before it passes it on, so that a gradient of another
    /// layout is best handed over here.
    #[test]
    fn a_gradient_of_any_layout_is_read_in_its_order() -> Result<()> {
        for (convolution, [x, weight, bias, dy]) in examples()? {
            let shape = dy.shape();
            let transposed = dy.transpose(1, 3)?.contiguous()?.transpose(1, 3)?;
            let expanded = dy.narrow(0, 0, 1)?.narrow(3, 0, 1)?.broadcast_as(shape)?;
            for dy in [transposed, expanded] {
                assert!(!dy.is_contiguous());
                let gradients =
                    |dy: &Tensor| convolution.gradients(&x, &weight, Some(&bias), (None, dy));
                let found = gradients(&dy)?;
                let expected = gradients(&dy.contiguous()?)?;
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    let found = found.flatten_all()?.to_vec1::<f64>()?;
                    assert_eq!(found, expected.flatten_all()?.to_vec1::<f64>()?);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_second_derivative_is_refused_by_name() -> Result<()> {
        for (convolution, [x, weight, bias, dy]) in examples()? {
            let tracked = (weight.sum_all()?.broadcast_as(dy.shape())? * dy)?;
            let result = convolution.gradients(&x, &weight, Some(&bias), (None, &tracked));
            let text = result.map_or_else(|e| e.to_string(), |_| String::new());
            assert!(text.contains("conv: its gradient cannot be differentiated again"), "{text}");
        }
        Ok(())
    }
}
