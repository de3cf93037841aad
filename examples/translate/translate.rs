//! `translate` and `interactive`: sentences in, translations out, in their order.

use crate::model::Model;
use crate::output::Form;
use crate::search::{Flags, Order};
use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use conv_cli::Refusals;
use conv_hub::text::{Encoding, Lines};
use conv_translate::{Columns, Replacements, SearchConfig, Sentence, Translation, Translator};
use std::io::{BufReader, IsTerminal, stdin};
use std::path::PathBuf;

/// What both verbs are asked for.
#[derive(Debug, Args)]
pub struct Asked {
    #[command(flatten)]
    model: Model,
    /// Write for an unknown token of the translation the source token that was read most
    #[arg(long, visible_alias = "replace-unk")]
    replace_unknown: bool,
    /// The same, by a file with a source token, a tab or blank, and its translation on each line;
    /// what it lacks is copied
    #[arg(long, value_name = "FILE")]
    replacements: Option<PathBuf>,
    /// Write pairs of places SOURCE-TARGET, of tokens from 0, behind a tab
    #[arg(long, visible_alias = "print-alignment")]
    alignment: bool,
    /// Words that each translation begins with
    #[arg(long, value_name = "WORDS", conflicts_with = "prefixes")]
    prefix: Option<String>,
    /// Behind each sentence stand a tab and the words that its translation begins with
    #[arg(long)]
    prefixes: bool,
    /// Behind each sentence (and its prefix) stand phrases whose pieces its translation must
    /// contain, each behind a tab
    #[arg(long, value_name = "ORDER", num_args = 0..=1, require_equals = true, default_missing_value = "unordered")]
    constraints: Option<Order>,
    /// What becomes of a sentence with more tokens than the model knows positions: its beginning is
    /// translated, its translation is blank, or it is translated in parts; without this it is told
    /// so and the exit status is 1
    #[arg(long, value_name = "HOW")]
    long: Option<Long>,
    #[command(flatten)]
    search: Flags,
}

/// What becomes of a sentence beyond the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Long {
    Cut,
    Skip,
    /// At the ends of sentences in it where there are any, else between words.
    Split,
}

#[derive(Debug, Args)]
pub struct Options {
    /// Sentences; without any, or with `-`, they are the lines of --input or of standard input. A
    /// blank one has a blank translation
    sentences: Vec<String>,
    /// A file with a sentence on each line, gzipped or not; `-` for standard input
    #[arg(long, conflicts_with = "sentences")]
    input: Option<PathBuf>,
    /// Sentences that are translated together at most; no result depends on it
    #[arg(long, visible_alias = "buffer-size", value_name = "N", default_value_t = 64,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    buffer: usize,
    /// Draw what was read of the sentence for each token of its translation, as an SVG; of one
    /// sentence
    #[arg(long, value_name = "FILE", conflicts_with = "input", requires = "sentences")]
    attention: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
}

/// A translator with what is asked of it.
struct Session {
    translator: Translator,
    config: SearchConfig,
    columns: Columns,
    prefix: String,
    long: Option<Long>,
    form: Form,
}

impl Asked {
    fn begin(&self, common: &conv_cli::Common, device: &Device) -> Result<Session> {
        let config = self.search.config(self.constraints, common.seed())?;
        ensure!(
            self.long != Some(Long::Split) || self.constraints.is_none(),
            "--long split: a part has not all the phrases of --constraints, expected cut or skip"
        );
        let translator = self.model.open(device)?;
        let translator = match &self.replacements {
            Some(path) => translator.replace_unknown(Replacements::read(path)?),
            None if self.replace_unknown => translator.replace_unknown(Replacements::copy()),
            None => translator,
        };
        let form =
            Form { json: common.json, numbered: config.n_best > 1, alignment: self.alignment };
        let columns = Columns { prefix: self.prefixes, phrases: self.constraints.is_some() };
        let prefix = self.prefix.clone().unwrap_or_default();
        Ok(Session { translator, config, columns, prefix, long: self.long, form })
    }
}

impl Session {
    fn sentence(&self, place: usize, line: &str) -> Sentence {
        let mut sentence = Sentence::parse(place, line, self.columns);
        if sentence.prefix.is_empty() {
            sentence.prefix.clone_from(&self.prefix);
        }
        sentence
    }

    fn translate(&self, sentences: &[Sentence]) -> Result<Vec<Vec<Translation>>> {
        Ok(self.translator.translate_sentences(sentences, &self.config)?)
    }

    /// What is translated of a sentence: all of it, for most.
    fn parts(&self, sentence: &Sentence) -> Result<Vec<Sentence>> {
        let Some(long) = self.long else { return Ok(vec![sentence.clone()]) };
        let parts = self.translator.parts(&sentence.text)?;
        let prefix = |i| if i == 0 { sentence.prefix.clone() } else { String::new() };
        let part = |(i, text)| Sentence { text, prefix: prefix(i), ..sentence.clone() };
        let parts = parts.into_iter().enumerate();
        Ok(match (long, parts.len()) {
            (Long::Skip, 2..) => vec![part((0, String::new()))],
            (Long::Cut, _) => parts.take(1).map(part).collect(),
            _ => parts.map(part).collect(),
        })
    }

