//! A network that losses look through: content, style and smoothness of a picture.

use crate::{LayerWeight, LossConfig, Result, losses};
use candle_core::{DType, Tensor};
use conv_nn::Mode;
use conv_vision::{Address, Network, Preprocessing, Pretrained};

/// The losses of pictures through a network whose weights are fixed.
#[derive(Debug, Clone)]
pub struct LossNetwork {
    pub(crate) network: Network,
    pub(crate) preprocessing: Preprocessing,
    config: LossConfig,
    pub(crate) content: Vec<Address>,
    pub(crate) style: Vec<Address>,
    hash: String,
}

/// What a picture is to be like: computed once.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Of the content layers, `[B, N, H, W]`.
    pub content: Vec<Tensor>,
    /// The styles, whose weights have a sum of 1.
    pub styles: Vec<StyleTarget>,
}

/// A style that a picture, or a part of it, is to have.
#[derive(Debug, Clone)]
pub struct StyleTarget {
    /// Gram matrices of the style layers, `[1 or B, N, N]`.
    pub grams: Vec<Tensor>,
    /// How much of the style loss is about it.
    pub weight: f64,
    /// Where it is to be: for each style layer how much of each position, as
    /// [`losses::guided_gram`] has it; everywhere without.
    pub masks: Option<Vec<Tensor>>,
}

impl Targets {
    /// One style everywhere.
    pub fn new(content: Vec<Tensor>, grams: Vec<Tensor>) -> Self {
        Self { content, styles: vec![StyleTarget { grams, weight: 1.0, masks: None }] }
    }
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
        let network = if config.average_pooling {
            model.network.clone().average_pooled()
        } else {
            model.network.clone()
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

    /// The layers' values for `pixels`, `[B, 3, H, W]` from 0 to 255: those of the content layers,
    /// then those of the style layers.
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
        let style = self.style_loss(of_style, &targets.styles, sum)?;
        let total_variation = (losses::total_variation(&x)? * config.total_variation_weight)?;
        let total = ((&content + &style)? + &total_variation)?;
        Ok(Terms { content, style, total_variation, total })
    }

    fn style_loss(
        &self,
        features: &[Tensor],
        styles: &[StyleTarget],
        sum: impl Fn(Vec<Tensor>, &[LayerWeight], f64) -> Result<Tensor>,
    ) -> Result<Tensor> {
        // Styles that are everywhere share their Gram matrices.
        let everywhere = styles.iter().any(|style| style.masks.is_none());
        let shared: Vec<Tensor> = if everywhere {
            features.iter().map(losses::gram).collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        let mut all: Option<Tensor> = None;
        for StyleTarget { grams, weight, masks } in styles {
            let guided = |masks: &Vec<Tensor>| {
                let pairs = features.iter().zip(masks);
                pairs.map(|(features, mask)| losses::guided_gram(features, mask)).collect()
            };
            let found: Vec<Tensor> = masks.as_ref().map_or_else(|| Ok(shared.clone()), guided)?;
            let terms = found.iter().zip(grams).map(|(found, gram)| losses::style(found, gram));
            let terms = terms.collect::<Result<_>>()?;
            let term = sum(terms, &self.config.style, self.config.style_weight * weight)?;
            all = Some(match all {
                Some(all) => (all + term)?,
                None => term,
            });
        }
        all.map_or_else(|| sum(Vec::new(), &[], 0.0), Ok)
    }
}
