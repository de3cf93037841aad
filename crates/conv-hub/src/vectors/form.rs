//! Telling the three forms apart by the file's first bytes.

use std::io::{BufRead, Cursor, Read};

use super::VectorsDefect;
use super::text::header;

/// How much of the file is looked at: the header and a first vector of any usual length.
const HEAD: u64 = 1 << 16;

/// A form in which word vectors are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// word2vec's binary form: a line with the number of words and the dimension, then for each
    /// word its bytes, a space and the numbers as little-endian f32, with or without a line feed
    /// after them.
    Word2VecBinary,
    /// word2vec's text form: a line with the number of words and the dimension, then a line for
    /// each word. fastText's `.vec` files are of this form.
    Word2VecText,
    /// GloVe's text form: a line for each word and nothing else.
    GloVe,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Form::Word2VecBinary => "word2vec binary",
            Form::Word2VecText => "word2vec text",
            Form::GloVe => "GloVe text",
        })
    }
}

/// The form that the content looks like, and a reader that starts at the beginning again.
pub(super) fn tell(mut reader: impl BufRead) -> Result<(impl BufRead, Form), VectorsDefect> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD).read_to_end(&mut head)?;
    // A byte-order mark would be part of the first word, which no text could then ask for.
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    let kinds: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gzip-compressed"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x80\x02", "a Python pickle"),
        (b"BZh", "bzip2-compressed"),
    ];
    if let Some((_, found)) = kinds.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(VectorsDefect::Mislabelled { found });
    }
    if head.is_empty() {
        return Err(VectorsDefect::Empty);
    }
    let end = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let (first, rest) = head.split_at(end);
    let form = match header(first) {
        None => Form::GloVe,
        Some((_, dimension)) if is_text(rest.trim_ascii_start(), dimension) => Form::Word2VecText,
        Some(_) => Form::Word2VecBinary,
    };
    Ok((Cursor::new(head).chain(reader), form))
}

/// Whether the first row is text: it ends in as many numbers as the header says, or is a word and
/// numbers for all that.
fn is_text(rows: &[u8], dimension: u64) -> bool {
    let row = match rows.iter().position(|&byte| byte == b'\n') {
        Some(end) => rows[..end].trim_ascii_end(),
        // The row goes on beyond what was looked at: its last field may be cut.
        None => match rows.trim_ascii_end().iter().rposition(|&byte| byte == b' ') {
            Some(end) if rows.len() as u64 > HEAD / 2 => &rows[..end],
            _ => rows.trim_ascii_end(),
        },
    };
    let is_number =
        |field: &&[u8]| std::str::from_utf8(field).is_ok_and(|field| field.parse::<f32>().is_ok());
    let fields = || row.rsplit(|&byte| byte == b' ');
    let numbers = fields().take_while(is_number).count();
    // A single number may be the bytes of a float.
    numbers as u64 >= dimension || numbers > 1 && numbers + 1 == fields().count()
}
