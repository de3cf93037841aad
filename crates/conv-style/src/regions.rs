//! Mixtures that differ from region to region of a picture (Chen et al. 2017, section 4.3).

use crate::mixture::Share;
use crate::model::MULTIPLE;
use crate::{Error, Mixture, Result};
use candle_core::{Device, Tensor};
use conv_vision::{Filter, Picture};

/// How much of each style there is at each place of a picture.
#[derive(Debug, Clone)]
pub struct Regions(Vec<(usize, Share)>);

impl Regions {
    /// Of a picture of (width, height): in each of `regions` its mixture, where its mask, of any
    /// size, is white; `rest` where no mask is. Where masks lie over each other their mixtures are
    /// mixed, where they are grey they fade.
    ///
    /// # Errors
    /// A mask that is all black.
    pub fn new(
        (width, height): (usize, usize),
        rest: &Mixture,
        regions: &[(Picture, Mixture)],
    ) -> Result<Self> {
        let columns = width.div_ceil(MULTIPLE);
        let rows = height.div_ceil(MULTIPLE);
        let mut masks: Vec<Vec<f64>> = Vec::new();
        for (mask, _) in regions {
            if mask.pixels().iter().all(|&byte| byte == 0) {
                let reason = "it is all black, and so leaves its style no place";
                return Err(Error::Mask { reason: reason.into() });
            }
            let mask = mask.resize(columns, rows, Filter::Bilinear)?;
            let share =
                |pixel: &[u8]| pixel.iter().map(|&byte| f64::from(byte)).sum::<f64>() / 765.0;
            masks.push(mask.pixels().chunks_exact(3).map(share).collect());
        }
        let covered: Vec<f64> =
            (0..columns * rows).map(|at| masks.iter().map(|mask| mask[at]).sum()).collect();
        let left = covered.iter().map(|sum| (1.0 - sum).max(0.0)).collect();
        let all = masks.into_iter().zip(regions.iter().map(|(_, mixture)| mixture));
        let mut styles: Vec<(usize, Vec<f32>)> = Vec::new();
        for (mask, mixture) in all.chain([(left, rest)]) {
            for &(style, weight) in mixture.parts() {
                let at = styles.iter().position(|(known, _)| *known == style);
                let at = at.unwrap_or_else(|| {
                    styles.push((style, vec![0.0; columns * rows]));
                    styles.len() - 1
                });
                for ((map, mask), covered) in styles[at].1.iter_mut().zip(&mask).zip(&covered) {
                    *map += (weight * mask / covered.max(1.0)) as f32;
                }
            }
        }
        // What is nowhere costs a bank all the same.
        styles.retain(|(_, map)| map.iter().any(|&share| share > 0.0));
        let parts = styles.into_iter().map(|(style, map)| {
            Ok((style, Share::Map(Tensor::from_vec(map, (1, 1, rows, columns), &Device::Cpu)?)))
        });
        Ok(Self(parts.collect::<Result<_>>()?))
    }

    pub(crate) fn shares(&self) -> &[(usize, Share)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(regions: &Regions) -> Vec<(usize, Vec<f32>)> {
        let map = |(style, share): &(usize, Share)| match share {
            Share::Map(map) => (*style, map.flatten_all().unwrap().to_vec1().unwrap()),
            Share::Everywhere(_) => panic!("a region is somewhere"),
        };
        regions.shares().iter().map(map).collect()
    }

    /// White in the columns of 8 from `from` on.
    fn mask(from: usize, to: usize) -> Picture {
        let pixel = |at: usize| [if (from..to).contains(&(at % 8)) { 255 } else { 0 }; 3];
        Picture::new(8, 4, (0..32).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn shares_make_one_whole_at_each_place() {
        let styles = ["a".to_string(), "b".into(), "c".into()];
        let mixture = |text: &str| Mixture::parse(text, &styles).unwrap();
        // Four places in a row, each of 4 × 4 pixels.
        let regions = [(mask(0, 4), mixture("b=1")), (mask(2, 6), mixture("b=0.5,c=0.5"))];
        let regions = Regions::new((16, 4), &mixture("a=1"), &regions).unwrap();
        let maps = maps(&regions);
        let places: Vec<usize> = maps.iter().map(|(style, _)| *style).collect();
        assert_eq!(places, [1, 2, 0]);
        let sum = |at: usize| maps.iter().map(|(_, map)| map[at]).sum::<f32>();
        assert!((0..4).all(|at| (sum(at) - 1.0).abs() < 1e-6));
        // Alone, and nowhere; a resized edge takes a little from both sides.
        assert!(maps[0].1[0] > 0.8 && maps[2].1[3] > 0.8, "{maps:?}");
        assert!(maps[1].1[0] < 0.1 && maps[1].1[2] > 0.3, "{maps:?}");
    }

    #[test]
    fn a_mask_that_is_all_black_is_refused() {
        let styles = ["a".to_string(), "b".into()];
        let [a, b] = ["a", "b"].map(|style| Mixture::of(style, &styles).unwrap());
        let error = Regions::new((16, 4), &a, &[(mask(0, 0), b)]).unwrap_err().to_string();
        assert!(error.contains("all black"), "{error}");
    }
}
