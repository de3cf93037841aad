//! Flags that several verbs share.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_lens::{Colours, Kind, Rendering, Transformation};
use conv_vision::data::Labels;
use conv_vision::{Architecture, Pretrained, SYNSETS};
use std::path::PathBuf;

/// Which network is looked into.
#[derive(Debug, Args)]
pub struct ModelFlags {
    /// A model folder of classify, or weights with the names of Caffe or torchvision, .safetensors
    /// or .pth [default: GoogLeNet's below $CONVOKE_DATA]
    #[arg(long)]
    model: Option<PathBuf>,
}

impl ModelFlags {
    /// The network, with the names of its classes where they lie beside the weights.
    pub fn open(&self, device: &Device) -> Result<Pretrained> {
        let weights =
            conv_cli::weights("weights", self.model.as_deref(), "--model", conv_cli::GOOGLENET)?;
        let mut model = Pretrained::open(&weights, device)?;
        let names = weights.with_file_name(SYNSETS);
        if model.labels.is_none() && names.exists() {
            model.labels = Some(Labels::read(&names)?);
        }
        Ok(model)
    }
}

/// What is said wherever units are named.
pub fn other_units(model: &Pretrained) -> &'static str {
    match model.architecture {
        Architecture::GoogLeNet => {
            "GoogLeNet's channels are those of Caffe's weights: other units than those of the Inception of Olah et al. (2017)."
        }
        _ => "",
    }
}

/// How pictures climb.
#[derive(Debug, Args)]
pub struct AscentFlags {
    /// Sides of the picture in pixels [default: 128, of grid 64, or what the network is made for if
    /// that is less]
    #[arg(long)]
    size: Option<usize>,
    /// Climb on pixels instead of waves
    #[arg(long)]
    pixels: bool,
    /// Colours of the numbers: decorrelated, plain or grey
    #[arg(long, default_value = "decorrelated", value_parser = colours)]
    colours: Colours,
    /// Do not move the picture about
    #[arg(long, conflicts_with_all = ["scale", "rotate"])]
    no_jitter: bool,
    /// How much larger or smaller the picture is seen at most: 0.1 for 0.9 to 1.1 times
    #[arg(long, default_value = "0")]
    scale: f64,
    /// How far it is turned at most, either way, in degrees
    #[arg(long, default_value = "0")]
    rotate: f64,
    /// Show the network the middle of what was moved, in the picture's size, as fully connected
    /// layers need it
    #[arg(long)]
    fixed_size: bool,
    /// First steps whose gradient also goes through closed rectifiers
    #[arg(long, default_value = "16")]
    redirected: usize,
    /// How far a number is moved in a step
    #[arg(long, default_value = "0.05")]
    learning_rate: f64,
}

impl AscentFlags {
    pub fn rendering(
        &self,
        model: &Pretrained,
        steps: usize,
        keep: Vec<usize>,
        seed: u64,
    ) -> Rendering {
        self.rendering_of(128, model, steps, keep, seed)
    }

    /// With another size than 128 where none is asked for.
    pub fn rendering_of(
        &self,
        size: usize,
        model: &Pretrained,
        steps: usize,
        keep: Vec<usize>,
        seed: u64,
    ) -> Rendering {
        Rendering {
            size: self.size.unwrap_or(model.preprocessing.crop.min(size)),
            steps,
            keep,
            parameters: if self.pixels { Kind::Pixels } else { Kind::Spectrum },
            colours: self.colours,
            transformation: if self.no_jitter {
                Transformation::NONE
            } else {
                Transformation {
                    scale: self.scale,
                    rotate: self.rotate,
                    fixed_size: self.fixed_size,
                    ..Transformation::default()
                }
            },
            learning_rate: self.learning_rate,
            redirected: self.redirected,
            seed,
        }
    }
}

fn colours(text: &str) -> Result<Colours, String> {
    match text {
        "decorrelated" => Ok(Colours::Decorrelated),
        "plain" => Ok(Colours::Plain),
        "grey" => Ok(Colours::Grey),
        _ => Err("expected decorrelated, plain or grey".into()),
    }
}

/// The sizes at which photographs are measured: the picture's and the network's own.
pub fn sides(model: &Pretrained, rendering: &Rendering) -> Vec<usize> {
    let mut sides = vec![rendering.size, model.preprocessing.crop];
    sides.dedup();
    sides
}
