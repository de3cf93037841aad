//! From a picture to what a network reads. Weights are worth nothing without it: accuracy falls by
//! points where training and use resize or normalise differently.

use crate::Result;
use crate::picture::{Filter, Picture, Region};
use candle_core::{Device, Tensor};
use conv_core::Conv2dConfig;
use conv_hub::InvalidField;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a picture's sides become the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// The shorter side becomes the size; the aspect is kept.
    ShortSide,
    /// Both sides become the size, whatever the aspect.
    Squash,
}

/// The order of the colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue: torchvision.
    Rgb,
    /// Blue, green, red: Caffe.
    Bgr,
}

/// What is done to a picture before the network sees it; plain data that is stored with the
/// weights.
///
/// Resized, then cut to the central square, then each channel `(value · scale − mean) / std` with
/// values from 0 to 255.
///
/// ```
/// use conv_vision::{Picture, Preprocessing};
/// let grey = Picture::new(640, 480, vec![117; 3 * 640 * 480])?;
/// let input = Preprocessing::caffe(224).tensor(&[grey], &candle_core::Device::Cpu)?;
/// assert_eq!(input.dims(), [1, 3, 224, 224]);
/// assert_eq!(input.flatten_all()?.to_vec1::<f32>()?[0], 117.0 - 104.0); // blue comes first
/// # Ok::<(), conv_vision::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// How the sides become `size`.
    pub resize: Resize,
    /// The shorter side, or both, in pixels: at least `crop`.
    pub size: usize,
    /// How pixels are made of others.
    pub filter: Filter,
    /// Sides of the central square that the network sees, in pixels.
    pub crop: usize,
    /// The order in which the channels come, also in `mean` and `std`.
    pub channels: Channels,
    /// What values from 0 to 255 are multiplied by.
    pub scale: f32,
    /// What is then subtracted from each channel.
    pub mean: [f32; 3],
    /// What each channel is then divided by.
    pub std: [f32; 3],
}

/// Where a square lies along a side.
#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    Centre,
    End,
}

impl Preprocessing {
    /// Caffe's: blue, green, red from 0 to 255 less (104, 117, 123); short side 256.
    pub fn caffe(crop: usize) -> Self {
        Self {
            resize: Resize::ShortSide,
            size: 256,
            filter: Filter::Bilinear,
            crop,
            channels: Channels::Bgr,
            scale: 1.0,
            mean: [104.0, 117.0, 123.0],
            std: [1.0; 3],
        }
    }

