//! Times translation by beam, a line of JSON: `tests/reference/peers/convs2s_speed.py` puts it
//! beside fairseq's.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Parser;
use conv_translate::{SearchConfig, Translation, Translator};
use serde_json::json;
use speed::steps::resident;
use std::path::PathBuf;
use std::time::Instant;

/// Translates a file again and again.
#[derive(Parser)]
struct Options {
    /// Threads of every kind.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// A model folder, or a checkpoint of fairseq's with its dictionaries beside it.
    #[arg(long)]
    model: PathBuf,
    /// A sentence a line.
    #[arg(long)]
    input: PathBuf,
    /// Only so many lines.
    #[arg(long, default_value_t = usize::MAX)]
    lines: usize,
    /// Sentences that are handed over at once, of like lengths; 0 for all.
    #[arg(long, default_value_t = 0)]
    batch: usize,
    /// Prefixes kept after each word.
    #[arg(long, default_value_t = 5)]
    beam: usize,
    /// Translations of exactly so many words.
    #[arg(long)]
    words: Option<usize>,
    /// How often.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Print the translations as well.
    #[arg(long)]
    texts: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    conv_core::cpu::keep_memory();
    conv_train::set_threads(options.threads)?;
    let start_kib = resident("VmRSS:")?;
    let translator = Translator::open(&options.model, &Device::Cpu)?;
    let text = std::fs::read_to_string(&options.input)
        .with_context(|| options.input.display().to_string())?;
    // As fairseq's program has them: sentences of like lengths together.
    let mut lines: Vec<(usize, &str)> = text.lines().take(options.lines).enumerate().collect();
    lines.sort_by_key(|(_, line)| line.split(' ').count());
    if lines.is_empty() {
        bail!("{} has no line", options.input.display());
    }
    let mut config = SearchConfig { beam: options.beam, ..SearchConfig::default() };
    if let Some(words) = options.words {
        (config.min_length, config.max_length_b) = (words, words);
    }
    let batch = if options.batch == 0 { lines.len() } else { options.batch };
    let mut seconds = Vec::new();
    let mut found = Vec::new();
    for _ in 0..options.times {
        found.clear();
        let begin = Instant::now();
        for lines in lines.chunks(batch) {
            let sentences: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
            let translations = translator.translate_batch(&sentences, &config)?;
            let best = translations.into_iter().map(|mut found| found.swap_remove(0));
            found.extend(lines.iter().map(|(place, _)| *place).zip(best));
        }
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let peak_kib = resident("VmHWM:")?;
    found.sort_by_key(|(place, _)| *place);
    let tokens: usize = found.iter().map(|(_, translation)| translation.tokens.len() + 1).sum();
    let mut line = json!({
        "sentences": found.len(),
        "tokens": tokens,
        "seconds": seconds,
        "start_kib": start_kib,
        "peak_kib": peak_kib,
    });
    if options.texts {
        let text =
            |(_, translation): &(usize, Translation)| json!([translation.text, translation.score]);
        line["texts"] = found.iter().map(text).collect();
    }
    println!("{line}");
    Ok(())
}
