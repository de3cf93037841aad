//! Which languages, and which files of a folder hold them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is translated into what, written `de-en`.
///
/// ```
/// use conv_translate::data::Languages;
/// let languages: Languages = "de-en".parse()?;
/// assert_eq!((languages.source(), languages.target()), ("de", "en"));
/// # Ok::<(), conv_translate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Languages {
    source: String,
    target: String,
}

impl Languages {
    /// The language that is read, as the files' names end: `de`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The language that is written.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether a file of either language begins with `prefix`, as [`Languages::files`] reads names.
    ///
    /// # Errors
    /// [`Error::Hub`] for a folder that cannot be read.
    pub fn have_files(&self, prefix: &Path) -> Result<bool> {
        let found = Found::below(prefix)?;
        Ok([&self.source, &self.target].iter().any(|language| found.of(language).next().is_some()))
    }

    /// The files that hold the two sides of `prefix`, a path such as `data/train`: `train.de` and
    /// `train.en`, or with more between (`train.lc.norm.tok.de`), each gzipped or not.
    ///
    /// # Errors
    /// [`Error::Language`] for a language without a file, with those that have one;
    /// [`Error::SeveralFiles`] where what stands between is not the same, or there are several
    /// pairs and none is `train.de`, `train.en`; [`Error::Hub`] for a folder that cannot be read.
    pub fn files(&self, prefix: &Path) -> Result<[PathBuf; 2]> {
        let found = Found::below(prefix)?;
        for language in [&self.source, &self.target] {
            if found.of(language).next().is_none() {
                return Err(Error::Language {
                    prefix: prefix.to_path_buf(),
                    pair: self.to_string(),
                    language: language.clone(),
                    found: found.languages(),
                });
            }
        }
        // Two forms of a corpus in one folder are not mixed.
        let mut pairs: Vec<[&File; 2]> = Vec::new();
        for source in found.of(&self.source) {
            let target = found.of(&self.target).find(|target| target.between == source.between);
            pairs.extend(target.map(|target| [source, target]));
        }
        // `train.de` and its unpacked form come first, as their names do.
        pairs.dedup_by_key(|pair| &pair[0].between);
        let plain = pairs.iter().find(|pair| pair[0].between.is_empty());
        match (plain, pairs.as_slice()) {
            (Some(pair), _) | (None, [pair]) => Ok(pair.map(|file| file.path.clone())),
            _ => Err(Error::SeveralFiles {
                prefix: prefix.to_path_buf(),
                pair: self.to_string(),
                found: found.names(&[&self.source, &self.target]),
            }),
        }
    }
}

impl fmt::Display for Languages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.source, self.target)
    }
}

impl FromStr for Languages {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '@')
        };
        match text.split_once('-') {
            Some((source, target)) if name(source) && name(target) && source != target => {
                Ok(Self { source: source.into(), target: target.into() })
            }
            _ => Err(Error::LanguagePair { found: text.into() }),
        }
    }
}

impl TryFrom<String> for Languages {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Languages> for String {
    fn from(languages: Languages) -> Self {
        languages.to_string()
    }
}

/// A file whose name begins with a prefix and a dot.
struct File {
    path: PathBuf,
    /// What stands between the prefix and the language.
    between: String,
    language: String,
}

/// The files of a prefix, in the order of their names.
struct Found(Vec<File>);

impl Found {
    fn below(prefix: &Path) -> Result<Self> {
        let folder = match prefix.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let start = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let failed = |source| Error::read(folder, source);
        let mut names: Vec<OsString> = std::fs::read_dir(folder)
            .map_err(failed)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<std::io::Result<_>>()
            .map_err(failed)?;
        names.sort();
        let file = |name: &OsString| {
            let text = name.to_str()?.strip_prefix(&start)?.strip_prefix('.')?;
            let text = text.strip_suffix(".gz").unwrap_or(text);
            let (between, language) = text.rsplit_once('.').unwrap_or(("", text));
            let between = between.to_owned();
            let language = language.to_owned();
            Some(File { path: folder.join(name), between, language })
        };
        Ok(Self(names.iter().filter_map(file).collect()))
    }

    fn of(&self, language: &str) -> impl Iterator<Item = &File> {
        self.0.iter().filter(move |file| file.language == language)
    }

    fn languages(&self) -> String {
        let found: BTreeSet<&str> = self.0.iter().map(|file| file.language.as_str()).collect();
        if found.is_empty() {
            "no file of that prefix".into()
        } else {
            found.into_iter().collect::<Vec<_>>().join(", ")
        }
    }

    fn names(&self, languages: &[&String]) -> String {
        let files = self.0.iter().filter(|file| languages.contains(&&file.language));
        let name =
            |file: &File| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.map(name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn files(names: &[&str], pair: &str, prefix: &str) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = pair.parse::<Languages>()?.files(&folder.path().join(prefix))?;
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(found.iter().map(name).collect())
    }

    #[test]
    fn files_are_found_with_more_in_their_names_and_gzipped() {
        let names = ["train.de", "train.lc.norm.tok.de", "train.en.gz", "val.de", "train.fr"];
        assert_eq!(files(&names, "de-en", "train").unwrap(), ["train.de", "train.en.gz"]);
        let names = ["train.lc.norm.tok.de", "train.lc.norm.tok.en", "trained.de"];
        let found = files(&names, "en-de", "train").unwrap();
        assert_eq!(found, ["train.lc.norm.tok.en", "train.lc.norm.tok.de"]);
    }

    #[test]
    fn an_unknown_language_is_named_beside_those_there() {
        let error = files(&["train.de", "train.en.gz", "val.xx"], "de-xx", "train").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("train: no file for `xx` of the pair de-xx, found de, en"),
            "{error}"
        );
        let error = files(&["val.de"], "de-en", "train").unwrap_err().to_string();
        assert!(error.ends_with("found no file of that prefix"), "{error}");
    }

    #[test]
    fn forms_of_a_corpus_are_neither_mixed_nor_chosen_from() {
        let several = ["train.a.de", "train.a.en", "train.b.de", "train.b.en"];
        let error = files(&several, "de-en", "train").unwrap_err().to_string();
        assert!(error.ends_with("found train.a.de, train.a.en, train.b.de, train.b.en"), "{error}");
        assert!(files(&["train.a.de", "train.b.en"], "de-en", "train").is_err());
        let packed = ["train.de", "train.de.gz", "train.en", "train.tok.de", "train.tok.en"];
        assert_eq!(files(&packed, "de-en", "train").unwrap(), ["train.de", "train.en"]);
    }

    #[test]
    fn a_pair_is_two_names_with_a_hyphen() {
        for text in ["deen", "de-", "-en", "de-de", "de-../en", ""] {
            let error = text.parse::<Languages>().unwrap_err().to_string();
            assert!(error.contains("expected two languages as in de-en"), "{error}");
        }
        assert_eq!("zh_CN-en".parse::<Languages>().unwrap().to_string(), "zh_CN-en");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let languages: Languages = "de-en".parse().unwrap();
        let error = languages.files(Path::new("no-such-folder/train")).unwrap_err().to_string();
        assert_eq!(error, "cannot read no-such-folder");
    }
}
