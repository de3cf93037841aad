//! `score`: how probable given translations are.

use crate::data::TestSet;
use crate::model::Model;
use crate::output::Form;
use crate::search::Normalisation;
use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args;
use conv_translate::Scored;
use conv_translate::data::TextPair;

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

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let translator = options.model.open(device)?;
    let config = options.normalisation.config();
    let files = options.test.files()?;
    let name = files.to_string();
    let form = Form { json: common.json, numbered: true, alignment: false };
    let mut scored = Scored::default();
    let open = move || Ok(files.open()?.map(|pair| Ok(pair?)));
    conv_cli::each(open, TOGETHER, |pairs: Vec<TextPair>| {
        let found = translator.score(&pairs, &config).with_context(|| name.clone())?;
        for (pair, found) in pairs.iter().zip(&found) {
            scored.add(found);
            form.print(pair.line as usize - 1, std::slice::from_ref(found))?;
        }
        Ok(())
    })?;
    ensure!(scored.pairs > 0, "{name}: no pairs, expected some to score");
    conv_cli::note(scored);
    Ok(())
}
