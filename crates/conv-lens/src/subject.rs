//! What is looked into: any network of `conv-vision`, or one's own.

use crate::{Error, Result};
use candle_core::Tensor;
use conv_nn::Mode;
use conv_vision::{Address, Operation, Pretrained};

/// A network that is looked into. [`Pretrained`] is one; a network of one's own says how its layers
/// are called and what they make of a picture, and is then rendered, compared with photographs and
/// surveyed as any other. What follows a value through a network ([`attribute`](crate::attribute),
/// [`Excerpts`](crate::Excerpts), [`Contributions`](crate::Contributions)) needs its graph, and so
/// a `Pretrained`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_core::Conv2dConfig;
/// use conv_lens::{Objective, Rendering, Result, Subject, render};
/// use conv_vision::Address;
///
/// /// One convolution, whose weights are `[2, 3, 5, 5]`.
/// struct Own(Tensor);
///
/// impl Subject for Own {
///     fn name(&self) -> String {
///         "a convolution".into()
///     }
///     fn layers(&self) -> Vec<String> {
///         vec!["edges".into()]
///     }
///     fn channels(&self, _: usize) -> Result<usize> {
///         Ok(self.0.dim(0)?)
///     }
///     fn read(&self, pixels: &Tensor) -> Result<Tensor> {
///         Ok(pixels.affine(1.0 / 127.5, -1.0)?)
///     }
///     fn values(&self, x: &Tensor, layers: &[Address], _: bool) -> Result<Vec<Tensor>> {
///         let edges = conv_core::conv2d(x, &self.0, None, &Conv2dConfig::default())?;
///         Ok(vec![edges; layers.len()])
///     }
/// }
///
/// let weights = Tensor::arange(0f32, 150.0, &Device::Cpu)?.sin()?.reshape((2, 3, 5, 5))?;
/// let own = Own(weights);
/// let objective = Objective::parse("edges:1 + 0.1*tv", &own)?;
/// let rendering = Rendering { size: 24, steps: 8, ..Rendering::default() };
/// let rendered = render(&own, &objective, &rendering, |_| true)?;
/// assert!(rendered.steps[7].objective > rendered.steps[0].objective);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Subject {
    /// What an error calls it.
    fn name(&self) -> String;

    /// What tells its weights from others: an ascent that was saved goes on with the same alone.
    fn identity(&self) -> String {
        self.name()
    }

    /// Its layers, from the pixels up: an [`Address`] counts them.
    fn layers(&self) -> Vec<String>;

    /// How many channels a layer has.
    ///
    /// # Errors
    /// It cannot be told.
    fn channels(&self, layer: usize) -> Result<usize>;

    /// What it reads of pixels from 0 to 255, `[B, 3, H, W]`; a gradient goes through.
    ///
    /// # Errors
    /// A picture that it cannot read.
    fn read(&self, pixels: &Tensor) -> Result<Tensor>;

    /// What each of `layers`, which stand for all their channels, makes of what [`Subject::read`]
    /// gave: `[B, C, H, W]`, or `[B, C]` of a layer without positions. A gradient goes to what was
    /// read; none need go to weights. Where `redirected` is asked for, rectifiers that let nothing
    /// through are to be [redirected](conv_nn::redirected_relu); a network that cannot do that
    /// ignores it.
    ///
    /// # Errors
    /// A picture that is too small for a layer.
    fn values(&self, x: &Tensor, layers: &[Address], redirected: bool) -> Result<Vec<Tensor>>;

    /// What `LAYER` or `LAYER:CHANNEL` stands for.
    ///
    /// # Errors
    /// A layer that there is not. Whether the channel is there is seen elsewhere.
    fn find(&self, text: &str) -> Result<Address> {
        let names = self.layers();
        let whole = names.iter().position(|name| name == text).map(|layer| (layer, None));
        let channel = || {
            let (name, channel) = text.rsplit_once(':')?;
            let layer = names.iter().position(|layer| layer == name)?;
            Some((layer, Some(channel.parse().ok()?)))
        };
        let (layer, channel) = whole.or_else(channel).ok_or_else(|| Error::NoLayer {
            network: self.name(),
            found: text.into(),
            layers: names.join(", "),
        })?;
        Ok(Address { layer, before_rectifier: false, channel })
    }

    /// The class of this name, as a channel of a layer.
    ///
    /// # Errors
    /// A class that there is not; a network without names of classes.
    fn class(&self, name: &str) -> Result<Address> {
        let hint = format!("{} has no names of classes", self.name());
        Err(Error::NoClass { found: name.into(), hint })
    }

    /// Of a layer that joins others, where a channel comes from: the layer's name, and its number
    /// there.
    ///
    /// # Errors
    /// It cannot be told.
    fn branch(&self, layer: usize, channel: usize) -> Result<Option<(String, usize)>> {
        let _ = (layer, channel);
        Ok(None)
    }
}

