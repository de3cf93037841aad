//! The losses as equations. Implementations differ by orders of magnitude in what they divide by;
//! here it is this, and a loss does not depend on how large a picture is.
//!
//! F is a layer's values for the picture that is painted, one row of M positions for each of N
//! channels; P those of the photograph, A the style's.
//!
//! | | here | Gatys et al. (2016) |
//! |---|---|---|
//! | [`content`] | `1/(2NM) · Σᵢₖ (Fᵢₖ − Pᵢₖ)²` | equation 1: `1/2 · Σᵢₖ (Fᵢₖ − Pᵢₖ)²` |
//! | [`gram`] | `Gᵢⱼ = 1/M · Σₖ Fᵢₖ Fⱼₖ` | equation 3: `Gᵢⱼ = Σₖ Fᵢₖ Fⱼₖ` |
//! | [`guided_gram`] | `Gᵢⱼ = Σₖ mₖ² Fᵢₖ Fⱼₖ / Σₖ mₖ²` | none; Gatys et al. (2017), "Controlling Perceptual Factors in Neural Style Transfer", equation 3 with Σ m² = 1 |
//! | [`style`] | `1/(4N²) · Σᵢⱼ (Gᵢⱼ − Aᵢⱼ)²` | equation 4: `1/(4N²M²) · Σᵢⱼ (Gᵢⱼ − Aᵢⱼ)²` |
//! | [`total_variation`] | `1/(3HW) · (Σ (x_{h+1,w} − x_{h,w})² + Σ (x_{h,w+1} − x_{h,w})²)` | none |
//!
//! The style loss is the paper's where both pictures have as many positions, and stays right where
//! they have not; the content loss is the paper's divided by NM, so that the paper's α is here α ·
//! NM of its layer. x is the picture in the loss network's own units. All are means over the
//! pictures of a batch.

use crate::Result;
use candle_core::Tensor;

/// Which channels answer together, `[B, N, N]`, of a layer `[B, N, H, W]`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// // Two channels at two positions: (1, 2) and (3, 4).
/// let features = Tensor::new(&[[[[1f64, 2.0]], [[3.0, 4.0]]]], &Device::Cpu)?;
/// let gram = conv_style::losses::gram(&features)?;
/// assert_eq!(gram.to_vec3::<f64>()?, [[[2.5, 5.5], [5.5, 12.5]]]);
/// # Ok::<(), conv_style::Error>(())
/// ```
///
/// # Errors
/// Another shape.
pub fn gram(features: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = features.dims4()?;
    let flat = features.flatten_from(2)?;
    let products = flat.matmul(&flat.transpose(1, 2)?.contiguous()?)?;
    Ok((products / (height * width) as f64)?)
}

/// [`gram`] of a part of the picture: `mask`, `[1, 1, H, W]`, says how much of each position
/// belongs to it, from 0 to 1. A mask of ones gives the same as none.
///
/// # Errors
/// Another shape. A mask of zeros gives no numbers.
pub fn guided_gram(features: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let share = mask.sqr()?.mean_all()?;
    Ok(gram(&features.broadcast_mul(mask)?)?.broadcast_div(&share)?)
}

/// How far a layer is from the photograph's: one number, of two layers `[B, N, H, W]`.
///
/// # Errors
/// Shapes that differ.
pub fn content(features: &Tensor, photograph: &Tensor) -> Result<Tensor> {
    Ok(((features - photograph)?.sqr()?.mean_all()? * 0.5)?)
}

/// How far a layer's channels are from answering together as the painting's: one number, of a
/// layer's [`gram`] `[B, N, N]` and the style's, `[1, N, N]` or `[B, N, N]`.
///
/// # Errors
/// Shapes that differ.
pub fn style(gram: &Tensor, painting: &Tensor) -> Result<Tensor> {
    Ok((gram.broadcast_sub(painting)?.sqr()?.mean_all()? * 0.25)?)
}

