//! Convolution where there are no kernels of our own: candle's forward operations, or a composition
//! of its primitives where those cannot express the geometry; and gradients through that
//! composition, since candle's rules for its own convolutions are wrong on every device.

use std::sync::{Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Storage, Tensor, Var,
    bail,
};

use crate::cpu::check_first_order;
use crate::geometry::{Axis, Geometry};
use crate::operation::Convolution;

/// Runs `convolution` on the device of its arguments.
pub(crate) fn apply(
    convolution: Convolution,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let value = match native(&convolution, &x.detach(), &weight.detach())? {
        Some(value) => value,
        None => composed(&convolution, &x.detach(), &weight.detach())?,
    };
    let y = if x.track_op() || weight.track_op() {
        // Only the storage becomes the result's, which has to begin with it.
        let value = match value.layout().start_offset() {
            0 => value,
            _ => value.force_contiguous()?,
        };
        let value = Mutex::new(Some(value));
        x.apply_op2(weight, Known { convolution, value })?
    } else {
        value
    };
    match bias {
        Some(bias) => {
            let mut shape = vec![1; y.rank()];
            shape[1] = bias.elem_count();
            y.broadcast_add(&bias.reshape(shape)?)
        }
        None => Ok(y),
    }
}

/// The convolution by candle's own operation, where that can express its geometry.
fn native(convolution: &Convolution, x: &Tensor, weight: &Tensor) -> Result<Option<Tensor>> {
    let Convolution { geometry: Geometry { groups, h, w, .. }, transposed, .. } = convolution;
    // candle has one stride and one dilation for both axes; an axis of one output or one tap does
    // not care.
    let same_stride = h.stride == w.stride || h.output == 1;
    let same_dilation = h.dilation == w.dilation || h.kernel == 1;
    if !same_stride || !same_dilation || (*transposed && *groups > 1) {
        return Ok(None);
    }
    let x = image(x)?;
    let weight = image(weight)?.contiguous()?;
    let y = if *transposed {
        let full = x.contiguous()?.conv_transpose2d(&weight, 0, 0, w.stride, w.dilation)?;
        crop(&crop(&full, 2, h)?, 3, w)?
    } else {
        let seen = window(&window(&x, 2, h)?, 3, w)?;
        seen.conv2d(&weight, 0, w.stride, w.dilation, *groups)?
    };
    y.reshape(&convolution.output).map(Some)
}

/// The convolution composed of selecting, adding up and matrix products, whose gradients candle has
/// right.
fn composed(convolution: &Convolution, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let g = &convolution.geometry;
    let groups = g.groups;
    let rows = g.depth();
    let columns = g.columns();
    let weight = weight.reshape((groups, g.channels_out, rows))?;
    let y = if convolution.transposed {
        let y = image(x)?.reshape((g.batch, groups, g.channels_out, g.pixels_out()))?;
        let y = y.permute((1, 2, 0, 3))?.reshape((groups, g.channels_out, columns))?;
        let unrolled = weight.t()?.contiguous()?.matmul(&y.contiguous()?)?;
        roll(g, &unrolled)?
    } else {
        let y = weight.contiguous()?.matmul(&unroll(g, &image(x)?)?)?;
        let y = y.reshape((groups, g.channels_out, g.batch, g.pixels_out()))?;
        y.permute((2, 0, 1, 3))?
    };
    y.reshape(&convolution.output)
}

/// `[B, C, H, W]` → `[G, C / G · KH · KW, B · H' · W']`: for every output element what its window
/// sees.
fn unroll(g: &Geometry, x: &Tensor) -> Result<Tensor> {
    let x = window(&window(x, 2, &g.h)?, 3, &g.w)?;
    let x = x.index_select(&places(&g.h, &x)?, 2)?;
    let x = x.index_select(&places(&g.w, &x)?, 3)?;
    let (h, w) = (&g.h, &g.w);
    x.reshape(&[g.batch, g.groups, g.channels_in, h.kernel, h.output, w.kernel, w.output][..])?
        .permute(vec![1, 2, 3, 5, 0, 4, 6])?
        .reshape((g.groups, g.depth(), g.columns()))
}

/// [`unroll`]'s transpose: every element added to the place it was taken from.
fn roll(g: &Geometry, unrolled: &Tensor) -> Result<Tensor> {
    let (h, w) = (&g.h, &g.w);
    let batch = g.batch;
    let channels = g.groups * g.channels_in;
    let x = unrolled
        .reshape(&[g.groups, g.channels_in, h.kernel, w.kernel, batch, h.output, w.output][..])?
        .permute(vec![4, 0, 1, 2, 5, 3, 6])?
        .reshape((batch, channels, h.kernel * h.output, w.kernel * w.output))?;
    let zeros = |height| Tensor::zeros((batch, channels, height, w.span()), x.dtype(), x.device());
    let x = zeros(h.kernel * h.output)?.index_add(&places(w, &x)?, &x, 3)?;
    let x = zeros(h.span())?.index_add(&places(h, &x)?, &x, 2)?;
    crop(&crop(&x, 2, h)?, 3, w)
}

