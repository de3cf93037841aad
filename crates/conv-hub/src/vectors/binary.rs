//! word2vec's binary form.

use std::io::{BufRead, ErrorKind, Read};

use super::text::checked_header;
use super::{Form, Vectors, VectorsDefect};

/// The most that is read of one word, in bytes.
const LONGEST_WORD: usize = 1 << 12;

pub(super) fn read(
    reader: &mut impl BufRead,
    length: u64,
    mut keep: impl FnMut(&str) -> bool,
) -> Result<Vectors, VectorsDefect> {
    // A letter, a space, the numbers.
    let shortest = |dimension: u64| dimension.checked_mul(4)?.checked_add(2);
    let (words, dimension, mut offset) =
        checked_header(reader, length, Form::Word2VecBinary, shortest)?;
    let mut vectors = Vectors::new(dimension);
    let mut word = Vec::new();
    let mut numbers = vec![0; dimension * 4];
    for number in 1..=words {
        let truncated = VectorsDefect::Truncated { word: number, words, offset };
        word.clear();
        let mut used = skip_line_feed(reader)?;
        used += reader.by_ref().take(LONGEST_WORD as u64).read_until(b' ', &mut word)?;
        if word.pop_if(|last| *last == b' ').is_none() {
            return Err(if word.len() == LONGEST_WORD {
                VectorsDefect::LongWord { word: number, offset, limit: LONGEST_WORD }
            } else {
                truncated
            });
        }
        // The word is a blank, and this the one behind it: what the first ended is no word of any
        // text.
        if word.is_empty() && reader.fill_buf()?.first() == Some(&b' ') {
            reader.consume(1);
            used += 1;
        }
        match reader.read_exact(&mut numbers) {
            Ok(()) => used += numbers.len(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(truncated),
            Err(error) => return Err(error.into()),
        }
        match std::str::from_utf8(&word) {
            Ok(text) if !text.is_empty() && vectors.admit(text, &mut keep) => {
                take(&mut vectors, text, &numbers, offset)?
            }
            Ok(_) => {}
            Err(_) => vectors.unreadable += 1,
        }
        offset += used as u64;
    }
    skip_line_feed(reader)?;
    if !reader.fill_buf()?.is_empty() {
        return Err(VectorsDefect::Count {
            claimed: words,
            found: format!("goes on at byte {offset}"),
        });
    }
    Ok(vectors)
}

fn take(
    vectors: &mut Vectors,
    word: &str,
    numbers: &[u8],
    offset: u64,
) -> Result<(), VectorsDefect> {
    for bytes in numbers.chunks_exact(4) {
        let value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if !value.is_finite() {
            return Err(VectorsDefect::NotFinite {
                place: format!("byte {offset}"),
                word: word.to_string(),
                value,
            });
        }
        vectors.values.push(value);
    }
    Ok(())
}

/// The original program ends each vector by a line feed, others do not.
fn skip_line_feed(reader: &mut impl BufRead) -> Result<usize, VectorsDefect> {
    let present = reader.fill_buf()?.first() == Some(&b'\n');
    reader.consume(usize::from(present));
    Ok(usize::from(present))
}
