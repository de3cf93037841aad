//! A `tokenizer.json` from outside. What the `tokenizers` crate can be told to do has no bounds
//! (text that grows with each replacement, padding of any length, tables that it does not check),
//! so a file is compared with what a [`Style`] writes, and only its vocabulary is taken from it.

use serde_json::{Map, Value};

use super::{Style, Tokenizer};

/// The most of a field's value that an error quotes, in characters.
const LONGEST_QUOTE: usize = 120;

/// The style and the words by number, or what is wrong and where.
pub(super) fn read(json: &str) -> Result<(Style, Vec<String>), String> {
    let mut found: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let vocabulary = found.get_mut("model").and_then(|model| model.get_mut("vocab"));
    let words = words(vocabulary.map(Value::take))?;
    let normalizer = found.get("normalizer").unwrap_or(&Value::Null);
    for style in [Style::Kim, Style::KimCased, Style::Unicode] {
        let expected = without_words(style)?;
        if expected.get("normalizer") == Some(normalizer) {
            return same(found, expected).map(|()| (style, words));
        }
    }
    Err(format!(
        "field `normalizer` is {}, expected that of the style kim, kim-cased or unicode",
        quote(normalizer)
    ))
}

/// What a style's file holds, its vocabulary left out.
fn without_words(style: Style) -> Result<Map<String, Value>, String> {
    let json = Tokenizer::with_words(style, vec![]).and_then(|tokenizer| tokenizer.to_json());
    let json = json.map_err(|error| error.to_string())?;
    let mut fields: Map<String, Value> =
        serde_json::from_str(&json).map_err(|error| error.to_string())?;
    if let Some(vocabulary) = fields.get_mut("model").and_then(|model| model.get_mut("vocab")) {
        vocabulary.take();
    }
    Ok(fields)
}

/// A field that is not there is null.
fn same(mut found: Map<String, Value>, expected: Map<String, Value>) -> Result<(), String> {
    for (field, expected) in expected {
        let value = found.remove(&field).unwrap_or(Value::Null);
        if value != expected {
            return Err(format!(
                "field `{field}` is {}, expected {}",
                quote(&value),
                quote(&expected)
            ));
        }
    }
    match found.into_iter().next() {
        Some((field, value)) => {
            Err(format!("field `{field}` is {}, expected none of this name", quote(&value)))
        }
        None => Ok(()),
    }
}

fn words(vocabulary: Option<Value>) -> Result<Vec<String>, String> {
    let Some(Value::Object(vocabulary)) = vocabulary else {
        return Err("field `model.vocab` is missing, expected words with their numbers".into());
    };
    let mut words = vec![None; vocabulary.len()];
    for (word, number) in vocabulary {
        let place = number.as_u64().and_then(|number| usize::try_from(number).ok());
        match place.and_then(|place| words.get_mut(place)) {
            Some(place @ None) => *place = Some(word),
            _ => {
                return Err(format!(
                    "field `model.vocab`: {word:?} has number {number}, expected 0, 1, … each once"
                ));
            }
        }
    }
    let words: Vec<String> = words.into_iter().flatten().collect();
    for (number, expected) in ["[PAD]", "[UNK]"].iter().enumerate() {
        if words.get(number).is_none_or(|word| word != expected) {
            let found = words.get(number);
            return Err(format!(
                "field `model.vocab`: number {number} is {found:?}, expected {expected:?}"
            ));
        }
    }
    Ok(words)
}

fn quote(value: &Value) -> String {
    let json = value.to_string();
    match json.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}
