//! Weights on disk, recognised and checked.

use crate::network::{Architecture, Network, network};
use crate::{Error, Preprocessing, Result};
use candle_core::{DType, Device};
use conv_nn::Parameters;
use sha2::{Digest, Sha256};
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
    /// SHA-256 of the file, in hexadecimal digits: what tells these weights from others.
    pub hash: String,
    /// The file.
    pub path: PathBuf,
}

impl Pretrained {
    /// Opens a `.safetensors` file of weights with Caffe's names. Which network they are for is told by the names and shapes;
    /// halves become 32-bit floats, and nothing is tracked.
    ///
    /// # Errors
    /// A damaged file; [`Error::UnknownWeights`]; [`Error::Misfits`] lists every tensor that is missing, misshapen or not expected.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let tensors = conv_hub::read_safetensors(path, Some(DType::F32))?;
        let Some((architecture, misfits)) = Architecture::recognise(&tensors)? else {
            let known = Architecture::ALL.map(Architecture::name).join(", ");
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
        let preprocessing = architecture.preprocessing();
        let vb = Parameters::frozen_once(tensors).builder(DType::F32, device);
        let graph = architecture.graph();
        Ok(Self {
            architecture,
            network: network(architecture.name(), graph, preprocessing.crop, &vb)?,
            preprocessing,
            hash: hash(path)?,
            path: path.to_path_buf(),
        })
    }
}

fn hash(path: &Path) -> Result<String> {
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
