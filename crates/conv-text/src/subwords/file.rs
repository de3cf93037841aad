//! A `tokenizer.json` from outside. The `tokenizers` crate trusts one: merges without their tokens,
//! tables that it does not check and rules without bounds make it panic or fill the memory. So what
//! may stand in a file is listed here, and what may make text longer is bounded.

use std::collections::HashSet;

use serde_json::Value;
use tokenizers::Tokenizer;

use super::Specials;
use super::numbers::renumber;

/// How many times longer a file's rules may make a text, at most, each by itself taken at its
/// worst.
const LONGEST: u64 = 256;

/// Under which names files have the special tokens.
const BOS: [&str; 5] = ["<s>", "[BOS]", "<bos>", "<|startoftext|>", "[CLS]"];
const PAD: [&str; 3] = ["<pad>", "[PAD]", "<|pad|>"];
const EOS: [&str; 5] = ["</s>", "[EOS]", "<eos>", "<|endoftext|>", "[SEP]"];
const UNK: [&str; 3] = ["<unk>", "[UNK]", "<|unk|>"];

/// The kinds of each part that do as they are told and no more, with how many times longer they may
/// make a text.
const NORMALIZERS: [(&str, u64); 13] = [
    ("Sequence", 1),
    ("BertNormalizer", 3),
    ("Strip", 1),
    ("StripAccents", 1),
    ("NFC", 3),
    ("NFD", 4),
    ("NFKC", 11),
    ("NFKD", 11),
    ("Lowercase", 2),
    ("Nmt", 1),
    ("Replace", 1),
    ("Prepend", 1),
    ("ByteLevel", 2),
];
const PRE_TOKENIZERS: [(&str, u64); 11] = [
    ("Sequence", 1),
    ("BertPreTokenizer", 1),
    ("ByteLevel", 2),
    ("CharDelimiterSplit", 1),
    ("Digits", 1),
    ("Metaspace", 3),
    ("Punctuation", 1),
    ("Split", 1),
    ("UnicodeScripts", 1),
    ("Whitespace", 1),
    ("WhitespaceSplit", 1),
];
const DECODERS: [(&str, u64); 9] = [
    ("Sequence", 1),
    ("BPEDecoder", 1),
    ("ByteFallback", 1),
    ("ByteLevel", 3),
    ("Fuse", 1),
    ("Metaspace", 1),
    ("Replace", 1),
    ("Strip", 1),
    ("WordPiece", 1),
];

/// The tokenizer of a file's text, without what it would add to a text, or what is wrong and where.
pub(super) fn read(json: &str) -> Result<Tokenizer, String> {
    let mut file: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let Some(fields) = file.as_object_mut() else {
        return Err("not a JSON object".into());
    };
    for field in ["padding", "truncation", "post_processor"] {
        fields.insert(field.into(), Value::Null);
    }
    let growth = part(&file["normalizer"], "normalizer", &NORMALIZERS)?.saturating_mul(part(
        &file["pre_tokenizer"],
        "pre_tokenizer",
        &PRE_TOKENIZERS,
    )?);
    for growth in [growth, part(&file["decoder"], "decoder", &DECODERS)?] {
        if growth > LONGEST {
            return Err(format!(
                "its rules may make a text {growth} times longer, expected at most {LONGEST} times"
            ));
        }
    }
    model(&file["model"])?;
    renumber(&mut file, [&PAD, &EOS, &UNK]);
    serde_json::from_value(file).map_err(|error| error.to_string())
}

