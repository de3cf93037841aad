//! Where a network's first values come from, if not all are drawn.

use crate::{Config, Result, cldnn};
use candle_core::{DType, Device, Tensor};
use conv_hub::Stored;
use conv_nn::Parameters;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What a network has of another one that it starts from: the parameters of the same name and
/// shape, and of those whose rows are letters only where the letters are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The folder's name.
    pub from: String,
    /// Parameters that are the other network's.
    pub taken: Vec<String>,
    /// Parameters of this network that are drawn.
    pub drawn: Vec<String>,
    /// Parameters of the other one that are not used.
    pub unused: Vec<String>,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, taken, drawn, unused } = self;
        let all = |names: &[String]| match parts(names).join(", ") {
            none if none.is_empty() => "none".into(),
            names => names,
        };
        write!(
            f,
            "{} of {} parameters are those of {from}: {}; drawn: {}; not used of {from}: {}",
            taken.len(),
            taken.len() + drawn.len(),
            all(taken),
            all(drawn),
            all(unused)
        )
    }
}

/// Names without what is behind the last point, each once.
fn parts(names: &[String]) -> Vec<&str> {
    let mut parts: Vec<&str> = names
        .iter()
        .map(|name| name.rsplit_once('.').map_or(&name[..], |(part, _)| part))
        .collect();
    parts.dedup();
    parts
}

/// What parameters begin with whose rows are letters.
const OF_LETTERS: [&str; 5] = [
    "output.",
    "transducer.output.",
    "transducer.embedding.",
    "attention.output.",
    "attention.embedding.",
];

/// Tensors of the model at `start` that fit the network.
pub(super) fn warm(start: &Path, config: &Config) -> Result<(BTreeMap<String, Tensor>, Start)> {
    let stored = Stored::<Config>::open(start)?;
    let own = Parameters::new(1);
    cldnn(config, None, &own.builder(DType::F32, &Device::Cpu))?;
    let own = own.tensors();
    let same_letters = stored.config.letters == config.letters;
    let fits = |name: &str, tensor: &Tensor| {
        own.get(name).is_some_and(|own| own.dims() == tensor.dims())
            && (same_letters || !OF_LETTERS.iter().any(|prefix| name.starts_with(prefix)))
    };
    let (taken, unused): (BTreeMap<_, _>, BTreeMap<_, _>) =
        stored.tensors.into_iter().partition(|(name, tensor)| fits(name, tensor));
    let names = |tensors: &BTreeMap<String, Tensor>| tensors.keys().cloned().collect();
    let end = start.file_name().unwrap_or(start.as_os_str());
    let start = Start {
        from: end.to_string_lossy().into_owned(),
        drawn: own.into_keys().filter(|name| !taken.contains_key(name)).collect(),
        taken: names(&taken),
        unused: names(&unused),
    };
    Ok((taken, start))
}
