//! From text to a model, and on from one.

use super::*;

fn wait(what: &str, mut is_there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_there() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_training_leaves_is_found_and_measured() {
    let folder = trained();
    for file in
        ["model/config.json", "model/README.md", "report.html", "metrics.jsonl", "last.safetensors"]
    {
        assert!(folder.join("run").join(file).exists(), "{file}");
    }
    assert!(failure(folder, &train("run", &[]), 1).contains("resume"));
    let found = lines(folder, &["eval", "--model", "run/model", "--data", "val"]);
    assert!(found[0]["bleu"].as_f64().unwrap() > 80.0, "{found:?}");
    assert_eq!(found[0]["sentences"], 24);

    let inspected = &lines(folder, &["inspect", "run/model"])[0];
    assert_eq!(inspected["kind"], "model folder");
    assert_eq!(inspected["config"]["encoder_layers"], "[(32, 3)] * 2");
    assert!(inspected["training"]["data"].as_str().unwrap().ends_with(", de-en"), "{inspected}");
    assert_eq!(inspected["joint"], true);
    let shown = output(folder, &["inspect", "run/model"]);
    assert!(shown.contains("decoder.embed_tokens.weight") && shown.contains("longest source"));

    // The pairs that were learnt are likely, others are not, whatever stands beside them.
    fs::write(
        folder.join("pairs.tsv"),
        "ein Hund rennt .\truns a dog .\nein Hund rennt .\tfalls no tree .\n\t\n",
    )
    .unwrap();
    let score = ["score", "--model", "run/model", "--data", "pairs.tsv"];
    let scored = lines(folder, &score);
    let scores: Vec<f64> = scored.iter().map(|line| line["score"].as_f64().unwrap()).collect();
    assert!(scores[0] > -0.5 && scores[1] < -2.0, "{scores:?}");
    assert_eq!(
        (scored[1]["sentence"].as_u64(), scored[2]["tokens"].as_array().unwrap().len()),
        (Some(2), 0)
    );
    fs::write(folder.join("pair.tsv"), "ein Hund rennt .\truns a dog .\n").unwrap();
    let alone = lines(folder, &["score", "--model", "run/model", "--data", "pair.tsv"]);
    assert_eq!(alone[0], scored[0]);
    let plain = translate(folder, &score).assert().success();
    let note = String::from_utf8(plain.get_output().stderr.clone()).unwrap();
    assert!(note.starts_with("3 pairs, ") && note.contains("perplexity"), "{note}");
}

#[test]
fn a_run_that_is_killed_or_stopped_goes_on_to_the_same_weights() {
    let folder = trained();
    let weights = |run: &str| fs::read(folder.join(run).join("model/model.safetensors")).unwrap();
    for (run, signal) in [("killed", "-KILL"), ("stopped", "-INT")] {
        let _ = fs::remove_dir_all(folder.join(run));
        let child = start(folder, &train(run, &[]));
        wait("a checkpoint", || folder.join(run).join("last.safetensors").exists());
        let sent =
            std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert!(
            !ended.status.success() && !folder.join(run).join("model").exists(),
            "{run} went to its end"
        );
        if signal == "-INT" {
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(
                said.contains("stopping at a checkpoint") && said.contains("--resume goes on"),
                "{said}"
            );
            assert_eq!(ended.status.code(), Some(1));
        }
        output(folder, &train(run, &["--resume"]));
        assert!(weights(run) == weights("run"), "{run}");
    }
}

#[test]
fn text_is_cut_as_asked() {
    let folder = trained();
    let quick = |out: &'static str, more: &[&'static str]| {
        let _ = fs::remove_dir_all(folder.join(out));
        output(folder, &train(out, &[&["--epochs", "1"], more].concat()));
        let inspected = lines(folder, &["inspect", &format!("{out}/model")]);
        inspected[0].clone()
    };
    let cased = quick("cased", &["--lowercase", "--subwords", "words", "--tokens"]);
    let words = |inspected: &Value| {
        inspected["source_tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(
        words(&cased).contains(&"der".to_owned()) && !words(&cased).contains(&"Der".to_owned())
    );
    // What goes on from it knows that it is in lower case, and is measured so.
    for (language, text) in
        [("de", "ein Hund rennt .\nkein Wolf singt .\n"), ("en", "Runs a Dog .\nSings no Wolf .\n")]
    {
        fs::write(folder.join(format!("capitals.{language}")), text).unwrap();
    }
    let _ = fs::remove_dir_all(folder.join("tuned-cased"));
    output(folder, &train("tuned-cased", &["--init", "cased/model", "--dev", "capitals"]));
    let tuned = lines(folder, &["inspect", "tuned-cased/model"])[0].clone();
    assert_eq!(tuned["training"]["recipe"]["subwords"]["lowercase"], true);
    let bleu = |how: &[&str]| {
        let eval = ["eval", "--model", "tuned-cased/model", "--data", "capitals"];
        let measured = lines(folder, &[&eval[..], &["--tokenize", "none"], how].concat());
        measured[0]["bleu"].as_f64().unwrap()
    };
    let measured = bleu(&["--lowercase"]);
    assert_eq!(tuned["training"]["metrics"]["dev bleu"].as_f64(), Some(measured), "{tuned}");
    assert!(bleu(&[]) < measured, "{measured}");
    // Another process makes the same pieces, so that a run can go on.
    let unigram = ["--subwords", "unigram", "--vocabulary", "40", "--epochs"];
    let run = |more: &[&str]| output(folder, &train("unigram", &[&unigram[..], more].concat()));
    run(&["1"]);
    run(&["1", "--resume"]);
    let separate =
        quick("separate", &["--separate", "--subwords", "unigram", "--vocabulary", "60"]);
    assert_eq!(
        (&separate["joint"], &separate["config"]["share_embeddings"]),
        (&json!(false), &json!(false))
    );
    // The tokenizers that one run has made are another's.
    let same = quick(
        "same",
        &[
            "--source-tokenizer",
            "separate/model/tokenizer.source.json",
            "--target-tokenizer",
            "separate/model/tokenizer.target.json",
        ],
    );
    assert_eq!((words(&same), &same["config"]), (words(&separate), &separate["config"]));
    // One of somebody else, with other numbers of the special tokens.
    let vocab: serde_json::Map<String, Value> =
        ["[PAD]", "[UNK]", "[SEP]", "ein", "Hund", "rennt", ".", "runs", "a", "dog"]
            .iter()
            .zip(0..)
            .map(|(word, id): (_, u64)| (word.to_string(), id.into()))
            .collect();
    let own = json!({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}});
    fs::write(folder.join("own.json"), own.to_string()).unwrap();
    let own = quick("own", &["--tokenizer", "own.json"]);
    assert_eq!((&own["config"]["source_vocabulary"], &own["joint"]), (&json!(10), &json!(true)));
    output(folder, &["translate", "--model", "own/model", "ein Hund singt ."]);
    let preset =
        quick("preset", &["--preset", "fconv_wmt_en_ro", "--batch-tokens", "200", "--bleu", "1"]);
    let recipe = &preset["training"]["recipe"];
    assert_eq!(
        (&recipe["fit"]["clip_norm"], &recipe["share_embeddings"]),
        (&json!(0.1), &json!(false))
    );
    assert_eq!(recipe["fit"]["optimizer"]["nesterov"], true);
}

