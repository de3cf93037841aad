//! A network that losses look through: content, style and smoothness of a picture.

use crate::{Error, Result, losses};
use candle_core::{DType, Tensor};
use conv_hub::InvalidField;
use conv_nn::Mode;
use conv_vision::{Address, Architecture, Network, Preprocessing, Pretrained};
use serde::{Deserialize, Serialize};

/// A layer of the loss network and how much it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWeight {
    /// The layer's name, as [`Address`] has it.
    pub layer: String,
    /// At least 0.
    pub weight: f64,
}

/// What a loss is the sum of: `content_weight · Σ wₗ content_l + style_weight · Σ wₗ style_l + total_variation_weight · tv`, each as
/// [`losses`] has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// The layers that say what is where.
    pub content: Vec<LayerWeight>,
    /// The layers that say how it is painted.
    pub style: Vec<LayerWeight>,
    /// α, at least 0.
    pub content_weight: f64,
    /// β, at least 0.
    pub style_weight: f64,
    /// The weight of what neighbouring pixels differ by, at least 0.
    pub total_variation_weight: f64,
    /// Means in place of maxima in the loss network, as in the paper.
    pub average_pooling: bool,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self::of(Architecture::Vgg16Features)
    }
}

impl LossConfig {
    /// The layers of Gatys et al. for VGG (section 3: content `conv4_2`, style `conv1_1` to `conv5_1` by a fifth each), and layers at the
    /// like depths of other networks.
    pub fn of(architecture: Architecture) -> Self {
        let (content, style): (&str, &[&str]) = match architecture {
            Architecture::GoogLeNet => (
                "inception_4a",
                &["conv1/7x7_s2", "conv2/3x3", "inception_3a", "inception_4a", "inception_5a"],
            ),
            Architecture::SqueezeNet => ("fire5", &["conv1", "fire2", "fire3", "fire5", "fire7"]),
            Architecture::AlexNet => ("conv4", &["conv1", "conv2", "conv3", "conv4", "conv5"]),
            Architecture::Conv4 => ("bn3", &["bn1", "bn2", "bn3"]),
            _ => ("conv4_2", &["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]),
        };
        let of = |layer: &str, weight| LayerWeight { layer: layer.into(), weight };
        Self {
            content: vec![of(content, 1.0)],
            style: style.iter().map(|layer| of(layer, 1.0 / style.len() as f64)).collect(),
            content_weight: 1.0,
            style_weight: STYLE_WEIGHT,
            total_variation_weight: 0.0,
            average_pooling: true,
        }
    }

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<()> {
        let layers = self.content.iter().chain(&self.style).map(|layer| ("weight", layer.weight));
        let sums = [
            ("content_weight", self.content_weight),
            ("style_weight", self.style_weight),
            ("total_variation_weight", self.total_variation_weight),
        ];
        for (name, weight) in layers.chain(sums) {
            let fits = weight.is_finite() && weight >= 0.0;
            InvalidField::unless(fits, name, &weight, "a finite number of at least 0")?;
        }
        match (self.content.is_empty(), self.style.is_empty()) {
            (true, _) => Err(Error::NoLayers { field: "content" }),
            (_, true) => Err(Error::NoLayers { field: "style" }),
            _ => Ok(()),
        }
    }
}

/// β for α = 1: with VGG, content is then about a third of the sum after 60 steps.
const STYLE_WEIGHT: f64 = 1.0;

/// The losses of pictures through a network whose weights are fixed.
#[derive(Debug, Clone)]
pub struct LossNetwork {
    network: Network,
    preprocessing: Preprocessing,
    config: LossConfig,
    content: Vec<Address>,
    style: Vec<Address>,
    hash: String,
}

/// What a picture is to be like: computed once.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Of the content layers, `[B, N, H, W]`.
    pub content: Vec<Tensor>,
    /// Gram matrices of the style layers, `[1 or B, N, N]`.
    pub style: Vec<Tensor>,
}

/// A loss and the terms that it is the sum of, each with its weight in it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Of the content.
    pub content: Tensor,
    /// Of the style.
    pub style: Tensor,
    /// Of the total variation.
    pub total_variation: Tensor,
    /// Their sum.
    pub total: Tensor,
}

