//! A picture of any size in bounded memory: tile by tile, with the statistics of the whole.
//!
//! Instance normalisation looks at the whole picture, so that a tile by itself comes out in other
//! colours than its neighbours. Here the mean and variance of each layer are gathered over all
//! tiles, layer by layer, with the statistics of the layers before; then each tile is painted with
//! those of the whole. The tiles overlap by more than a pixel's reach, and what the overlap got
//! wrong is left out: the pixels are those of the picture in one piece, but for the rounding of
//! sums. Every layer is one more pass over the picture, each deeper than the one before.

use crate::mixture::Share;
use crate::model::{EPSILON, MULTIPLE, Normalised, input_of, mixed, widened};
use crate::{Result, StyleBank};
use candle_core::{Device, Tensor};
use conv_nn::relu;
use conv_vision::Picture;
use rayon::prelude::*;
use std::ops::Range;

/// Pixels on each side of a tile that are computed with it and left out: how far a wrong border
/// comes in, layer by layer 4, 6, 8, 4 more for each convolution of a bank, 2, 1 and 4 more, as a
/// multiple of what is whole inside.
fn overlap(bank: usize) -> usize {
    (15 + 4 * bank).next_multiple_of(MULTIPLE)
}

/// A channel's factor and offset, which stand for its normalisation: `[1, C, 1, 1]` each.
struct Normalisation {
    factor: Tensor,
    offset: Tensor,
}

/// The part of a picture that a tile is for, and what is computed for it: pixels, the ends where
/// the picture ends inside.
struct Tile {
    core: [Range<usize>; 2],
    whole: [Range<usize>; 2],
}

impl Tile {
    /// The tiles of a picture of (height, width), each of at most `side` pixels a side beside its
    /// overlap.
    fn all((height, width): (usize, usize), side: usize, overlap: usize) -> Vec<Self> {
        let along = |length: usize| -> Vec<(Range<usize>, Range<usize>)> {
            let length = length.next_multiple_of(MULTIPLE);
            let range = |from: usize| {
                let core = from..(from + side).min(length);
                let whole = from.saturating_sub(overlap)..(core.end + overlap).min(length);
                (core, whole)
            };
            (0..length).step_by(side).map(range).collect()
        };
        let rows = along(height);
        let columns = along(width);
        let pair =
            |row: &(Range<usize>, Range<usize>), column: &(Range<usize>, Range<usize>)| Self {
                core: [row.0.clone(), column.0.clone()],
                whole: [row.1.clone(), column.1.clone()],
            };
        rows.iter().flat_map(|row| columns.iter().map(move |column| pair(row, column))).collect()
    }

    /// Its pixels as the encoder reads them.
    fn input(&self, picture: &Picture) -> Result<Tensor> {
        let [rows, columns] = &self.whole;
        // The picture may end before the tile, by less than what is whole inside.
        let inside = |range: &Range<usize>, end: usize| range.start..range.end.min(end);
        let rows = inside(rows, picture.height());
        let columns = inside(columns, picture.width());
        let mut pixels = Vec::with_capacity(3 * rows.len() * columns.len());
        for row in rows.clone() {
            let from = 3 * (row * picture.width() + columns.start);
            pixels.extend_from_slice(&picture.pixels()[from..][..3 * columns.len()]);
        }
        let part = Picture::new(columns.len(), rows.len(), pixels)?;
        input_of(&part.tensor(&Device::Cpu)?)
    }

    /// The shares of the styles in it.
    fn shares(&self, parts: &[(usize, Share)]) -> Result<Vec<(usize, Share)>> {
        let part = |(style, share): &(usize, Share)| -> Result<(usize, Share)> {
            let Share::Map(map) = share else { return Ok((*style, share.clone())) };
            let [rows, columns] = &self.whole;
            let map = map.narrow(2, rows.start / MULTIPLE, rows.len() / MULTIPLE)?;
            let map = map.narrow(3, columns.start / MULTIPLE, columns.len() / MULTIPLE)?;
            Ok((*style, Share::Map(map.contiguous()?)))
        };
        parts.iter().map(part).collect()
    }

    /// What belongs to the tile of a layer's values, of which one stands for `scale` pixels a side.
    fn core_of(&self, y: &Tensor, scale: usize) -> Result<Tensor> {
        let mut y = y.clone();
        for (at, (core, whole)) in self.core.iter().zip(&self.whole).enumerate() {
            y = y.narrow(2 + at, (core.start - whole.start) / scale, core.len() / scale)?;
        }
        Ok(y)
    }
}

