//! N-gram models as ARPA files, which other tools write and read too.

use super::ngram::{Gram, HIGHEST_ORDER, NEVER, NgramModel};
use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines, Place};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

impl NgramModel {
    /// The model as an ARPA file's text: sections of sequences by their length, in the order of
    /// their words.
    pub fn to_arpa(&self) -> String {
        let mut sections: Vec<Vec<(Vec<&str>, Gram)>> = vec![Vec::new(); self.order];
        for (ids, &gram) in &self.grams {
            let words = ids.iter().map(|&id| self.words[id as usize].as_str()).collect();
            sections[ids.len() - 1].push((words, gram));
        }
        let mut text = String::from("\\data\\\n");
        // Writing to a string cannot fail.
        for (order, grams) in (1..).zip(&sections) {
            _ = writeln!(text, "ngram {order}={}", grams.len());
        }
        for (order, grams) in (1..).zip(&mut sections) {
            grams.sort_by(|(a, _), (b, _)| a.cmp(b));
            _ = writeln!(text, "\n\\{order}-grams:");
            for (words, Gram { log_probability, backoff }) in grams {
                _ = write!(text, "{log_probability}\t{}", words.join(" "));
                _ = if order < self.order { writeln!(text, "\t{backoff}") } else { writeln!(text) };
            }
        }
        text + "\n\\end\\\n"
    }

    /// Reads an ARPA file. What stands before the line `\data\` is left alone, whatever it looks
    /// like. A sequence's words must be among the single ones; how many sequences there are is what
    /// the file has, and must be what it says.
    ///
    /// # Errors
    /// A file that cannot be read, or the first line that is not as it should be, with what was
    /// found there and what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let mut lines = Lines::open(path, Encoding::Utf8)?;
        let mut reader = Reader { at: Place { file: path.display().to_string(), line: 0 } };
        let mut next = |reader: &mut Reader| -> Result<Option<String>> {
            loop {
                let Some(line) = lines.next().transpose()? else { return Ok(None) };
                reader.at = line.0;
                let text = line.1.trim();
                if !text.is_empty() {
                    return Ok(Some(text.to_string()));
                }
            }
        };
        let cut =
            |reader: &Reader, expected: &'static str| reader.bad("the end of the file", expected);
        loop {
            match next(&mut reader)? {
                Some(line) if line == "\\data\\" => break,
                Some(_) => {}
                None => return Err(cut(&reader, "a line `\\data\\`")),
            }
        }
        let mut counts: Vec<u64> = Vec::new();
        let mut line = next(&mut reader)?;
        while let Some(text) = line.as_deref().filter(|text| text.starts_with("ngram ")) {
            counts.push(reader.count(text, counts.len() + 1)?);
            line = next(&mut reader)?;
        }
        if counts.is_empty() || counts.len() > HIGHEST_ORDER {
            let found = format!("{} lines of counts", counts.len());
            return Err(reader.bad(&found, "1 to 8 lines such as `ngram 1=107`"));
        }
        let mut model = NgramModel::of(counts.len(), Vec::new());
        for (order, &count) in (1..).zip(&counts) {
            let header = format!("\\{order}-grams:");
            match line.as_deref() {
                Some(text) if text == header => {}
                found => return Err(reader.bad(found.unwrap_or("the end of the file"), &header)),
            }
            let mut words = Vec::new();
            let mut grams = HashMap::new();
            line = next(&mut reader)?;
            while let Some(text) = line.as_deref().filter(|text| !text.starts_with('\\')) {
                let (gram, found) = reader.gram(text, (order, counts.len()))?;
                let ids: Box<[u32]> = if order == 1 {
                    words.push(gram[0].to_string());
                    [words.len() as u32 - 1].into()
                } else {
                    let id = |word: &&str| {
                        model.id(word).ok_or_else(|| reader.bad(word, "a word of the 1-grams"))
                    };
                    gram.iter().map(id).collect::<Result<_>>()?
                };
                if grams.insert(ids, found).is_some() {
                    return Err(reader.bad(&gram.join(" "), "each sequence once"));
                }
                line = next(&mut reader)?;
            }
            if grams.len() as u64 != count {
                let found = format!("{} sequences", grams.len());
                return Err(reader.bad(&found, &format!("{count}, as `ngram {order}=` says")));
            }
            if order == 1 {
                model = NgramModel::of(counts.len(), words);
                if model.words().count() == 0 || model.has_repeats() {
                    return Err(reader.bad("no word, or one twice", "each word once"));
                }
            }
            model.grams.extend(grams);
        }
        match line.as_deref() {
            Some("\\end\\") => Ok(model),
            found => Err(reader.bad(found.unwrap_or("the end of the file"), "`\\end\\`")),
        }
    }
}

/// Where a file is being read.
struct Reader {
    at: Place,
}

impl Reader {
    fn bad(&self, found: &str, expected: &str) -> Error {
        let found: String = found.chars().take(80).collect();
        Error::Arpa { at: self.at.clone(), found, expected: expected.into() }
    }

    /// `ngram 2=31`, where 2 is `order`.
    fn count(&self, text: &str, order: usize) -> Result<u64> {
        let parts = text["ngram ".len()..].split_once('=');
        let parts = parts
            .map(|(order, count)| (order.trim().parse::<usize>(), count.trim().parse::<u64>()));
        match parts {
            Some((Ok(found), Ok(count))) if found == order => Ok(count),
            _ => Err(self.bad(text, &format!("`ngram {order}=` and a count"))),
        }
    }

