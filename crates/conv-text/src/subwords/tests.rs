use proptest::prelude::*;

use super::*;

/// Made-up text: German and English of our own, so that pieces of several characters come about.
pub(super) fn lines() -> Vec<String> {
    let who = ["Der Hund", "Die Katze", "A dog", "The cat", "Élodie", "Mr. Müller"];
    let does = ["läuft", "schläft", "runs", "sleeps", "doesn't run", "sagt: „nein“"];
    let place = ["im Garten.", "am See!", "in the garden.", "by the lake?", "(draußen)"];
    let mut lines = Vec::new();
    for (i, who) in who.iter().enumerate() {
        for (j, does) in does.iter().enumerate() {
            lines.push(format!("{who} {does} {} {}", place[(i + j) % place.len()], i * 7 + j));
        }
    }
    lines
}

pub(super) fn train(config: &SubwordConfig) -> Result<Subwords> {
    let mut sample = Sample::new(config);
    lines().iter().for_each(|line| sample.add(line));
    Subwords::train(config, sample)
}

fn config(model: Model, text: TextForm) -> SubwordConfig {
    SubwordConfig { model, text, vocabulary: 150, ..SubwordConfig::default() }
}

#[test]
fn special_tokens_have_fairseqs_numbers() {
    for model in [Model::Bpe, Model::Unigram, Model::Words] {
        let subwords = train(&config(model, TextForm::Raw)).unwrap();
        assert_eq!(subwords.specials(), Specials { bos: 0, pad: 1, eos: 2, unk: 3 });
        assert_eq!(subwords.vocabulary()[..4], SPECIALS);
        assert!(subwords.vocabulary().len() <= 150, "{}", subwords.vocabulary().len());
    }
}

#[test]
fn text_comes_back_as_it_was_and_the_file_alone_does_the_same() {
    for model in [Model::Bpe, Model::Unigram] {
        let subwords = train(&config(model, TextForm::Raw)).unwrap();
        let loaded = Subwords::from_json(&subwords.to_json().unwrap(), "tokenizer.json").unwrap();
        let alone: tokenizers::Tokenizer = subwords.to_json().unwrap().parse().unwrap();
        for line in lines() {
            let ids = subwords.encode(&line).unwrap();
            assert_eq!(subwords.decode(&ids).unwrap(), line);
            assert_eq!(loaded.encode(&line).unwrap(), ids);
            assert_eq!(alone.encode_fast(line.as_str(), true).unwrap().get_ids(), ids);
            assert_eq!(alone.decode(&ids, true).unwrap(), line);
            assert!(ids.len() < line.chars().count(), "{:?}", subwords.pieces(&ids));
        }
        assert_eq!(loaded.vocabulary(), subwords.vocabulary());
    }
}

#[test]
fn no_piece_of_raw_text_crosses_into_punctuation() {
    let subwords = train(&config(Model::Bpe, TextForm::Raw)).unwrap();
    for piece in &subwords.vocabulary()[4..] {
        let marks = piece.chars().filter(|c| ".!?:()„“'".contains(*c)).count();
        let letters = piece.chars().filter(|c| c.is_alphanumeric()).count();
        assert!(marks == 0 || letters == 0, "{piece}");
    }
}

#[test]
fn ready_made_tokens_come_back_with_one_blank_between_them() {
    for model in [Model::Bpe, Model::Unigram, Model::Words] {
        let subwords = train(&config(model, TextForm::Tokens)).unwrap();
        let text = subwords.encode("\tThe cat \u{a0} runs\u{3000}in the garden. ").unwrap();
        assert_eq!(subwords.decode(&text).unwrap(), "The cat runs in the garden.");
    }
}

#[test]
fn nothing_in_is_nothing_out() {
    for model in [Model::Bpe, Model::Unigram, Model::Words] {
        let subwords = train(&config(model, TextForm::Raw)).unwrap();
        for text in ["", " ", "\t\u{7}\r", "▁"] {
            assert_eq!(subwords.encode(text).unwrap(), [0u32; 0], "{text:?}");
        }
        assert_eq!(subwords.decode(&[]).unwrap(), "");
    }
}

#[test]
fn spelled_out_special_tokens_are_unknown_and_numbers_beyond_the_end_are_left_out() {
    for model in [Model::Bpe, Model::Unigram, Model::Words] {
        let subwords = train(&config(model, TextForm::Raw)).unwrap();
        let ids = subwords.encode("The </s> <pad> <s> cat").unwrap();
        assert!(ids.iter().all(|id| *id >= 3), "{ids:?}");
        assert_eq!(ids.iter().filter(|id| **id == 3).count(), 3, "{:?}", subwords.pieces(&ids));
        let end = subwords.vocabulary().len() as u32;
        let framed =
            [&[0, 2], &*subwords.encode("The cat").unwrap(), &[2, 1, end, u32::MAX]].concat();
        assert_eq!(subwords.decode(&framed).unwrap(), "The cat");
        assert_eq!(subwords.pieces(&[2, end]), ["</s>", "<unk>"]);
    }
}

