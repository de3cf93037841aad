//! fairseq's dictionaries, `dict.LANGUAGE.txt`: a symbol and its count a line. Four symbols that stand in no file come
//! first, so that the file's first line has the number 4.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::{Error, PAD, Result};

/// More bytes than any dictionary has.
const LONGEST_FILE: u64 = 64 << 20;
/// More symbols than any dictionary has: each takes several times the memory of its line.
const MOST_SYMBOLS: usize = 2_000_000;
/// Stands after the count of a symbol that takes the place of an earlier one of the same name.
const OVERWRITE: &str = "#fairseq:overwrite";
/// What ends a piece of a word that goes on in the next token.
const CONTINUED: &str = "@@";
/// The first symbols, in the order of their numbers.
const SPECIAL: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];

/// The numbers of a language's tokens, which are words or pieces of words that somebody else has split.
///
/// ```no_run
/// let german = conv_translate::Dictionary::read("dict.de.txt".as_ref())?;
/// let ids = german.encode("ein klein@@ es Haus");
/// assert_eq!(german.decode(&ids), "ein kleines Haus");
/// # Ok::<(), conv_translate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    symbols: Vec<Arc<str>>,
    counts: Vec<u64>,
    ids: HashMap<Arc<str>, u32>,
}

impl Dictionary {
    /// `<s>`, which fairseq's translation never uses.
    pub const BOS: u32 = 0;
    /// `<pad>`, behind or before a shorter sentence of a batch.
    pub const PAD: u32 = PAD;
    /// `</s>`: ends a sentence, and begins the target that the decoder sees.
    pub const EOS: u32 = 2;
    /// `<unk>`: every token that is not in the dictionary.
    pub const UNK: u32 = 3;

    /// A dictionary of these symbols and how often each was seen, in their order.
    ///
    /// # Errors
    /// [`Error::Dictionary`] for a symbol that is empty, has white space in it or is there already; the line is its
    /// place, from 1.
    pub fn new(symbols: impl IntoIterator<Item = (String, u64)>) -> Result<Self> {
        let mut dictionary = Self::empty();
        for (index, (symbol, count)) in symbols.into_iter().enumerate() {
            let added = if symbol.contains(char::is_whitespace) {
                Err(format!("{symbol:?} has white space in it"))
            } else {
                dictionary.add(&symbol, count, false)
            };
            added.map_err(|reason| Error::Dictionary {
                file: "in memory".into(),
                line: index + 1,
                reason,
            })?;
        }
        Ok(dictionary)
    }

