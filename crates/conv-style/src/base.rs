//! The bank that styles are added to.

use crate::{Config, Recipe, Result, style_bank};
use candle_core::{DType, Device, Tensor};
use conv_hub::{InvalidField, Stored};
use conv_nn::Parameters;
use conv_nn::rng::Fingerprint;
use conv_train::FitConfig;
use conv_train::optim::Group;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A trained StyleBank, to which styles are added while all that it has stays as it is, to the bit
/// (Chen et al. 2017, section 3.4).
#[derive(Debug, Clone)]
pub struct Base {
    pub(crate) config: Config,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// The settings that it was trained with, where its folder says so in a way that is understood.
    pub recipe: Option<Recipe>,
    /// Its folder.
    pub path: PathBuf,
}

impl Base {
    /// Opens a model folder, as `style train` and `style add` leave it.
    ///
    /// # Errors
    /// As [`Painter::open`](crate::Painter::open).
    pub fn open(path: &Path) -> Result<Self> {
        let Stored { folder, config, tensors } = Stored::<Config>::open(path)?;
        // Whatever is missing or misshapen is told before photographs are read.
        style_bank(
            &config,
            &Parameters::frozen(tensors.clone()).builder(DType::F32, &Device::Cpu),
        )?;
        let recipe = Recipe::of_model(&folder);
        Ok(Self { config, tensors, recipe, path: path.into() })
    }

    /// The names of the styles that it has.
    pub fn styles(&self) -> &[String] {
        &self.config.styles
    }

    /// Whether half precision holds its parameters as they are: a bank that is stored in it with a
    /// style more keeps every bit of the others then, and otherwise rounds them.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn fits_half(&self) -> Result<bool> {
        for tensor in self.tensors.values() {
            let whole = tensor.flatten_all()?.to_dtype(DType::F32)?;
            let half = whole.to_dtype(DType::F16)?.to_dtype(DType::F32)?;
            if whole.to_vec1::<f32>()? != half.to_vec1::<f32>()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells its parameters from others.
    pub(crate) fn fingerprint(&self) -> Result<u64> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.tensors(&self.tensors)?;
        Ok(fingerprint.value())
    }

    /// Settings under which nothing moves that the bank has.
    ///
    /// # Errors
    /// A bound on rows, which would hold for frozen ones too.
    pub(crate) fn freeze(&self, mut fit: FitConfig) -> Result<FitConfig> {
        let bounds = fit.max_norm.len();
        InvalidField::unless(bounds == 0, "fit.max_norm", &bounds, "none where a style is added")?;
        let banks = self.config.styles.iter().map(|style| format!("bank.{style}."));
        let frozen = ["encoder.".to_string(), "decoder.".to_string()].into_iter().chain(banks);
        let frozen = frozen.map(|prefix| Group { prefix, rate: 0.0, weight_decay: None });
        let mut groups: Vec<Group> = frozen.collect();
        // Of several groups the first counts.
        fit.groups.retain(|group| !groups.contains(group));
        groups.append(&mut fit.groups);
        fit.groups = groups;
        Ok(fit)
    }
}