impl Terms {
    /// Total, content, style and total variation as numbers.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn numbers(&self) -> Result<[f64; 4]> {
        let number = |tensor: &Tensor| -> Result<f64> {
            Ok(tensor.to_dtype(DType::F64)?.to_scalar::<f64>()?)
        };
        let Self { content, style, total_variation, total } = self;
        Ok([number(total)?, number(content)?, number(style)?, number(total_variation)?])
    }
}

impl LossNetwork {
    /// Finds the layers.
    ///
    /// # Errors
    /// A layer that the network does not have; a weight out of its range.
    pub fn new(model: &Pretrained, config: LossConfig) -> Result<Self> {
        config.check()?;
        let network = match config.average_pooling {
            true => model.network.clone().average_pooled(),
            false => model.network.clone(),
        };
        let find = |layers: &[LayerWeight]| -> Result<Vec<Address>> {
            let find = |of: &LayerWeight| network.graph().find(&of.layer, network.name());
            Ok(layers.iter().map(find).collect::<conv_vision::Result<_>>()?)
        };
        Ok(Self {
            content: find(&config.content)?,
            style: find(&config.style)?,
            preprocessing: model.preprocessing.clone(),
            hash: model.hash.clone(),
            network,
            config,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &LossConfig {
        &self.config
    }

    /// What the network is called.
    pub fn name(&self) -> &'static str {
        self.network.name()
    }

    /// What tells its weights from others.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether all layers have at least two positions in a picture of (width, height): with one, or none, a loss is no loss. `what` is
    /// what an error calls the picture.
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
        match layers.is_empty() {
            true => Ok(()),
            false => Err(Error::TooSmall { what, width, height, layers }),
        }
    }

    /// The layers' values for `pixels`, `[B, 3, H, W]` from 0 to 255: those of the content layers, then those of the style layers.
    fn features(&self, x: &Tensor, wanted: &[Address]) -> Result<Vec<Tensor>> {
        Ok(self.network.values(x, wanted, &mut Mode::Eval)?)
    }

    /// What pictures `[B, 3, H, W]` show.
    ///
    /// # Errors
    /// Pictures that are too small.
    pub fn content_of(&self, pixels: &Tensor) -> Result<Vec<Tensor>> {
        let x = self.preprocessing.of_pixels(&pixels.detach())?;
        self.features(&x, &self.content)
    }

    /// How pictures `[B, 3, H, W]` are painted.
    ///
    /// # Errors
    /// Pictures that are too small.
    pub fn style_of(&self, pixels: &Tensor) -> Result<Vec<Tensor>> {
        let x = self.preprocessing.of_pixels(&pixels.detach())?;
        self.features(&x, &self.style)?.iter().map(losses::gram).collect()
    }

    /// The loss of pictures `[B, 3, H, W]`; a gradient reaches them, and no weight.
    ///
    /// # Errors
    /// Pictures of another size than the content's.
    pub fn loss(&self, pixels: &Tensor, targets: &Targets) -> Result<Terms> {
        let x = self.preprocessing.of_pixels(pixels)?;
        let wanted = [self.content.as_slice(), &self.style].concat();
        let features = self.features(&x, &wanted)?;
        let (of_content, of_style) = features.split_at(self.content.len());
        let config = &self.config;
        let sum = |terms: Vec<Tensor>, layers: &[LayerWeight], weight: f64| -> Result<Tensor> {
            let zero = Tensor::zeros((), x.dtype(), x.device())?;
            let add = |sum: Tensor, (term, of): (Tensor, &LayerWeight)| -> Result<Tensor> {
                Ok((sum + (term * (of.weight * weight))?)?)
            };
            terms.into_iter().zip(layers).try_fold(zero, add)
        };
        let pairs = of_content.iter().zip(&targets.content);
        let terms =
            pairs.map(|(found, target)| losses::content(found, target)).collect::<Result<_>>()?;
        let content = sum(terms, &config.content, config.content_weight)?;
        let pairs = of_style.iter().zip(&targets.style);
        let of_pair =
            |(found, target): (&Tensor, &Tensor)| losses::style(&losses::gram(found)?, target);
        let terms = pairs.map(of_pair).collect::<Result<_>>()?;
        let style = sum(terms, &config.style, config.style_weight)?;
        let total_variation = (losses::total_variation(&x)? * config.total_variation_weight)?;
        let total = ((&content + &style)? + &total_variation)?;
        Ok(Terms { content, style, total_variation, total })
    }
}
