//! Known texts in their recordings; lists, noises and rooms; encoders that go on under another
//! loss.

use super::*;

#[test]
fn known_texts_are_aligned_and_expected_words_are_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train_forward(folder);
    let model = ["--model", "forward/model"];
    let text = ["align", "clips/100.wav", "--text", "A BB  A"];
    let line = json(folder, &[&text[..], &model].concat());
    assert_eq!(line["path"], "clips/100.wav");
    let words = line["words"].as_array().unwrap();
    let said: Vec<&str> = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
    assert_eq!(said, ["A", "BB", "A"]);
    // Each word is a tone of 0.15 s, with 0.1 s behind it; what is said first begins at 0.075 s.
    for (at, word) in words.iter().enumerate() {
        let [start, end] = ["start", "end"].map(|key| word[key].as_f64().unwrap());
        let tone = 0.075 + 0.25 * at as f64;
        assert!(start < end && (start - tone).abs() < 0.3, "{words:?}");
    }
    let table = output(folder, &[&["align", "--data", "dev.tsv"], &model[..]].concat());
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "path\tstart\tend\tword\tconfidence");
    // Two to four words of six recordings.
    assert_eq!(rows.len(), 1 + 2 * (2 + 3 + 4));
    assert!(rows[1].starts_with("clips/100.wav\t0."), "{}", rows[1]);
    for (text, part) in [
        ("A C", "clips/100.wav cannot be aligned with its text: \"C\" in it, expected letters"),
        (&*"B".repeat(60), "60 letters and 59 repeats, expected no more than its"),
    ] {
        let found =
            error(folder, &[&["align", "clips/100.wav", "--text", text], &model[..]].concat());
        assert!(found.contains(part) && found.contains("1 of 1 recordings"), "{found}");
    }

    // A word that is expected beyond all measure is written where anything is said.
    fs::write(folder.join("hot.txt"), "BB A BB\n\n").unwrap();
    let hot = ["--hot-words", "hot.txt", "--boost", "50"];
    let line = json(folder, &[&["transcribe", "clips/101.wav"], &model[..], &hot].concat());
    assert!(line["text"].as_str().unwrap().contains("BB A BB"), "{line}");
    fs::write(folder.join("hot.txt"), "ABC\n").unwrap();
    let found = error(folder, &[&["transcribe", "clips/101.wav"], &model[..], &hot].concat());
    assert!(found.contains("hot.txt") && found.contains("\"ABC\" among them"), "{found}");
}

