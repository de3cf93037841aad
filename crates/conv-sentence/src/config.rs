//! The network's sizes (Kim 2014, §2 and §3.1) and the paper's four variants.

use conv_hub::{InvalidField, ModelConfig};
use conv_text::Segmenter;
use serde::{Deserialize, Serialize};

/// How word vectors are treated (§3.1, "Model Variations").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// CNN-rand: drawn at random, then learnt.
    Rand,
    /// CNN-static: pre-trained and kept.
    Static,
    /// CNN-non-static: pre-trained, then fine-tuned for the task.
    NonStatic,
    /// CNN-multichannel: one kept and one fine-tuned table; each filter is applied to both and the
    /// results added.
    Multichannel,
}

impl Variant {
    /// All four, in the order of the paper's Table 2.
    pub const ALL: [Variant; 4] =
        [Variant::Rand, Variant::Static, Variant::NonStatic, Variant::Multichannel];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Rand => "rand",
            Variant::Static => "static",
            Variant::NonStatic => "nonstatic",
            Variant::Multichannel => "multichannel",
        }
    }

    /// Whether the variant starts from pre-trained vectors.
    pub fn needs_vectors(self) -> bool {
        self != Variant::Rand
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Variant {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        Variant::ALL.into_iter().find(|variant| variant.name() == text).ok_or_else(|| {
            crate::Error::from(InvalidField::new(
                "variant",
                text,
                "rand, static, nonstatic or multichannel",
            ))
        })
    }
}

/// `maps` filters that each see `width` words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterBank {
    /// Words in a window: h in equation (2).
    pub width: usize,
    /// Feature maps of this width.
    pub maps: usize,
}

impl std::str::FromStr for FilterBank {
    type Err = crate::Error;

    /// `3x100`: 100 filters of width 3.
    fn from_str(text: &str) -> crate::Result<Self> {
        let parsed = text.split_once('x').and_then(|(width, maps)| {
            Some(Self { width: width.trim().parse().ok()?, maps: maps.trim().parse().ok()? })
        });
        parsed.ok_or_else(|| {
            crate::Error::from(InvalidField::new("filters", text, "WIDTHxMAPS, such as 3x100"))
        })
    }
}

/// What the network is made of; saved as `config.json` under the model type `kim-cnn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How word vectors are treated.
    pub variant: Variant,
    /// V: words in the table, the padding word 0 included.
    pub vocabulary: usize,
    /// D: length of a word vector.
    pub dimension: usize,
    /// The filters; widths may repeat.
    pub filters: Vec<FilterBank>,
    /// Probability with which a feature of the penultimate layer is dropped in training.
    pub dropout: f64,
    /// Probability with which an element of a word vector is dropped in training; the paper has
    /// none.
    #[serde(default)]
    pub vector_dropout: f64,
    /// K: number of classes.
    pub classes: usize,
    /// Cuts text that has no blanks between its words, before the tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<Segmenter>,
}

impl Config {
    /// The paper's network (§3): windows of 3, 4 and 5 words with 100 feature maps each, dropout
    /// 0.5.
    pub fn kim(variant: Variant, vocabulary: usize, dimension: usize, classes: usize) -> Self {
        Self {
            variant,
            vocabulary,
            dimension,
            filters: [3, 4, 5].map(|width| FilterBank { width, maps: 100 }).to_vec(),
            dropout: 0.5,
            vector_dropout: 0.0,
            classes,
            segmenter: None,
        }
    }

    /// F: length of the penultimate layer.
    pub fn features(&self) -> usize {
        self.filters.iter().map(|bank| bank.maps).sum()
    }

    /// Padding words on either side of a sentence: the widest window less one, as in Kim's code, so
    /// that a window may hang over an end by all but one word; at least 1, so that even an empty
    /// sentence has a window.
    pub fn padding(&self) -> usize {
        let widest = self.filters.iter().map(|bank| bank.width).max().unwrap_or(1);
        widest.saturating_sub(1).max(1)
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "kim-cnn";

    fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check(self.vocabulary >= 2, "vocabulary", &self.vocabulary, "at least 2")?;
        let sizes = 1..=MAX_SIZE;
        check(sizes.contains(&self.dimension), "dimension", &self.dimension, "1 to 65536")?;
        check(self.classes >= 2, "classes", &self.classes, "at least 2")?;
        check(!self.filters.is_empty(), "filters", &"none", "at least one")?;
        for FilterBank { width, maps } in &self.filters {
            let found = format!("{width}x{maps}");
            let expected = "widths of 1 to 1024 words, 1 to 65536 maps a width";
            let fits = (1..=MAX_WIDTH).contains(width) && sizes.contains(maps);
            check(fits, "filters", &found, expected)?;
        }
        for (field, p) in [("dropout", self.dropout), ("vector_dropout", self.vector_dropout)] {
            check((0.0..1.0).contains(&p), field, &p, "at least 0 and less than 1")?;
        }
        Ok(())
    }
}

// A sentence is padded by the widest window on both sides, so a hostile width would be a hostile
// allocation.
const MAX_WIDTH: usize = 1024;
// Far above what any of these networks has, and low enough that no product of two overflows.
const MAX_SIZE: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_network_has_300_features_and_4_words_of_padding() {
        let config = Config::kim(Variant::Rand, 100, 300, 2);
        assert_eq!((config.features(), config.padding()), (300, 4));
        assert!(config.check().is_ok());
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        let mut config = Config::kim(Variant::Rand, 100, 300, 2);
        config.dropout = 1.0;
        let text = config.check().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(text, "dropout is 1, expected at least 0 and less than 1");
    }

    #[test]
    fn filters_are_written_as_width_by_maps() -> crate::Result<()> {
        assert_eq!("3x100".parse::<FilterBank>()?, FilterBank { width: 3, maps: 100 });
        assert!("3".parse::<FilterBank>().is_err());
        Ok(())
    }
}
