//! The network of Chen et al. (2017), figure 2: an encoder and a decoder for all, and a bank of filters a style.

use crate::{Config, Mixture, Result};
use candle_core::{Module, Tensor};
use conv_core::{Conv2dConfig, pad_reflect, upsample_nearest2d};
use conv_nn::{Conv2d, GroupNorm, GroupNormConfig, VarBuilder, group_norm, relu};

/// What a network's numbers from −1 to 1 stand for: half the range of a pixel.
const HALF: f64 = 127.5;

/// What the last convolution's numbers count: 2,592 of them make a pixel, and an optimiser that moves each by as much as elsewhere
/// would move pixels by hundreds of grey levels.
const OF_LAST: f64 = 0.1;

/// Sides become multiples of this inside: two halvings.
const MULTIPLE: usize = 4;

/// An encoder, a decoder and a bank of filters a style.
#[derive(Debug, Clone)]
pub struct StyleBank {
    encoder: [Normalised; 3],
    banks: Vec<Vec<Normalised>>,
    /// Behind each doubling of the sides.
    widening: [Normalised; 2],
    last: Conv2d,
}

/// A convolution, instance normalisation (Ulyanov et al. 2016) and a rectifier.
#[derive(Debug, Clone)]
struct Normalised {
    convolution: Conv2d,
    norm: GroupNorm,
    /// Pixels that each side is mirrored by before, so that no border of zeros is painted.
    mirrored: usize,
}

/// Builds it.
///
/// Parameters: `encoder.N.weight` and `.bias` of the convolutions N = 1 to 3 and `encoder.N.norm.weight` and `.bias`; the like of `bank.STYLE.N`,
/// of `decoder.1` and `.2`, and of `decoder.3`, which has no norm. First values are PyTorch's.
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

fn instance_norm(channels: usize, vb: VarBuilder) -> Result<GroupNorm> {
    let config = GroupNormConfig { groups: channels, ..GroupNormConfig::default() };
    Ok(group_norm(channels, config, vb.pp("norm"))?)
}

fn normalised(
    [from, to]: [usize; 2],
    [kernel, stride]: [usize; 2],
    vb: VarBuilder,
) -> Result<Normalised> {
    let config = Conv2dConfig { stride: (stride, stride), ..Conv2dConfig::default() };
    Ok(Normalised {
        convolution: conv_nn::conv2d(from, to, (kernel, kernel), config, vb.clone())?,
        norm: instance_norm(to, vb)?,
        mirrored: kernel / 2,
    })
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
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let by = (self.mirrored, self.mirrored);
        let x = self.convolution.forward(&mirrored(x, [by, by])?)?;
        Ok(relu(&self.norm.forward(&x)?)?)
    }
}

impl StyleBank {
    /// What is where in pictures `[B, 3, H, W]` of pixels from 0 to 255: `[B, C, ⌈H/4⌉, ⌈W/4⌉]`.
    ///
    /// # Errors
    /// Another shape.
    pub fn encode(&self, pixels: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let x = pixels.affine(1.0 / HALF, -1.0)?;
        let more = |side: usize| (0, side.next_multiple_of(MULTIPLE) - side);
        let x = mirrored(&x, [more(height), more(width)])?;
        self.encoder.iter().try_fold(x, |x, layer| layer.forward(&x))
    }

    /// What a style makes of it, of the same shape.
    ///
    /// # Errors
    /// Another shape. `style` is a place in [`Config::styles`].
    pub fn bank(&self, features: &Tensor, style: usize) -> Result<Tensor> {
        let layers = self.banks.get(style).map(Vec::as_slice).unwrap_or_default();
        layers.iter().try_fold(features.clone(), |x, layer| layer.forward(&x))
    }

    /// Pictures of (height, width), `[B, 3, height, width]` of pixels from 0 to 255, from what [`StyleBank::encode`] or
    /// [`StyleBank::bank`] gave of pictures of that size.
    ///
    /// # Errors
    /// Another shape.
    pub fn decode(&self, features: &Tensor, (height, width): (usize, usize)) -> Result<Tensor> {
        // The paper's transposed convolutions of 3 × 3 and stride 2 paint a grid of four pixels (Odena et al. 2016), which takes long
        // to unlearn: each pixel four times, and a convolution, have as many parameters and none.
        let widen = |x: Tensor, layer: &Normalised| -> Result<Tensor> {
            let (_, _, height, width) = x.dims4()?;
            layer.forward(&upsample_nearest2d(&x, (2 * height, 2 * width))?)
        };
        let x = self.widening.iter().try_fold(features.clone(), widen)?;
        let by = (4, 4);
        let x = self.last.forward(&mirrored(&x, [by, by])?)?;
        let x = x.narrow(2, 0, height)?.narrow(3, 0, width)?;
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
        let (_, _, height, width) = pixels.dims4()?;
        let features = self.encode(pixels)?;
        let mut mixed: Option<Tensor> = None;
        for &(style, weight) in mixture.parts() {
            let part = self.bank(&features, style)?;
            let part = if weight == 1.0 { part } else { (part * weight)? };
            mixed = Some(match mixed {
                Some(mixed) => (mixed + part)?,
                None => part,
            });
        }
        self.decode(&mixed.unwrap_or(features), (height, width))
    }
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
