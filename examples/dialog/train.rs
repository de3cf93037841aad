//! `train`: from dialogs as text to a ranker and a report.

use anyhow::Result;
use candle_core::Device;
use clap::{Args, ValueEnum};
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_dialog::data::{CANDIDATES, ReadOptions, VisDial, read_text, without_images};
use conv_dialog::{Decoder, Encoder, Recipe, Training, card};
use conv_train::batch::BatchSize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// Dialogs as text, JSON lines as VisPro has them; several files are read as one
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// A VisDial file whose images are left out, since it is going to be measured on
    #[arg(long)]
    without: Option<PathBuf>,
    /// Candidates of each round of that file
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    #[command(flatten)]
    images: super::images::Images,
    /// How question and history are brought together
    #[arg(long)]
    encoder: Option<EncoderName>,
    /// How an answer is scored
    #[arg(long)]
    decoder: Option<DecoderName>,
    #[command(flatten)]
    fit: FitFlags,
    /// Rounds a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Share of the dialogs that the best weights are chosen by
    #[arg(long)]
    dev: Option<f64>,
    /// Share that is dropped of words' vectors and encodings in training
    #[arg(long)]
    dropout: Option<f64>,
    #[command(flatten)]
    train: TrainFlags,
}

/// Encoders of Das et al. (2017), "Visual Dialog".
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EncoderName {
    /// Question and history are read apart and brought together last
    LateFusion,
    /// A recurrent layer over rounds, above those over words
    Hierarchical,
    /// The question attends to the facts said before
    Memory,
}

/// Its decoders.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecoderName {
    /// Candidates are read and compared, and counted
    Discriminative,
    /// A language model says how likely a candidate's words are
    Generative,
}

impl From<EncoderName> for Encoder {
    fn from(name: EncoderName) -> Self {
        match name {
            EncoderName::LateFusion => Self::LateFusion,
            EncoderName::Hierarchical => Self::Hierarchical,
            EncoderName::Memory => Self::Memory,
        }
    }
}

impl From<DecoderName> for Decoder {
    fn from(name: DecoderName) -> Self {
        match name {
            DecoderName::Discriminative => Self::Discriminative,
            DecoderName::Generative => Self::Generative,
        }
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if options.train.overfit.is_none() {
        options.train.run_folder()?;
    }
    let mut recipe = options.fit.over(&Recipe::default(), |recipe| &mut recipe.fit, common)?;
    settings::set(&mut recipe.encoder, options.encoder.map(Into::into));
    settings::set(&mut recipe.decoder, options.decoder.map(Into::into));
    settings::set(&mut recipe.fit.batching.size, options.batch_size.map(BatchSize::Examples));
    settings::set(&mut recipe.dev, options.dev);
    settings::set(&mut recipe.dropout, options.dropout);
    if recipe.dev == 0.0 {
        recipe.fit.monitor = None;
    }
    let mut dialogs = read_text(&options.data)?;
    let mut left_out = String::new();
    if let Some(path) = &options.without {
        let measured = VisDial::read(path, ReadOptions { candidates: options.candidates })?;
        let (kept, count) = without_images(dialogs, &measured.images());
        dialogs = kept;
        left_out = format!(", {count} about images of the measured file left out");
        conv_cli::note(format_args!(
            "{count} dialogs about images of {} are left out",
            measured.name
        ));
    }
    let images = options.images.read()?;
    let seen = images.as_ref().map_or(String::new(), |images| {
        let source = images.source();
        format!(" with {} of {} for their images", source.layer, source.network)
    });
    let training = Training::new(&recipe, &dialogs, images, device)?;
    let data = format!("{} dialogs as text{seen}{left_out}", dialogs.len());
    let figures = || {
        let figures = if recipe.dev > 0.0 { training.measure()? } else { Default::default() };
        Ok(figures.into_iter().map(|(name, value)| (format!("dev {name}"), value)).collect())
    };
    options.train.run(&training, &data, figures, |metrics| card(&data, metrics), common)
}
