//! The network of Chen et al. (2017), figure 2: an encoder and a decoder for all, and a bank of
//! filters a style.

use crate::mixture::Share;
use crate::{Config, Error, Mixture, Regions, Result};
use candle_core::{Module, Tensor};
use conv_core::{Conv2dConfig, pad_reflect, upsample_nearest2d};
use conv_nn::{Conv2d, GroupNorm, GroupNormConfig, Init, VarBuilder, relu};

/// What a network's numbers from −1 to 1 stand for: half the range of a pixel.
const HALF: f64 = 127.5;

/// What the last convolution's numbers count: 2,592 of them make a pixel, and an optimiser that
/// moves each by as much as elsewhere would move pixels by hundreds of grey levels.
const OF_LAST: f64 = 0.1;

/// Sides become multiples of this inside: two halvings.
pub(crate) const MULTIPLE: usize = 4;

/// What is added to a variance.
pub(crate) const EPSILON: f64 = 1e-5;

/// An encoder, a decoder and a bank of filters a style.
#[derive(Debug, Clone)]
pub struct StyleBank {
    pub(crate) encoder: [Normalised; 3],
    pub(crate) banks: Vec<Vec<Normalised>>,
    /// Behind each doubling of the sides.
    pub(crate) widening: [Normalised; 2],
    last: Conv2d,
}

/// A convolution, instance normalisation (Ulyanov et al. 2016) and a rectifier.
#[derive(Debug, Clone)]
pub(crate) struct Normalised {
    convolution: Conv2d,
    norm: GroupNorm,
    /// The norm's own, `[C]`.
    pub(crate) affine: (Tensor, Tensor),
    /// Pixels that each side is mirrored by before, so that no border of zeros is painted.
    mirrored: usize,
}

/// Builds it.
///
/// Parameters: `encoder.N.weight` and `.bias` of the convolutions N = 1 to 3 and
/// `encoder.N.norm.weight` and `.bias`; the like of `bank.STYLE.N`, of `decoder.1` and `.2`, and of
/// `decoder.3`, which has no norm. First values are PyTorch's.
///
/// # Errors
/// Stored weights of another shape.
pub fn style_bank(config: &Config, vb: &VarBuilder) -> Result<StyleBank> {
    let [first, second, third] = config.channels;
    let encoder = vb.pp("encoder");
    let decoder = vb.pp("decoder");
    let bank = |style: &String| -> Result<Vec<Normalised>> {
        let vb = vb.pp("bank").pp(style);
        (1..=config.bank)
            .map(|n| normalised([third, third], [3, 1], vb.pp(n.to_string())))
            .collect()
    };
    Ok(StyleBank {
        encoder: [
            normalised([3, first], [9, 1], encoder.pp("1"))?,
            normalised([first, second], [3, 2], encoder.pp("2"))?,
            normalised([second, third], [3, 2], encoder.pp("3"))?,
        ],
        banks: config.styles.iter().map(bank).collect::<Result<_>>()?,
        widening: [
            normalised([third, second], [3, 1], decoder.pp("1"))?,
            normalised([second, first], [3, 1], decoder.pp("2"))?,
        ],
        last: conv_nn::conv2d(first, 3, (9, 9), Conv2dConfig::default(), decoder.pp("3"))?,
    })
}

fn normalised(
    [from, to]: [usize; 2],
    [kernel, stride]: [usize; 2],
    vb: VarBuilder,
) -> Result<Normalised> {
    let config = Conv2dConfig { stride: (stride, stride), ..Conv2dConfig::default() };
    let convolution = conv_nn::conv2d(from, to, (kernel, kernel), config, vb.clone())?;
    // Instance normalisation: as many groups as channels.
    let norm = GroupNormConfig { groups: to, epsilon: EPSILON };
    let vb = vb.pp("norm");
    let weight = vb.get_with_hints(to, "weight", Init::Const(1.0))?;
    let bias = vb.get_with_hints(to, "bias", Init::Const(0.0))?;
    let affine = (weight, bias);
    let norm = GroupNorm::new(Some(affine.clone()), norm);
    Ok(Normalised { convolution, norm, affine, mirrored: kernel / 2 })
}

