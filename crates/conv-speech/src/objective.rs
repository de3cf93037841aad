//! What the network is trained for, and what it has for it behind the encoder.

use crate::config::{RANGE, SIZES};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the last layer's numbers are trained to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Connectionist temporal classification (Graves et al. 2006): letters, or a blank, at each
    /// step.
    #[default]
    Ctc,
    /// The transducer (Graves 2012): letters, or a blank, at each step and behind each letter.
    Rnnt,
    /// Attention (Bahdanau et al. 2015; Chorowski et al. 2015): letters, or the end, each with its
    /// own look at all steps.
    Attention,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Objective::Ctc => "CTC",
            Objective::Rnnt => "a transducer",
            Objective::Attention => "attention",
        })
    }
}

/// What a transducer has besides the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransducerConfig {
    /// E: numbers that a letter is read as.
    pub embedding: usize,
    /// P: units of the recurrent layer over the letters before.
    pub units: usize,
    /// J: units of the layer that brings both together.
    pub joint: usize,
}

/// What a network with attention has besides the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionConfig {
    /// E: numbers that a letter is read as.
    pub embedding: usize,
    /// P: units of the recurrent layer over the letters before and what was heard for each.
    pub units: usize,
    /// A: units of the layer that compares a place with what is looked for.
    pub energies: usize,
    /// K: filters over where the letter before was heard; 0 is attention by content alone.
    pub filters: usize,
    /// Steps that such a filter sees, an odd number.
    pub width: usize,
    /// λ: what CTC counts, in training and in writing, attention counting 1 - λ (Watanabe et al.
    /// 2017, "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition"); 0 is attention
    /// alone.
    pub ctc_weight: f64,
}

impl TransducerConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        let Self { embedding, units, joint } = self;
        let check = InvalidField::unless;
        check(SIZES.contains(embedding), "transducer.embedding", embedding, RANGE)?;
        check(SIZES.contains(units), "transducer.units", units, RANGE)?;
        check(SIZES.contains(joint), "transducer.joint", joint, RANGE)
    }
}

impl AttentionConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        let Self { embedding, units, energies, filters, width, ctc_weight } = self;
        let check = InvalidField::unless;
        check(SIZES.contains(embedding), "attention.embedding", embedding, RANGE)?;
        check(SIZES.contains(units), "attention.units", units, RANGE)?;
        check(SIZES.contains(energies), "attention.energies", energies, RANGE)?;
        check(*filters <= 1024, "attention.filters", filters, "at most 1024")?;
        let is_odd = width % 2 == 1 && *width <= 255;
        check(is_odd, "attention.width", width, "an odd number up to 255")?;
        let fits = (0.0..1.0).contains(ctc_weight);
        check(fits, "attention.ctc_weight", ctc_weight, "at least 0 and less than 1")
    }
}