/// For each tap and output position of an axis, the place in the padded input where they meet.
fn places(axis: &Axis, like: &Tensor) -> Result<Tensor> {
    let places: Vec<u32> = (0..axis.kernel)
        .flat_map(|k| (0..axis.output).map(move |o| (o * axis.stride + k * axis.dilation) as u32))
        .collect();
    Tensor::new(places, like.device())
}

/// `x` with the axis's padding, as far as its windows see.
fn window(x: &Tensor, dim: usize, axis: &Axis) -> Result<Tensor> {
    x.pad_with_zeros(dim, axis.before(), axis.after())?.narrow(dim, 0, axis.span())?.contiguous()
}

/// [`window`]'s transpose: the padding cut off, and zeros where no window sees.
fn crop(x: &Tensor, dim: usize, axis: &Axis) -> Result<Tensor> {
    let missing = (axis.before() + axis.input).saturating_sub(axis.span());
    x.pad_with_zeros(dim, 0, missing)?.narrow(dim, axis.before(), axis.input)
}

/// The tensor with a height of 1 where it has none.
fn image(x: &Tensor) -> Result<Tensor> {
    match x.rank() {
        3 => x.unsqueeze(2),
        _ => Ok(x.clone()),
    }
}

/// A convolution whose value is there already; what it adds is the gradient.
struct Known {
    convolution: Convolution,
    /// Taken by the forward pass, so that the graph does not keep a second copy.
    value: Mutex<Option<Tensor>>,
}

impl Known {
    fn forward<S: BackendStorage>(
        &self,
        storage: impl Fn(&Storage) -> Option<&S>,
    ) -> Result<(S, Shape)> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(value) = value else {
            bail!("{}: its forward pass ran twice", self.convolution.op)
        };
        let (found, layout) = value.storage_and_layout();
        match storage(&found) {
            Some(found) => Ok((found.try_clone(layout)?, value.shape().clone())),
            None => bail!("{}: its value is on another device", self.convolution.op),
        }
    }
}

