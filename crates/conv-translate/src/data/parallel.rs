//! Parallel text: a sentence and its translation, from two files of lines or from one of two
//! columns, gzipped or not.

use std::path::Path;

use conv_hub::text::{Encoding, Lines, Place};

use crate::error::{Error, Result};

/// A sentence and its translation, as the files have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPair {
    /// The sentence.
    pub source: String,
    /// Its translation.
    pub target: String,
    /// The line on which both stand, from 1.
    pub line: u64,
}

/// The pairs of a corpus, one after the other, in constant memory; it ends after its first error,
/// or after the first that is not of a line with [`Parallel::go_on`].
///
/// ```
/// use conv_translate::data::Parallel;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pairs.tsv");
/// std::fs::write(&path, "ein Hund\ta dog\tTatoeba 1\n")?;
/// let pair = Parallel::table(&path)?.next().unwrap()?;
/// assert_eq!((pair.source.as_str(), pair.target.as_str()), ("ein Hund", "a dog"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Parallel {
    form: Form,
    goes_on: bool,
    ended: bool,
}

enum Form {
    Files { source: Lines, target: Lines, names: [String; 2], read: u64 },
    Table(Lines),
}

impl Parallel {
    /// The pairs of two files, whose lines of one number are translations of each other.
    ///
    /// # Errors
    /// Here [`Error::Hub`] for a file that cannot be read or is UTF-16. From the iterator
    /// [`Error::LineCounts`] where one file ends before the other, and [`Error::Hub`] for a line
    /// that is not UTF-8 or longer than [`MAX_LINE`](conv_hub::text::MAX_LINE).
    pub fn files(source: &Path, target: &Path) -> Result<Self> {
        let names = [source, target].map(|path| path.display().to_string());
        let [source, target] = [source, target].map(|path| Lines::open(path, Encoding::Utf8));
        Ok(Self::of(Form::Files { source: source?, target: target?, names, read: 0 }))
    }

    /// The pairs of one file, with a sentence, a tab and its translation on each line; what comes
    /// after another tab is no part of them. A blank line is a pair of empty sentences.
    ///
    /// # Errors
    /// As [`Parallel::files`], with [`Error::Columns`] for a line without a tab instead of
    /// [`Error::LineCounts`].
    pub fn table(path: &Path) -> Result<Self> {
        Ok(Self::of(Form::Table(Lines::open(path, Encoding::Utf8)?)))
    }

    fn of(form: Form) -> Self {
        Self { form, goes_on: false, ended: false }
    }

    /// The same, going on behind a line that is too long, no text or no pair: what answers line by
    /// line has an answer for each.
    #[must_use]
    pub fn go_on(self) -> Self {
        let form = match self.form {
            Form::Table(lines) => Form::Table(lines.go_on()),
            Form::Files { source, target, names, read } => {
                Form::Files { source: source.go_on(), target: target.go_on(), names, read }
            }
        };
        Self { form, goes_on: true, ..self }
    }

    fn read(&mut self) -> Result<Option<TextPair>> {
        match &mut self.form {
            Form::Files { source, target, names, read } => {
                // Both first: the lines behind one that is no text still belong together.
                match (source.next(), target.next()) {
                    (Some(source), Some(target)) => {
                        *read += 1;
                        let ((at, source), (_, target)) = (source?, target?);
                        Ok(Some(TextPair { source, target, line: at.line }))
                    }
                    (None, None) => Ok(None),
                    (first, second) => {
                        let rest = |lines: &mut Lines| {
                            lines.try_fold(1, |count, line| line.map(|_| count + 1))
                        };
                        let lines = [
                            *read + if first.is_some() { rest(source)? } else { 0 },
                            *read + if second.is_some() { rest(target)? } else { 0 },
                        ];
                        Err(Error::LineCounts { files: names.clone(), lines })
                    }
                }
            }
            Form::Table(lines) => match lines.next().transpose()? {
                Some((at, line)) => columns(at, &line).map(Some),
                None => Ok(None),
            },
        }
    }
}

fn columns(at: Place, line: &str) -> Result<TextPair> {
    let mut columns = line.split('\t');
    let source = columns.next().unwrap_or_default();
    match columns.next() {
        Some(target) => {
            Ok(TextPair { source: source.into(), target: target.into(), line: at.line })
        }
        None if line.trim().is_empty() => {
            Ok(TextPair { source: String::new(), target: String::new(), line: at.line })
        }
        None => Err(Error::Columns { at }),
    }
}