    /// torchvision's: red, green, blue from 0 to 1, normalised by the mean and deviation of
    /// ImageNet; short side 256, crop 224.
    pub fn torchvision() -> Self {
        Self {
            crop: 224,
            channels: Channels::Rgb,
            scale: 1.0 / 255.0,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            ..Self::caffe(224)
        }
    }

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        /// Far beyond any network's, and small enough for a batch to be counted.
        const LARGEST: usize = 1 << 14;
        let check = InvalidField::unless;
        check((1..=LARGEST).contains(&self.crop), "crop", &self.crop, "1 to 16384")?;
        let expected = format!("{} (the crop) to {LARGEST}", self.crop);
        check((self.crop..=LARGEST).contains(&self.size), "size", &self.size, &expected)?;
        let is_scale = self.scale.is_finite() && self.scale != 0.0;
        check(is_scale, "scale", &self.scale, "a finite number that is not 0")?;
        let mean = format!("{:?}", self.mean);
        let std = format!("{:?}", self.std);
        check(self.mean.iter().all(|mean| mean.is_finite()), "mean", &mean, "finite numbers")?;
        let are_deviations = self.std.iter().all(|std| std.is_finite() && *std > 0.0);
        check(are_deviations, "std", &std, "finite numbers above 0")
    }

    /// The square that the network sees, as a picture.
    ///
    /// # Errors
    /// A field out of its range.
    pub fn crop(&self, picture: &Picture) -> Result<Picture> {
        self.cut(picture, [Place::Centre; 2])
    }

    /// Ten squares instead of the central one (Krizhevsky et al. 2012, section 4.1): the four
    /// corners and the centre, and all five mirrored, in torchvision's order.
    ///
    /// # Errors
    /// A field out of its range.
    pub fn ten_crop(&self, picture: &Picture) -> Result<Vec<Picture>> {
        use Place::{Centre, End, Start};
        let places = [[Start, Start], [End, Start], [Start, End], [End, End], [Centre, Centre]];
        let five = places.map(|places| self.cut(picture, places));
        let five = five.into_iter().collect::<Result<Vec<_>>>()?;
        let mirrored: Vec<Picture> = five.iter().map(Picture::mirrored).collect();
        Ok([five, mirrored].concat())
    }

    /// A square of the resized picture, by where it lies across and down.
    fn cut(&self, picture: &Picture, [across, down]: [Place; 2]) -> Result<Picture> {
        self.check()?;
        let (width, height) = self.sides(picture.width(), picture.height());
        let crop = self.crop;
        let offset = |side: usize, place| match place {
            Place::Start => 0,
            Place::End => side - crop,
            // As torchvision: an odd pixel goes to the side that makes the offset even.
            Place::Centre => ((side - crop) as f64 / 2.0).round_ties_even() as usize,
        };
        let left = offset(width, across);
        let top = offset(height, down);
        let region = Region { left, top, width: crop, height: crop };
        picture.resize_region((width, height), region, self.filter)
    }

    /// The sides after resizing.
    pub(crate) fn sides(&self, width: usize, height: usize) -> (usize, usize) {
        let long = |long: usize, short: usize| {
            // A side of a hundred thousand times another is cut to a square all the same.
            (self.size as u128 * long as u128 / short as u128) as usize
        };
        match self.resize {
            Resize::Squash => (self.size, self.size),
            Resize::ShortSide if width < height => (self.size, long(height, width)),
            Resize::ShortSide => (long(width, height), self.size),
        }
    }

    /// What the network reads of some pictures, `[B, 3, crop, crop]`.
    ///
    /// # Errors
    /// A field out of its range.
    pub fn tensor(&self, pictures: &[Picture], device: &Device) -> Result<Tensor> {
        let crops: Vec<Picture> =
            pictures.par_iter().map(|picture| self.crop(picture)).collect::<Result<_>>()?;
        let crops: Vec<&Picture> = crops.iter().collect();
        self.normalise(&crops, (self.crop, self.crop), device)
    }

    /// What a network reads of pixels that gradients are to reach: `[B, 3, H, W]` of red, green and
    /// blue from 0 to 255, as [`Picture::tensor`] gives them, becomes the network's input of the
    /// same shape and type. Nothing is resized or cut.
    ///
    /// # Errors
    /// Another shape, or a field out of its range.
    pub fn of_pixels(&self, pixels: &Tensor) -> Result<Tensor> {
        self.check()?;
        // A convolution of one pixel: a factor and an offset a channel, and the channels' order.
        let mut weight = [0f64; 9];
        let mut bias = [0f64; 3];
        for channel in 0..3 {
            let source = match self.channels {
                Channels::Rgb => channel,
                Channels::Bgr => 2 - channel,
            };
            let std = f64::from(self.std[channel]);
            weight[3 * channel + source] = f64::from(self.scale) / std;
            bias[channel] = -f64::from(self.mean[channel]) / std;
        }
        let tensor = |values: &[f64], shape: &[usize]| {
            Tensor::from_slice(values, shape, pixels.device())?.to_dtype(pixels.dtype())
        };
        let weight = tensor(&weight, &[3, 3, 1, 1])?;
        let bias = tensor(&bias, &[3])?;
        Ok(conv_core::conv2d(pixels, &weight, Some(&bias), &Conv2dConfig::default())?)
    }

    /// Pictures of (width, height) as they are, without resizing and cutting:
    /// `[B, 3, height, width]`.
    ///
    /// # Errors
    /// A picture of another size, or a field out of its range.
    pub fn normalise(
        &self,
        pictures: &[&Picture],
        (width, height): (usize, usize),
        device: &Device,
    ) -> Result<Tensor> {
        self.check()?;
        let plane = width * height;
        let mut values = vec![0f32; 3 * plane * pictures.len()];
        for (picture, values) in pictures.iter().zip(values.chunks_exact_mut(3 * plane)) {
            if (picture.width(), picture.height()) != (width, height) {
                let (found, expected) =
                    (format!("{picture:?}"), format!("{width} × {height} pixels"));
                return Err(InvalidField::new("picture", found, expected).into());
            }
            for (channel, values) in values.chunks_exact_mut(plane).enumerate() {
                let source = match self.channels {
                    Channels::Rgb => channel,
                    Channels::Bgr => 2 - channel,
                };
                let mean = self.mean[channel];
                let std = self.std[channel];
                for (value, pixel) in values.iter_mut().zip(picture.pixels().chunks_exact(3)) {
                    *value = (f32::from(pixel[source]) * self.scale - mean) / std;
                }
            }
        }
        Ok(Tensor::from_vec(values, (pictures.len(), 3, height, width), device)?)
    }
}

impl FromStr for Resize {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match text {
            "short-side" => Ok(Resize::ShortSide),
            "squash" => Ok(Resize::Squash),
            _ => Err(InvalidField::name("resize", text, "short-side, squash")),
        }
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resize, size, filter, crop, channels, scale, mean, std } = self;
        let sides = match resize {
            Resize::ShortSide => format!("short side {size}"),
            Resize::Squash => format!("squashed to {size} × {size}"),
        };
        let filter = match filter {
            Filter::Bilinear => "bilinear",
            Filter::Bicubic => "bicubic",
        };
        let channels = match channels {
            Channels::Rgb => "RGB",
            Channels::Bgr => "BGR",
        };
        write!(
            f,
            "{sides} ({filter}), centre {crop} × {crop}, {channels} 0–255 × {scale} − {mean:?}, ÷ {std:?}"
        )
    }
}
