//! A detector's sizes, names and parameters as they were left by others or by training here.

use crate::config::Residual;
use crate::model::mask_rcnn;
use crate::{Architecture, Config, Detector, Error, Result, torchvision};
use candle_core::{DType, Device, Tensor};
use conv_hub::Stored;
use conv_nn::Parameters;
use conv_nn::rng::Fingerprint;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A detector on disk, read and checked: to be used as it is, or to start training from.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// The network's sizes.
    pub config: Config,
    /// The names of its classes.
    pub labels: Vec<String>,
    /// The folder or file.
    pub path: PathBuf,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Pretrained {
    /// Opens a model folder, as `detect train` leaves it, or a file, `.pth` or `.safetensors`: the
    /// state of torchvision's `maskrcnn_resnet50_fpn`, or of the same on another of its residual
    /// networks, with the names of any of its versions; its sizes are told by its tensors. With 91
    /// answers the classes are COCO's and have their numbers there; otherwise they are `class 1`,
    /// `class 2`, …, until
    /// [`Pretrained::with_labels`] names them.
    ///
    /// ```no_run
    /// use conv_detect::Pretrained;
    /// let detector = Pretrained::open("maskrcnn_resnet50_fpn_coco.pth".as_ref())?;
    /// assert_eq!(detector.labels[0], "person");
    /// # Ok::<(), conv_detect::Error>(())
    /// ```
    ///
    /// # Errors
    /// A damaged file; [`Error::Weights`] says which tensors are missing, of another shape or not
    /// expected.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let (config, labels, tensors) = torchvision::read(path)?;
            let path = path.to_path_buf();
            return Ok(Self { config, labels, path, tensors });
        }
        let Stored { folder, config, tensors } = Stored::<Config>::open(path)?;
        let labels = folder.labels()?;
        let path = path.to_path_buf();
        Ok(Self { config, labels, path, tensors })
    }

    /// What training may start from: as [`Pretrained::open`], or a file of torchvision's residual
    /// classifiers, which becomes the backbone below heads that are drawn.
    ///
    /// # Errors
    /// As [`Pretrained::open`].
    pub fn open_start(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::open(path);
        }
        let tensors = conv_vision::read_weights(path)?;
        let known = Architecture::recognise(&tensors)?;
        let Some((architecture, _)) =
            known.filter(|(a, misfits)| misfits.is_empty() && Residual::ALL.contains(a))
        else {
            return Self::open(path);
        };
        let own = |(name, tensor): (String, Tensor)| (format!("backbone.body.{name}"), tensor);
        let mut tensors: BTreeMap<String, Tensor> = tensors.into_iter().map(own).collect();
        tensors.retain(|name, _| !name.starts_with("backbone.body.fc."));
        let config = Config::torchvision(architecture, 1);
        let labels = vec!["object".into()];
        Ok(Self { config, labels, path: path.into(), tensors })
    }

    /// With other names for its classes.
    ///
    /// # Errors
    /// Another number of names than of classes.
    pub fn with_labels(mut self, labels: Vec<String>) -> Result<Self> {
        let found = labels.len();
        let expected = self.config.classes;
        if found != expected {
            return Err(Error::Differs {
                place: self.path.display().to_string(),
                what: "the number of names is",
                found: found.to_string(),
                expected: format!("{expected} classes, the background not counted"),
            });
        }
        self.labels = labels;
        Ok(self)
    }

    /// The detector.
    ///
    /// # Errors
    /// A parameter that is missing or misshapen; a device other than the CPU.
    pub fn detector(self, device: &Device) -> Result<Detector> {
        let vb = Parameters::frozen(self.tensors).builder(DType::F32, device);
        Detector::new(mask_rcnn(&self.config, &vb)?, self.labels, device)
    }

    /// Tells its parameters from others.
    pub(crate) fn fingerprint(&self) -> Result<u64> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.tensors(&self.tensors)?;
        Ok(fingerprint.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(shapes: BTreeMap<String, Vec<usize>>) -> BTreeMap<String, Tensor> {
        let zeros = |(name, shape): (String, Vec<usize>)| {
            (name, Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap())
        };
        shapes.into_iter().map(zeros).collect()
    }

    #[test]
    fn a_classifier_s_weights_become_the_backbone_s() -> Result<()> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("resnet18.safetensors");
        let tensors = zeros(Architecture::ResNet18.parameters()?);
        conv_hub::files::write_safetensors(&path, &tensors).unwrap();
        let start = Pretrained::open_start(&path)?;
        assert_eq!(start.config, Config::torchvision(Architecture::ResNet18, 1));
        assert!(start.tensors.contains_key("backbone.body.layer4.1.conv2.weight"));
        assert_eq!(start.tensors.len(), tensors.len() - 2);
        // By itself it detects nothing.
        let error = Pretrained::open(&path).err().map(|error| error.to_string());
        assert!(error.unwrap_or_default().contains("its backbone is none"));
        Ok(())
    }
}