/// Sums over the places of a layer, a channel each: of the values and of their squares.
#[derive(Default)]
struct Sums {
    count: f64,
    of: Vec<[f64; 2]>,
}

impl Sums {
    fn add(&mut self, y: &Tensor) -> Result<()> {
        let (_, channels, height, width) = y.dims4()?;
        let values = y.contiguous()?.flatten_all()?.to_vec1::<f32>()?;
        self.of.resize(channels, [0.0; 2]);
        self.count += (height * width) as f64;
        let planes = values.par_chunks(height * width);
        self.of.par_iter_mut().zip(planes).for_each(|(sums, plane)| {
            for &value in plane {
                let value = f64::from(value);
                sums[0] += value;
                sums[1] += value * value;
            }
        });
        Ok(())
    }

    fn normalisation(&self, layer: &Normalised) -> Result<Normalisation> {
        let weight = layer.affine.0.to_vec1::<f32>()?;
        let bias = layer.affine.1.to_vec1::<f32>()?;
        let mut factors = Vec::new();
        let mut offsets = Vec::new();
        for (&[sum, squares], (weight, bias)) in self.of.iter().zip(weight.iter().zip(&bias)) {
            let mean = sum / self.count;
            let variance = (squares / self.count - mean * mean).max(0.0);
            let factor = f64::from(*weight) / (variance + EPSILON).sqrt();
            factors.push(factor as f32);
            offsets.push((f64::from(*bias) - mean * factor) as f32);
        }
        let channels = |values: Vec<f32>| {
            let count = values.len();
            Tensor::from_vec(values, (1, count, 1, 1), &Device::Cpu)
        };
        Ok(Normalisation { factor: channels(factors)?, offset: channels(offsets)? })
    }
}

impl Normalisation {
    fn apply(&self, y: &Tensor) -> Result<Tensor> {
        Ok(relu(&y.broadcast_mul(&self.factor)?.broadcast_add(&self.offset)?)?)
    }
}

/// How far a tile gets with the statistics that are known.
enum Reached {
    /// To a layer whose statistics are not: its values, of which one stands for so many pixels a
    /// side, of each part's bank.
    Layer(Vec<Tensor>, usize),
    /// To the end: pixels from 0 to 255.
    Pixels(Tensor),
}

impl StyleBank {
    /// The layers in the order in which a picture meets them; of the banks one for each part.
    fn layers(&self, parts: &[(usize, Share)]) -> Vec<Vec<&Normalised>> {
        let depth = self.banks.first().map_or(0, Vec::len);
        let bank = |at: usize| parts.iter().map(|&(style, _)| &self.banks[style][at]).collect();
        let encoder = self.encoder.iter().map(|layer| vec![layer]);
        let decoder = self.widening.iter().map(|layer| vec![layer]);
        encoder.chain((0..depth).map(bank)).chain(decoder).collect()
    }

    fn reach(
        &self,
        x: Tensor,
        parts: &[(usize, Share)],
        known: &[Vec<Normalisation>],
    ) -> Result<Reached> {
        let layers = self.layers(parts);
        let encoder = self.encoder.len();
        let decoder = layers.len() - self.widening.len();
        let (mut xs, mut scale) = (vec![x], 1);
        for (at, layers) in layers.iter().enumerate() {
            if at == encoder {
                xs = vec![xs[0].clone(); parts.len()];
            }
            if at == decoder {
                xs = vec![mixed(&xs, parts)?];
            }
            if at >= decoder {
                xs = vec![widened(&xs[0])?];
                scale /= 2;
            } else if (1..encoder).contains(&at) {
                scale *= 2;
            }
            let ys = xs.iter().zip(layers).map(|(x, layer)| layer.convolve(x));
            let ys: Vec<Tensor> = ys.collect::<Result<_>>()?;
            let Some(known) = known.get(at) else { return Ok(Reached::Layer(ys, scale)) };
            xs = ys.iter().zip(known).map(|(y, norm)| norm.apply(y)).collect::<Result<_>>()?;
        }
        Ok(Reached::Pixels(self.output_of(&xs[0])?))
    }

