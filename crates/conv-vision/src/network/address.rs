//! The names by which layers, and single channels of them, are asked for.

use super::{Graph, Layer, Operation};
use crate::{Error, Result};

/// A layer's value, or one channel of it.
///
/// Written `LAYER`, `LAYER:CHANNEL`, `LAYER/pre_relu` or `LAYER/pre_relu:CHANNEL`. A layer's name
/// stands for what comes out of its rectifier, `/pre_relu` for what goes into it; of joined
/// branches, for what goes into theirs. `inception_4c` is short for `inception_4c/output`, and
/// `fire4` for `fire4/concat`; of torchvision's networks a module's name stands for its last layer:
/// `layer3` for `layer3.5`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The layer's place in its [`Graph`].
    pub layer: usize,
    /// Whether the value before the rectifier is meant.
    pub before_rectifier: bool,
    /// One channel, from 0; `None` for all.
    pub channel: Option<usize>,
}

impl Graph {
    /// Finds what `text` stands for; `network` is what an error calls the network.
    ///
    /// # Errors
    /// [`Error::NoLayer`] with names that are like it, [`Error::NoRectifier`]. Whether the channel
    /// is there is seen when it is computed.
    pub fn find(&self, text: &str, network: &'static str) -> Result<Address> {
        let unknown = || {
            let hint = self.alike(text);
            Error::NoLayer { network, found: text.into(), hint }
        };
        let (name, channel) = match text.rsplit_once(':') {
            Some((name, channel)) => (name, Some(channel.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let (name, before_rectifier) = match name.strip_suffix("/pre_relu") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let joined = || {
            let parts = ["output", "concat"];
            parts.iter().find_map(|part| self.position(&format!("{name}/{part}")))
        };
        let module = || {
            let own = |layer: &Layer| {
                let rest = layer.name.strip_prefix(name);
                !name.is_empty() && rest.is_some_and(|rest| rest.starts_with('.'))
            };
            self.layers().iter().rposition(own)
        };
        let layer = self.position(name).or_else(joined).or_else(module).ok_or_else(unknown)?;
        if before_rectifier && !self.has_rectifier(layer) {
            return Err(Error::NoRectifier { layer: self.layers()[layer].name.clone() });
        }
        Ok(Address { layer, before_rectifier, channel })
    }

    /// Whether a layer is rectified, or joins layers that are.
    fn has_rectifier(&self, at: usize) -> bool {
        let layer = &self.layers()[at];
        let joins = matches!(layer.operation, Operation::Concat);
        layer.rectified || joins && layer.inputs.iter().all(|&input| self.has_rectifier(input))
    }

    /// What a message names instead of a layer that there is not: those with the same beginning, or
    /// else the first and the last.
    fn alike(&self, text: &str) -> String {
        /// Layers that a message names.
        const NAMED: usize = 8;
        let names: Vec<&str> = self.layers().iter().map(|layer| layer.name.as_str()).collect();
        let stem = text.split(['/', ':', '.']).next().unwrap_or(text);
        let alike: Vec<&str> =
            names.iter().copied().filter(|name| name.starts_with(stem)).take(NAMED).collect();
        match (alike.is_empty() || stem.is_empty(), names.as_slice()) {
            (false, _) => format!("; there are {}", alike.join(", ")),
            (true, [first, .., last]) => {
                format!("; its {} layers go from {first} to {last}", names.len())
            }
            (true, _) => String::new(),
        }
    }
}
