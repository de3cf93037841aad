//! The files of the seven sets, and one form for the treebank's three ways of writing.

use std::path::Path;

use conv_hub::text::{Encoding, Lines, Place};

use super::KimSet;
use super::set::KimData;
use crate::data::trees::{Granularity, Phrase, distinct, read_trees};
use crate::error::{Error, Result};
use conv_text::data::Example;

impl KimSet {
    /// Reads the set below `folder`, which holds a folder a set (`mr/rt-polarity.all`,
    /// `sst1/stsa.fine.train`, …).
    ///
    /// Without `sst1` or `sst2`, the treebank's own `trees/{train,dev,test}.txt` serve for either.
    ///
    /// # Errors
    /// [`Error::Hub`] for a missing file or one that is not text, [`Error::Text`] or
    /// [`Error::Tree`] for a wrong line.
    pub fn load(self, folder: &Path) -> Result<KimData> {
        let file = |name: &str, encoding| self.read(&folder.join(self.name()).join(name), encoding);
        match self {
            Self::Mr => KimData::whole(self, file("rt-polarity.all", Encoding::Latin1)?),
            Self::Subj => KimData::whole(self, file("subj.all", Encoding::Latin1)?),
            Self::Cr => KimData::whole(self, file("custrev.all", Encoding::Latin1)?),
            Self::Mpqa => KimData::whole(self, file("mpqa.all", Encoding::Latin1)?),
            Self::Trec => {
                let read = |part| file(&format!("TREC.{part}.all"), Encoding::Latin1);
                KimData::parts(self, [read("train")?, vec![], read("test")?], vec![])
            }
            Self::Sst1 | Self::Sst2 => {
                let (kind, granularity) = match self {
                    Self::Sst1 => ("fine", Granularity::Fine),
                    _ => ("binary", Granularity::Binary),
                };
                let trees = folder.join("trees");
                if !folder.join(self.name()).exists() && trees.exists() {
                    return self.plant(&trees, granularity);
                }
                let read = |part| {
                    Ok::<_, Error>(normal(file(&format!("stsa.{kind}.{part}"), Encoding::Utf8)?))
                };
                KimData::parts(
                    self,
                    [read("train")?, read("dev")?, read("test")?],
                    read("phrases.train")?,
                )
            }
        }
    }

    /// Lines of `NUMBER text`; a number alone has an empty text.
    fn read(self, path: &Path, encoding: Encoding) -> Result<Vec<Example>> {
        let example = |line: conv_hub::Result<(Place, String)>| {
            let (at, line) = line?;
            let (label, text) = line.split_once(' ').unwrap_or((&line, ""));
            match label.parse() {
                Ok(label) if (label as usize) < self.labels().len() => {
                    Ok(Example { text: text.into(), label })
                }
                _ => Err(Error::from(conv_text::Error::Label {
                    at,
                    found: format!("label {:?}", label.chars().take(20).collect::<String>()),
                    expected: format!("a number from 0 to {}", self.labels().len() - 1),
                })),
            }
        };
        Lines::open(path, encoding)?.map(example).collect()
    }

    /// Sentences and phrases from the treebank's trees.
    fn plant(self, folder: &Path, granularity: Granularity) -> Result<KimData> {
        let example = |phrase: &Phrase| {
            granularity
                .class(phrase.sentiment)
                .map(|label| Example { text: phrase.text.clone(), label })
        };
        let read = |part: &str| read_trees(&folder.join(format!("{part}.txt")));
        let sentences = |trees: &[Vec<Phrase>]| {
            normal(trees.iter().filter_map(|tree| tree.last().and_then(example)).collect())
        };
        let train = read("train")?;
        let phrases = normal(distinct(&train).into_iter().filter_map(example).collect());
        KimData::parts(
            self,
            [sentences(&train), sentences(&read("dev")?), sentences(&read("test")?)],
            phrases,
        )
    }
}

/// The treebank's sentence files write `-lrb-` and lower case, its phrases and trees `(` or `-LRB-`
/// and capitals.
fn normal(examples: Vec<Example>) -> Vec<Example> {
    let form = |text: String| text.to_lowercase().replace("-lrb-", "(").replace("-rrb-", ")");
    examples.into_iter().map(|example| Example { text: form(example.text), ..example }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use conv_text::data::Split;

    #[test]
    fn bytes_above_ascii_and_empty_sentences_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mr")).unwrap();
        fs::write(folder.path().join("mr/rt-polarity.all"), b"1 clich\xe9\x85 yes \n0 \n0\n")
            .unwrap();
        let data = KimSet::Mr.load(folder.path()).unwrap();
        assert_eq!(data.corpus.texts(), ["cliché\u{85} yes ", "", ""]);
        fs::write(folder.path().join("mr/rt-polarity.all"), "0 a\n2 b\n").unwrap();
        let error = KimSet::Mr.load(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("rt-polarity.all line 2: label \"2\", expected a number from 0 to 1"),
            "{error}"
        );
        assert!(matches!(
            KimSet::Cr.load(folder.path()),
            Err(Error::Hub(conv_hub::Error::Io { .. }))
        ));
    }

    #[test]
    fn trees_and_sentence_files_give_the_same_set() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("trees/train.txt", "(3 (2 -LRB-) (4 Good))\n(2 (2 So) (2 so))\n");
        write("trees/dev.txt", "(1 Bad)\n");
        write("trees/test.txt", "(2 Meh)\n(4 (3 Very) (3 fine))\n");
        let planted = KimSet::Sst2.load(folder.path()).unwrap();
        write("sst2/stsa.binary.train", "1 -lrb- good\n");
        write("sst2/stsa.binary.dev", "0 bad\n");
        write("sst2/stsa.binary.test", "1 very fine\n");
        write("sst2/stsa.binary.phrases.train", "1 Good\n1 ( Good\n");
        let read = KimSet::Sst2.load(folder.path()).unwrap();
        assert_eq!(planted.corpus, read.corpus);
        let expected = Split { train: vec![3, 4], dev: vec![1], test: vec![2] };
        assert_eq!(read.split(0, 1).unwrap(), expected);
        assert_eq!(planted.split(0, 1).unwrap(), expected);
        assert!(read.split(1, 1).is_err());
    }
}
