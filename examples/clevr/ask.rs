//! `ask`: questions about a picture as they are typed.

use crate::model::Models;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_hub::text::{Encoding, Lines};
use conv_vision::{Limits, Picture};
use std::io::{BufReader, IsTerminal, stdin};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A picture
    #[arg(long)]
    image: PathBuf,
    #[command(flatten)]
    models: Models,
}

/// Looks at the picture once and answers each line; what cannot be answered is said, and the next
/// line is waited for.
pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let reasoner = options.models.open(device)?;
    let picture = Picture::open(&options.image, &Limits::default())?;
    let sight = reasoner.look(&picture, &options.image.display().to_string())?;
    let prompt = stdin().is_terminal() && std::io::stderr().is_terminal();
    let ask = |begin: &str| {
        if prompt {
            conv_cli::prompt(begin);
        }
    };
    ask(&format!("{} objects seen. A question, and Return; Ctrl-D ends.\n> ", sight.objects.len()));
    let lines = || {
        let lines =
            Lines::new(Box::new(BufReader::new(stdin())), "standard input", Encoding::Utf8)?;
        Ok(lines.go_on().map(|line| Ok(line.map(|(_, text)| text))))
    };
    conv_cli::each(lines, 1, |lines: Vec<conv_hub::Result<String>>| {
        for line in lines {
            match line
                .map_err(conv_clevr::Error::from)
                .and_then(|line| reasoner.answer(&line, sight.clone()))
            {
                Ok(answered) => conv_cli::print(common.json, &answered)?,
                Err(error) => conv_cli::note(conv_cli::one_line(&error.into())),
            }
            ask("> ");
        }
        Ok(())
    })
}