/// Checks a part and the parts in it, and gives how many times longer they may make a text.
fn part(part: &Value, field: &str, known: &[(&str, u64)]) -> Result<u64, String> {
    if part.is_null() {
        return Ok(1);
    }
    let kind = part["type"].as_str().unwrap_or_default();
    let Some((_, growth)) = known.iter().find(|(name, _)| *name == kind) else {
        let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "field `{field}` is of type {kind:?}, expected one of {}",
            known.join(", ")
        ));
    };
    match kind {
        "Sequence" => {
            let inner = ["normalizers", "pretokenizers", "decoders"];
            let parts = inner.iter().filter_map(|name| part[*name].as_array()).flatten();
            parts
                .map(|inner| self::part(inner, field, known))
                .try_fold(1, |product: u64, growth| {
                    growth.map(|growth| product.saturating_mul(growth))
                })
        }
        // At worst it stands for one byte, or for none.
        "Replace" => Ok(1 + part["content"].as_str().unwrap_or_default().len() as u64),
        "Prepend" => Ok(1 + part["prepend"].as_str().unwrap_or_default().len() as u64),
        "Strip" if part["stop"].as_u64().is_some_and(|stop| stop > 0) => Err(format!(
            "field `{field}` strips ends of tokens (`stop` is {}), expected 0",
            part["stop"]
        )),
        _ => Ok(*growth),
    }
}

fn model(model: &Value) -> Result<(), String> {
    match model["type"].as_str().unwrap_or_default() {
        "BPE" => bpe(model),
        "WordPiece" | "WordLevel" => Ok(()),
        "Unigram" => {
            let pieces = model["vocab"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(number) = pieces.iter().position(|piece| piece[0].as_str() == Some("")) {
                return Err(format!("field `model.vocab`: token {number} is empty, expected text"));
            }
            match model["unk_id"].as_u64() {
                Some(_) => Ok(()),
                None => Err("field `model.unk_id` is missing, expected a number".into()),
            }
        }
        kind => Err(format!(
            "field `model` is of type {kind:?}, expected one of BPE, Unigram, WordPiece, WordLevel"
        )),
    }
}

/// Every merge joins two tokens of the vocabulary to a third.
fn bpe(model: &Value) -> Result<(), String> {
    if model["dropout"].as_f64().is_some_and(|dropout| dropout > 0.0) {
        return Err(
            "field `model.dropout` is not 0, expected a text to have the same tokens always".into(),
        );
    }
    let Some(vocabulary) = model["vocab"].as_object() else {
        return Err("field `model.vocab` is missing, expected tokens with their numbers".into());
    };
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    let merges = model["merges"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (number, merge) in merges.iter().enumerate() {
        let parts = match merge {
            Value::String(merge) => merge.split_once(' '),
            pair => pair[0].as_str().zip(pair[1].as_str()),
        };
        let known = parts.and_then(|(first, second)| {
            let whole = format!("{first}{}", second.strip_prefix(prefix)?);
            Some([first, second, &whole].iter().all(|token| vocabulary.contains_key(*token)))
        });
        if known != Some(true) {
            return Err(format!(
                "field `model.merges[{number}]` is {merge}, expected two tokens of the vocabulary whose sum is in it"
            ));
        }
    }
    Ok(())
}

/// The tokens by number.
pub(super) fn vocabulary(tokenizer: &Tokenizer) -> Result<Vec<String>, String> {
    let tokens = tokenizer.get_vocab(true);
    let mut words = vec![None; tokens.len()];
    let mut unplaced: HashSet<u32> = HashSet::new();
    for (token, id) in tokens {
        match words.get_mut(id as usize) {
            Some(place @ None) => *place = Some(token),
            _ => {
                unplaced.insert(id);
            }
        }
    }
    match unplaced.into_iter().min() {
        None => Ok(words.into_iter().flatten().collect()),
        Some(id) => Err(format!(
            "a token has number {id}, expected the {} tokens to have 0, 1, … each once",
            words.len()
        )),
    }
}

/// The special tokens, which are asked for by name.
pub(super) fn specials(tokenizer: &Tokenizer) -> Result<Specials, String> {
    let find = |names: &[&str]| names.iter().find_map(|name| tokenizer.token_to_id(name));
    let need = |names: &[&str], purpose: &str| {
        find(names)
            .ok_or_else(|| format!("no token for {purpose}, expected one of {}", names.join(", ")))
    };
    let eos = need(&EOS, "the end of a sentence")?;
    Ok(Specials {
        bos: find(&BOS).unwrap_or(eos),
        pad: need(&PAD, "padding")?,
        eos,
        unk: need(&UNK, "what is unknown")?,
    })
}
