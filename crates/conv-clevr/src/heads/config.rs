//! The sizes of a head, as `config.json` holds them.

use conv_hub::{InvalidField, ModelConfig};
use conv_vision::FeaturesMadeBy;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which head it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// The most frequent answer by type.
    Type,
    /// The question alone.
    Lstm,
    /// The question and the mean of the map.
    CnnLstm,
    /// Stacked attention.
    Attention,
    /// Relation network.
    Relation,
    /// Feature-wise linear modulation.
    Film,
    /// Memory, attention and composition.
    Mac,
}

impl Architecture {
    /// All, the blind ones first.
    pub const ALL: [Self; 7] = [
        Self::Type,
        Self::Lstm,
        Self::CnnLstm,
        Self::Attention,
        Self::Relation,
        Self::Film,
        Self::Mac,
    ];

    /// Its name in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Lstm => "lstm",
            Self::CnnLstm => "cnn-lstm",
            Self::Attention => "attention",
            Self::Relation => "relation",
            Self::Film => "film",
            Self::Mac => "mac",
        }
    }

    /// Whether it looks at the picture.
    pub fn looks(self) -> bool {
        !matches!(self, Self::Type | Self::Lstm)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = InvalidField;

    fn from_str(name: &str) -> Result<Self, InvalidField> {
        let known = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|architecture| architecture.name() == name);
        found.ok_or_else(|| InvalidField::name("architecture", name, known))
    }
}

/// Which maps a head looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapsOf {
    /// The one layer, and the network that it is of.
    pub made_by: FeaturesMadeBy,
    /// Channels, rows and columns.
    pub shape: [usize; 3],
    /// The mean of each channel over the training pictures, which is taken away.
    pub mean: Vec<f32>,
    /// The deviation of each channel, which is then divided by.
    pub deviation: Vec<f32>,
}

/// A head's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which head.
    pub architecture: Architecture,
    /// Words with a vector, padding among them.
    pub words: usize,
    /// Answers.
    pub answers: usize,
    /// The maps; none for a head that does not look.
    pub maps: Option<MapsOf>,
    /// Numbers of a word's vector.
    pub embedding: usize,
    /// H: units of the recurrent layer over the question, in each direction.
    pub units: usize,
    /// D: channels of what the head makes of the map.
    pub channels: usize,
    /// Places of the map from one to the next that the head looks at, in rows and in columns.
    pub stride: usize,
    /// Rows and columns of the objects of a relation network, at most 25 together.
    pub objects: [usize; 2],
    /// Of attention the glimpses, of FiLM the blocks, of MAC the cells, of a relation network the
    /// layers over a pair.
    pub steps: usize,
    /// Whether places also say where they are.
    pub coordinates: bool,
    /// Units of the layer before the answers.
    pub hidden: usize,
    /// The share that is dropped before the answers in training.
    pub dropout: f64,
}

/// The most that any size may be: what lies above is a damaged file.
const MOST: usize = 1 << 14;

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "conv-clevr-head";

    fn check(&self) -> Result<(), InvalidField> {
        let size = |name, size: usize, least: usize| {
            let is_size = (least..=MOST).contains(&size);
            InvalidField::unless(is_size, name, &size, &format!("{least} to {MOST}"))
        };
        size("words", self.words, 2)?;
        size("answers", self.answers, 1)?;
        let fields = [
            ("embedding", self.embedding),
            ("units", self.units),
            ("channels", self.channels),
            ("stride", self.stride),
            ("steps", self.steps),
            ("hidden", self.hidden),
        ];
        fields.into_iter().try_for_each(|(name, found)| size(name, found, 1))?;
        let [rows, columns] = self.objects;
        let are_few = rows > 0 && columns > 0 && rows.saturating_mul(columns) <= 25;
        let found = format!("{rows} × {columns}");
        InvalidField::unless(are_few, "objects", &found, "at least 1 × 1 and at most 25 in all")?;
        let is_share = (0.0..1.0).contains(&self.dropout);
        InvalidField::unless(is_share, "dropout", &self.dropout, "at least 0 and below 1")?;
        match (&self.maps, self.architecture.looks()) {
            (Some(maps), true) => maps.check(),
            (None, false) => Ok(()),
            (found, _) => {
                let found = if found.is_some() { "there" } else { "missing" };
                let expected = "some for a head that looks, none for a blind one";
                Err(InvalidField::new("maps", found, expected))
            }
        }
    }
}

impl MapsOf {
    fn check(&self) -> Result<(), InvalidField> {
        let [channels, rows, columns] = self.shape;
        let are_sides = self.shape.iter().all(|side| (1..=MOST).contains(side));
        let is_small = channels.saturating_mul(rows).saturating_mul(columns) <= 1 << 24;
        let found = format!("{:?}", self.shape);
        InvalidField::unless(are_sides && is_small, "maps.shape", &found, "1 to 16384 each")?;
        for (name, values) in [("maps.mean", &self.mean), ("maps.deviation", &self.deviation)] {
            let found = values.len();
            let expected = format!("{channels}, one a channel");
            InvalidField::unless(found == channels, name, &found, &expected)?;
        }
        let are_numbers = self.mean.iter().all(|mean| mean.is_finite());
        InvalidField::unless(are_numbers, "maps.mean", &"others", "finite numbers")?;
        let are_deviations = self.deviation.iter().all(|one| one.is_finite() && *one > 0.0);
        InvalidField::unless(are_deviations, "maps.deviation", &"others", "numbers above 0")
    }
}
