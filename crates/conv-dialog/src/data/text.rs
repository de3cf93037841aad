//! VisDial dialogs as plain text, as VisPro (Yu et al. 2019) has them: JSON lines of cut sentences,
//! the caption first.

use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::Path;

/// A dialog as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDialog {
    /// The image's number.
    pub image_id: u64,
    /// File and line.
    pub name: String,
    /// What the image shows.
    pub caption: String,
    /// Questions and answers.
    pub rounds: Vec<[String; 2]>,
}

#[derive(Deserialize)]
struct Line {
    image_file: String,
    sentences: Vec<Vec<String>>,
    speakers: Vec<Vec<String>>,
}

/// The dialogs of `files`, one a line, with the fields `image_file` (`…_000000331908.jpg`),
/// `sentences` (lists of words) and `speakers` (`caption`, then `question` and `answer` by turns,
/// for each word). A last question without an answer, as the test split has it, is left out.
///
/// # Errors
/// A line that is not so, or an image that an earlier line has, by file and line.
pub fn read_text<P: AsRef<Path>>(files: &[P]) -> Result<Vec<TextDialog>> {
    let mut dialogs = Vec::new();
    let mut images = HashSet::new();
    for line in files.iter().map(|file| Lines::open(file.as_ref(), Encoding::Utf8)) {
        for line in line? {
            let (at, line) = line?;
            let dialog = dialog(&line, at.to_string())
                .and_then(|dialog| {
                    if images.insert(dialog.image_id) {
                        Ok(dialog)
                    } else {
                        Err(format!("image {} again, expected each once", dialog.image_id))
                    }
                })
                .map_err(|reason| Error::Line { at, reason })?;
            dialogs.push(dialog);
        }
    }
    Ok(dialogs)
}

fn dialog(line: &str, name: String) -> std::result::Result<TextDialog, String> {
    let Line { image_file, sentences, speakers } =
        serde_json::from_str(line).map_err(|e| e.to_string())?;
    let stem = image_file.rsplit_once('.').map_or(image_file.as_str(), |(stem, _)| stem);
    let digits = stem.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    let image_id = digits.parse().map_err(|_| {
        format!("image_file {image_file:?}, expected a name that ends in the image's number")
    })?;
    if sentences.len() != speakers.len() || sentences.len() < 3 {
        let found = sentences.len();
        let others = speakers.len();
        return Err(format!(
            "{found} sentences of {others} speakers, expected as many: a caption, a question, an answer, and so on"
        ));
    }
    for (place, speaker) in speakers.iter().enumerate() {
        let expected = if place == 0 { "caption" } else { ["answer", "question"][place % 2] };
        if speaker.first().is_none_or(|found| found != expected) {
            let found = speaker.first().map_or("nobody", String::as_str);
            return Err(format!("sentence {} is of {found}, expected {expected}", place + 1));
        }
    }
    let mut sentences = sentences.into_iter().map(|words| words.join(" "));
    let caption = sentences.next().unwrap_or_default();
    let mut rounds = Vec::new();
    while let (Some(question), Some(answer)) = (sentences.next(), sentences.next()) {
        rounds.push([question, answer]);
    }
    Ok(TextDialog { image_id, name, caption, rounds })
}

/// The dialogs that are not about any of `images`, and how many are left out.
pub fn without_images(dialogs: Vec<TextDialog>, images: &HashSet<u64>) -> (Vec<TextDialog>, usize) {
    let all = dialogs.len();
    let kept: Vec<_> = dialogs.into_iter().filter(|one| !images.contains(&one.image_id)).collect();
    let left_out = all - kept.len();
    (kept, left_out)
}
