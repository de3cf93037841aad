//! The loss network and its weights, as flags.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_cli::settings;
use conv_style::{LayerWeight, LossConfig};
use conv_vision::{Architecture, Pretrained};
use std::path::PathBuf;

/// Where VGG-16's first convolutions lie in the folder that CONVOKE_DATA names.
const VGG: &str = "vision/weights/vgg16-hed-conv1_1-conv5_1.f16.safetensors";

#[derive(Debug, Args)]
pub struct Losses {
    /// Weights of the loss network with the names of Caffe or torchvision, .safetensors or .pth, or
    /// a model folder of classify [default: VGG-16's below $CONVOKE_DATA]
    #[arg(long, value_name = "FILE")]
    loss_network: Option<PathBuf>,
    /// Layers that say what is where, with commas [default: conv4_2 of VGG]
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    content_layers: Option<Vec<String>>,
    /// Layers that say how it is painted, with commas [default: conv1_1 to conv5_1 of VGG]
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    style_layers: Option<Vec<String>>,
    /// How much the content counts
    #[arg(long)]
    content_weight: Option<f64>,
    /// How much the style counts
    #[arg(long)]
    style_weight: Option<f64>,
    /// How much smoothness counts
    #[arg(long)]
    tv_weight: Option<f64>,
    /// Maxima in the loss network, as it was trained with, in place of means
    #[arg(long)]
    max_pooling: bool,
}

impl Losses {
    pub fn open(&self, device: &Device) -> Result<Pretrained> {
        let path =
            conv_cli::weights("loss network", self.loss_network.as_deref(), "--loss-network", VGG)?;
        Ok(Pretrained::open(&path, device)?)
    }

    pub fn over(&self, config: &mut LossConfig) {
        let even = |layers: &Vec<String>| -> Vec<LayerWeight> {
            let weight = 1.0 / layers.len() as f64;
            layers.iter().map(|layer| LayerWeight { layer: layer.clone(), weight }).collect()
        };
        settings::set(&mut config.content, self.content_layers.as_ref().map(even));
        settings::set(&mut config.style, self.style_layers.as_ref().map(even));
        settings::set(&mut config.content_weight, self.content_weight);
        settings::set(&mut config.style_weight, self.style_weight);
        settings::set(&mut config.total_variation_weight, self.tv_weight);
        config.average_pooling &= !self.max_pooling;
    }
}

/// What a report says of the weights: which they are, and that VGG's at hand are not the original
/// ones.
pub fn told(model: &Pretrained) -> String {
    let name = model.path.file_name().unwrap_or(model.path.as_os_str()).to_string_lossy();
    let network = model.network.name();
    match model.architecture {
        Architecture::Vgg16Features if name.contains("hed") => format!(
            "Loss network: {network} from {name}, which was trained on ImageNet and then fine-tuned to find edges (HED): not the original VGG"
        ),
        _ => format!("Loss network: {network} from {name}"),
    }
}
