//! `split`: three parts of a corpus that has none.

use crate::data::{files, languages};
use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_translate::data::{HeldOut, TextPair};
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A table of source<TAB>target, or what two files have in common before their languages
    #[arg(long)]
    data: PathBuf,
    /// The languages, source first
    #[arg(long, default_value = "de-en")]
    pair: String,
    /// The table has the target first
    #[arg(long)]
    swap: bool,
    /// Pairs of val, and of test
    #[arg(long, default_value_t = 1000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    held_out: usize,
    /// Folder of train, val and test, a file for each language; it must not be there yet
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let pair = languages(&options.pair)?;
    let files = files(&options.data, "train", &pair)?;
    let pairs = || -> Result<_> {
        Ok(files.open()?.map(|pair| {
            pair.map(|pair| {
                if options.swap {
                    TextPair { source: pair.target, target: pair.source, ..pair }
                } else {
                    pair
                }
            })
        }))
    };
    let held_out = HeldOut::choose(pairs()?, &[options.held_out; 2], common.seed())?;
    if let Some(part) = held_out.parts.iter().find(|part| part.len() < options.held_out) {
        bail!(
            "{files}: {} pairs for val or test, expected {}: there are too few, or too many share a sentence",
            part.len(),
            options.held_out
        );
    }
    if !pairs()?.any(|pair| pair.map_or(true, |pair| !held_out.shares(&pair))) {
        bail!("{files}: nothing is left to learn from, expected fewer pairs in --held-out");
    }
    let out = &options.out;
    if out.exists() {
        bail!("{} is there already, expected a new folder", out.display());
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let part = |name: &str| Part::create(out, name, [pair.source(), pair.target()]);
    let mut split = Split { out: out.clone(), train: 0, val: 0, test: 0, shared: 0 };
    for ((name, count), pairs) in
        [("val", &mut split.val), ("test", &mut split.test)].into_iter().zip(&held_out.parts)
    {
        let mut part = part(name)?;
        pairs.iter().try_for_each(|pair| part.write(pair))?;
        *count = part.finish()?;
    }
    let mut train = part("train")?;
    for pair in pairs()? {
        let pair = pair?;
        if held_out.shares(&pair) { split.shared += 1 } else { train.write(&pair)? }
    }
    split.train = train.finish()?;
    split.shared -= split.val + split.test;
    conv_cli::print(common.json, &split)
}

/// Two files of a part of the corpus.
struct Part {
    files: [(PathBuf, BufWriter<File>); 2],
    pairs: u64,
}

impl Part {
    fn create(folder: &Path, name: &str, [source, target]: [&str; 2]) -> Result<Self> {
        let create = |language: &str| -> Result<_> {
            let path = folder.join(format!("{name}.{language}"));
            let file = File::create_new(&path);
            let file = file.with_context(|| format!("cannot create {}", path.display()))?;
            Ok((path, BufWriter::new(file)))
        };
        Ok(Self { files: [create(source)?, create(target)?], pairs: 0 })
    }

    fn write(&mut self, pair: &TextPair) -> Result<()> {
        self.pairs += 1;
        for ((path, file), sentence) in self.files.iter_mut().zip([&pair.source, &pair.target]) {
            writeln!(file, "{sentence}")
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        for (path, mut file) in self.files {
            file.flush().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(self.pairs)
    }
}

/// What became of the pairs.
#[derive(Debug, Serialize)]
struct Split {
    out: PathBuf,
    train: u64,
    val: u64,
    test: u64,
    /// Left out, because one of its sentences is in val or test.
    shared: u64,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { out, train, val, test, shared } = self;
        write!(
            f,
            "{}: {train} pairs to learn from, {val} in val, {test} in test; {shared} left out that share a sentence with those",
            out.display()
        )
    }
}
