//! What `config.json` of a StyleBank holds: plain data.

use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// The sizes of a StyleBank and the names of its styles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels of the encoder's three convolutions, each 1 to 1,024; the decoder mirrors them.
    pub channels: [usize; 3],
    /// Convolutions of a style's bank, 1 to 8.
    pub bank: usize,
    /// The styles' names, in the order of training: letters, digits, `-` and `_`, 1 to 64 of them,
    /// each once.
    pub styles: Vec<String>,
}

impl Config {
    /// The paper's encoder and decoder (section 3.2), and two convolutions a style.
    pub fn new(styles: impl Into<Vec<String>>) -> Self {
        Self { channels: [32, 64, 128], bank: 2, styles: styles.into() }
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "style-bank";

    fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        let channels = format!("{:?}", self.channels);
        let fit = self.channels.iter().all(|count| (1..=1024).contains(count));
        check(fit, "channels", &channels, "three counts from 1 to 1024")?;
        check((1..=8).contains(&self.bank), "bank", &self.bank, "1 to 8")?;
        let count = self.styles.len();
        check((1..=1024).contains(&count), "styles", &count, "1 to 1024 of them")?;
        for (at, style) in self.styles.iter().enumerate() {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let is_name = (1..=64).contains(&style.len()) && style.bytes().all(is_plain);
            let found = format!("{style:?}");
            check(is_name, "styles", &found, "names of 1 to 64 letters, digits, - and _")?;
            check(!self.styles[..at].contains(style), "styles", &found, "each name once")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_be_names_of_tensors_are_refused() {
        let text = |styles: &[&str]| {
            let styles: Vec<String> = styles.iter().map(ToString::to_string).collect();
            Config::new(styles).check().map_err(|error| error.to_string())
        };
        assert_eq!(text(&["starry_night", "wave-2"]), Ok(()));
        assert_eq!(text(&["a", "a"]), Err("styles is \"a\", expected each name once".into()));
        for bad in ["", "a.b", "../x", "a b"] {
            assert!(text(&[bad]).is_err(), "{bad}");
        }
        assert!(text(&[]).is_err());
        assert!(Config { bank: 0, ..Config::new(["a".into()]) }.check().is_err());
    }
}