/// Each side longer by its mirror image; a side that is too short for it by its last row or column.
fn mirrored(x: &Tensor, [before, after]: [(usize, usize); 2]) -> Result<Tensor> {
    let side = |x: &Tensor, dim: usize, by: (usize, usize)| match by {
        (0, 0) => Ok(x.clone()),
        by if x.dims()[dim] > by.0.max(by.1) => pad_reflect(x, dim, by),
        by => conv_core::pad_replicate(x, dim, by),
    };
    Ok(side(&side(x, 2, before)?, 3, after)?)
}

impl Normalised {
    /// What is to be normalised.
    pub(crate) fn convolve(&self, x: &Tensor) -> Result<Tensor> {
        let by = (self.mirrored, self.mirrored);
        Ok(self.convolution.forward(&mirrored(x, [by, by])?)?)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(relu(&self.norm.forward(&self.convolve(x)?)?)?)
    }
}

/// Pixels from 0 to 255 as the encoder reads them, with sides that are whole inside.
pub(crate) fn input_of(pixels: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = pixels.dims4()?;
    let x = pixels.affine(1.0 / HALF, -1.0)?;
    let more = |side: usize| (0, side.next_multiple_of(MULTIPLE) - side);
    mirrored(&x, [more(height), more(width)])
}

/// Each pixel four times.
pub(crate) fn widened(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    Ok(upsample_nearest2d(x, (2 * height, 2 * width))?)
}

impl StyleBank {
    /// What is where in pictures `[B, 3, H, W]` of pixels from 0 to 255: `[B, C, ⌈H/4⌉, ⌈W/4⌉]`.
    ///
    /// # Errors
    /// Another shape.
    pub fn encode(&self, pixels: &Tensor) -> Result<Tensor> {
        self.encoder.iter().try_fold(input_of(pixels)?, |x, layer| layer.forward(&x))
    }

    /// What a style makes of it, of the same shape.
    ///
    /// # Errors
    /// Another shape. `style` is a place in [`Config::styles`].
    pub fn bank(&self, features: &Tensor, style: usize) -> Result<Tensor> {
        let layers = self.banks.get(style).map(Vec::as_slice).unwrap_or_default();
        layers.iter().try_fold(features.clone(), |x, layer| layer.forward(&x))
    }

    /// Pictures of (height, width), `[B, 3, height, width]` of pixels from 0 to 255, from what
    /// [`StyleBank::encode`] or [`StyleBank::bank`] gave of pictures of that size.
    ///
    /// # Errors
    /// Another shape.
    pub fn decode(&self, features: &Tensor, (height, width): (usize, usize)) -> Result<Tensor> {
        // The paper's transposed convolutions of 3 × 3 and stride 2 paint a grid of four pixels
        // (Odena et al. 2016), which takes long to unlearn: each pixel four times, and a
        // convolution, have as many parameters and none.
        let widen = |x: Tensor, layer: &Normalised| layer.forward(&widened(&x)?);
        let x = self.widening.iter().try_fold(features.clone(), widen)?;
        Ok(self.output_of(&x)?.narrow(2, 0, height)?.narrow(3, 0, width)?)
    }

    /// Pixels from 0 to 255 from what comes out of the last doubling.
    pub(crate) fn output_of(&self, x: &Tensor) -> Result<Tensor> {
        let by = (4, 4);
        let x = self.last.forward(&mirrored(x, [by, by])?)?;
        Ok((x * OF_LAST)?.tanh()?.affine(HALF, HALF)?)
    }

    /// Pictures `[B, 3, H, W]` through encoder and decoder alone.
    ///
    /// # Errors
    /// Another shape.
    pub fn reconstruct(&self, pixels: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        self.decode(&self.encode(pixels)?, (height, width))
    }

    /// Pictures `[B, 3, H, W]` in a mixture of styles.
    ///
    /// # Errors
    /// Another shape.
    pub fn paint(&self, pixels: &Tensor, mixture: &Mixture) -> Result<Tensor> {
        self.paint_parts(pixels, &mixture.shares())
    }

