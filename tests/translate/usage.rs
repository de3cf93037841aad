//! Sentences in, translations out.

use super::*;

#[test]
fn sentences_come_from_arguments_a_file_or_a_stream_and_no_batch_matters() {
    let folder = trained();
    assert_eq!(translated(&["Der alter Wolf singt ."]), "sings the wolf old .\n");
    assert_eq!(translated(&["", "  ", "ein Hund rennt ."]), "\n\nruns a dog .\n");
    let sentences = fs::read_to_string(folder.join("val.de")).unwrap();
    let spaced: String = sentences.lines().map(|line| format!("{line}\n\n")).collect();
    fs::write(folder.join("spaced.de"), &spaced).unwrap();
    let whole = translated(&["--input", "spaced.de", "--json", "--n-best", "2"]);
    let places: Vec<u64> = whole
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sentence"].as_u64().unwrap())
        .collect();
    assert!(places.is_sorted() && places.last() == Some(&48), "{places:?}");
    for line in whole.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let tokens = line["tokens"].as_array().unwrap().len();
        assert_eq!(line["alignment"].as_array().unwrap().len(), tokens, "{line}");
        assert_eq!((line["score"].is_f64(), tokens == 0), (true, line["text"] == ""), "{line}");
    }
    let arguments = [&MODEL[..], &["--json", "--n-best", "2"]].concat();
    for buffer in ["1", "5", "4096"] {
        let arguments = [&arguments[..], &["--buffer", buffer]].concat();
        let assert = translate(folder, &arguments).write_stdin(spaced.clone()).assert().success();
        assert_eq!(
            String::from_utf8(assert.get_output().stdout.clone()).unwrap(),
            whole,
            "{buffer}"
        );
    }
    // What is drawn is drawn for the sentence's place, not for the batch's.
    let sampling = |buffer| {
        translated(&[
            "--input",
            "val.de",
            "--sampling",
            "--temperature",
            "2",
            "--seed",
            "5",
            "--buffer",
            buffer,
        ])
    };
    assert_eq!(sampling("3"), sampling("64"));
    assert_ne!(sampling("64"), translated(&["--input", "val.de"]));
}