#[test]
fn lists_folders_noises_rooms_and_encoders_are_taken() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train_forward(folder);
    let model = ["--model", "forward/model"];
    // The same recordings as objects, and as the test part of a folder.
    let list = fs::read_to_string(folder.join("dev.tsv")).unwrap();
    let objects = list.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let speaker = fields[0];
        let text = fields[1];
        let path = format!("../{}", fields[3]);
        serde_json::json!({ "path": path, "text": text, "speaker": speaker }).to_string() + "\n"
    });
    fs::create_dir(folder.join("set")).unwrap();
    fs::write(folder.join("set/test.jsonl"), objects.collect::<String>()).unwrap();
    let eval = |data: &str, flags: &[&str]| {
        json(folder, &[&["eval", "--data", data], &model[..], flags].concat())
    };
    let expected = eval("dev.tsv", &[]);
    assert_eq!(eval("set/test.jsonl", &[]), expected);
    assert_eq!(eval("set", &[]), expected);

    // A tone as loud as the words is one that the network writes, or that keeps it from writing.
    wav(&folder.join("hum.wav"), &tones("A BB A A BB", 30.0));
    let noisy = ["--noise", "hum.wav", "--snr", "-5"];
    let found = eval("dev.tsv", &noisy);
    assert!(found["wer"].as_f64() > expected["wer"].as_f64(), "{found}");
    assert_eq!(found, eval("dev.tsv", &noisy));
    assert_eq!(eval("dev.tsv", &["--simulated-rooms", "3"])["utterances"], 6);
    let flags = ["--noise", "hum.wav", "--rooms", "hum.wav", "--epochs", "1", "--out", "noisy"];
    output(folder, &[&["train", "--data", "train.tsv"], &flags[..]].concat());
    let stored = fs::read_to_string(folder.join("noisy/model/training.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let settings = serde_json::json!({ "noise": 0.5, "room": 0.5, "snr": [5.0, 20.0] });
    assert_eq!(stored["recipe"]["surroundings"], settings);
    let text = error(
        folder,
        &["eval", "--data", "dev.tsv", "--model", "forward/model", "--noise", "gone.wav"],
    );
    assert!(text.contains("cannot read gone.wav"), "{text}");

    // An encoder goes on under another loss, and what it brings is told.
    let init = ["--init", "forward/model", "--preset", "convolutional", "--loss", "attention"];
    let flags = ["--ctc-weight", "0", "--beam", "3", "--epochs", "1", "--out", "attentive"];
    let arguments = [&["train"], &DATA[..], &init, &flags].concat();
    let assert = speech(folder, &arguments).assert().success();
    let notes = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(notes.contains("are those of model: convolutions.0, convolutions.1"), "{notes}");
    assert!(notes.contains("not used of model: output"), "{notes}");
    let inspected = json(folder, &["inspect", "attentive/model"]);
    assert_eq!(inspected["config"]["beam"], 3);
    let text = output(folder, &["inspect", "attentive/model"]);
    assert!(text.contains("attention by content and place, 96 units over the letters"), "{text}");
    let found =
        error(folder, &["align", "clips/100.wav", "--text", "A", "--model", "attentive/model"]);
    assert!(found.contains("expected one with CTC"), "{found}");

    // A transducer's folder writes the words of a lexicon alone too, and as it was measured.
    let flags = ["--loss", "rnnt", "--lexicon", "--epochs", "2", "--out", "words"];
    let trained = json(folder, &[&["train"], &DATA[..], &flags].concat());
    let evaluation = json(folder, &["eval", "--model", "words/model", "--data", "dev.tsv"]);
    assert_eq!(evaluation["wer"], trained["metrics"]["dev WER"]);
    assert!(evaluation["without_language_model"]["wer"].is_number());
}

/// A network of phones is trained with CTC, and another frame by frame from its alignments, whose
/// encoder a third one of letters begins with. Features of the first are kept for the second.
#[test]
fn phones_are_learnt_and_then_frames_of_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    fs::write(folder.join("words.dic"), "A  AH\nA(2)  EY\nBB  B IY\n").unwrap();
    let train = |more: &[&str]| {
        let phones = ["--phones", "words.dic", "--cache", "kept", "--epochs", "40"];
        let mut command = speech(folder, &[&["train"], &DATA[..], &phones[..], more].concat());
        let output = command.assert().success().get_output().clone();
        let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (said(output.stdout), said(output.stderr))
    };
    let (_, notes) = train(&["--out", "phones"]);
    assert!(notes.contains("features of 0 recordings were in kept, 30 are new"), "{notes}");
    let model = json(folder, &["inspect", "phones/model"]);
    assert_eq!(model["config"]["letters"], "ABC");
    let (_, notes) = train(&["--frames-of", "phones/model", "--delay", "3", "--out", "frames"]);
    assert!(notes.contains("features of 30 recordings were in kept, 0 are new"), "{notes}");
    let log = fs::read_to_string(folder.join("frames/metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    let error = last["metrics"]["frame error"].as_f64().unwrap();
    assert!(error < 0.2, "{last}");
    let arguments = [&["train"], &DATA[..], &["--init", "frames/model", "--dry-run"]].concat();
    let notes = speech(folder, &arguments).assert().success().get_output().stderr.clone();
    let notes = String::from_utf8(notes).unwrap();
    assert!(notes.contains("are those of model: convolutions.0"), "{notes}");

    fs::write(folder.join("words.dic"), "A  AH\n").unwrap();
    let arguments = [&["train"], &DATA[..], &["--phones", "words.dic", "--dry-run"]].concat();
    let message = self::error(folder, &arguments);
    assert!(message.contains("\"BB\" in its text, expected words of the dictionary"), "{message}");
}
