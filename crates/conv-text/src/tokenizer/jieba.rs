//! Chinese, which writes no blanks between its words: segmented by jieba before the tokenizer.

/// Jieba's dictionary and its hidden Markov model for words that are not in it.
pub struct Jieba(jieba_rs::Jieba);

impl std::fmt::Debug for Jieba {
    /// Its name: the dictionary has hundreds of thousands of words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jieba")
    }
}

impl Default for Jieba {
    /// Loads the dictionary that comes with jieba: make one and keep it.
    fn default() -> Self {
        Self(jieba_rs::Jieba::new())
    }
}

impl Jieba {
    /// The text's words with blanks between them, for [`Style::Unicode`](super::Style::Unicode);
    /// other scripts pass through.
    pub fn segment(&self, text: &str) -> String {
        let words: Vec<&str> = self.0.cut(text, true).into_iter().map(|token| token.word).collect();
        words.join(" ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tokenizer::{Style, Tokenizer};

    #[test]
    fn a_chinese_sentence_becomes_words() {
        let text = Jieba::default().segment("我有一头小毛驴");
        let tokenizer = Tokenizer::fit(Style::Unicode, &[&text]).unwrap();
        assert_eq!(tokenizer.words(&text).unwrap(), ["我", "有", "一头", "小毛驴"]);
        assert_eq!(tokenizer.ids(&text).unwrap().len(), 4);
    }
}