    /// Reads a `dict.LANGUAGE.txt`.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Dictionary`] names the line that is not `symbol count` in UTF-8, or has a symbol that
    /// an earlier line has, unless `#fairseq:overwrite` follows. A file beyond 64 MiB, or of more than two million
    /// symbols, is refused.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
            .map_err(|source| Error::Read { file: file.clone(), source })?;
        Self::parse(&bytes, &file)
    }

    /// The same from the file's bytes; `file` stands in error messages.
    ///
    /// # Errors
    /// As [`Dictionary::read`].
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        let mut dictionary = Self::empty();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if bytes.is_empty() {
            return Ok(dictionary);
        }
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let added = if bytes.len() as u64 > LONGEST_FILE {
                Err(format!("the file goes on beyond {LONGEST_FILE} bytes"))
            } else {
                dictionary.add_line(line)
            };
            added.map_err(|reason| Error::Dictionary {
                file: file.into(),
                line: index + 1,
                reason,
            })?;
        }
        Ok(dictionary)
    }

    /// Writes what [`Dictionary::read`] reads.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut seen: HashSet<&str> = SPECIAL.into();
        let mut text = String::new();
        for (symbol, count) in self.symbols.iter().zip(&self.counts).skip(SPECIAL.len()) {
            text.push_str(&format!("{symbol} {count}"));
            if !seen.insert(symbol) {
                text.push_str(&format!(" {OVERWRITE}"));
            }
            text.push('\n');
        }
        conv_train::files::write_atomic(path, text.as_bytes()).map_err(Error::Write)
    }

    /// V: how many symbols there are, special ones included.
    pub fn size(&self) -> usize {
        self.symbols.len()
    }

    /// The symbol of a number.
    pub fn symbol(&self, id: u32) -> Option<&str> {
        self.symbols.get(id as usize).map(|symbol| &**symbol)
    }

    /// The number of a symbol, special ones included.
    pub fn id(&self, symbol: &str) -> Option<u32> {
        self.ids.get(symbol).copied()
    }

    /// How often the symbol of a number was seen where the dictionary was made.
    pub fn count(&self, id: u32) -> Option<u64> {
        self.counts.get(id as usize).copied()
    }

    /// Whether some symbols are pieces of words (`@@` at their end), as after byte-pair encoding.
    pub fn has_pieces(&self) -> bool {
        self.symbols.iter().any(|symbol| symbol.ends_with(CONTINUED))
    }

    /// The numbers of a line's tokens, which white space separates, and [`Dictionary::EOS`] at their end.
    ///
    /// A special symbol that stands in the text is an unknown word: unlike fairseq, where `<pad>` would be padding and
    /// `</s>` the end.
    pub fn encode(&self, line: &str) -> Vec<u32> {
        let id = |token| match self.id(token) {
            Some(id) if id as usize >= SPECIAL.len() => id,
            _ => Self::UNK,
        };
        line.split_whitespace().map(id).chain([Self::EOS]).collect()
    }

    /// The text of tokens: without what begins, ends and pads a sentence, and pieces joined to words by
    /// [`join_pieces`].
    pub fn decode(&self, ids: &[u32]) -> String {
        let text: Vec<&str> = ids
            .iter()
            .filter(|id| ![Self::BOS, Self::PAD, Self::EOS].contains(id))
            .map(|&id| self.symbol(id).unwrap_or(SPECIAL[Self::UNK as usize]))
            .collect();
        join_pieces(&text.join(" "))
    }

    fn empty() -> Self {
        let symbols: Vec<Arc<str>> = SPECIAL.map(Arc::from).into();
        let ids = symbols.iter().cloned().zip(0..).collect();
        Self { counts: vec![1; symbols.len()], symbols, ids }
    }

    /// Takes in a line without its end.
    fn add_line(&mut self, line: &[u8]) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|error| {
            format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1)
        })?;
        let line = line.trim_end();
        let (line, overwrite) = match line.strip_suffix(OVERWRITE) {
            // Of `symbol count flag`, the flag and the space before it.
            Some(rest) if rest.ends_with(' ') => (&rest[..rest.len() - 1], true),
            _ => (line, false),
        };
        let (symbol, count) = line
            .rsplit_once(' ')
            .and_then(|(symbol, count)| Some((symbol, count.parse().ok()?)))
            .ok_or_else(|| format!("{}, expected a symbol, a space and its count", quoted(line)))?;
        self.add(symbol, count, overwrite)
    }

    fn add(&mut self, symbol: &str, count: u64, overwrite: bool) -> Result<(), String> {
        if symbol.is_empty() {
            return Err("no symbol before the count".into());
        }
        if self.symbols.len() >= MOST_SYMBOLS {
            return Err(format!("more than {MOST_SYMBOLS} symbols"));
        }
        let symbol: Arc<str> = symbol.into();
        let id = self.symbols.len() as u32;
        match self.ids.entry(symbol.clone()) {
            Entry::Vacant(place) => drop(place.insert(id)),
            Entry::Occupied(mut place) if overwrite => drop(place.insert(id)),
            Entry::Occupied(place) => {
                let before = *place.get() as usize;
                let place = match before.checked_sub(SPECIAL.len()) {
                    Some(line) => format!("on line {}", line + 1),
                    None => "a special symbol of every dictionary".into(),
                };
                return Err(format!(
                    "{} is already {place}, expected new symbols only, or {OVERWRITE} behind the count",
                    quoted(&symbol)
                ));
            }
        }
        self.symbols.push(symbol);
        self.counts.push(count);
        Ok(())
    }
}

/// Joins pieces to words: `klein@@ es Haus` becomes `kleines Haus`, as fairseq does it.
pub fn join_pieces(text: &str) -> String {
    let mut joined = format!("{text} ").replace("@@ ", "");
    joined.truncate(joined.trim_end().len());
    joined
}

