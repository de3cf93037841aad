//! What fairseq left (tests/reference/make_fairseq_fixtures.py): arguments in each of its forms,
//! dictionaries, and the names of tensors.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use conv_hub::Checkpoint;
use conv_translate::fairseq::Arguments;
use conv_translate::{Dictionary, END};
use serde_json::Value;

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/fairseq").join(name)
}

fn open(name: &str) -> (Arguments, Checkpoint) {
    let path = reference(name);
    let checkpoint = Checkpoint::open(&path).unwrap();
    (Arguments::read(checkpoint.root(), &path).unwrap(), checkpoint)
}

fn shape(checkpoint: &mut Checkpoint, name: &str) -> Vec<usize> {
    checkpoint.tensors().unwrap()[name].dims().to_vec()
}

#[test]
fn arguments_are_read_from_cfg_with_a_namespace_in_it() {
    let (arguments, mut checkpoint) = open("first.pt");
    let expected = Arguments {
        arch: "fconv".into(),
        encoder_embed_dim: 20,
        encoder_layers: "[(16, 3)] * 2 + [(24, 4, 2)] + [(24, 3, 0), (32, 1)]".into(),
        decoder_embed_dim: 20,
        decoder_layers: "[(16, 3), (16, 2)] + [(24, 3, 2)] + [(32, 1)]".into(),
        decoder_out_embed_dim: 12,
        decoder_attention: "[True, False, True, True]".into(),
        share_input_output_embed: false,
        dropout: 0.1,
        max_source_positions: 80,
        max_target_positions: 70,
        source_lang: "zo".into(),
        target_lang: "mi".into(),
        bpe: Some("subword_nmt".into()),
    };
    assert_eq!(arguments, expected);
    assert_eq!(shape(&mut checkpoint, "encoder.embed_positions.weight"), [80, 20]);
    assert_eq!(shape(&mut checkpoint, "decoder.convolutions.0.weight_g"), [1, 1, 32]);
}

#[test]
fn arguments_are_read_from_omegaconfs_objects() {
    let (arguments, mut checkpoint) = open("second.pt");
    assert_eq!(arguments.encoder_layers, "[(24, 3)] * 3");
    assert_eq!(arguments.decoder_attention, "True");
    assert!(arguments.share_input_output_embed);
    assert_eq!((arguments.decoder_out_embed_dim, arguments.max_target_positions), (24, 70));
    let tensors = checkpoint.tensors().unwrap();
    assert_eq!(
        tensors["decoder.fc3.weight"].id(),
        tensors["decoder.embed_tokens.weight"].id(),
        "the shared table is one tensor"
    );
}

#[test]
fn arguments_are_read_from_the_namespace_of_an_old_file() {
    let (arguments, mut checkpoint) = open("old.pt");
    assert_eq!(arguments.decoder_layers, "[(24, 3)] * 2 + [(24, 1)]");
    assert_eq!((arguments.bpe, arguments.dropout), (None, 0.1));
    let version = checkpoint.tensors().unwrap()["decoder.version"].to_vec1::<f32>().unwrap();
    assert_eq!(version, [1.0]);
    assert_eq!(shape(&mut checkpoint, "decoder.convolutions.0.weight_g"), [3, 1, 1]);
}

#[test]
fn dictionaries_fit_their_models() {
    for (model, folder) in [("first.pt", ""), ("second.pt", ""), ("old.pt", "bpe/")] {
        let (arguments, mut checkpoint) = open(model);
        for (side, language) in
            [("encoder", arguments.source_lang), ("decoder", arguments.target_lang)]
        {
            let path = reference(&format!("{folder}dict.{language}.txt"));
            let dictionary = Dictionary::read(&path).unwrap();
            let rows = shape(&mut checkpoint, &format!("{side}.embed_tokens.weight"))[0];
            assert_eq!(dictionary.size(), rows, "{model} {language}");
            // What fairseq-preprocess wrote is what we write.
            let written = tempfile::NamedTempFile::new().unwrap();
            dictionary.write(written.path()).unwrap();
            assert_eq!(std::fs::read(written.path()).unwrap(), std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn sentences_have_fairseqs_numbers_and_text() {
    let mut texts = 0;
    for (name, folder) in [("first", ""), ("old", "bpe/")] {
        let json = std::fs::read_to_string(reference(&format!("{name}.json"))).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let dictionary = |language: &str| {
            let path = reference(&format!("{folder}dict.{language}.txt"));
            Dictionary::read(&path).unwrap().subwords().unwrap()
        };
        let ids = |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).unwrap();
        for (side, language) in [("source", "zo"), ("target", "mi")] {
            let lines = json[side].as_array().unwrap().iter();
            for (line, expected) in lines.zip(json[format!("{side}_ids")].as_array().unwrap()) {
                let found = dictionary(language).encode(line.as_str().unwrap()).unwrap();
                assert_eq!([found, vec![END]].concat(), ids(expected));
            }
        }
        let target = dictionary("mi");
        for setting in json["results"].as_object().unwrap().values() {
            for hypotheses in setting["sentences"].as_array().unwrap() {
                for hypothesis in hypotheses.as_array().unwrap() {
                    let text = target.decode(&ids(&hypothesis["tokens"])).unwrap();
                    assert_eq!(text, hypothesis["text"].as_str().unwrap());
                    texts += 1;
                }
            }
        }
    }
    assert!(texts > 300, "{texts}");
}
