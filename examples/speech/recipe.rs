//! The training recipe: a preset, a file's settings over it, and the flags over both.

use anyhow::Result;
use clap::{Args, ValueEnum};
use conv_cli::settings;
use conv_cli::train::FitFlags;
use conv_speech::frontend::{FrontEnd, LogMelConfig};
use conv_speech::{Objective, Recipe};
use conv_train::batch::BatchSize;
use conv_train::{Direction, MonitoredMetric};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub fit: FitFlags,
    /// How samples become features [default: logmel]
    #[arg(long)]
    front_end: Option<Kind>,
    /// What the network is made of [default: small]
    #[arg(long)]
    preset: Option<Preset>,
    /// What the network is trained for; all but ctc takes twice the epochs [default: ctc]
    #[arg(long)]
    loss: Option<Criterion>,
    /// What CTC counts beside attention, 0 to 1; 0 is attention alone [default: 0.3]
    #[arg(long)]
    ctc_weight: Option<f64>,
    /// The share of each letter that attention learns of all others alike [default: 0.1]
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Texts that a transducer or attention follows at a time when it writes; of 1 each letter is
    /// the likeliest [default: 1]
    #[arg(long)]
    beam: Option<usize>,
    /// Recordings a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Probability with which a number between the layers is dropped in training
    #[arg(long)]
    dropout: Option<f64>,
}

/// The front ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Logarithms of mel filters' energies
    Logmel,
    /// Filters over the waveform, trained with the rest
    Raw,
    /// Both beside each other
    Both,
}

/// The networks, with their recipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Two convolutions and a recurrent layer in both directions
    Small,
    /// Convolutions alone, for sound as it comes
    Convolutional,
    /// Three recurrent layers, spelled letters apart, recordings changed as if by other speakers
    Medium,
    /// The CLDNN of Sainath et al. (2015) in small: a convolution over frequency, three recurrent
    /// layers that read forward, one dense layer
    Cldnn,
    /// The same with the paper's sizes, for a machine of many cores
    Paper,
}

/// The losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Criterion {
    /// Connectionist temporal classification
    Ctc,
    /// The recurrent neural network transducer
    Rnnt,
    /// Attention, with CTC beside it
    Attention,
}

impl Flags {
    /// The recipe; where there is a dev part, the best weights are chosen by its word error rate.
    pub fn recipe(&self, has_dev: bool, common: &conv_cli::Common) -> Result<Recipe> {
        let front_end = match self.front_end {
            None | Some(Kind::Logmel) => FrontEnd::LogMel(LogMelConfig::default()),
            Some(Kind::Raw) => Recipe::raw(),
            Some(Kind::Both) => Recipe::both(),
        };
        let mut base = match self.preset.unwrap_or(Preset::Small) {
            Preset::Small => Recipe::small(front_end),
            Preset::Convolutional => Recipe::convolutional(front_end),
            Preset::Medium => Recipe::medium(front_end),
            Preset::Cldnn => Recipe::cldnn(front_end),
            Preset::Paper => Recipe::paper(front_end),
        };
        let objective = self.loss.map(|loss| match loss {
            Criterion::Ctc => Objective::Ctc,
            Criterion::Rnnt => Objective::Rnnt,
            Criterion::Attention => Objective::Attention,
        });
        if let Some(objective) = objective {
            base = base.with_objective(objective);
        }
        base.fit.monitor = has_dev
            .then(|| MonitoredMetric { metric: "wer".into(), direction: Direction::Minimize });
        let mut recipe = self.fit.over(&base, |recipe| &mut recipe.fit, common)?;
        settings::set(&mut recipe.objective, objective);
        settings::set(&mut recipe.attention.ctc_weight, self.ctc_weight);
        settings::set(&mut recipe.label_smoothing, self.label_smoothing);
        settings::set(&mut recipe.beam, self.beam);
        settings::set(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        settings::set(&mut recipe.dropout, self.dropout);
        Ok(recipe)
    }
}
