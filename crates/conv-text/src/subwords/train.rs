//! A vocabulary from a sample of lines.

use std::collections::HashMap;

use rayon::prelude::*;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    Tokenizer,
};

use super::{Model, SPECIALS, Sample, SubwordConfig, Subwords, bpe, in_memory, rules, unigram};
use crate::error::{Error, Result};

/// The lines given to one task at a time: fixed, so that the work does not depend on the number of
/// threads.
const BLOCK: usize = 2048;

pub(super) fn train(config: &SubwordConfig, sample: Sample) -> Result<Subwords> {
    config.check()?;
    let specials = SPECIALS.map(str::to_owned).to_vec();
    let rules = match config.model {
        Model::Words => rules::words(specials.clone(), config),
        _ => rules::subwords(tokenizers::models::bpe::BPE::default(), config),
    };
    let counts = words(&rules.map_err(in_memory)?, &sample.into_lines())?;
    if counts.is_empty() {
        return Err(refused("no words in the text, expected some to make a vocabulary of".into()));
    }
    let tokenizer = match config.model {
        Model::Words => {
            let often = counts.into_iter().filter(|(_, count)| *count >= config.least_count);
            let words = often.map(|(word, _)| word).filter(|word| !specials.contains(word));
            let all = specials.iter().cloned().chain(words).take(config.vocabulary).collect();
            rules::words(all, config)
        }
        Model::Bpe => {
            let counts = known(counts, config)?;
            rules::subwords(bpe::train(&counts, config.vocabulary).map_err(in_memory)?, config)
        }
        Model::Unigram => {
            let counts = known(counts, config)?;
            rules::subwords(unigram::train(counts, config.vocabulary).map_err(in_memory)?, config)
        }
    };
    Subwords::new(tokenizer.map_err(in_memory)?, "in memory")
}

/// The words of `lines` and how often each comes, the frequent ones first, equally frequent ones in
/// alphabetical order.
fn words(rules: &Tokenizer, lines: &[Box<str>]) -> Result<Vec<(String, u64)>> {
    let count = |lines: &[Box<str>]| {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for line in lines {
            let mut text = NormalizedString::from(line.as_ref());
            if let Some(normalizer) = rules.get_normalizer() {
                normalizer.normalize(&mut text).map_err(in_memory)?;
            }
            let mut words = PreTokenizedString::from(text);
            if let Some(pre_tokenizer) = rules.get_pre_tokenizer() {
                pre_tokenizer.pre_tokenize(&mut words).map_err(in_memory)?;
            }
            for (word, ..) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(word.to_owned(), 1)),
                }
            }
        }
        Ok::<_, Error>(counts)
    };
    let merge = |mut all: HashMap<String, u64>, block: HashMap<String, u64>| {
        for (word, count) in block {
            *all.entry(word).or_default() += count;
        }
        Ok(all)
    };
    let counts = lines.par_chunks(BLOCK).map(count).try_reduce(HashMap::new, merge)?;
    let mut counts: Vec<_> = counts.into_iter().filter(|(word, _)| !word.is_empty()).collect();
    counts.sort_unstable_by(|(word, count), (other, others)| {
        others.cmp(count).then_with(|| word.cmp(other))
    });
    Ok(counts)
}

/// The words without the characters that come too seldom, at which they are cut.
fn known(counts: Vec<(String, u64)>, config: &SubwordConfig) -> Result<Vec<(String, u64)>> {
    let mut characters: HashMap<char, u64> = HashMap::new();
    for (word, count) in &counts {
        for character in word.chars() {
            *characters.entry(character).or_default() += count;
        }
    }
    characters.retain(|_, count| *count >= config.least_count);
    let needed = characters.len() + SPECIALS.len();
    if needed > config.vocabulary {
        return Err(refused(format!(
            "a vocabulary of {}, expected at least {needed}: the text has {} characters that come {} times or more",
            config.vocabulary,
            characters.len(),
            config.least_count
        )));
    }
    let mut parts: HashMap<String, u64> = HashMap::new();
    for (word, count) in counts {
        for part in word.split(|character| !characters.contains_key(&character)) {
            if !part.is_empty() {
                *parts.entry(part.to_owned()).or_default() += count;
            }
        }
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_unstable();
    Ok(parts)
}

fn refused(reason: String) -> Error {
    Error::Tokenizer { file: "in memory".into(), reason }
}