impl Iterator for Parallel {
    type Item = Result<TextPair>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let pair = self.read().transpose();
        self.ended = match &pair {
            Some(Ok(_)) => false,
            Some(Err(error)) => !(self.goes_on && error.is_of_one()),
            None => true,
        };
        pair
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn files(source: &[u8], target: &[u8]) -> (tempfile::TempDir, [PathBuf; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["train.de", "train.en"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], source).unwrap();
        std::fs::write(&paths[1], target).unwrap();
        (folder, paths)
    }

    fn read(source: &[u8], target: &[u8]) -> (usize, Option<String>) {
        let (_folder, [source, target]) = files(source, target);
        let (mut pairs, mut error) = (0, None);
        for pair in Parallel::files(&source, &target).unwrap() {
            match pair {
                Ok(_) => pairs += 1,
                Err(found) => error = Some(found.to_string()),
            }
        }
        (pairs, error)
    }

    #[test]
    fn lines_of_one_number_are_a_pair_and_empty_ones_keep_their_place() {
        let (_folder, [source, target]) = files(b"eins\r\n\ndrei", b"one\ntwo\nthree\n");
        let pairs = Parallel::files(&source, &target).unwrap();
        let pairs: Vec<_> = pairs.map(|pair| pair.unwrap()).collect();
        let expected = [("eins", "one", 1), ("", "two", 2), ("drei", "three", 3)];
        let expected = expected.map(|(source, target, line)| TextPair {
            source: source.into(),
            target: target.into(),
            line,
        });
        assert_eq!(pairs, expected);
    }

    #[test]
    fn files_of_different_lengths_are_named_with_both_counts() {
        let (pairs, error) = read(b"1\n2\n3\n4\n5\n", b"1\n2\n3\n");
        let error = error.unwrap();
        assert_eq!(pairs, 3);
        assert!(error.contains("train.de has 5 lines and "), "{error}");
        assert!(error.contains("train.en has 3, expected as many"), "{error}");
        let (_, error) = read(b"", b"1\n2\n");
        assert!(error.unwrap().contains("train.de has 0 lines"));
        assert_eq!(read(b"", b""), (0, None));
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named_with_file_and_line() {
        let (pairs, error) = read(b"gut\ngut\n", b"fine\ncaf\xe9\n");
        let error = error.unwrap();
        assert_eq!(pairs, 1);
        assert!(error.contains("train.en line 2: byte 0xe9 at column 4 is not UTF-8"), "{error}");
        let (_folder, [source, target]) = files(b"\xff\xfea\0", b"a\n");
        let error = Parallel::files(&source, &target).err().unwrap().to_string();
        assert!(error.contains("train.de is UTF-16"), "{error}");
    }

    #[test]
    fn where_it_goes_on_pairs_behind_a_bad_line_still_belong_together() {
        let (_folder, [source, target]) = files(b"1\ncaf\xe9\n3\n4", b"one\ntwo\n\xff\nfour");
        let pairs: Vec<_> = Parallel::files(&source, &target).unwrap().go_on().collect();
        assert_eq!(pairs.len(), 4);
        let last = pairs[3].as_ref().unwrap();
        assert_eq!((last.source.as_str(), last.target.as_str(), last.line), ("4", "four", 4));
        let error = |at: usize| pairs[at].as_ref().unwrap_err().to_string();
        assert!(error(1).contains("train.de line 2") && error(2).contains("train.en line 3"));
        let path = source.with_file_name("pairs.tsv");
        std::fs::write(&path, "a\tb\nonly one\nc\td\n").unwrap();
        let pairs: Vec<_> = Parallel::table(&path).unwrap().go_on().collect();
        assert_eq!(pairs.iter().map(|pair| pair.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn a_line_beyond_a_mebibyte_is_named() {
        let long = vec![b'a'; (1 << 20) + 1];
        let (_, error) = read(&long, b"a\n");
        assert!(error.unwrap().contains("train.de line 1: longer than 1048576 bytes"));
    }

    #[test]
    fn a_table_has_two_columns_and_others_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, "a\tb\n\nc\t\td\te\nonly one\n").unwrap();
        let mut pairs = Parallel::table(&path).unwrap();
        let mut next = || pairs.next().unwrap().map(|pair| (pair.source, pair.target));
        assert_eq!(next().unwrap(), ("a".into(), "b".into()));
        assert_eq!(next().unwrap(), (String::new(), String::new()));
        assert_eq!(next().unwrap(), ("c".into(), String::new()));
        let error = next().unwrap_err().to_string();
        assert!(error.contains("pairs.tsv line 4: no tab, expected a sentence"), "{error}");
        assert!(pairs.next().is_none());
    }
}