    /// A picture in mixed styles, in tiles of `side` pixels a side.
    pub(crate) fn paint_tiles(
        &self,
        picture: &Picture,
        parts: &[(usize, Share)],
        side: usize,
    ) -> Result<Picture> {
        let side = side.max(1).next_multiple_of(MULTIPLE);
        let overlap = overlap(self.banks.first().map_or(0, Vec::len));
        let height = picture.height();
        let width = picture.width();
        let tiles = Tile::all((height, width), side, overlap);
        let layers = self.layers(parts);
        let mut known: Vec<Vec<Normalisation>> = Vec::new();
        for layers in &layers {
            let mut sums: Vec<Sums> = layers.iter().map(|_| Sums::default()).collect();
            for tile in &tiles {
                let reached = self.reach(tile.input(picture)?, &tile.shares(parts)?, &known)?;
                let Reached::Layer(ys, scale) = reached else { continue };
                for (sums, y) in sums.iter_mut().zip(&ys) {
                    sums.add(&tile.core_of(y, scale)?)?;
                }
            }
            let norms = sums.iter().zip(layers).map(|(sums, layer)| sums.normalisation(layer));
            known.push(norms.collect::<Result<_>>()?);
        }
        let mut pixels = vec![0; 3 * width * height];
        for tile in &tiles {
            let reached = self.reach(tile.input(picture)?, &tile.shares(parts)?, &known)?;
            let Reached::Pixels(y) = reached else { continue };
            let painted = Picture::from_tensor(&tile.core_of(&y, 1)?.contiguous()?)?;
            let [rows, columns] = &tile.core;
            let columns = columns.start..columns.end.min(width);
            for row in rows.start..rows.end.min(height) {
                let from = 3 * (row - rows.start) * painted.width();
                let to = 3 * (row * width + columns.start);
                pixels[to..][..3 * columns.len()]
                    .copy_from_slice(&painted.pixels()[from..][..3 * columns.len()]);
            }
        }
        Ok(Picture::new(width, height, pixels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Mixture, Regions, style_bank};
    use candle_core::DType;
    use conv_nn::Parameters;

    /// Waves of many lengths and a plain half, whose statistics no tile has.
    fn picture(width: usize, height: usize) -> Picture {
        let of = |x: usize, y: usize| {
            let wave = |by: f64| 120.0 + 100.0 * ((x * y) as f64 / by).sin();
            if y * 2 < height {
                [wave(37.0) as u8, wave(11.0) as u8, (x % 256) as u8]
            } else {
                [220, 30, (x * 255 / width) as u8]
            }
        };
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| of(x, y))).collect();
        Picture::new(width, height, pixels).unwrap()
    }

    fn farthest(a: &Picture, b: &Picture) -> u8 {
        let pairs = a.pixels().iter().zip(b.pixels());
        pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    /// jcjohnson/neural-style #329 and #274: tiles that drift apart, and seams.
    #[test]
    fn tiles_are_the_pixels_of_one_piece_to_a_grey_level() {
        let config = Config::new(["a".into(), "b".into()]);
        let parameters = Parameters::new(3);
        let bank = style_bank(&config, &parameters.builder(DType::F32, &Device::Cpu)).unwrap();
        // Norms that do something, as trained ones do.
        for (at, (name, var)) in parameters.vars().into_iter().enumerate() {
            if name.contains("norm") {
                let values = gradcheck::values(var.dims1().unwrap(), at as u64);
                let base = if name.ends_with("weight") { 1.0 } else { 0.2 };
                let values = values.affine(0.5, base).unwrap().to_dtype(DType::F32).unwrap();
                var.set(&values).unwrap();
            }
            if name == "decoder.3.weight" {
                // As much contrast as a picture has.
                var.set(&(var.as_tensor() * 20.0).unwrap()).unwrap();
            }
        }
        let mixture = |text: &str| Mixture::parse(text, &config.styles).unwrap();
        // Sides that are not whole inside, tiles that do not divide them, a last tile of few
        // pixels.
        for (width, height, side) in [(121, 90, 40), (64, 130, 64), (50, 3, 16)] {
            let picture = picture(width, height);
            let mask = self::picture(30, 20);
            let regions = [(mask, mixture("b=1"))];
            let regions = Regions::new((width, height), &mixture("a=1"), &regions).unwrap();
            for parts in [mixture("a=0.4,b=0.6").shares(), regions.shares().to_vec()] {
                let pixels = picture.tensor(&Device::Cpu).unwrap();
                let whole = bank.paint_parts(&pixels, &parts).unwrap();
                let whole = Picture::from_tensor(&whole).unwrap();
                let tiled = bank.paint_tiles(&picture, &parts, side).unwrap();
                assert!(farthest(&whole, &tiled) <= 1, "{width} × {height} in {side}");
                // Without the statistics of the whole it would be another picture.
                let (least, most) =
                    whole.pixels().iter().fold((255, 0), |(a, b), &x| (x.min(a), x.max(b)));
                assert!(most - least > 60, "{least} to {most}");
            }
        }
    }
}
