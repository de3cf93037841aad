//! What `config.json` of an image classifier holds: plain data.

use crate::network::{Architecture, Graph};
use crate::{Preprocessing, Result};
use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// A network by name with so many classes, and what a picture goes through before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which network.
    pub architecture: Architecture,
    /// Its classes: as many as `labels.txt` has lines, 1 to 1,048,576.
    pub classes: usize,
    /// What the weights were trained with; its `crop` is the side of what the network sees.
    pub preprocessing: Preprocessing,
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "image-classifier";

    fn check(&self) -> Result<(), InvalidField> {
        const MOST: usize = 1 << 20;
        let is_count = (1..=MOST).contains(&self.classes);
        InvalidField::unless(is_count, "classes", &self.classes, "1 to 1048576")?;
        self.preprocessing.check()?;
        let side = self.preprocessing.crop;
        match self.graph()?.shapes(&[3, side, side]) {
            Ok(_) => Ok(()),
            Err(error) => Err(InvalidField::new("crop", side, format!("another: {error}"))),
        }
    }
}

impl Config {
    /// The layers of the network.
    ///
    /// # Errors
    /// An architecture that has no classifier.
    pub fn graph(&self) -> Result<Graph, InvalidField> {
        let graph = self.architecture.graph().with_classes(self.classes);
        let expected = "a network with a classifier";
        graph.ok_or_else(|| InvalidField::new("architecture", self.architecture.id(), expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(architecture: Architecture, crop: usize, classes: usize) -> Config {
        let preprocessing = Preprocessing { size: crop, crop, ..Preprocessing::torchvision() };
        Config { architecture, classes, preprocessing }
    }

    #[test]
    fn any_network_with_a_classifier_takes_any_number_of_classes() -> crate::Result<()> {
        for architecture in Architecture::ALL {
            let config = config(architecture, 224, 7);
            if architecture == Architecture::Vgg16Features {
                let error = config.check().map_err(|error| error.to_string());
                let text = "architecture is vgg16_conv5_1, expected a network with a classifier";
                assert_eq!(error, Err(text.into()));
                continue;
            }
            config.check()?;
            let graph = config.graph()?;
            let shapes = graph.shapes(&[3, 224, 224])?;
            assert_eq!(shapes[graph.output()], [7], "{architecture:?}");
        }
        Ok(())
    }

    #[test]
    fn a_size_that_the_network_cannot_take_is_named() {
        let text = |config: Config| config.check().map_err(|error| error.to_string());
        let small = text(config(Architecture::AlexNet, 8, 7));
        assert!(small.is_err_and(|text| text.starts_with("crop is 8, expected another: layer")));
        let none = text(config(Architecture::Conv4, 48, 0));
        assert_eq!(none, Err("classes is 0, expected 1 to 1048576".into()));
    }
}
