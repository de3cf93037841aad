//! The pipeline against a plain port of `clean_str`, and the file against the `tokenizers` crate
//! alone.

use proptest::prelude::*;

use super::*;

#[test]
fn letters_that_a_style_drops_are_counted_composed_or_not() {
    for (text, dropped) in [
        ("plain, isn't it?", 0),
        ("größere Züge", 3),
        ("gro\u{308}ßere Zu\u{308}ge", 3),
        ("好 — ½", 2),
    ] {
        assert_eq!(Style::Kim.dropped_letters(text), dropped, "{text}");
        assert_eq!(Style::Unicode.dropped_letters(text), 0, "{text}");
    }
    // The other style reads both ways of writing alike.
    let tokenizer = Tokenizer::fit(Style::Unicode, &["größere"]).unwrap();
    assert_eq!(tokenizer.ids("gro\u{308}ßere").unwrap(), [2]);
}

/// Kim's `clean_str` without its backslashes, lower-cased first rather than last.
fn clean_str(text: &str, style: Style) -> Vec<String> {
    let kept = |c: char| c.is_ascii_alphanumeric() || "(),!?'`".contains(c);
    let mut text: String = text.chars().map(|c| if kept(c) { c } else { ' ' }).collect();
    if style == Style::Kim {
        text.make_ascii_lowercase();
    }
    for contraction in ["'s", "'ve", "n't", "'re", "'d", "'ll"] {
        text = text.replace(contraction, &format!(" {contraction}"));
    }
    for mark in [",", "!", "(", ")", "?"] {
        text = text.replace(mark, &format!(" {mark} "));
    }
    text.split_whitespace().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_pipeline_is_clean_str(
        text in prop_oneof![
            "\\PC{0,40}",
            "([a-zA-Z]|n't|'s|'ve|'re|'d|'ll|'|N'T|[ ,!?()`.é\u{85}\u{a0}]){0,30}",
        ],
    ) {
        for style in [Style::Kim, Style::KimCased] {
            let tokenizer = Tokenizer::fit(style, &[&text]).unwrap();
            let expected = clean_str(&text, style);
            prop_assert_eq!(&tokenizer.words(&text).unwrap(), &expected);
            let encoded = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(&encoded.ids, &tokenizer.ids(&text).unwrap());
            let words: Vec<&String> = encoded.ids.iter().map(|&id| &tokenizer.vocabulary()[id as usize]).collect();
            prop_assert_eq!(words, expected.iter().collect::<Vec<_>>());
            for (span, word) in encoded.spans.into_iter().zip(&expected) {
                prop_assert!(text[span].eq_ignore_ascii_case(word));
            }
        }
    }
}

#[test]
fn the_saved_file_is_all_that_the_tokenizers_crate_needs() {
    let texts = ["It's good, isn't it?", "Größe (毛驴) — ok", "[PAD] [UNK]"];
    for style in [Style::Kim, Style::KimCased, Style::Unicode] {
        let tokenizer = Tokenizer::fit(style, &texts).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, tokenizer.to_json().unwrap()).unwrap();
        let alone = tokenizers::Tokenizer::from_file(&path).unwrap();
        let again = Tokenizer::load(&path).unwrap();
        assert_eq!(again.vocabulary(), tokenizer.vocabulary());
        for text in texts {
            let ids = tokenizer.ids(text).unwrap();
            assert_eq!(alone.encode(text, false).unwrap().get_ids(), ids);
            assert_eq!(again.ids(text).unwrap(), ids);
            assert!(
                ids.iter().all(|&id| id > UNK),
                "a text's own words are known, and none is padding"
            );
        }
    }
}

#[test]
fn the_unicode_style_keeps_every_script() {
    let text = "Größe l’été, don't 毛驴!";
    let tokenizer = Tokenizer::fit(Style::Unicode, &[text]).unwrap();
    assert_eq!(tokenizer.words(text).unwrap(), ["größe", "l’été", ",", "don't", "毛驴", "!"]);
    // A letter and its accent apart are the letter with its accent.
    assert_eq!(tokenizer.words("e\u{301}t").unwrap(), ["ét"]);
}

#[test]
fn frequent_words_come_first_whatever_the_order_of_the_texts() {
    let tokenizer = Tokenizer::fit(Style::Kim, &["b a c", "c"]).unwrap();
    assert_eq!(tokenizer.vocabulary(), ["[PAD]", "[UNK]", "c", "a", "b"]);
    let ids = tokenizer.ids_of_all(&["c d", "", "c"]).unwrap();
    assert_eq!(ids, [vec![2, UNK], vec![], vec![2]]);
    assert_eq!(tokenizer.counts(&ids), [0, 1, 2, 0, 0]);
}

#[test]
fn files_that_are_no_tokenizer_of_ours_are_named() {
    let wrong = |json: &str| Tokenizer::from_json(json, "tokenizer.json").unwrap_err().to_string();
    let json = Tokenizer::fit(Style::Kim, &["a"]).unwrap().to_json().unwrap();
    assert!(wrong("{").starts_with("tokenizer.json: tokenizer: "));
    assert!(wrong(&json[..json.len() / 2]).starts_with("tokenizer.json: tokenizer: "));
    assert!(
        wrong(&json.replace("\"a\": 2", "\"a\": 4000000000")).contains("has number 4000000000")
    );
    assert!(wrong(&json.replace("\"a\": 2", "\"a\": 1")).contains("each once"));
    assert!(wrong(&json.replace("\"[PAD]\"", "\"pad\"")).contains("expected \"[PAD]\""));
    assert!(wrong(&json.replace("\"[UNK]\": 1", "\"unk\": 1")).contains("expected \"[UNK]\""));
}

#[test]
fn only_the_pipelines_of_the_styles_are_run() {
    let json = Tokenizer::fit(Style::Kim, &["a"]).unwrap().to_json().unwrap();
    let fields: serde_json::Value = serde_json::from_str(&json).unwrap();
    let replace = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#;
    let grows = format!(r#"{{"type":"Sequence","normalizers":[{}]}}"#, [replace; 40].join(","));
    let padding = r#"{"strategy":{"Fixed":200000000},"direction":"Left","pad_to_multiple_of":null,
        "pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"}"#;
    let split =
        r#"{"type":"Split","pattern":{"Regex":"(x+x+)+y"},"behavior":"Removed","invert":true}"#;
    let truncation = r#"{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0}"#;
    let unknown = r#"{"type":"WordLevel","vocab":{"[PAD]":0,"[UNK]":1},"unk_token":"<unk>"}"#;
    let pairs = r#"{"type":"BPE","vocab":{"[PAD]":0,"[UNK]":1},"merges":[]}"#;
    for (field, value) in [
        ("normalizer", r#"{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#),
        ("normalizer", &grows),
        ("normalizer", "null"),
        ("pre_tokenizer", split),
        ("pre_tokenizer", "null"),
        ("padding", padding),
        ("truncation", truncation),
        ("post_processor", r#"{"type":"ByteLevel","add_prefix_space":true}"#),
        ("decoder", r#"{"type":"Fuse"}"#),
        ("added_tokens", r#"[{"id":2,"content":"a"}]"#),
        ("model", unknown),
        ("model", pairs),
        ("surprise", "1"),
    ] {
        let mut fields = fields.clone();
        fields[field] = serde_json::from_str(value).unwrap();
        let error = Tokenizer::from_json(&fields.to_string(), "tokenizer.json").unwrap_err();
        let expected = format!("tokenizer.json: tokenizer: field `{field}` is ");
        assert!(error.to_string().starts_with(&expected), "{field}: {error}");
    }
}
