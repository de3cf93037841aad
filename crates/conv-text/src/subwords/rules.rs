//! What a word is: pipelines of the `tokenizers` crate, so that a saved `tokenizer.json` holds all
//! of it.

use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence as PreSequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::tokenizer::SplitDelimiterBehavior::Isolated;
use tokenizers::{
    AddedToken, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Result, Tokenizer,
};

use super::{SPECIALS, SubwordConfig, TextForm};

/// Stands for the blank before a word.
const BLANK: char = '▁';

/// A tokenizer of subwords, whose words begin with the mark of a blank.
pub(super) fn subwords(
    model: impl Into<ModelWrapper>,
    config: &SubwordConfig,
) -> Result<Tokenizer> {
    let metaspace = Metaspace::new(BLANK, PrependScheme::Always, true);
    let mut steps: Vec<PreTokenizerWrapper> = vec![metaspace.clone().into()];
    if config.text == TextForm::Raw {
        let marks = SplitPattern::Regex(format!(r"{BLANK}?\p{{P}}+"));
        steps.push(Split::new(marks, Isolated, false)?.into());
    }
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer(config, &BLANK.to_string())?))?;
    tokenizer.with_pre_tokenizer(Some(PreSequence::new(steps)));
    tokenizer.with_decoder(Some(metaspace));
    tokenizer.add_special_tokens(SPECIALS.map(|name| AddedToken::from(name, true)))?;
    Ok(tokenizer)
}

/// A tokenizer of whole words.
pub(super) fn words(words: Vec<String>, config: &SubwordConfig) -> Result<Tokenizer> {
    let config = SubwordConfig { text: TextForm::Tokens, ..config.clone() };
    split_at_blanks(words, normalizer(&config, &BLANK.to_string())?)
}

/// The same of words that another program made, which stay as they are: they may begin with the
/// mark of a blank.
pub(super) fn foreign_words(words: Vec<String>) -> Result<Tokenizer> {
    let text = TextForm::Tokens;
    let config = SubwordConfig { text, normalize: false, ..SubwordConfig::default() };
    split_at_blanks(words, normalizer(&config, "")?)
}

fn split_at_blanks(words: Vec<String>, normalizer: NormalizerWrapper) -> Result<Tokenizer> {
    if !words.iter().take(SPECIALS.len()).eq(SPECIALS.iter()) {
        let found = words.iter().take(SPECIALS.len()).cloned().collect::<Vec<_>>().join(" ");
        return Err(
            format!("words that begin with {found:?}, expected {:?}", SPECIALS.join(" ")).into()
        );
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = words.iter().find(|word| !seen.insert(word.as_str())) {
        return Err(format!("the word {twice:?} comes twice, expected each once").into());
    }
    let model = WordLevel::builder()
        .vocab(words.into_iter().zip(0..).collect())
        .unk_token("<unk>".into())
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer))?;
    tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
    // Special tokens stay words like others: as added tokens they would be found inside of words.
    Ok(tokenizer)
}

/// Runs of blanks, and of what is as good as one, become one blank.
fn normalizer(config: &SubwordConfig, mark: &str) -> Result<NormalizerWrapper> {
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if config.normalize {
        steps.push(NFC.into());
    }
    if config.lowercase {
        steps.push(Lowercase.into());
    }
    // Of raw text, blanks of other widths are text; tokens stand between blanks of any kind.
    let blanks = match config.text {
        TextForm::Raw => r" \p{Cc}\p{Zl}\p{Zp}",
        TextForm::Tokens => r"\s\p{Cc}",
    };
    let run = ReplacePattern::Regex(format!("[{blanks}{mark}]+"));
    steps.push(Replace::new(run, " ")?.into());
    steps.push(Strip::new(true, true).into());
    Ok(Sequence::new(steps).into())
}