#[test]
fn case_and_spelling_are_part_of_the_file() {
    let lower = SubwordConfig { lowercase: true, ..config(Model::Bpe, TextForm::Raw) };
    let subwords = train(&lower).unwrap();
    let loaded = Subwords::from_json(&subwords.to_json().unwrap(), "tokenizer.json").unwrap();
    // An e and an accent of its own.
    let text = loaded.decode(&loaded.encode("E\u{301}lodie LÄUFT").unwrap()).unwrap();
    assert_eq!(text, "élodie läuft");
}

#[test]
fn seldom_characters_are_unknown() {
    let rare = SubwordConfig { least_count: 7, ..config(Model::Bpe, TextForm::Raw) };
    let subwords = train(&rare).unwrap();
    assert!(!subwords.vocabulary().iter().any(|piece| piece.contains('9')));
    assert!(subwords.encode("The 9").unwrap().contains(&3));
    let words = SubwordConfig { least_count: 6, ..config(Model::Words, TextForm::Tokens) };
    let subwords = train(&words).unwrap();
    assert!(subwords.vocabulary()[4..].contains(&"runs".into()));
    assert_eq!(subwords.encode("runs 9").unwrap().last(), Some(&3));
}

#[test]
fn what_cannot_be_learned_is_said() {
    let error = train(&SubwordConfig { vocabulary: 30, ..SubwordConfig::default() }).unwrap_err();
    assert!(error.to_string().contains("a vocabulary of 30, expected at least "), "{error}");
    let empty = Sample::new(&SubwordConfig::default());
    let error = Subwords::train(&SubwordConfig::default(), empty).unwrap_err().to_string();
    assert!(error.contains("no words in the text"), "{error}");
    let error = train(&SubwordConfig { vocabulary: 4, ..SubwordConfig::default() }).unwrap_err();
    assert_eq!(error.to_string(), "subwords.vocabulary is 4, expected at least 5");
}

#[test]
fn one_sample_gives_one_file_on_any_number_of_threads() {
    for model in [Model::Bpe, Model::Unigram, Model::Words] {
        let files: Vec<String> = [1, 2, 4, 1, 2, 4]
            .iter()
            .map(|&threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| train(&config(model, TextForm::Raw)).unwrap().to_json().unwrap())
            })
            .collect();
        assert!(files.iter().all(|file| *file == files[0]), "{model:?}");
    }
}

#[test]
fn a_dictionary_of_words_keeps_its_numbers() {
    let words = |words: &[&str]| Subwords::of_words(words.iter().map(|&w| w.to_owned()).collect());
    let dictionary = words(&["<s>", "<pad>", "</s>", "<unk>", "hund", "ein"]).unwrap();
    assert_eq!(dictionary.encode("ein  hund bellt").unwrap(), [5, 4, 3]);
    assert_eq!(dictionary.decode(&[5, 3, 2]).unwrap(), "ein <unk>");
    // Pieces of another program's, and letters that it left decomposed.
    let pieces = words(&["<s>", "<pad>", "</s>", "<unk>", "▁", "▁hund", "e\u{301}"]).unwrap();
    assert_eq!(pieces.encode("▁hund ▁ e\u{301} ▁▁").unwrap(), [5, 4, 6, 3]);
    assert_eq!(pieces.decode(&[5, 4, 6]).unwrap(), "▁hund ▁ e\u{301}");
    let error = words(&["<pad>", "<s>", "</s>", "<unk>"]).unwrap_err().to_string();
    assert!(error.contains("begin with \"<pad> <s> </s> <unk>\", expected \"<s> <pad>"), "{error}");
    let error = words(&["<s>", "<pad>", "</s>", "<unk>", "a", "a"]).unwrap_err().to_string();
    assert!(error.contains("\"a\" comes twice"), "{error}");
}