    /// Pictures `[B, 3, H, W]` in mixtures that differ from region to region.
    ///
    /// # Errors
    /// Another shape; regions of pictures of another size.
    pub fn paint_regions(&self, pixels: &Tensor, regions: &Regions) -> Result<Tensor> {
        self.paint_parts(pixels, regions.shares())
    }

    pub(crate) fn paint_parts(&self, pixels: &Tensor, parts: &[(usize, Share)]) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let features = self.encode(pixels)?;
        let painted = parts.iter().map(|&(style, _)| self.bank(&features, style));
        let painted: Vec<Tensor> = painted.collect::<Result<_>>()?;
        self.decode(&mixed(&painted, parts)?, (height, width))
    }
}

/// The sum of what the banks of `parts` made, each by its share.
pub(crate) fn mixed(painted: &[Tensor], parts: &[(usize, Share)]) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (part, (_, share)) in painted.iter().zip(parts) {
        let part = match share {
            Share::Everywhere(1.0) => part.clone(),
            Share::Everywhere(weight) => (part * *weight)?,
            Share::Map(map) => part.broadcast_mul(map)?,
        };
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    sum.ok_or(Error::NoParts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use conv_nn::Parameters;

    fn two() -> (StyleBank, Config, Parameters) {
        let config = Config::new(["a".into(), "b".into()]);
        let parameters = Parameters::new(3);
        let bank = style_bank(&config, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
        (bank, config, parameters)
    }

    fn picture(height: usize, width: usize) -> Tensor {
        let values = (gradcheck::values((1, 3, height, width), 5).affine(100.0, 128.0)).unwrap();
        values.to_dtype(DType::F32).unwrap()
    }

    #[test]
    fn its_sizes_are_the_papers() {
        let (_, _, parameters) = two();
        let count = |prefix: &str| -> usize {
            let all = parameters.vars().into_iter().filter(|(name, _)| name.starts_with(prefix));
            all.map(|(_, var)| var.elem_count()).sum()
        };
        // 0.2 million for all, 0.3 million a style.
        assert_eq!(count("encoder.") + count("decoder."), 200_835);
        assert_eq!((count("bank.a."), count("bank.b.")), (295_680, 295_680));
    }

    #[test]
    fn any_size_is_painted_in_its_size() {
        let (bank, config, _) = two();
        let style = Mixture::of("a", &config.styles).unwrap();
        for (height, width) in [(1, 1), (2, 9), (16, 20), (17, 23)] {
            let painted = bank.paint(&picture(height, width), &style).unwrap();
            assert_eq!(painted.dims(), [1, 3, height, width]);
            assert_eq!(bank.reconstruct(&picture(height, width)).unwrap().dims(), painted.dims());
        }
    }

    #[test]
    fn a_mixture_lies_between_its_parts() {
        let (bank, config, _) = two();
        let features = bank.encode(&picture(12, 12)).unwrap();
        let [a, b] = [0, 1].map(|style| bank.bank(&features, style).unwrap());
        let of = |text: &str| {
            let mixture = Mixture::parse(text, &config.styles).unwrap();
            bank.paint(&picture(12, 12), &mixture).unwrap().flatten_all().unwrap().to_vec1::<f32>()
        };
        let mixed = ((a * 0.25).unwrap() + (b * 0.75).unwrap()).unwrap();
        let expected = bank.decode(&mixed, (12, 12)).unwrap().flatten_all().unwrap();
        assert_eq!(of("a=0.25,b=0.75").unwrap(), expected.to_vec1::<f32>().unwrap());
        assert_ne!(of("a=1").unwrap(), of("b=1").unwrap());
    }

    #[test]
    fn a_bank_more_changes_nothing_of_the_others() {
        let (bank, config, parameters) = two();
        let tensors = parameters.tensors();
        let three = Config::new(["a".into(), "b".into(), "c".into()]);
        let warm = Parameters::warm(9, tensors);
        let more = style_bank(&three, &warm.builder(DType::F32, &Device::Cpu)).unwrap();
        let style = Mixture::of("b", &config.styles).unwrap();
        let [before, after] = [&bank, &more].map(|bank| {
            let painted = bank.paint(&picture(9, 13), &style).unwrap();
            painted.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        });
        assert_eq!(before, after);
    }
}
