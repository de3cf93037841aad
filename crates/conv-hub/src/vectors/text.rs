//! The text forms: a word and its numbers a line, split from the right, since words may have spaces
//! in them.

use std::io::{BufRead, Read};

use super::{Form, Vectors, VectorsDefect};

/// The most that is read of one line, in bytes: tens of thousands of numbers.
const LONGEST_LINE: usize = 1 << 20;

/// What parts a word from its numbers and these from each other: a blank, in some files a tab.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The two numbers of a word2vec header: words and dimension.
pub(super) fn header(line: &[u8]) -> Option<(u64, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let (words, dimension) = line.trim_end().split_once(' ')?;
    Some((words.parse().ok()?, dimension.trim_start().parse().ok()?))
}

/// Reads the header and refuses claims that the file is too short for.
///
/// `shortest` gives the least number of bytes that a word's record takes, from the dimension.
pub(super) fn checked_header(
    reader: &mut impl BufRead,
    length: u64,
    form: Form,
    shortest: impl Fn(u64) -> Option<u64>,
) -> Result<(u64, usize, u64), VectorsDefect> {
    let mut line = Vec::new();
    let used = reader.by_ref().take(100).read_until(b'\n', &mut line)? as u64;
    let (words, dimension) = header(&line)
        .filter(|&(words, dimension)| words > 0 && dimension > 0)
        .ok_or_else(|| VectorsDefect::Header {
            found: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
        })?;
    let needed = shortest(dimension).and_then(|record| record.checked_mul(words));
    let available = length.saturating_sub(used);
    match needed {
        // The last line feed may be missing.
        Some(needed) if needed <= available + 1 => Ok((words, dimension as usize, used)),
        _ => Err(VectorsDefect::Size {
            words,
            dimension,
            form,
            needed: needed.unwrap_or(u64::MAX),
            available,
        }),
    }
}

pub(super) fn read_word2vec(
    reader: &mut impl BufRead,
    length: u64,
    mut keep: impl FnMut(&str) -> bool,
) -> Result<Vectors, VectorsDefect> {
    // A letter, and for each number a space and a digit, and a line feed.
    let shortest = |dimension: u64| dimension.checked_mul(2)?.checked_add(2);
    let (claimed, dimension, _) = checked_header(reader, length, Form::Word2VecText, shortest)?;
    let mut vectors = Vectors::new(dimension);
    let mut lines = Lines::new(reader, 1);
    for found in 0..claimed {
        let Some((line, text)) = lines.next()? else {
            return Err(VectorsDefect::Count { claimed, found: format!("has {found}") });
        };
        row(&mut vectors, line, text, &mut keep)?;
    }
    match lines.next()? {
        None => Ok(vectors),
        Some((line, _)) => {
            Err(VectorsDefect::Count { claimed, found: format!("goes on at line {line}") })
        }
    }
}

pub(super) fn read_glove(
    reader: &mut impl BufRead,
    mut keep: impl FnMut(&str) -> bool,
) -> Result<Vectors, VectorsDefect> {
    let mut lines = Lines::new(reader, 0);
    let mut vectors = Vectors::new(0);
    while let Some((line, text)) = lines.next()? {
        if vectors.dimension == 0 {
            // A first row for the blank begins with blanks, of which the last alone parts it from
            // its numbers.
            let fields = text.trim_ascii_start();
            let blanks = fields.iter().filter(|byte| is_blank(byte)).count();
            vectors.dimension = blanks + usize::from(fields.len() < text.len());
            if vectors.dimension == 0 {
                return Err(VectorsDefect::Dimension { line, found: 0, expected: 1 });
            }
        }
        row(&mut vectors, line, text, &mut keep)?;
    }
    match vectors.dimension {
        0 => Err(VectorsDefect::Empty),
        _ => Ok(vectors),
    }
}

/// Takes one line in. The word is what stands before the last D fields.
fn row(
    vectors: &mut Vectors,
    line: u64,
    text: &[u8],
    keep: &mut impl FnMut(&str) -> bool,
) -> Result<(), VectorsDefect> {
    let expected = vectors.dimension;
    let mismatch = || VectorsDefect::Dimension {
        line,
        found: text.iter().filter(|byte| is_blank(byte)).count(),
        expected,
    };
    let mut end = text.len();
    for _ in 0..expected {
        end = text[..end].iter().rposition(is_blank).ok_or_else(mismatch)?;
    }
    let text_of = |bytes, from| {
        std::str::from_utf8(bytes)
            .map_err(|error| VectorsDefect::Encoding { line, offset: from + error.valid_up_to() })
    };
    // Some writers align their columns.
    let word = text_of(&text[..end], 0)?.trim_end_matches([' ', '\t']);
    // Words with spaces exist (GloVe 840B has `. . .`), but one that ends in a number is a number
    // too many.
    let one_too_many = word.rsplit_once(' ').is_some_and(|(_, last)| last.parse::<f32>().is_ok());
    if one_too_many {
        return Err(mismatch());
    }
    // Some files have a row for the blank, which is no word of any text.
    if word.is_empty() {
        return Ok(());
    }
    if !vectors.admit(word, keep) {
        return Ok(());
    }
    for field in text_of(&text[end + 1..], end + 1)?.split([' ', '\t']) {
        let value: f32 = field.parse().map_err(|_| VectorsDefect::Number {
            line,
            word: word.to_string(),
            found: field.to_string(),
        })?;
        if !value.is_finite() {
            return Err(VectorsDefect::NotFinite {
                place: format!("line {line}"),
                word: word.to_string(),
                value,
            });
        }
        vectors.values.push(value);
    }
    Ok(())
}

/// Lines of bounded length, without their end and the spaces before it.
struct Lines<'r, R> {
    reader: &'r mut R,
    buffer: Vec<u8>,
    number: u64,
}

impl<'r, R: BufRead> Lines<'r, R> {
    fn new(reader: &'r mut R, before: u64) -> Self {
        Self { reader, buffer: Vec::new(), number: before }
    }

    /// The next line with its number; empty lines at the end of the file are not there.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, VectorsDefect> {
        self.buffer.clear();
        let limit = LONGEST_LINE as u64 + 1;
        self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
        self.number += 1;
        if self.buffer.len() > LONGEST_LINE {
            return Err(VectorsDefect::LongLine { line: self.number, limit: LONGEST_LINE });
        }
        let text = self.buffer.trim_ascii_end();
        if text.is_empty() && self.reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.number, text)))
    }
}
