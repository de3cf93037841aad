//! `score`: how probable given translations are.

use crate::data::TestSet;
use crate::model::Model;
use crate::output::Form;
use crate::search::Normalisation;
use crate::translate::is_of_one;
use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args;
use conv_cli::Refusals;
use conv_translate::data::TextPair;
use conv_translate::{Scored, SearchConfig, Translator};

/// Pairs that are scored together at most.
const TOGETHER: usize = 64;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    test: TestSet,
    #[command(flatten)]
    normalisation: Normalisation,
}

/// Scores under way.
struct Session {
    translator: Translator,
    config: SearchConfig,
    form: Form,
    scored: Scored,
    refusals: Refusals,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let files = options.test.files()?;
    let name = files.to_string();
    let mut session = Session {
        translator: options.model.open(device)?,
        config: options.normalisation.config(),
        form: Form { json: common.json, numbered: true, alignment: false },
        scored: Scored::default(),
        refusals: Refusals::new(common.json),
    };
    let mut place = 0;
    let open = move || Ok(files.open()?.go_on().map(Ok));
    conv_cli::each(open, TOGETHER, |pairs: Vec<conv_translate::Result<TextPair>>| {
        let mut ready = Vec::new();
        for pair in pairs {
            match pair {
                Ok(pair) => ready.push(pair),
                Err(error) => {
                    session.score(&std::mem::take(&mut ready)).with_context(|| name.clone())?;
                    ensure!(error.is_of_one(), error);
                    session.refusals.tell_of(place, &error.into())?;
                }
            }
            place += 1;
        }
        session.score(&ready).with_context(|| name.clone())
    })?;
    ensure!(place > 0, "{name}: no pairs, expected some to score");
    conv_cli::note(session.scored);
    session.refusals.end()
}

impl Session {
    fn score(&mut self, pairs: &[TextPair]) -> Result<()> {
        let Self { translator, config, form, scored, refusals } = self;
        let place = |pair: &TextPair| pair.line as usize - 1;
        let mut answer = |pairs: &[TextPair]| {
            for (pair, found) in pairs.iter().zip(translator.score(pairs, config)?) {
                scored.add(&found);
                form.print(place(pair), &[found])?;
            }
            Ok(())
        };
        let mut refuse = |pair: &_, error: &_| refusals.tell_of(place(pair), error);
        conv_cli::apart(pairs, is_of_one, &mut answer, &mut refuse)
    }
}