impl CustomOp2 for Known {
    fn name(&self) -> &'static str {
        self.convolution.op
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(|storage| match storage {
            Storage::Cpu(storage) => Some(storage),
            _ => None,
        })
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.forward(|storage| match storage {
            Storage::Cuda(storage) => Some(storage),
            _ => None,
        })
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.forward(|storage| match storage {
            Storage::Metal(storage) => Some(storage),
            _ => None,
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        check_first_order(self.convolution.op, dy)?;
        // A graph of its own: only the arguments that need a gradient are variables in it.
        let leaf = |t: &Tensor| {
            if t.track_op() {
                Ok(Var::from_tensor(t)?.into_inner())
            } else {
                Ok::<_, candle_core::Error>(t.clone())
            }
        };
        let x = leaf(x)?;
        let weight = leaf(weight)?;
        let y = composed(&self.convolution, &x, &weight)?;
        let mut gradients = y.mul(dy)?.sum_all()?.backward()?;
        let mut gradient = |leaf: &Tensor| match gradients.remove(leaf) {
            // candle leaves an empty product out of the graph.
            None if leaf.is_variable() => leaf.zeros_like().map(Some),
            gradient => Ok(gradient),
        };
        Ok((gradient(&x)?, gradient(&weight)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::{Conv2dConfig, ConvTranspose2dConfig, Padding2d};

    /// The largest difference between the tensors.
    fn difference(a: &Tensor, b: &Tensor) -> Result<f64> {
        assert_eq!(a.dims(), b.dims());
        if a.elem_count() == 0 {
            return Ok(0.0);
        }
        (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()
    }

    /// The way for other devices, taken on the CPU, against the CPU's kernels: values and
    /// gradients.
    fn agrees(
        make: &dyn Fn(&Call<'_>) -> crate::Result<Convolution>,
        x: &[usize],
        weight: &[usize],
    ) -> Result<()> {
        let x = Var::from_tensor(&gradcheck::values(x, 1))?;
        let weight = Var::from_tensor(&gradcheck::values(weight, 2))?;
        let convolution = make(&Call {
            op: "conv",
            rank: x.rank(),
            dims: ("", ""),
            x: &x,
            weight: &weight,
            bias: None,
        })?;
        let bias = Var::from_tensor(&gradcheck::values(convolution.output.dims()[1], 3))?;
        let run = |on_device: bool| -> Result<Vec<Tensor>> {
            // An intermediate, to see that its gradient goes on.
            let middle = x.affine(1.0, 0.0)?;
            let convolution = convolution.clone();
            let y = if on_device {
                apply(convolution, &middle, &weight, Some(&bias))?
            } else {
                convolution.apply(&middle, &weight, Some(&bias))?
            };
            let gradients = y.sqr()?.sum_all()?.backward()?;
            let gradients = [&x, &weight, &bias].map(|v| gradients.get(v).cloned());
            Ok([Some(y)].into_iter().chain(gradients).flatten().collect())
        };
        let found = run(true)?;
        let expected = run(false)?;
        // candle does not add a bias to nothing, and so gives it no gradient.
        let without_bias = usize::from(x.elem_count() == 0);
        assert_eq!((found.len() + without_bias, expected.len()), (4, 4));
        for (found, expected) in found.iter().zip(&expected) {
            let difference = difference(found, expected)?;
            assert!(difference < 1e-9, "{difference} for {convolution:?}");
        }
        Ok(())
    }

    #[test]
    fn convolutions_agree_with_the_kernels() -> Result<()> {
        let uneven = Padding2d { top: 0, bottom: 2, left: 3, right: 0 };
        for (stride, dilation, padding, groups) in [
            ((1, 1), (1, 1), Padding2d::all(1), 1),
            ((2, 2), (1, 1), uneven, 2),
            ((2, 3), (1, 1), uneven, 1),
            ((3, 3), (2, 2), uneven, 1),
            ((1, 1), (2, 1), uneven, 4),
        ] {
            let config = Conv2dConfig { stride, padding, dilation, groups, ..Default::default() };
            let weight = [8, 4 / groups, 3, 2];
            agrees(&|call| call.convolution(&config), &[2, 4, 7, 6], &weight)?;
        }
        let config = Conv2dConfig { stride: (1, 2), ..Default::default() };
        agrees(&|call| call.convolution(&config), &[2, 3, 9], &[4, 3, 2])?;
        agrees(&|call| call.convolution(&config), &[0, 3, 9], &[4, 3, 2])
    }

    #[test]
    fn transposed_convolutions_agree_with_the_kernels() -> Result<()> {
        let uneven = Padding2d { top: 0, bottom: 2, left: 3, right: 0 };
        for (stride, dilation, padding, output_padding, groups) in [
            ((1, 1), (1, 1), Padding2d::all(1), (0, 0), 1),
            ((2, 2), (1, 1), uneven, (1, 1), 2),
            ((2, 3), (1, 1), uneven, (1, 2), 1),
            ((3, 3), (2, 2), Padding2d::default(), (2, 1), 1),
            ((1, 1), (3, 3), uneven, (2, 0), 1),
        ] {
            let config = ConvTranspose2dConfig {
                stride,
                padding,
                output_padding,
                dilation,
                groups,
                ..Default::default()
            };
            let weight = [4, 6 / groups, 3, 2];
            agrees(&|call| call.transposed(&config), &[2, 4, 4, 5], &weight)?;
        }
        let config = ConvTranspose2dConfig { stride: (1, 2), ..Default::default() };
        agrees(&|call| call.transposed(&config), &[2, 3, 5], &[3, 4, 2])?;
        agrees(&|call| call.transposed(&config), &[0, 3, 5], &[3, 4, 2])
    }

    /// What one sample of one channel has cut off its start lies before it in memory, not among its
    /// elements.
    #[test]
    fn transposed_convolutions_of_one_channel_agree_with_the_kernels() -> Result<()> {
        for padding in [Padding2d { top: 1, ..Padding2d::default() }, Padding2d::columns((2, 0))] {
            for stride in [(1, 1), (1, 2)] {
                let config = ConvTranspose2dConfig { stride, padding, ..Default::default() };
                let x = [1, 3, 4, 5];
                let weight = [3, 1, 3, 2];
                agrees(&|call| call.transposed(&config), &x, &weight)?;
                let x = [1, 3, 1, 5];
                let weight = [3, 1, 1 + padding.top, 4];
                agrees(&|call| call.transposed(&config), &x, &weight)?;
            }
        }
        Ok(())
    }

    #[test]
    fn without_variables_nothing_is_kept() -> Result<()> {
        let x = gradcheck::values((1, 1, 5), 1);
        let weight = gradcheck::values((1, 1, 2), 2);
        let call =
            Call { op: "conv1d", rank: 3, dims: ("", ""), x: &x, weight: &weight, bias: None };
        let convolution = call.convolution(&Conv2dConfig::default())?;
        assert!(!apply(convolution, &x, &weight, None)?.track_op());
        Ok(())
    }
}
