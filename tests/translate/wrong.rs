//! What is wrong is named.

use super::*;

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = trained();
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    let write = |name: &str, text: &[u8]| fs::write(here.join(name), text).unwrap();
    fs::write(here.join("tiny.toml"), TINY).unwrap();
    let good = "ein Hund\ta dog\nzwei Hunde\ttwo dogs\n".repeat(20);
    write("good.tsv", good.as_bytes());
    write("short.de", b"a\nb\nc\n");
    write("short.en", b"a\nb\n");
    write("bytes.tsv", b"gut\tfine\ncaf\xe9\tcoffee\n");
    write("columns.tsv", b"gut\tfine\nnur\n");
    write("empty.tsv", b"\t\na\t\n");
    write("none.tsv", b"");
    write("blank.tsv", b"\t\n \t \n");
    fs::create_dir(here.join("parts")).unwrap();
    for name in ["train.de", "train.en", "val.a.de", "val.a.en", "val.b.de", "val.b.en"] {
        write(&format!("parts/{name}"), b"gut\n");
    }
    write("large.toml", b"encoder_layers = \"[(1048576, 1048576)]\"\n");
    let words = "ein ".repeat(100_000);
    write("words.tsv", format!("{good}{words}\ta\n").as_bytes());
    write("endless.tsv", format!("{}\ta\n", words.repeat(3)).as_bytes());
    write("wrong.toml", b"dropuot = 0.5\n");
    write("broken.toml", b"dropout = = 0.5\n");
    write("layers.toml", b"encoder_layers = \"[(32, 3) * 2\"\n");
    write("tokenizer.json", b"{\"model\": {\"type\": \"BPE\"}}");
    fs::create_dir(here.join("folder")).unwrap();
    fs::write(here.join("folder/config.json"), r#"{"model_type": "kim-cnn"}"#).unwrap();
    let train = |data: &'static str, more: &[&'static str]| {
        [&["train", "--recipe", "tiny.toml", "--out", "run", "--data", data], more].concat()
    };
    let by = |recipe: &'static str| {
        ["train", "--data", "good.tsv", "--dev", "good.tsv", "--out", "x", "--recipe", recipe]
            .to_vec()
    };
    let dev = ["--dev", "good.tsv"];
    for (arguments, reason) in [
        (train("short", &dev), "short.de has 3 lines and ./short.en has 2, expected as many"),
        (train("bytes.tsv", &dev), "bytes.tsv line 2: byte 0xe9 at column 4 is not UTF-8"),
        (train("columns.tsv", &dev), "columns.tsv line 2: no tab, expected a sentence"),
        (
            train("empty.tsv", &["--dev", "good.tsv", "--init", "model"]),
            "empty.tsv: no pair is left to train on: 0 of 2 pairs kept; 2 dropped, a side is empty (first on line 1)",
        ),
        (train("good.tsv", &["--dev", "none.tsv"]), "none.tsv: no pair of sentences"),
        (train("good.tsv", &["--dev", "blank.tsv"]), "blank.tsv: no pair of sentences"),
        (train("good.tsv", &[]), "good.tsv: not a folder with a part held out, expected --dev"),
        (
            train("parts", &[]),
            "val: expected one file of each language of de-en with the same between",
        ),
        (
            by("large.toml"),
            "encoder_layers is a weight of 1048576 × 1048576 × 1048576 × 2 numbers, expected at most",
        ),
        (vec!["eval", "--model", "model", "--data", "none.tsv"], "none.tsv: no pairs"),
        (vec!["score", "--model", "model", "--data", "none.tsv"], "none.tsv: no pairs"),
        (
            vec!["split", "--data", "good.tsv", "--held-out", "3", "--out", "new"],
            "good.tsv: 2 pairs for val or test, expected 3: there are too few",
        ),
        (
            vec!["split", "--data", "good.tsv", "--held-out", "1", "--out", "new"],
            "good.tsv: nothing is left to learn from",
        ),
        (train("good.tsv", &["--dev", "words.tsv"]), "words.tsv: sentence 41: its source has 1"),
        (train("endless.tsv", &dev), "endless.tsv line 1: longer than 1048576 bytes"),
        (train("nowhere", &dev), "nowhere"),
        (
            train("short", &["--pair", "de-fr", "--dev", "good.tsv"]),
            "short: no file for `fr` of the pair de-fr, found",
        ),
        (
            train("good.tsv", &["--pair", "deen", "--dev", "good.tsv"]),
            "\"deen\" is no pair of languages",
        ),
        (train("good.tsv", &["--dev", "good.tsv", "--epochs", "0"]), "epochs is 0"),
        (
            train("good.tsv", &["--dev", "good.tsv", "--label-smoothing", "2"]),
            "label_smoothing is 2",
        ),
        (
            train("good.tsv", &["--dev", "good.tsv", "--tokenizer", "tokenizer.json"]),
            "tokenizer.json: tokenizer: ",
        ),
        (
            train("good.tsv", &["--dev", "good.tsv", "--vocabulary", "9"]),
            "good.tsv: in memory: tokenizer: a vocabulary of 9",
        ),
        (by("wrong.toml"), "wrong.toml: unknown field `dropuot`"),
        (by("broken.toml"), "broken.toml: TOML parse error at line 1"),
        (by("layers.toml"), "at character 10"),
        (vec!["translate", "a"], "no model at data/models/german-english"),
        (vec!["translate", "--model", "none", "a"], "none"),
        (vec!["translate", "--model", "folder", "a"], "kim-cnn"),
        (vec!["translate", "--model", "good.tsv", "a"], "good.tsv"),
        (vec!["translate", "--model", "model", "--input", "none.txt"], "none.txt"),
        (
            vec!["translate", "--model", "model", "--input", "bytes.tsv"],
            "1 line has no answer; why stands in its place",
        ),
        (
            vec!["translate", "--model", "model", "--beam", "0", "a"],
            "beam is 0, expected 1 to 1024",
        ),
        (
            vec!["translate", "--model", "model", "--n-best", "6", "a"],
            "n_best is 6, expected 1 to 5, the beam",
        ),
        (
            vec!["translate", "--model", "model", "--diverse-groups", "2", "a"],
            "diverse_groups is 2",
        ),
        (vec!["translate", "--model", "model", "--temperature", "0", "a"], "temperature is 0"),
        (vec!["translate", "--model", "model", "--sampling", "--top-p", "2", "a"], "top_p is 2"),
        (
            vec!["score", "--model", "model", "--data", "words.tsv"],
            "1 line has no answer; why stands in its place",
        ),
        (
            vec!["eval", "--model", "model", "--data", "words.tsv"],
            "words.tsv: 1 sentences were not translated and count as blank, 0 lines were left out",
        ),
        (
            vec!["score", "--model", "model", "--data", "short"],
            "short.de has 3 lines and ./short.en has 2",
        ),
        (
            vec!["eval", "--model", "model", "--data", "short"],
            "short.de has 3 lines and ./short.en has 2",
        ),
        (vec!["inspect", "good.tsv"], "good.tsv"),
    ] {
        if !here.join("model").exists() {
            fs::create_dir(here.join("model")).unwrap();
            for file in fs::read_dir(folder.join("run/model")).unwrap() {
                let file = file.unwrap().path();
                fs::copy(&file, here.join("model").join(file.file_name().unwrap())).unwrap();
            }
        }
        let line = failure(here, &arguments, 1);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    for (arguments, reason) in [
        (
            &["train", "--data", "good.tsv", "--out", "x", "--preset", "fconv_de"][..],
            "expected fconv, fconv_iwslt_de_en",
        ),
        (
            &["train", "--data", "good.tsv", "--out", "x", "--source-tokenizer", "a"],
            "--target-tokenizer",
        ),
        (&["split", "--data", "good.tsv", "--held-out", "0", "--out", "new"], "1.."),
        (&["translate", "--model", "m", "--top-k", "3", "a"], "--sampling"),
        (&["translate", "--model", "m", "--buffer", "0"], "1..=4096"),
        (&["translate", "--model", "m", "--prefix", "a", "--prefixes"], "cannot be used with"),
        (&["translate", "--model", "m", "--constraints=some"], "ordered, unordered"),
        (&["translate", "--model", "m", "--attention", "x.svg"], "SENTENCES"),
    ] {
        let line = failure(here, arguments, 2);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    assert!(!here.join("new").exists(), "nothing half made");
    // A line that is too long does not stop the training on others.
    let noted = translate(
        here,
        &train("words.tsv", &["--dev", "good.tsv", "--epochs", "1", "--init", "model"]),
    )
    .assert()
    .success();
    let note = String::from_utf8(noted.get_output().stderr.clone()).unwrap();
    assert!(
        note.contains(
            "words.tsv: 40 of 41 pairs kept\n1 dropped, a side is too long (first on line 41)"
        ),
        "{note}"
    );
}
