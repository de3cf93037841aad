//! Regions that a picture has by itself: k-means on what the encoder sees (Chen et al. 2017,
//! section 4.3).

use crate::{Error, Result};
use candle_core::Tensor;
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use conv_vision::Picture;
use rand::Rng;
use rayon::prelude::*;

/// Rounds at most; it ends before where no place changes its cluster.
const ROUNDS: usize = 30;

/// The masks, white in the cluster, of `count` clusters of the places of `features`,
/// `[1, C, H, W]`: `count` pictures of W × H, the largest cluster first. First centres are drawn as
/// k-means++ does (Arthur and Vassilvitskii 2007).
pub(crate) fn clusters(features: &Tensor, count: usize, seed: u64) -> Result<Vec<Picture>> {
    let (_, channels, height, width) = features.dims4()?;
    let places = height * width;
    let fits = (2..=64).contains(&count);
    InvalidField::unless(fits, "clusters", &count, "2 to 64")?;
    if places < count {
        let found = format!("{count} clusters of {width} × {height} places");
        let reason = format!("{found}: a picture needs four pixels a side for each place");
        return Err(Error::Mask { reason });
    }
    // One row a place.
    let points = features.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?.flatten_all()?;
    let points: Vec<f32> = points.to_vec1()?;
    let points: Vec<&[f32]> = points.chunks(channels).collect();
    let mut centres = first_centres(&points, count, seed);
    let mut nearest = vec![0; places];
    for _ in 0..ROUNDS {
        let now: Vec<usize> = points.par_iter().map(|point| closest(point, &centres).0).collect();
        let is_settled = now == nearest;
        nearest = now;
        if is_settled {
            break;
        }
        for (at, centre) in centres.iter_mut().enumerate() {
            let members = || points.iter().zip(&nearest).filter(|(_, of)| **of == at);
            let count = members().count();
            // An empty cluster stays where it is.
            if count > 0 {
                let mut sums = vec![0f64; channels];
                members().for_each(|(point, _)| {
                    sums.iter_mut().zip(*point).for_each(|(sum, value)| *sum += f64::from(*value));
                });
                *centre = sums.into_iter().map(|sum| (sum / count as f64) as f32).collect();
            }
        }
    }
    let size = |cluster: usize| nearest.iter().filter(|&&of| of == cluster).count();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&cluster| std::cmp::Reverse(size(cluster)));
    let mask = |cluster: usize| {
        let pixel = |of: &usize| [if *of == cluster { 255 } else { 0 }; 3];
        Ok(Picture::new(width, height, nearest.iter().flat_map(pixel).collect())?)
    };
    order.into_iter().map(mask).collect()
}

/// Each further one drawn by the square of its distance from those that there are.
fn first_centres(points: &[&[f32]], count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = seeded(seed, "k-means");
    let mut centres = vec![points[rng.random_range(0..points.len())].to_vec()];
    while centres.len() < count {
        let distances: Vec<f64> =
            points.par_iter().map(|point| closest(point, &centres).1).collect();
        let sum: f64 = distances.iter().sum();
        let mut left = rng.random_range(0.0..1.0) * sum;
        let at = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        centres.push(points[at.unwrap_or(points.len() - 1)].to_vec());
    }
    centres
}

/// The nearest centre, the first of several, and the square of its distance.
fn closest(point: &[f32], centres: &[Vec<f32>]) -> (usize, f64) {
    let distance = |centre: &Vec<f32>| -> f64 {
        point.iter().zip(centre).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let all = centres.iter().map(distance).enumerate();
    all.fold((0, f64::INFINITY), |best, found| if found.1 < best.1 { found } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn regions_that_differ_are_told_apart_and_the_largest_comes_first() {
        // The first three columns of eight, and the last row.
        let of = |channel: usize, at: usize| match (at % 8, at / 8) {
            (_, 5) => [9.0, 0.0][channel],
            (0..3, _) => [0.0, 5.0][channel],
            _ => [0.0, 0.0][channel] + (at % 3) as f32 * 0.1,
        };
        let values: Vec<f32> =
            (0..2).flat_map(|channel| (0..48).map(move |at| of(channel, at))).collect();
        let features = Tensor::from_vec(values, (1, 2, 6, 8), &Device::Cpu).unwrap();
        for seed in 1..5 {
            let masks = clusters(&features, 3, seed).unwrap();
            let white = |mask: &Picture| -> Vec<usize> {
                let pixels = mask.pixels().chunks(3).enumerate();
                pixels.filter(|(_, pixel)| pixel[0] == 255).map(|(at, _)| at).collect()
            };
            let expected = [
                (0..40).filter(|at| at % 8 >= 3).collect::<Vec<_>>(),
                (0..40).filter(|at| at % 8 < 3).collect(),
                (40..48).collect(),
            ];
            assert_eq!(masks.iter().map(white).collect::<Vec<_>>(), expected);
        }
        assert!(clusters(&features, 1, 1).is_err() && clusters(&features, 49, 1).is_err());
    }
}