#[test]
fn a_line_is_answered_before_the_next_is_sent() {
    for verb in ["translate", "interactive", "chat"] {
        let mut child = start(trained(), &[verb, "--model", "run/model"]);
        let mut input = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for (sentence, expected) in [
            ("ein Hund rennt .", "runs a dog ."),
            ("", ""),
            ("Der Baum fällt .", "falls the tree ."),
        ] {
            writeln!(input, "{sentence}").unwrap();
            assert_eq!(answers.next().unwrap().unwrap(), expected, "{verb}");
        }
        drop(input);
        assert!(answers.next().is_none());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn what_is_asked_of_a_translation_is_in_it() {
    let folder = trained();
    let begun = translated(&["--prefix", "falls the", "ein Hund rennt ."]);
    assert!(begun.starts_with("falls the "), "{begun}");
    let begun = translated(&["--prefixes", "ein Hund rennt .\tsings", "ein Hund rennt ."]);
    assert!(begun.starts_with("sings ") && begun.ends_with("\nruns a dog .\n"), "{begun}");
    for order in ["--constraints", "--constraints=ordered"] {
        let held = translated(&[order, "ein Hund rennt .\ttree\told", "ein Hund rennt ."]);
        let (first, second) = held.split_once('\n').unwrap();
        assert!(first.contains("tree") && first.contains("old"), "{held}");
        assert_eq!(second, "runs a dog .\n");
        if order.ends_with("ordered") {
            assert!(first.find("tree") < first.find("old"), "{held}");
        }
    }
    let short = ["--min-length", "9", "--max-length-a", "0", "--max-length-b", "9"];
    let long = lines(folder, &[&MODEL[..], &short, &["ein Hund rennt ."]].concat());
    assert_eq!(long[0]["tokens"].as_array().unwrap().len(), 9);
    let diverse = translated(&[
        "--beam",
        "4",
        "--n-best",
        "4",
        "--diverse-groups",
        "2",
        "--diverse-strength",
        "9",
        "ein Hund rennt .",
    ]);
    assert_eq!(diverse.lines().count(), 4);
    let best = diverse.lines().next().unwrap();
    assert!(best.starts_with("1\t-") && best.ends_with("\truns a dog ."), "{diverse}");
    for more in [&["--top-k", "1"][..], &["--top-p", "0.001"]] {
        let drawn =
            translated(&[&["--sampling", "--beam", "1"], more, &["ein Hund rennt ."]].concat());
        assert_eq!(drawn, "runs a dog .\n");
    }
    let aligned = translated(&["--alignment", "ein Hund rennt ."]);
    let (text, pairs) = aligned.trim_end().split_once('\t').unwrap();
    let json = &lines(folder, &[&MODEL[..], &["ein Hund rennt ."]].concat())[0];
    assert_eq!((text, json["text"].as_str()), ("runs a dog .", Some("runs a dog .")));
    let expected: Vec<String> = json["alignment"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(t, s)| format!("{s}-{t}"))
        .collect();
    assert_eq!(pairs.split(' ').collect::<Vec<_>>(), expected);
}

#[test]
fn attention_is_drawn() {
    let folder = trained();
    let text = translated(&["--attention", "picture.svg", "ein alter Hund rennt ."]);
    assert_eq!(text, "runs a dog old .\n");
    let svg = fs::read_to_string(folder.join("picture.svg")).unwrap();
    for part in ["<svg ", ">rennt</text>", ">runs</text>", "&lt;/s&gt;", "fill-opacity"] {
        assert!(svg.contains(part), "{part}: {svg}");
    }
    assert!(!svg.contains("href"), "it refers to nothing");
    let asked = [&MODEL[..], &["--attention", "other.svg"]].concat();
    assert!(failure(folder, &[&asked[..], &["a", "b"]].concat(), 1).contains("draws one sentence"));
    assert!(failure(folder, &[&asked[..], &[""]].concat(), 1).contains("the sentence is empty"));
    assert!(!folder.join("other.svg").exists());
}

#[test]
fn what_is_too_long_has_an_answer_of_its_own() {
    let folder = trained();
    let long = "Hund ".repeat(50);
    let mut text = format!("ein Hund rennt .\n\n{long}\n").into_bytes();
    text.extend(b"caf\xe9\nein Hund rennt .\n");
    fs::write(folder.join("long.de"), text).unwrap();
    let file = [&MODEL[..], &["--input", "long.de"]].concat();
    let assert = translate(folder, &file).assert().code(1);
    let said = &assert.get_output().stdout;
    let error = &assert.get_output().stderr;
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1], lines[4]), (5, "runs a dog .", "", lines[0]));
    assert!(lines[2].starts_with("error\tsentence 3: its source has "), "{said}");
    assert!(lines[2].ends_with("expected at most 38, the positions that the model knows"));
    assert!(lines[3].starts_with("error\tlong.de line 4: byte 0xe9 at column 4"), "{said}");
    let error = String::from_utf8_lossy(error);
    assert_eq!(error, "error: 2 lines have no answer; why stands in their places\n");
    // As an argument, and where translations are scored or measured, it leaves the others too.
    let asked = [&MODEL[..], &["--json", "ein Hund rennt .", &long, "ein Hund rennt ."]].concat();
    let assert = translate(folder, &asked).assert().code(1);
    let answers = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<&Value> = answers.iter().map(|answer| &answer["sentence"]).collect();
    assert_eq!(places, [&json!(1), &json!(2), &json!(3)]);
    assert!(answers[1]["error"].is_string() && answers[2]["text"] == "runs a dog .");
    let mut pairs = format!("ein Hund rennt .\truns a dog .\nno tab\n{long}\ta\n").into_bytes();
    pairs.extend(b"caf\xe9\ta\nein Hund rennt .\truns a dog .\n");
    fs::write(folder.join("long.tsv"), pairs).unwrap();
    let of_pairs = |verb| [verb, "--model", "run/model", "--data", "long.tsv", "--json"];
    let assert = translate(folder, &of_pairs("score")).assert().code(1);
    let scores = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let scores: Vec<Value> =
        scores.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<&Value> = scores.iter().map(|score| &score["sentence"]).collect();
    assert_eq!(places, [&json!(1), &json!(2), &json!(3), &json!(4), &json!(5)]);
    assert_eq!(scores.iter().filter(|score| score["error"].is_string()).count(), 3);
    assert_eq!(scores[0]["score"], scores[4]["score"]);
    let assert = translate(folder, &of_pairs("eval")).assert().code(1);
    let measured: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let error = String::from_utf8_lossy(&assert.get_output().stderr);
    let counts = ["sentences", "not_translated", "left_out"].map(|name| measured[name].as_u64());
    assert_eq!(counts, [Some(3), Some(1), Some(2)], "{measured}");
    assert!(error.contains("not translated: sentence 3: its source has "), "{error}");
    assert!(error.contains("left out: long.tsv line 2: no tab"), "{error}");
    assert!(
        error.ends_with(
            "1 sentences were not translated and count as blank, 2 lines were left out\n"
        )
    );
    // It is cut, skipped or split where that is asked for.
    fs::write(folder.join("long.de"), format!("{long}\nein Hund rennt .\n")).unwrap();
    let read = |how| output(folder, &[&file[..], &["--long", how]].concat());
    let whole = |parts: &[&str]| {
        let found = output(folder, &[&MODEL[..], parts].concat());
        format!("{}\nruns a dog .\n", found.trim_end().replace('\n', " "))
    };
    assert_eq!(read("skip"), "\nruns a dog .\n");
    // A word has four tokens, so that nine of them have room.
    let full = "Hund ".repeat(9);
    let rest = "Hund ".repeat(5);
    assert_eq!(read("cut"), whole(&[full.trim()]));
    assert_eq!(read("split"), whole(&[&[full.trim(); 5][..], &[rest.trim()]].concat()));
    // At the prompt it is said, and the next line answered.
    let talk = translate(folder, &["interactive", "--model", "run/model"])
        .write_stdin(format!("{long}\nein Hund rennt .\n"))
        .assert()
        .success();
    assert_eq!(String::from_utf8_lossy(&talk.get_output().stdout), "runs a dog .\n");
    assert!(
        String::from_utf8_lossy(&talk.get_output().stderr).contains("sentence 1: its source has ")
    );
}

#[test]
fn a_table_is_parted_into_files_that_share_no_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let table: String =
        (0..60).map(|i| format!("word {}\tWort {}\tsomebody\n", i / 2, i)).collect();
    fs::write(folder.path().join("table.tsv"), table).unwrap();
    let split = ["split", "--data", "table.tsv", "--swap", "--held-out", "5", "--out", "corpus"];
    let said = output(folder.path(), &split);
    assert!(
        said.contains("corpus: 40 pairs to learn from, 5 in val, 5 in test; 10 left out"),
        "{said}"
    );
    let read = |name: &str| fs::read_to_string(folder.path().join("corpus").join(name)).unwrap();
    let held_out = read("val.en") + &read("test.en");
    assert!(read("train.en").lines().all(|line| !held_out.lines().any(|held| held == line)));
    assert!(read("train.de").lines().all(|line| line.starts_with("Wort ")));
    let error = failure(folder.path(), &split, 1);
    assert!(error.contains("corpus is there already"), "{error}");
}