/// A file of the user's own, with a text in it replaced.
fn foreign(from: &str, to: &str) -> Result<Subwords> {
    let json = r###"{"version":"1.0","truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0},
        "padding":{"strategy":{"Fixed":99},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"},
        "added_tokens":[{"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
        "normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"String":"x"},"content":"y"}]},
        "pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,
        "decoder":{"type":"WordPiece","prefix":"##","cleanup":false},
        "model":{"type":"BPE","dropout":null,"unk_token":"[UNK]","continuing_subword_prefix":"##","end_of_word_suffix":null,
        "fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
        "vocab":{"[PAD]":0,"[SEP]":1,"[UNK]":2,"a":3,"##b":4,"ab":5},"merges":["a ##b"]}}"###;
    assert!(json.contains(from), "{from}");
    Subwords::from_json(&json.replace(from, to), "own.json")
}

#[test]
fn the_users_own_file_is_taken_without_padding_and_truncation() {
    let subwords = foreign("", "").unwrap();
    // Padding, end and unknown have exchanged their numbers with what had 1, 2 and 3.
    assert_eq!(subwords.specials(), Specials { bos: 2, pad: 1, eos: 2, unk: 3 });
    assert_eq!(subwords.vocabulary(), ["a", "[PAD]", "[SEP]", "[UNK]", "##b", "ab"]);
    assert_eq!(subwords.encode("ab ab ab [PAD] q").unwrap(), [5, 5, 5, 3, 3]);
    assert_eq!(subwords.decode(&[5, 2, 5]).unwrap(), "ab ab");
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let cases = [
        ("[PAD]", "[NOTHING]", "no token for padding, expected one of <pad>, [PAD]"),
        (
            "\"[SEP]\":1",
            "\"[END]\":1",
            "no token for the end of a sentence, expected one of </s>, [EOS]",
        ),
        (
            "\"[UNK]\":2",
            "\"[WHAT]\":2",
            "no token for what is unknown, expected one of <unk>, [UNK]",
        ),
        ("\"ab\":5", "\"ab\":9", "a token has number 9, expected the 6 tokens to have 0, 1, …"),
        ("\"a ##b\"", "\"a ##c\"", "field `model.merges[0]` is \"a ##c\", expected two tokens"),
        ("\"a ##b\"", "\"ab ##b\"", "field `model.merges[0]` is \"ab ##b\", expected two tokens"),
        ("\"a ##b\"", "[\"a\", 3]", "field `model.merges[0]` is [\"a\",3], expected two tokens"),
        ("\"dropout\":null", "\"dropout\":0.1", "field `model.dropout` is not 0"),
        (
            "\"NFKC\"",
            "\"Precompiled\"",
            "field `normalizer` is of type \"Precompiled\", expected one of",
        ),
        (
            "\"WhitespaceSplit\"",
            "\"FixedLength\",\"length\":0",
            "field `pre_tokenizer` is of type \"FixedLength\"",
        ),
        (
            "\"content\":\"y\"",
            "\"content\":\"yyyyyyyyyyyyyyyyyyyyyyyy\"",
            "make a text 275 times longer",
        ),
        ("\"BPE\"", "\"Magic\"", "field `model` is of type \"Magic\""),
        ("{\"version\"", "[\"version\"", "expected"),
    ];
    for (from, to, expected) in cases {
        let error = foreign(from, to).unwrap_err().to_string();
        assert!(error.starts_with("own.json: tokenizer: "), "{error}");
        assert!(error.contains(expected), "{to}: {error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_of_a_file_panic(unigram: bool, cut in 0..7usize, at: prop::sample::Index, with in "\\PC{0,3}") {
        let model = if unigram { Model::Unigram } else { Model::Bpe };
        let json = train(&config(model, TextForm::Raw)).unwrap().to_json().unwrap();
        let place = at.index(json.len());
        let place = (0..=place).rev().find(|place| json.is_char_boundary(*place)).unwrap_or(0);
        let rest = (place..=json.len()).find(|end| *end >= place + cut && json.is_char_boundary(*end));
        let changed = format!("{}{with}{}", &json[..place], &json[rest.unwrap_or(json.len())..]);
        if let Ok(subwords) = Subwords::from_json(&changed, "changed.json") {
            let _ = subwords.encode("The cat läuft (draußen) „nein“ 9").map(|ids| subwords.decode(&ids));
        }
    }

    #[test]
    fn any_text_of_known_characters_comes_back(text in "[A-Za-zäöüß.,!?:()'„“ \u{a0}0-9]{0,60}") {
        // Every character of these is in the lines below.
        let config = SubwordConfig { vocabulary: 200, ..config(Model::Bpe, TextForm::Raw) };
        let mut sample = Sample::new(&config);
        lines().iter().for_each(|line| sample.add(line));
        sample.add("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ äöüß .,!?:()'„“ 0123456789 a\u{a0}b");
        let subwords = Subwords::train(&config, sample).unwrap();
        let mut expected = text.trim().to_owned();
        while expected.contains("  ") {
            expected = expected.replace("  ", " ");
        }
        prop_assert_eq!(subwords.decode(&subwords.encode(&text).unwrap()).unwrap(), expected);
    }
}
