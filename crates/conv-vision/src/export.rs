//! Networks that were trained here, for torchvision.

use crate::network::{Architecture, misfits};
use crate::stored::metadata;
use crate::{Config, Error, Preprocessing, Result, Weights};
use candle_core::{Device, Tensor};
use conv_hub::ModelConfig;
use conv_hub::files::write_described;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The entry of the file's metadata.
const DESCRIBED: &str = "convoke";

/// What an exported file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Described {
    /// torchvision's function.
    torchvision: String,
    architecture: Architecture,
    preprocessing: Preprocessing,
    /// The classes in the order of the outputs.
    labels: Vec<String>,
}

/// How often a batch norm was trained, which torchvision has beside its statistics and reads only
/// without a momentum.
const COUNTER: &str = ".num_batches_tracked";

impl Weights {
    /// Writes a `.safetensors` file with the names and shapes of the state dict of torchvision's
    /// network of [`Architecture::torchvision`], which `load_state_dict` takes as it is, and in its
    /// metadata under `convoke`, as JSON, the preprocessing and the classes. [`Weights::open`]
    /// opens it too. GoogLeNet is the one of `aux_logits=False, transform_input=False`.
    ///
    /// # Errors
    /// [`Error::NotInTorchvision`]; [`Error::Misfits`] for a fully connected layer of another size
    /// than torchvision's, as after training on other than 224 × 224 pixels; [`Error::Write`].
    pub fn export(&self, path: &Path) -> Result<()> {
        let architecture = self.architecture;
        let network = self.architecture.name();
        let Some(torchvision) = architecture.torchvision() else {
            let known = Architecture::ALL.into_iter().filter(|it| it.torchvision().is_some());
            let known = known.map(Architecture::id).collect::<Vec<_>>().join(", ");
            return Err(Error::NotInTorchvision { network, known });
        };
        let side = architecture.preprocessing().crop;
        let misfits = misfits(&self.graph.parameters(side)?, &self.tensors);
        if !misfits.is_empty() {
            return Err(Error::Misfits { path: self.path.clone(), network, misfits });
        }
        let mut tensors = self.tensors.clone();
        let norms = self.tensors.keys().filter_map(|name| name.strip_suffix(".running_mean"));
        for norm in norms {
            // PyTorch's own value where a state dict has none.
            tensors.insert(format!("{norm}{COUNTER}"), Tensor::new(0i64, &Device::Cpu)?);
        }
        let labels = self.labels.as_ref().map(|labels| labels.lines()).unwrap_or_default();
        let torchvision = torchvision.to_owned();
        let preprocessing = self.preprocessing.clone();
        let described = Described { torchvision, architecture, preprocessing, labels };
        let described = serde_json::to_string(&described).map_err(std::io::Error::other);
        let metadata = HashMap::from([(DESCRIBED.to_owned(), described.map_err(Error::Write)?)]);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        write_described(path, folder, &tensors, Some(metadata)).map_err(Error::Write)
    }
}

/// A file of [`Weights::export`] with its classes; `None` where it is another.
pub(crate) fn open(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<Option<Weights>> {
    let is_safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
    let Some(described) = is_safetensors.then(|| metadata(path, DESCRIBED)).transpose()?.flatten()
    else {
        return Ok(None);
    };
    let wrong = |reason: String| Error::Unreadable { path: path.to_path_buf(), reason };
    let described: Described = serde_json::from_str(&described)
        .map_err(|error| wrong(format!("`{DESCRIBED}` in its metadata: {error}")))?;
    if described.labels.is_empty() {
        // As published: its classes are those of a list beside it.
        return Ok(None);
    }
    let Described { architecture, preprocessing, labels, .. } = described;
    let config = Config { architecture, classes: labels.len(), preprocessing };
    config.check()?;
    let mut tensors = tensors.clone();
    tensors.retain(|name, _| !name.ends_with(COUNTER));
    Weights::of(config, &labels, path, tensors).map(Some)
}