    /// A probability, so many words, and but for the longest sequences perhaps a back-off weight;
    /// all as log10.
    fn gram<'t>(
        &self,
        text: &'t str,
        (order, highest): (usize, usize),
    ) -> Result<(Vec<&'t str>, Gram)> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let has_backoff = fields.len() == order + 2 && order < highest;
        if fields.len() != order + 1 && !has_backoff {
            let words = if order == 1 { "a word".into() } else { format!("{order} words") };
            let rest = if order < highest { ", perhaps a back-off weight" } else { "" };
            return Err(self.bad(text, &format!("a probability, {words}{rest}")));
        }
        let number = |field: &str, most: f32| match field.parse::<f32>() {
            // Nothing is less likely than never; rounding may bring a probability just above 1.
            Ok(value) if value <= most && !value.is_nan() => Ok(value.max(NEVER)),
            _ => Err(self.bad(field, "the log10 of a probability or of a back-off weight")),
        };
        let log_probability = number(fields[0], 0.001)?;
        let backoff = if has_backoff { number(fields[order + 1], -NEVER)? } else { 0.0 };
        Ok((fields[1..=order].to_vec(), Gram { log_probability, backoff }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

    fn read(text: &str) -> std::result::Result<NgramModel, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("words.arpa");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        let message =
            |error: Error| error.to_string().replace(&path.display().to_string(), "words.arpa");
        NgramModel::read(&path).map_err(message)
    }

    #[test]
    fn a_model_is_what_it_was_when_it_is_read_again() -> Outcome {
        for order in 1..4 {
            let model = NgramModel::train(["GO ON", "GO HOME NOW", ""], ["STAY"], order);
            let again = read(&model.to_arpa())?;
            for (history, word) in
                [("", "GO"), ("GO", "ON"), ("ON", "HOME"), ("X", "STAY"), ("GO HOME", "X")]
            {
                let of = |model: &NgramModel| {
                    model.log_probability(&model.history(history), model.id(word))
                };
                assert_eq!(of(&again), of(&model), "{history} {word}");
            }
            assert_eq!(again.to_arpa(), model.to_arpa());
        }
        Ok(())
    }

    #[test]
    fn a_preamble_with_sections_of_its_own_does_no_harm() -> Outcome {
        let text = "Data formats:\nBeginning of data mark: \\data\\\nngram 1=nr\n\\1-grams:\np_1 wd_1\n\\end\\ or so\n\n\
                    \\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.3\t<UNK>\t0.0\n-99 <s> -0.5\n-0.3 A\n\n\\2-grams:\n-0.1 <s> A\n\n\\end\\\n";
        let model = read(text)?;
        assert_eq!((model.order(), model.words().collect::<Vec<_>>()), (2, vec!["A"]));
        let ten = std::f64::consts::LN_10;
        assert!(
            (model.log_probability(&model.history(""), model.id("A")) + 0.1 * ten).abs() < 1e-6
        );
        // An unknown word behind the start: -0.5 - 0.3.
        assert!((model.log_probability(&model.history(""), None) + 0.8 * ten).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let model = "\\data\\\nngram 1=1\n\\1-grams:\n-0.3 A\n\\end\\\n";
        assert!(read(model).is_ok());
        for (from, to, expected) in [
            ("\\data\\", "data", "line 5: found the end of the file, expected a line `\\data\\`"),
            ("ngram 1=1", "ngram 1=x", "line 2: found ngram 1=x, expected `ngram 1=` and a count"),
            ("ngram 1=1", "ngram 2=1", "line 2: found ngram 2=1, expected `ngram 1=` and a count"),
            (
                "=1\n",
                "=18446744073709551615\n",
                "line 5: found 1 sequences, expected 18446744073709551615",
            ),
            ("\\1-grams:", "\\2-grams:", "line 3: found \\2-grams:, expected \\1-grams:"),
            ("-0.3 A", "-0.3", "line 4: found -0.3, expected a probability, a word"),
            ("-0.3 A", "0.3 A", "line 4: found 0.3, expected the log10 of a probability"),
            ("-0.3 A", "NaN A", "line 4: found NaN, expected the log10 of a probability"),
            ("-0.3 A", "-0.3 A -0.1", "line 4: found -0.3 A -0.1, expected a probability, a word"),
            ("-0.3 A\n", "-0.3 A\n-0.3 A\n", "line 6: found 2 sequences, expected 1"),
            ("\\end\\\n", "", "line 4: found the end of the file, expected `\\end\\`"),
        ] {
            let error = read(&model.replacen(from, to, 1)).err().unwrap_or_default();
            assert!(error.contains(expected), "{to}: {error}");
        }
        for end in 0..model.len() - 6 {
            assert!(read(&model[..end]).is_err(), "{end}");
        }
    }

    proptest::proptest! {
        /// A file in which bytes are others, cut out or doubled is a model or an error that names
        /// it and the line.
        #[test]
        fn a_damaged_file_is_read_or_named(
            changes in proptest::collection::vec((0usize..400, proptest::prelude::any::<u8>(), 0u8..3), 1..6),
        ) {
            let mut bytes = NgramModel::train(["GO ON", "GO HOME NOW"], ["STAY"], 3).to_arpa().into_bytes();
            for (at, byte, kind) in changes {
                let at = at % bytes.len();
                match kind {
                    0 => bytes[at] = byte,
                    1 => _ = bytes.splice(at..(at + usize::from(byte)).min(bytes.len()), []),
                    _ => {
                        let part = bytes[at..(at + usize::from(byte)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            match read(&String::from_utf8_lossy(&bytes)) {
                Ok(model) => proptest::prop_assert!(model.order() <= 3),
                Err(error) => proptest::prop_assert!(error.contains("words.arpa"), "{}", error),
            }
        }
    }
}
