//! Speech Commands (Warden 2018): a folder a word, of which two lists name the recordings of dev
//! and test.

use super::{Part, entries, name_of, named};
use crate::data::Utterance;
use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines};
use std::collections::BTreeSet;
use std::path::Path;

const LISTS: [(Part, &str); 2] =
    [(Part::Dev, "validation_list.txt"), (Part::Test, "testing_list.txt")];

/// The recordings of a part, if the folder has both lists. Those in folders whose name begins with
/// `_` are no words.
pub(super) fn read(folder: &Path, part: Part) -> Result<Option<Vec<Utterance>>> {
    if LISTS.iter().any(|(_, list)| !folder.join(list).is_file()) {
        return Ok(None);
    }
    let mut of_part = Vec::new();
    let mut listed = BTreeSet::new();
    for (own, list) in LISTS {
        for line in Lines::open(&folder.join(list), Encoding::Utf8)? {
            let (at, line) = line?;
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let mut utterance = match line.split_once('/') {
                Some((word, name)) if is_plain(word) && is_plain(name) => {
                    named(folder.join(word).join(name), word.into(), speaker(name))
                }
                _ => {
                    let expected = "a word and a file, such as right/bb05582b_nohash_3.wav";
                    return Err(Error::Line { at, found: format!("{line:?}"), expected });
                }
            };
            utterance.at = Some(at);
            listed.insert(utterance.path.clone());
            if own == part {
                of_part.push(utterance);
            }
        }
    }
    if part != Part::Train {
        return Ok(Some(of_part));
    }
    let words = entries(folder)?.into_iter().filter(|path| path.is_dir());
    for path in words {
        let Some(word) = name_of(&path).filter(|word| !word.starts_with('_')) else { continue };
        for file in entries(&path)? {
            let Some(name) = name_of(&file).filter(|name| name.ends_with(".wav")) else { continue };
            if !listed.contains(&file) {
                of_part.push(named(file.clone(), word.into(), speaker(name)));
            }
        }
    }
    Ok(Some(of_part))
}

/// Whether it names what lies in a folder, and nothing outside it.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\'])
}

/// Who speaks, by a name such as `bb05582b_nohash_3.wav`.
fn speaker(name: &str) -> Option<String> {
    Some(name.split_once("_nohash_")?.0.into())
}
