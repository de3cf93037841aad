//! `vectors` and `features`: what the network makes of sentences, for other programs.

use crate::input::{Dropped, Input};
use crate::model::Model;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_sentence::Classifier;
use serde_json::json;
use std::io::{self, Write};

#[derive(Debug, Args)]
pub struct Vectors {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    input: Input,
}

impl Vectors {
    /// A JSON object a line, or the numbers between tabs.
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let classifier = self.model.open(device)?;
        let mut out = io::stdout().lock();
        let mut dropped = Dropped::default();
        let end = self.input.each(common.json, |texts| {
            dropped.count(&classifier, texts.iter().map(String::as_str));
            for (text, vector) in texts.iter().zip(classifier.vectors(texts)?) {
                if common.json {
                    writeln!(out, "{}", json!({ "text": text, "vector": vector }))?;
                } else {
                    let numbers: Vec<String> =
                        vector.iter().map(|value| value.to_string()).collect();
                    writeln!(out, "{}", numbers.join("\t"))?;
                }
            }
            Ok(out.flush()?)
        });
        dropped.tell();
        end
    }
}

#[derive(Debug, Args)]
pub struct Features {
    #[command(flatten)]
    model: Model,
    /// Whole feature maps: `values[i]` is for the window that begins at word i + `start`, which in
    /// the padding is below 0
    #[arg(long)]
    maps: bool,
    #[command(flatten)]
    input: Input,
}

impl Features {
    pub fn run(&self, device: &Device) -> Result<()> {
        let classifier = self.model.open(device)?;
        let mut out = io::stdout().lock();
        let mut dropped = Dropped::default();
        let end = self.input.each(true, |texts| {
            dropped.count(&classifier, texts.iter().map(String::as_str));
            for text in texts {
                if self.maps {
                    print_maps(&classifier, text, &mut out)?;
                    continue;
                }
                let (words, peaks) = classifier.peaks(text)?;
                for peak in peaks {
                    let window = words.get(peak.start..peak.end).unwrap_or_default();
                    let line = json!({
                        "text": text, "map": peak.map, "value": peak.value,
                        "start": peak.start, "end": peak.end, "words": window,
                    });
                    writeln!(out, "{line}")?;
                }
            }
            Ok(out.flush()?)
        });
        dropped.tell();
        end
    }
}

fn print_maps(classifier: &Classifier, text: &str, out: &mut impl Write) -> Result<()> {
    let (words, banks) = classifier.feature_maps(text)?;
    let config = classifier.model().config();
    let mut map = 0;
    for (values, bank) in banks.iter().zip(&config.filters) {
        for values in values.to_vec2::<f32>()? {
            let line = json!({
                "text": text, "map": map, "width": bank.width, "words": words,
                "start": -(config.padding() as i64), "values": values,
            });
            writeln!(out, "{line}")?;
            map += 1;
        }
    }
    Ok(())
}
