//! Another maker's numbers of the special tokens, changed to those by which the networks know them.

use serde_json::{Value, json};
use std::collections::HashMap;

/// Of padding, a sentence's end and what is unknown.
const NUMBERS: [usize; 3] = [1, 2, 3];

/// Exchanges the numbers of tokens so that those of padding, end and unknown are 1, 2 and 3, by the
/// first of their names that the file has. A file that has them so, or cannot be understood, is
/// left as it is.
pub(super) fn renumber(file: &mut Value, names: [&[&str]; 3]) {
    let Some(mut tokens) = tokens(file) else { return };
    let place = |tokens: &[String], names: &[&str]| {
        names.iter().find_map(|name| tokens.iter().position(|token| token == name))
    };
    let found = names.map(|names| place(&tokens, names));
    if found == NUMBERS.map(Some) || found.contains(&None) || tokens.len() <= NUMBERS[2] {
        return;
    }
    for (number, names) in NUMBERS.into_iter().zip(names) {
        if let Some(from) = place(&tokens, names) {
            tokens.swap(number, from);
        }
    }
    let numbers: HashMap<&str, usize> = tokens.iter().map(String::as_str).zip(0..).collect();
    let model = &mut file["model"];
    let unknown = model["unk_id"].as_u64();
    if let Value::Array(pieces) = &mut model["vocab"] {
        let lowest = pieces.iter().filter_map(|piece| piece[1].as_f64()).fold(0.0, f64::min);
        let unknown = unknown.and_then(|id| pieces.get(id as usize));
        let unknown = unknown.and_then(|piece| numbers.get(piece[0].as_str()?)).copied();
        let mut scores: HashMap<String, Value> = HashMap::new();
        for piece in pieces.iter() {
            scores.insert(piece[0].as_str().unwrap_or_default().into(), piece[1].clone());
        }
        // A token beside the model's is never found by it.
        let piece = |token: &String| {
            json!([token, scores.get(token).cloned().unwrap_or(json!(lowest - 10.0))])
        };
        *pieces = tokens.iter().map(piece).collect();
        if let Some(unknown) = unknown {
            model["unk_id"] = json!(unknown);
        }
    } else {
        model["vocab"] = json!(numbers);
    }
    if let Some(added) = file["added_tokens"].as_array_mut() {
        for token in added.iter_mut() {
            let number = token["content"].as_str().and_then(|content| numbers.get(content));
            token["id"] = json!(number);
        }
        added.sort_by_key(|token| token["id"].as_u64());
    }
}

/// All tokens by number, where each number from 0 is one token's.
fn tokens(file: &Value) -> Option<Vec<String>> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    match &file["model"]["vocab"] {
        Value::Array(pieces) => {
            for (number, piece) in pieces.iter().enumerate() {
                numbers.insert(piece[0].as_str()?.into(), number);
            }
        }
        Value::Object(vocabulary) => {
            for (token, number) in vocabulary {
                numbers.insert(token.clone(), number.as_u64()? as usize);
            }
        }
        _ => return None,
    }
    for token in file["added_tokens"].as_array().into_iter().flatten() {
        numbers.insert(token["content"].as_str()?.into(), token["id"].as_u64()? as usize);
    }
    let mut tokens = vec![None; numbers.len()];
    for (token, number) in numbers {
        let place = tokens.get_mut(number)?;
        if place.replace(token).is_some() {
            return None;
        }
    }
    tokens.into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Subwords;
    use serde_json::{Value, json};

    fn added(tokens: &[(&str, u32)]) -> Value {
        let token = |(content, id): &(&str, u32)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        tokens.iter().map(token).collect()
    }

    fn open(model: Value, special: Value) -> Subwords {
        let file = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": special,
            "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
            "decoder": null, "model": model});
        Subwords::from_json(&file.to_string(), "tokenizer.json").unwrap()
    }

    /// The same numbers again after it was written and read.
    fn check(subwords: &Subwords, text: &str, expected: &[u32]) {
        let again = Subwords::from_json(&subwords.to_json().unwrap(), "again").unwrap();
        for subwords in [subwords, &again] {
            let special = subwords.specials();
            assert_eq!((special.pad, special.eos, special.unk), (1, 2, 3));
            assert_eq!(subwords.encode(text).unwrap(), expected);
        }
    }

    #[test]
    fn special_tokens_of_a_model_of_words_get_the_networks_numbers() {
        let vocab = json!({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5});
        let words = open(
            json!({"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}),
            added(&[("[PAD]", 0), ("[UNK]", 1), ("[CLS]", 2), ("[SEP]", 3)]),
        );
        check(&words, "a b c [PAD]", &[4, 5, 3, 3]);
        assert_eq!(words.decode(&[4, 2, 5]).unwrap(), "a b");
    }

    #[test]
    fn tokens_beside_the_model_become_its_own() {
        let vocab = json!({"a": 0, "b": 1, "ab": 2});
        let special = [("<mask>", 3), ("<unk>", 4), ("<pad>", 5), ("</s>", 6)];
        let pieces = open(
            json!({"type": "BPE", "vocab": vocab, "merges": [["a", "b"]], "unk_token": "<unk>"}),
            added(&special),
        );
        assert_eq!(pieces.vocabulary(), ["a", "<pad>", "</s>", "<unk>", "<mask>", "b", "ab"]);
        check(&pieces, "ab b c", &[6, 5, 3]);
        let vocab = json!([["a", -1.0], ["<unk>", 0.0], ["b", -2.0]]);
        let unigram = open(
            json!({"type": "Unigram", "unk_id": 1, "vocab": vocab}),
            added(&[("<unk>", 1), ("<pad>", 3), ("</s>", 4)]),
        );
        assert_eq!(unigram.vocabulary(), ["a", "<pad>", "</s>", "<unk>", "b"]);
        check(&unigram, "ab c", &[0, 4, 3]);
    }
}
