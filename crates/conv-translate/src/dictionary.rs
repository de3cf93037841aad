//! fairseq's dictionaries, `dict.LANGUAGE.txt`: a symbol and its count a line. Four symbols that
//! stand in no file come first, so that the file's first line has the number 4.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::{Error, Result};
use conv_text::subwords::{OVERWRITTEN, SPECIALS, Subwords};

/// More bytes than any dictionary has.
const LONGEST_FILE: u64 = 64 << 20;
/// More symbols than any dictionary has: each takes several times the memory of its line.
const MOST_SYMBOLS: usize = 2_000_000;
/// Stands after the count of a symbol that takes the place of an earlier one of the same name.
const OVERWRITE: &str = "#fairseq:overwrite";

/// The numbers of a language's tokens, which are words or pieces of words that somebody else has
/// split.
///
/// ```no_run
/// let german = conv_translate::Dictionary::read("dict.de.txt".as_ref())?.subwords()?;
/// let ids = german.encode("ein klein@@ es Haus")?;
/// assert_eq!(german.decode(&ids)?, "ein kleines Haus");
/// # Ok::<(), conv_translate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    symbols: Vec<Arc<str>>,
    counts: Vec<u64>,
    ids: HashMap<Arc<str>, u32>,
}

impl Dictionary {
    /// A dictionary of these symbols and how often each was seen, in their order.
    ///
    /// # Errors
    /// [`Error::Dictionary`] for a symbol that is empty, has white space in it or is there already;
    /// the line is its place, from 1.
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
    /// [`Error::Read`]; [`Error::Dictionary`] names the line that is not `symbol count` in UTF-8,
    /// or has a symbol that an earlier line has, unless `#fairseq:overwrite` follows. A file beyond
    /// 64 MiB, or of more than two million symbols, is refused.
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
        let mut seen: HashSet<&str> = SPECIALS.into();
        let mut text = String::new();
        for (symbol, count) in self.symbols.iter().zip(&self.counts).skip(SPECIALS.len()) {
            text.push_str(&format!("{symbol} {count}"));
            if !seen.insert(symbol) {
                text.push_str(&format!(" {OVERWRITE}"));
            }
            text.push('\n');
        }
        conv_hub::files::write_atomic(path, text.as_bytes()).map_err(Error::Write)
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

    /// The same as a vocabulary of whole tokens. A symbol that a later line overwrites is met in no
    /// text; nor is one of a special symbol's name, which in a text is an unknown word (in fairseq
    /// `<pad>` would be padding, and `</s>` the end).
    ///
    /// # Errors
    /// Only those of the library of tokenizers.
    pub fn subwords(&self) -> Result<Subwords> {
        let symbol = |(id, symbol): (usize, &Arc<str>)| {
            let is_met = id < SPECIALS.len()
                || self.id(symbol) == Some(id as u32) && !SPECIALS.contains(&&**symbol);
            if is_met { symbol.to_string() } else { format!("{symbol}{OVERWRITTEN}{id}") }
        };
        Ok(Subwords::of_words(self.symbols.iter().enumerate().map(symbol).collect())?)
    }

    fn empty() -> Self {
        let symbols: Vec<Arc<str>> = SPECIALS.map(Arc::from).into();
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
                let place = match before.checked_sub(SPECIALS.len()) {
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
        let subwords = parse("ein 3\nklein@@ 2\nes 2\nHaus 1\n").unwrap().subwords().unwrap();
        let ids = subwords.encode("  ein klein@@\u{2003}es Haus </s> <pad> Ho<pad>f\t").unwrap();
        assert_eq!(ids, [4, 5, 6, 7, 3, 3, 3]);
        assert_eq!(subwords.decode(&ids).unwrap(), "ein kleines Haus <unk> <unk> <unk>");
        assert_eq!(subwords.decode(&[2, 4, 5, 2, 1, 1]).unwrap(), "ein klein");
        assert_eq!(subwords.encode(" ").unwrap(), [0u32; 0]);
        assert_eq!(subwords.joined("ein klein@@ es H@@".into()), "ein kleines H");
        let words = parse("a@@b 1\n").unwrap().subwords().unwrap();
        assert_eq!(words.joined("klein@@ es".into()), "klein@@ es");
    }

    #[test]
    fn what_is_overwritten_is_met_no_more() {
        let text = "a 1\nb 1\na 2 #fairseq:overwrite\n<pad> 1 #fairseq:overwrite\n";
        let dictionary = parse(text).unwrap();
        let subwords = dictionary.subwords().unwrap();
        assert_eq!(subwords.vocabulary().len(), dictionary.size());
        assert_eq!(subwords.encode("a b <pad>").unwrap(), [6, 5, 3]);
        assert_eq!(subwords.decode(&[6, 5, 4]).unwrap(), "a b a");
        let again = Subwords::from_json(&subwords.to_json().unwrap(), "saved").unwrap();
        assert_eq!(again.vocabulary(), subwords.vocabulary());
        assert_eq!(again.encode("a b").unwrap(), [6, 5]);
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
