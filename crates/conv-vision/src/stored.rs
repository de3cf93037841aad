//! Weights on disk, recognised and checked.

use crate::data::Labels;
use crate::network::{Architecture, Graph, Network, misfits, network};
use crate::{Config, Error, Preprocessing, Result};
use crate::{export, timm};
use candle_core::{DType, Device, Tensor};
use conv_hub::{Stored, folder};
use conv_nn::Parameters;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A network with its weights and what a picture goes through before it.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// Which network.
    pub architecture: Architecture,
    /// The network.
    pub network: Network,
    /// What the weights were trained with.
    pub preprocessing: Preprocessing,
    /// The names of the classes, where they came with the weights.
    pub labels: Option<Labels>,
    /// SHA-256 of the file of weights, in hexadecimal digits: what tells these weights from others.
    pub hash: String,
    /// The file or the model folder.
    pub path: PathBuf,
}

impl Pretrained {
    /// Opens weights ([`Weights::open`]) for use: nothing is tracked.
    ///
    /// # Errors
    /// As [`Weights::open`].
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let Weights { architecture, graph, preprocessing, labels, hash, path, tensors } =
            Weights::open(path)?;
        let vb = Parameters::frozen_once(tensors).builder(DType::F32, device);
        let network = network(architecture.name(), graph, preprocessing.crop, &vb)?;
        Ok(Self { architecture, network, preprocessing, labels, hash, path })
    }
}

/// Weights as they are stored, with all that is known of them: what is used, or what training goes
/// on from.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Which network.
    pub architecture: Architecture,
    /// Its layers, with the classes that the weights have.
    pub graph: Graph,
    /// What they were trained with.
    pub preprocessing: Preprocessing,
    /// The names of the classes, where they came with the weights.
    pub labels: Option<Labels>,
    /// SHA-256 of the file of weights, in hexadecimal digits.
    pub hash: String,
    /// The file or the model folder.
    pub path: PathBuf,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Opens a model folder, as `classify train` leaves it, or a file of weights, `.safetensors` or
    /// PyTorch's `.pth`, with the names of Caffe, of torchvision or of timm's ResNet and VGG: its
    /// network is told by the names and shapes, or by what [`Weights::export`] wrote beside them.
    /// Halves become 32-bit floats.
    ///
    /// # Errors
    /// A damaged file; [`Error::UnknownWeights`]; [`Error::Misfits`] lists every tensor that is
    /// missing, misshapen or not expected; a folder of another task, or whose `labels.txt` does not
    /// name its classes.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_dir() { Self::open_folder(path) } else { Self::open_file(path) }
    }

    fn open_folder(path: &Path) -> Result<Self> {
        let Stored { folder, config, tensors } = Stored::<Config>::open(path)?;
        let labels = folder.labels()?;
        if labels.len() != config.classes {
            let (path, found, expected) =
                (folder.file(folder::LABELS)?, labels.len(), config.classes);
            return Err(Error::Classes { path, found, expected });
        }
        let weights = Self::of(config, &labels, &folder.file(folder::WEIGHTS)?, tensors)?;
        Ok(Self { path: path.to_path_buf(), ..weights })
    }

    /// What was trained here: the file of its tensors, and what is known of them.
    pub(crate) fn of(
        config: Config,
        labels: &[String],
        path: &Path,
        tensors: BTreeMap<String, Tensor>,
    ) -> Result<Self> {
        let lines: Vec<&str> = labels.iter().map(String::as_str).collect();
        let graph = config.graph()?;
        let misfits = misfits(&graph.parameters(config.preprocessing.crop)?, &tensors);
        let Config { architecture, preprocessing, .. } = config;
        let path = path.to_path_buf();
        if !misfits.is_empty() {
            return Err(Error::Misfits { path, network: architecture.name(), misfits });
        }
        let labels = Some(Labels::parse(&lines));
        let hash = hash(&path)?;
        Ok(Self { architecture, graph, preprocessing, labels, hash, path, tensors })
    }

    fn open_file(path: &Path) -> Result<Self> {
        let mut tensors = read_weights(path)?;
        if let Some(weights) = export::open(path, &tensors)? {
            return Ok(weights);
        }
        timm::rename(&mut tensors)?;
        let Some((architecture, misfits)) = Architecture::recognise(&tensors)? else {
            let known =
                Architecture::published().map(Architecture::name).collect::<Vec<_>>().join(", ");
            let first: Vec<String> =
                tensors.iter().take(3).map(|(name, t)| format!("{name} {:?}", t.dims())).collect();
            return Err(Error::UnknownWeights {
                path: path.to_path_buf(),
                known,
                count: tensors.len(),
                found: if first.is_empty() { "nothing".into() } else { first.join(", ") },
            });
        };
        if !misfits.is_empty() {
            let network = architecture.name();
            return Err(Error::Misfits { path: path.to_path_buf(), network, misfits });
        }
        tensors.retain(|name, _| !architecture.is_left_out(name));
        let graph = architecture.graph();
        let preprocessing = architecture.preprocessing();
        let hash = hash(path)?;
        let path = path.to_path_buf();
        Ok(Self { architecture, graph, preprocessing, labels: None, hash, path, tensors })
    }

    /// The parameters that a network of `config` does not take from here, in name order: those of
    /// another shape, such as the classifier's where there are other classes, and those that are
    /// not here.
    ///
    /// # Errors
    /// A configuration out of its range.
    pub fn drawn(&self, config: &Config) -> Result<Vec<String>> {
        let expected = config.graph()?.parameters(config.preprocessing.crop)?;
        let is_here = |(name, shape): &(&String, &Vec<usize>)| {
            self.tensors.get(*name).is_some_and(|tensor| tensor.dims() == *shape)
        };
        Ok(expected.iter().filter(|named| !is_here(named)).map(|(name, _)| name.clone()).collect())
    }

    /// Parameters that begin at these values, but for those of [`Weights::drawn`], which are drawn.
    ///
    /// # Errors
    /// As [`Weights::drawn`].
    pub(crate) fn parameters(&self, seed: u64, config: &Config) -> Result<Parameters> {
        let drawn = self.drawn(config)?;
        let mut tensors = self.tensors.clone();
        tensors.retain(|name, _| !drawn.contains(name));
        Ok(Parameters::warm(seed, tensors))
    }
}

/// The tensors of a file as 32-bit floats: of a `.pth` or `.pt`, which `torch.save` wrote, or else
/// of a `.safetensors`. Tensors that are no floats, such as counters, are left out.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    if !extension.is_some_and(|extension| extension == "pth" || extension == "pt") {
        return Ok(conv_hub::read_safetensors(path, Some(DType::F32))?);
    }
    let tensors = conv_hub::Checkpoint::open(path)?.tensors()?.into_iter();
    let floats = tensors.filter(|(_, tensor)| tensor.dtype().is_float());
    floats.map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?))).collect()
}

/// An entry of the metadata of a safetensors file, whose header was read before.
pub(crate) fn metadata(path: &Path, entry: &str) -> Result<Option<String>> {
    let mut file = File::open(path).map_err(Error::unreadable(path))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(Error::unreadable(path))?;
    let mut header = Vec::new();
    let part = &mut file.take(u64::from_le_bytes(length));
    part.read_to_end(&mut header).map_err(Error::unreadable(path))?;
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    Ok(header["__metadata__"][entry].as_str().map(str::to_owned))
}

/// SHA-256 of a file, in hexadecimal digits: what tells weights from others.
///
/// # Errors
/// A file that cannot be read.
pub fn hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::unreadable(path))?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part).map_err(Error::unreadable(path))? {
            0 => break,
            read => hash.update(&part[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
