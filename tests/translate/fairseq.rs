//! What fairseq made, in the program's hands.

use super::*;

/// A folder with fairseq's checkpoints and their dictionaries.
fn fairseq() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let made =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/conv-translate/tests/reference/fairseq");
    for (from, to) in [
        ("first.pt", "first.pt"),
        ("second.pt", "second.pt"),
        ("old.pt", "bpe/old.pt"),
        ("dict.zo.txt", "dict.zo.txt"),
        ("dict.mi.txt", "dict.mi.txt"),
        ("bpe/dict.zo.txt", "bpe/dict.zo.txt"),
        ("bpe/dict.mi.txt", "bpe/dict.mi.txt"),
    ] {
        let to = place.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(made.join(from), to).unwrap();
    }
    for name in ["first", "old", "ensemble"] {
        let json = format!("{name}.json");
        fs::copy(made.join(&json), place.path().join(json)).unwrap();
    }
    place
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The flags that are fairseq's options, but for what the sentences say.
fn flags(options: &Value) -> Vec<String> {
    let mut flags = Vec::new();
    for (option, value) in options.as_object().unwrap() {
        let name = match option.as_str() {
            "constraints" => continue,
            "beam" => {
                flags.extend(["--n-best".into(), value.to_string()]);
                "beam".into()
            }
            name => name.replace('_', "-"),
        };
        flags.push(format!("--{name}"));
        flags.extend((!value.is_boolean()).then(|| value.to_string()));
    }
    flags
}

