//! What the layers of a loss network have of a picture: positions, reach, masks, and what that
//! costs.

use crate::{Error, LossNetwork, Result};
use candle_core::{Device, Tensor};
use conv_vision::{Address, Filter, Picture};

/// Copies of a layer's values that a style loss keeps for its way back: the matrix that the Gram
/// matrix is a product of.
const OF_STYLE: usize = 1;
/// Those of a content loss: the difference, and its square.
const OF_CONTENT: usize = 2;
/// Blocks of the largest layer's size that are there at a time on the way back: gradients, their
/// sums, what a convolution works in, and what the allocator keeps; measured with VGG and
/// SqueezeNet from 128 to 800 pixels.
const ON_THE_WAY: usize = 15;

impl LossNetwork {
    /// Whether all layers have at least two positions in a picture of (width, height): with one, or
    /// none, a loss is no loss. `what` is what an error calls the picture.
    ///
    /// # Errors
    /// [`Error::TooSmall`] names the layers.
    pub fn check_size(&self, what: &'static str, (width, height): (usize, usize)) -> Result<()> {
        let mut layers = Vec::new();
        let graph = self.network.graph();
        for address in self.content.iter().chain(&self.style) {
            let shapes = graph.shapes_until(address.layer + 1, &[3, height, width]);
            let positions = shapes.map_or(0, |shapes| shapes[address.layer][1..].iter().product());
            let name = &graph.layers()[address.layer].name;
            if positions < 2 && layers.iter().all(|(known, _)| known != name) {
                layers.push((name.clone(), positions));
            }
        }
        if layers.is_empty() {
            Ok(())
        } else {
            Err(Error::TooSmall { what, width, height, layers })
        }
    }

    /// How much of each position of the style layers belongs to the white part of `mask`, for a
    /// picture of its size.
    ///
    /// # Errors
    /// A mask of which nothing is left in a layer; a picture that is too small.
    pub fn masks_of(&self, mask: &Picture) -> Result<Vec<Tensor>> {
        let of_layer = |address: &Address| -> Result<Tensor> {
            let graph = self.network.graph();
            let picture = [3, mask.height(), mask.width()];
            let shapes = graph.shapes_until(address.layer + 1, &picture)?;
            let [_, height, width] = shapes[address.layer][..] else {
                return Err(self.no_map(address));
            };
            // The mean over what lies under a position.
            let mask = mask.resize(width, height, Filter::Bilinear)?;
            let pixels = mask.tensor(&Device::Cpu)?.mean_keepdim(1)?.affine(1.0 / 255.0, 0.0)?;
            let layer = &graph.layers()[address.layer].name;
            if pixels.sum_all()?.to_scalar::<f32>()? > 0.0 {
                Ok(pixels)
            } else {
                Err(Error::Mask { reason: format!("nothing of it is left in {layer}") })
            }
        };
        self.style.iter().map(of_layer).collect()
    }

    fn no_map(&self, address: &Address) -> Error {
        let layer = &self.network.graph().layers()[address.layer].name;
        Error::Mask { reason: format!("{layer} has no positions that it could be of") }
    }

    /// Layers that see more of a picture than it has, each with the side of what it sees in pixels,
    /// the widest last: their statistics are largely about the border.
    pub fn wider_than(&self, (width, height): (usize, usize)) -> Vec<(String, usize)> {
        let fields = self.network.graph().receptive_fields();
        let layers = self.network.graph().layers();
        let sees = |address: &Address| {
            let size = fields[address.layer].map_or(usize::MAX, |field| field.size);
            (size > width.min(height)).then(|| (layers[address.layer].name.clone(), size))
        };
        let mut wider: Vec<_> = self.style.iter().chain(&self.content).filter_map(sees).collect();
        wider.sort_by_key(|(_, side)| *side);
        wider.dedup();
        wider
    }

    /// What an evaluation of a picture of (width, height) and of its gradient holds at a time, in
    /// bytes: an estimate.
    pub(crate) fn bytes(&self, (width, height): (usize, usize)) -> Result<usize> {
        let addresses = || self.content.iter().chain(&self.style);
        let count = addresses().map(|address| address.layer + 1).max().unwrap_or(0);
        let shapes = self.network.graph().shapes_until(count, &[3, height, width])?;
        let numbers = |layer: usize| shapes[layer].iter().product::<usize>();
        let layers: usize = (0..count).map(numbers).sum();
        let largest = (0..count).map(numbers).max().unwrap_or(0);
        let copies = |of: &[Address], each: usize| -> usize {
            of.iter().map(|address| each * numbers(address.layer)).sum()
        };
        let copies = copies(&self.style, OF_STYLE) + copies(&self.content, OF_CONTENT);
        // Pixels, and the network's input.
        let picture = 2 * 3 * width * height;
        Ok((picture + layers + copies + ON_THE_WAY * largest) * size_of::<f32>())
    }

    /// The weights, and as convolutions lay them out anew, in bytes: an estimate.
    pub(crate) fn weight_bytes(&self) -> Result<usize> {
        let side = self.preprocessing.crop;
        let layers = self.network.graph().report(&[3, side, side])?;
        let numbers: u64 = layers.iter().map(|layer| layer.parameters).sum();
        Ok(numbers as usize * size_of::<f32>() * 7 / 4)
    }
}