/// How much neighbouring pixels of `[B, 3, H, W]` differ: one number.
///
/// # Errors
/// Another shape.
pub fn total_variation(picture: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = picture.dims4()?;
    let apart = |dim: usize, size: usize| -> Result<Tensor> {
        if size < 2 {
            return Ok((picture.sum_all()? * 0.0)?);
        }
        let after = picture.narrow(dim, 1, size - 1)?;
        Ok((after - picture.narrow(dim, 0, size - 1)?)?.sqr()?.sum_all()?)
    };
    Ok(((apart(2, height)? + apart(3, width)?)? / picture.elem_count() as f64)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn number(tensor: Result<Tensor>) -> f64 {
        tensor.unwrap().to_scalar().unwrap()
    }

    /// Each worked by hand: two channels of two positions, (1, 2) and (3, 4), against (0, 2) and
    /// (3, 2).
    #[test]
    fn the_losses_are_those_of_the_equations() {
        let tensor = |values: [[f64; 2]; 2]| {
            Tensor::new(&values, &Device::Cpu).unwrap().reshape((1, 2, 1, 2)).unwrap()
        };
        let f = tensor([[1.0, 2.0], [3.0, 4.0]]);
        let p = tensor([[0.0, 2.0], [3.0, 2.0]]);
        // (1 + 0 + 0 + 4) / (2 · 2 · 2)
        assert_eq!(number(content(&f, &p)), 0.625);
        // G = (1+4, 3+8; 11, 9+16) / 2, A = (4, 4; 4, 13) / 2.
        let g = gram(&f).unwrap();
        let a = gram(&p).unwrap();
        assert_eq!(a.to_vec3::<f64>().unwrap(), [[[2.0, 2.0], [2.0, 6.5]]]);
        // (0.5² + 3.5² + 3.5² + 6²) / (4 · 2²)
        assert_eq!(number(style(&g, &a)), 60.75 / 16.0);
        // The first position whole and half of the second: (1·1 + ¼·4, 1·3 + ¼·8; …, 1·9 + ¼·16) /
        // 1.25.
        let mask = Tensor::new(&[[[[1f64, 0.5]]]], &Device::Cpu).unwrap();
        let guided = guided_gram(&f, &mask).unwrap();
        assert_eq!(guided.to_vec3::<f64>().unwrap(), [[[1.6, 4.0], [4.0, 10.4]]]);
        let whole = guided_gram(&f, &mask.ones_like().unwrap()).unwrap();
        assert_eq!(whole.to_vec3::<f64>().unwrap(), g.to_vec3::<f64>().unwrap());
        let x = Tensor::new(&[1f64, 2.0, 4.0, 8.0, 0.0, 1.0], &Device::Cpu).unwrap();
        let x = x.reshape((1, 1, 2, 3)).unwrap();
        // Down: 7² + 2² + 3²; across: 1² + 2² + 8² + 1².
        assert_eq!(number(total_variation(&x)), (49.0 + 4.0 + 9.0 + 1.0 + 4.0 + 64.0 + 1.0) / 6.0);
        let row = number(total_variation(&x.narrow(2, 0, 1).unwrap()));
        assert!((row - 5.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_gradients_are_right() {
        let values = |seed| gradcheck::values((2, 3, 4, 5), seed);
        gradcheck::check("gram", &[values(1)], |t| Ok(gram(&t[0]).unwrap()));
        gradcheck::check(
            "content",
            &[values(1), values(2)],
            |t| Ok(content(&t[0], &t[1]).unwrap()),
        );
        gradcheck::check("style", &[values(1)], |t| {
            Ok(style(&gram(&t[0]).unwrap(), &gram(&values(3)).unwrap()).unwrap())
        });
        let mask = gradcheck::values((1, 1, 4, 5), 4).abs().unwrap();
        gradcheck::check("guided gram", &[values(1)], |t| Ok(guided_gram(&t[0], &mask).unwrap()));
        gradcheck::check("total variation", &[values(1)], |t| Ok(total_variation(&t[0]).unwrap()));
    }
}