    /// Translates these together; one that cannot be translated is told why, and the others are
    /// translated too.
    fn answer(&self, sentences: &[Sentence], refusals: &mut Refusals) -> Result<()> {
        let mut refuse = |s: &Sentence, error: &_| refusals.tell_of(s.place, error);
        conv_cli::apart(sentences, is_of_one, &mut |some| self.print(some), &mut refuse)
    }

    fn print(&self, sentences: &[Sentence]) -> Result<()> {
        let found = self.translated(sentences)?;
        sentences.iter().zip(&found).try_for_each(|(s, found)| self.form.print(s.place, found))
    }

    fn translated(&self, sentences: &[Sentence]) -> Result<Vec<Vec<Translation>>> {
        let parts = sentences.iter().map(|s| self.parts(s)).collect::<Result<Vec<_>>>()?;
        let mut found = self.translate(&parts.concat())?.into_iter();
        let whole = |parts: &Vec<_>| {
            Translation::joined(found.by_ref().take(parts.len()).collect(), &self.config)
        };
        Ok(parts.iter().map(whole).collect())
    }
}

/// Whether other sentences do without this error.
pub fn is_of_one(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(conv_translate::Error::is_of_one)
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let session = options.asked.begin(common, device)?;
    if let Some(picture) = &options.attention {
        let [sentence] = &options.sentences[..] else {
            bail!("--attention draws one sentence, but there are {}", options.sentences.len());
        };
        let sentence = session.sentence(0, sentence);
        let found = session.translate(std::slice::from_ref(&sentence))?.swap_remove(0);
        session.form.print(0, &found)?;
        let best = found.first().filter(|best| !best.attention.is_empty());
        let best = best.context("--attention: the sentence is empty, so nothing was read")?;
        let drawn = session.translator.picture(&sentence.text, best)?;
        return Ok(conv_hub::files::write_atomic(picture, drawn.as_bytes())?);
    }
    if !options.sentences.is_empty() && options.sentences != ["-"] {
        let sentences = options.sentences.iter().enumerate();
        let sentences: Vec<_> = sentences.map(|(i, text)| session.sentence(i, text)).collect();
        if let [_] = sentences[..] {
            return session.print(&sentences);
        }
        let mut refusals = Refusals::new(common.json);
        let mut chunks = sentences.chunks(options.buffer);
        chunks.try_for_each(|chunk| session.answer(chunk, &mut refusals))?;
        return refusals.end();
    }
    let name =
        options.input.as_ref().map_or("standard input".into(), |path| path.display().to_string());
    let mut place = 0;
    let mut refusals = Refusals::new(common.json);
    conv_cli::each(lines(options.input.clone()), options.buffer, |lines: Vec<_>| {
        let mut ready = Vec::new();
        for line in lines {
            match line {
                Ok(line) => ready.push(session.sentence(place, &line)),
                Err(error) => {
                    let before = std::mem::take(&mut ready);
                    session.answer(&before, &mut refusals).with_context(|| name.clone())?;
                    refusals.tell_of(place, &error.into())?;
                }
            }
            place += 1;
        }
        session.answer(&ready, &mut refusals).with_context(|| name.clone())
    })?;
    refusals.end()
}

/// Translates what is typed, a line at a time; what cannot be translated is said, and the next line
/// is waited for.
pub fn interactive(asked: &Asked, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let session = asked.begin(common, device)?;
    let prompt = stdin().is_terminal() && std::io::stderr().is_terminal();
    let ask = |begin: &str| {
        if prompt {
            conv_cli::prompt(begin);
        }
    };
    ask("A sentence to translate, and Return; Ctrl-D ends.\n> ");
    let mut place = 0;
    conv_cli::each(lines(None), 1, |lines: Vec<conv_hub::Result<String>>| {
        for line in lines {
            let answered = line
                .map_err(anyhow::Error::from)
                .and_then(|line| session.print(&[session.sentence(place, &line)]));
            if let Err(error) = answered {
                if conv_cli::closed_pipe(&error) {
                    return Err(error);
                }
                conv_cli::note(conv_cli::one_line(&error));
            }
            place += 1;
            ask("> ");
        }
        Ok(())
    })
}

/// The lines of a file or of standard input, each for itself: one that is no text leaves the
/// others.
fn lines(
    input: Option<PathBuf>,
) -> impl FnOnce() -> Result<Box<dyn Iterator<Item = Result<conv_hub::Result<String>>>>> {
    move || {
        let lines = match input.as_ref().filter(|path| path.as_os_str() != "-") {
            Some(path) => Lines::open(path, Encoding::Utf8)?,
            None => {
                Lines::new(Box::new(BufReader::new(stdin())), "standard input", Encoding::Utf8)?
            }
        };
        Ok(Box::new(lines.go_on().map(|line| Ok(line.map(|(_, text)| text)))))
    }
}