#[test]
fn fairseqs_checkpoints_translate_with_fairseqs_scores() {
    let place = fairseq();
    let folder = place.path();
    let dictionary: Vec<String> = {
        let file = fs::read_to_string(folder.join("dict.mi.txt")).unwrap();
        file.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    let words = |ids: &Value| {
        let ids: Vec<usize> =
            ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as usize).collect();
        // The file begins with number 4; the unknown have no spelling.
        ids.iter()
            .map(|id| Some(dictionary.get(id.checked_sub(4)?)?.as_str()))
            .collect::<Option<Vec<_>>>()
            .map(|words| words.join(" "))
    };
    let mut compared = 0;
    for (name, model) in
        [("first", "first.pt"), ("old", "bpe/old.pt"), ("ensemble", "first.pt:second.pt")]
    {
        let expected: Value =
            serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap())
                .unwrap();
        for (setting, result) in expected["results"].as_object().unwrap() {
            // Diverse beams are the paper's here.
            if ["references", "diverse"].contains(&setting.as_str()) {
                continue;
            }
            let mut arguments: Vec<String> =
                ["translate", "--json", "--model", model].map(String::from).into();
            arguments.extend(flags(&result["options"]));
            if setting == "prefix" {
                arguments.push("--prefixes".into());
            }
            if let Some(order) = result["options"]["constraints"].as_str() {
                arguments.push(format!("--constraints={order}"));
            }
            let mut sought = Vec::new();
            for (i, source) in strings(&expected["source"]).into_iter().enumerate() {
                let behind = match (result.get("prefix"), result.get("constraints")) {
                    (Some(prefix), _) => words(&prefix[i]).map(|words| vec![words]),
                    (_, Some(phrases)) => {
                        phrases[i].as_array().unwrap().iter().map(words).collect()
                    }
                    _ => Some(Vec::new()),
                };
                // What holds an unknown word cannot be asked for in words.
                let Some(behind) = behind else { continue };
                arguments.push([vec![source], behind].concat().join("\t"));
                sought.push(i);
            }
            let found = output(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let found: Vec<Value> =
                found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            for (place, i) in sought.into_iter().enumerate() {
                let found = found.iter().filter(|line| line["sentence"] == place as u64 + 1);
                for (found, expected) in found.zip(result["sentences"][i].as_array().unwrap()) {
                    let what = format!("{name}, {setting}, sentence {i}: {found} {expected}");
                    assert_eq!(found["text"], expected["text"], "{what}");
                    let score = |of: &Value| of["score"].as_f64().unwrap();
                    assert!((score(found) - score(expected)).abs() < 1e-4, "{what}");
                    compared += 1;
                }
            }
        }
        let pairs = strings(&expected["source"]).into_iter().zip(strings(&expected["target"]));
        let pairs: String = pairs.map(|(source, target)| format!("{source}\t{target}\n")).collect();
        fs::write(folder.join("pairs.tsv"), pairs).unwrap();
        let scored = lines(folder, &["score", "--model", model, "--data", "pairs.tsv"]);
        let references = expected["results"]["references"]["sentences"].as_array().unwrap();
        for (found, expected) in scored.iter().zip(references) {
            let (found, expected) =
                (found["score"].as_f64().unwrap(), expected[0]["score"].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-4, "{name}: {found} {expected}");
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn unknown_words_are_copied_looked_up_or_refused() {
    let place = fairseq();
    let folder = place.path();
    let said =
        |more: &[&str]| output(folder, &[&["translate", "--model", "first.pt"], more].concat());
    let sentence = "ta kusa varira Rimovi .";
    assert_eq!(said(&[sentence]), "meku <unk> va lesoku .\n");
    assert_eq!(said(&["--replace-unknown", sentence]), "meku ta va lesoku .\n");
    fs::write(folder.join("names.txt"), "kusa x\nta\tof Rimo\n").unwrap();
    assert_eq!(said(&["--replacements", "names.txt", sentence]), "meku of Rimo va lesoku .\n");
    fs::write(folder.join("names.txt"), "kusa x\nRimovi\n").unwrap();
    let line = failure(
        folder,
        &["translate", "--model", "first.pt", "--replacements", "names.txt", "a"],
        1,
    );
    assert!(line.contains("names.txt line 2: one word or none, expected a source token"), "{line}");
    let line = failure(
        folder,
        &["translate", "--model", "first.pt", "--constraints", &format!("{sentence}\tRimovi")],
        1,
    );
    assert!(line.contains("sentence 1: its constraints is \"Rimovi\", expected words that the model's vocabulary has"), "{line}");
}

#[test]
fn training_goes_on_from_fairseqs_checkpoint() {
    let place = fairseq();
    let folder = place.path();
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("old.json")).unwrap()).unwrap();
    let text = |side: &str| strings(&expected[side]).join("\n") + "\n";
    for part in ["train", "val"] {
        fs::write(folder.join(format!("{part}.zo")), text("source")).unwrap();
        fs::write(folder.join(format!("{part}.mi")), text("target")).unwrap();
    }
    // Not all of it can be said as it stands.
    let other = text("target").replacen('\n', " .\n", 1);
    fs::write(folder.join("val.mi"), other).unwrap();
    let train = ["train", "--data", ".", "--pair", "zo-mi", "--init", "bpe/old.pt"];
    let more = ["--epochs", "60", "--learning-rate", "2e-3", "--dropout", "0", "--out", "run"];
    fs::write(
        folder.join("fast.toml"),
        "[fit]\naverage = 0\nschedule = { warmup_steps = 0, course = { kind = \"constant\" } }\n",
    )
    .unwrap();
    let found = lines(folder, &[&train[..], &more, &["--recipe", "fast.toml"]].concat());
    let bleu = found[0]["metrics"]["dev bleu"].as_f64().unwrap();
    assert!(bleu > 60.0 && bleu < 99.9, "{found:?}");
    // What training has measured counts words, as `eval` does, though both files have pieces.
    let eval = ["eval", "--model", "run/model", "--data", "val", "--pair", "zo-mi"];
    let measured = lines(folder, &[&eval[..], &["--tokenize", "none"]].concat());
    assert_eq!(measured[0]["bleu"], found[0]["metrics"]["dev bleu"]);
    // Its words are in pieces still, and joined.
    let said =
        output(folder, &["translate", "--model", "run/model", &strings(&expected["source"])[0]]);
    assert_eq!(said, "tido zuri neba lufe ho relave .\n");
    let inspected = &lines(folder, &["inspect", "bpe/old.pt"])[0];
    assert_eq!(
        (&inspected["kind"], &inspected["training"]["languages"]),
        (&json!("fairseq checkpoint"), &json!("zo-mi"))
    );
    assert!(inspected["training"]["updates"].as_u64().is_some(), "{}", inspected["training"]);
    assert_eq!(lines(folder, &["inspect", "run/model"])[0]["training"]["start"], "bpe/old.pt");

    let mut dictionary = fs::read_to_string(folder.join("bpe/dict.mi.txt")).unwrap();
    dictionary.push_str("another 1\n");
    fs::write(folder.join("bpe/dict.mi.txt"), dictionary).unwrap();
    for arguments in [
        &[&train[..], &["--out", "other"]].concat()[..],
        &["translate", "--model", "bpe/old.pt", "a"],
        &["inspect", "bpe/old.pt"],
    ] {
        let line = failure(folder, arguments, 1);
        assert!(
            line.contains("bpe/dict.mi.txt: the target vocabulary has")
                && line.contains("as the network has"),
            "{line}"
        );
    }
}