/// The shapes of all layers up to one, of a picture of the size that the network is made for.
fn shapes(layer: usize, model: &Pretrained) -> Result<Vec<Vec<usize>>> {
    let side = model.preprocessing.crop;
    Ok(model.network.graph().shapes_until(layer + 1, &[3, side, side])?)
}

/// Layers are found as [`Address`] has it, and under lucid's names; redirected is every rectifier.
impl Subject for Pretrained {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn identity(&self) -> String {
        self.hash.clone()
    }

    fn layers(&self) -> Vec<String> {
        self.network.graph().layers().iter().map(|layer| layer.name.clone()).collect()
    }

    fn channels(&self, layer: usize) -> Result<usize> {
        Ok(shapes(layer, self)?[layer][0])
    }

    fn read(&self, pixels: &Tensor) -> Result<Tensor> {
        Ok(self.preprocessing.of_pixels(pixels)?)
    }

    fn values(&self, x: &Tensor, layers: &[Address], redirected: bool) -> Result<Vec<Tensor>> {
        if redirected {
            Ok(self.network.clone().redirected().values(x, layers, &mut Mode::Eval)?)
        } else {
            Ok(self.network.values(x, layers, &mut Mode::Eval)?)
        }
    }

    fn find(&self, text: &str) -> Result<Address> {
        let text = of_lucid(text).unwrap_or_else(|| text.into());
        Ok(self.network.graph().find(&text, self.network.name())?)
    }

    fn class(&self, name: &str) -> Result<Address> {
        let channel = Some(crate::class(self, name)?);
        let layer = self.network.graph().output();
        Ok(Address { layer, before_rectifier: false, channel })
    }

    fn branch(&self, layer: usize, channel: usize) -> Result<Option<(String, usize)>> {
        let layers = self.network.graph().layers();
        if !matches!(layers[layer].operation, Operation::Concat) {
            return Ok(None);
        }
        let shapes = shapes(layer, self)?;
        let mut left = channel;
        for &input in &layers[layer].inputs {
            if left < shapes[input][0] {
                return Ok(Some((layers[input].name.clone(), left)));
            }
            left -= shapes[input][0];
        }
        Ok(None)
    }
}

/// As lucid writes GoogLeNet's layers: `mixed4c`, `mixed4c_3x3`, `mixed4c_pre_relu`, each also with
/// a channel.
fn of_lucid(text: &str) -> Option<String> {
    let (name, channel) = match text.split_once(':') {
        Some((name, channel)) => (name, format!(":{channel}")),
        None => (text, String::new()),
    };
    let (name, before) = match name.strip_suffix("_pre_relu") {
        Some(name) => (name, "/pre_relu"),
        None => (name, ""),
    };
    let stem = match name {
        "conv2d0" => "conv1/7x7_s2".into(),
        "conv2d1" => "conv2/3x3_reduce".into(),
        "conv2d2" => "conv2/3x3".into(),
        _ => {
            let (stage, branch) = match name.strip_prefix("mixed")?.split_once('_') {
                Some((stage, branch)) => (stage, branch),
                None => (name.strip_prefix("mixed")?, "output"),
            };
            let branch = match branch {
                "3x3_bottleneck" => "3x3_reduce",
                "5x5_bottleneck" => "5x5_reduce",
                "pool_reduce" => "pool_proj",
                same => same,
            };
            format!("inception_{stage}/{branch}")
        }
    };
    Some(format!("{stem}{before}{channel}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lucids_names_are_caffes() {
        for (lucid, caffe) in [
            ("mixed4c:12", "inception_4c/output:12"),
            ("mixed4c_pre_relu:12", "inception_4c/output/pre_relu:12"),
            ("mixed3a_3x3_bottleneck", "inception_3a/3x3_reduce"),
            ("mixed5b_pool_reduce:3", "inception_5b/pool_proj:3"),
            ("conv2d0:1", "conv1/7x7_s2:1"),
        ] {
            assert_eq!(of_lucid(lucid).as_deref(), Some(caffe));
        }
        assert_eq!(of_lucid("inception_4c:12"), None);
    }
}