/// The beginning of a text, for an error's message.
fn quoted(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{start:?}{}", if start.len() < text.len() { " …" } else { "" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Dictionary> {
        Dictionary::parse(text.as_bytes(), "dict.xx.txt")
    }

    fn rewritten(dictionary: &Dictionary) -> Dictionary {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dict.xx.txt");
        dictionary.write(&path).unwrap();
        Dictionary::read(&path).unwrap()
    }

    #[test]
    fn the_files_first_symbol_has_the_number_four() {
        let read = parse("the 10\r\nna\u{ef}ve 2\nin fact 1\nmadeupword0000 0").unwrap();
        assert_eq!((read.size(), read.id("the"), read.id("in fact")), (8, Some(4), Some(6)));
        assert_eq!(
            (read.symbol(5), read.count(5), read.symbol(8)),
            (Some("na\u{ef}ve"), Some(2), None)
        );
        assert_eq!(
            ["<s>", "<pad>", "</s>", "<unk>"].map(|symbol| read.id(symbol).unwrap()),
            [0, 1, 2, 3]
        );
        assert_eq!(rewritten(&read), read);
        assert_eq!(parse("").unwrap().size(), 4);
    }

    #[test]
    fn a_later_symbol_takes_an_earlier_ones_place_where_it_is_told_to() {
        let read = parse("a 1\nb 2\na 3 #fairseq:overwrite\n<pad> 4 #fairseq:overwrite\n").unwrap();
        assert_eq!((read.size(), read.id("a"), read.symbol(4)), (8, Some(6), Some("a")));
        assert_eq!((read.id("<pad>"), read.symbol(1)), (Some(7), Some("<pad>")));
        assert_eq!(rewritten(&read), read);
    }

    #[test]
    fn each_defect_is_named_with_its_line() {
        let cases = [
            ("a 1\nb\n", "line 2: \"b\", expected a symbol, a space and its count"),
            ("a 1\n\nb 1\n", "line 2: \"\", expected a symbol"),
            ("a -1\n", "line 1: \"a -1\", expected"),
            ("a 99999999999999999999\n", "line 1"),
            (" 5\n", "line 1: no symbol before the count"),
            ("a 1\nb 2\na 3\n", "line 3: \"a\" is already on line 1"),
            ("<pad> 3\n", "line 1: \"<pad>\" is already a special symbol"),
            ("a #fairseq:overwrite\n", "line 1: \"a\", expected"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("dict.xx.txt line "), "{error}");
            assert!(error.contains(expected), "{error}\nexpected: {expected}");
        }
        let error = Dictionary::parse(b"a 1\nb\xff 2\n", "d").unwrap_err().to_string();
        assert_eq!(error, "d line 2: not UTF-8 from byte 2 of the line on");
        let error = Dictionary::read("/nowhere/dict.xx.txt".as_ref()).unwrap_err().to_string();
        assert_eq!(error, "cannot read /nowhere/dict.xx.txt");
        let long = format!("{} x", "long".repeat(1000));
        assert!(parse(&long).unwrap_err().to_string().len() < 150);
    }

    #[test]
    fn more_symbols_than_any_dictionary_has_are_refused() {
        let lines: String = (0..MOST_SYMBOLS).map(|word| format!("{word} 1\n")).collect();
        let error = parse(&lines).unwrap_err().to_string();
        assert_eq!(error, "dict.xx.txt line 1999997: more than 2000000 symbols");
        let long = vec![b'a'; LONGEST_FILE as usize + 1];
        let error = Dictionary::parse(&long, "d").unwrap_err().to_string();
        assert_eq!(error, "d line 1: the file goes on beyond 67108864 bytes");
    }

    #[test]
    fn symbols_of_ones_own_must_be_tokens() {
        let made = |symbols: &[&str]| {
            Dictionary::new(symbols.iter().map(|symbol| (symbol.to_string(), 1)))
        };
        assert_eq!(made(&["a", "b"]).unwrap(), parse("a 1\nb 1\n").unwrap());
        for (symbols, expected) in [
            (["a", "a"], "\"a\" is already on line 1"),
            (["a", "b c"], "has white space in it"),
            (["a", ""], "no symbol"),
        ] {
            let error = made(&symbols).unwrap_err().to_string();
            assert!(error.starts_with("in memory line 2: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn lines_become_numbers_and_text_again() {
        let dictionary = parse("ein 3\nklein@@ 2\nes 2\nHaus 1\n").unwrap();
        assert!(dictionary.has_pieces() && !parse("a@@b 1\n").unwrap().has_pieces());
        let ids = dictionary.encode("  ein klein@@\u{2003}es Haus </s> <pad> Hof\t");
        assert_eq!(ids, [4, 5, 6, 7, 3, 3, 3, 2]);
        assert_eq!(dictionary.decode(&ids), "ein kleines Haus <unk> <unk> <unk>");
        assert_eq!(dictionary.decode(&[2, 4, 99, 5, 2, 1, 1]), "ein <unk> klein");
        assert_eq!(dictionary.encode(" "), [2]);
        assert_eq!(dictionary.decode(&[]), "");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(b" \n10ab#".to_vec()),
        ], 0..200)) {
            let _ = Dictionary::parse(&bytes, "any");
        }

        #[test]
        fn what_is_read_is_written_and_read_again(lines in proptest::collection::vec(
            ("[ab@ #\u{e9}]{0,3}", 0..20u64, any::<bool>()), 0..12,
        )) {
            let line = |(symbol, count, overwrite): (String, u64, bool)| {
                format!("{symbol} {count}{}\n", if overwrite { " #fairseq:overwrite" } else { "" })
            };
            if let Ok(read) = parse(&lines.into_iter().map(line).collect::<String>()) {
                prop_assert_eq!(rewritten(&read), read);
            }
        }
    }
}
