//! Text into a store: read, encoded on all threads, cleaned, written.

use std::path::Path;

use rayon::prelude::*;

use super::clean::{Cleaned, Cleaning, Judge};
use super::parallel::TextPair;
use super::store::{Store, StoreWriter};
use crate::error::{Error, Result};
use conv_text::subwords::Subwords;

/// The most pairs, and bytes of their text, that are in memory at a time.
const BLOCK_PAIRS: usize = 4096;
const BLOCK_BYTES: usize = 4 << 20;

/// How each side's text becomes numbers; the same twice where the vocabulary is joint.
#[derive(Debug, Clone, Copy)]
pub struct Encoders<'a> {
    /// Of what is read.
    pub source: &'a Subwords,
    /// Of what is written.
    pub target: &'a Subwords,
}

/// Encodes `pairs` into a [`Store`] at `path`, those that [`Cleaning`] keeps, in their order; and
/// says what was dropped.
///
/// # Errors
/// Those of the pairs; [`Error::NoPairs`] where none is kept; [`Error::Field`] for a setting out of
/// its range; those of [`StoreWriter`] and of [`Subwords::encode`].
pub fn encode(
    pairs: impl IntoIterator<Item = Result<TextPair>>,
    encoders: Encoders,
    cleaning: &Cleaning,
    path: &Path,
) -> Result<(Store, Cleaned)> {
    cleaning.check()?;
    let vocabularies =
        [encoders.source, encoders.target].map(|subwords| subwords.vocabulary().len());
    let mut writer = StoreWriter::create(path, vocabularies)?;
    let mut judge = Judge::new(cleaning);
    let mut pairs = pairs.into_iter().fuse();
    loop {
        let block = block(&mut pairs)?;
        if block.is_empty() {
            break;
        }
        let encoded = block
            .par_iter()
            .map(|pair| {
                if judge.hopeless(pair) {
                    return Ok(None);
                }
                let source = encoders.source.encode(&pair.source)?;
                Ok(Some([source, encoders.target.encode(&pair.target)?]))
            })
            .collect::<Result<Vec<_>>>()?;
        for (pair, tokens) in block.iter().zip(&encoded) {
            if let (true, Some([source, target])) = (judge.keeps(pair, tokens.as_ref()), tokens) {
                writer.push(pair.line, source, target)?;
            }
        }
    }
    let cleaned = judge.cleaned;
    if cleaned.kept == 0 {
        return Err(Error::NoPairs { cleaned: Box::new(cleaned) });
    }
    Ok((writer.finish()?, cleaned))
}

fn block(pairs: &mut impl Iterator<Item = Result<TextPair>>) -> Result<Vec<TextPair>> {
    let (mut block, mut bytes) = (Vec::new(), 0);
    while block.len() < BLOCK_PAIRS && bytes < BLOCK_BYTES {
        let Some(pair) = pairs.next() else { break };
        let pair = pair?;
        bytes += pair.source.len() + pair.target.len();
        block.push(pair);
    }
    Ok(block)
}
