//! The Free Spoken Digit Dataset: `7_jackson_32.wav` is take 32 of a seven by Jackson.

use super::{Part, entries, name_of, named};
use crate::Result;
use crate::data::Utterance;
use std::path::Path;

const DIGITS: [&str; 10] =
    ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"];

/// Takes below it are the official test part.
const FIRST_TAKE: usize = 5;

/// The recordings of a part, if the folder, or `recordings` in it, has any of such names.
pub(super) fn read(folder: &Path, part: Part) -> Result<Option<Vec<Utterance>>> {
    let inner = folder.join("recordings");
    let mut of_part = Vec::new();
    let mut is_there = false;
    for path in entries(if inner.is_dir() { &inner } else { folder })? {
        let Some((text, speaker, take)) = name_of(&path).and_then(digit) else { continue };
        is_there = true;
        if part == if take < FIRST_TAKE { Part::Test } else { Part::Train } {
            of_part.push(named(path.clone(), text.into(), Some(speaker)));
        }
    }
    Ok(is_there.then_some(of_part))
}

fn digit(name: &str) -> Option<(&'static str, String, usize)> {
    let mut parts = name.strip_suffix(".wav")?.split('_');
    let digit = parts.next()?;
    let speaker = parts.next()?;
    let take = parts.next()?.parse().ok()?;
    let text = DIGITS.get(digit.parse::<usize>().ok()?)?;
    let is_name = speaker.starts_with(char::is_alphabetic) && parts.next().is_none();
    is_name.then(|| (*text, speaker.to_string(), take))
}