#[test]
fn training_goes_on_from_a_model() {
    let folder = trained();
    let _ = fs::remove_dir_all(folder.join("tuned"));
    let more = ["--init", "run/model", "--epochs", "1", "--learning-rate", "1e-5", "--half"];
    let found = lines(folder, &train("tuned", &more));
    assert!(found[0]["metrics"]["dev bleu"].as_f64().unwrap() > 80.0, "{found:?}");
    let inspected = &lines(folder, &["inspect", "tuned/model"])[0];
    assert_eq!(inspected["training"]["start"], "run/model");
    assert_eq!(inspected["parameters"][0]["stored_as"], "f16");
    for more in [["--tokenizer", "x.json"], ["--preset", "fconv"], ["--vocabulary", "70"]] {
        let line = failure(folder, &train("x", &[&["--init", "run/model"][..], &more].concat()), 2);
        assert!(line.contains("cannot be used with"), "{line}");
    }
    fs::write(
        folder.join("tuned/model/tokenizer.json"),
        fs::read_to_string(folder.join("run/model/tokenizer.json"))
            .unwrap()
            .replace("\"<pad>\"", "\"<fill>\""),
    )
    .unwrap();
    let line = failure(folder, &train("x", &["--init", "tuned/model"]), 1);
    assert!(line.contains("tuned/model/tokenizer.json: tokenizer: no token for padding"), "{line}");
}

#[test]
fn a_run_is_planned_and_a_few_pairs_are_learnt_by_heart() {
    let folder = trained();
    let train = ["train", "--data", ".", "--pair", "de-en", "--config", "tiny.toml"];
    let dry = output(folder, &[&train[..], &["--dry-run"]].concat());
    assert!(dry.contains("decoder.embed_tokens.weight") && dry.contains("activations"), "{dry}");
    let learnt = output(folder, &[&train[..], &["--overfit", "6"]].concat());
    assert!(learnt.starts_with("6 examples in "), "{learnt}");
}

/// Each language's own tokenizer is a file of the model, which goes on and is written over.
#[test]
fn a_run_with_a_vocabulary_of_each_language_goes_on() {
    let folder = trained();
    let _ = fs::remove_dir_all(folder.join("separate"));
    let own = ["--separate", "--subwords", "words", "--vocabulary", "30"];
    output(folder, &train("separate", &[&own[..], &["--epochs", "1"]].concat()));
    assert!(folder.join("separate/model/tokenizer.target.json").exists());
    output(folder, &train("separate", &[&own[..], &["--epochs", "2", "--resume"]].concat()));
}
