use super::*;
use std::fs;

type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

/// A folder with files of such texts.
fn folder(files: &[(&str, &str)]) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        fs::write(path, text)?;
    }
    Ok(folder)
}

/// Path, speaker and text of each recording of a part.
fn found(folder: &Path, part: Part) -> Result<Vec<(String, String, String)>> {
    let utterances = recordings_of(folder, part)?.utterances.into_iter();
    let row = |one: Utterance| {
        let path = one.path.strip_prefix(folder).unwrap_or(&one.path);
        (path.display().to_string(), one.speaker.unwrap_or_default(), one.text)
    };
    Ok(utterances.map(row).collect())
}

fn message(folder: &Path, part: Part) -> String {
    let error = recordings_of(folder, part).err().map(|error| error.to_string());
    error.unwrap_or_default().replace(&folder.display().to_string(), "HERE")
}

fn row(path: &str, speaker: &str, text: &str) -> (String, String, String) {
    (path.into(), speaker.into(), text.into())
}

#[test]
fn libri_speech_is_read_at_any_height() -> Outcome {
    let files = [
        ("dev/84/121/84-121.trans.txt", "84-121-0000 GO  ON\n84-121-0001 DO IT'S\n"),
        ("dev/84/121/84-121-0000.flac", ""),
        ("dev/84/121/84-121-0001.wav", ""),
        ("dev/9/7/9-7.trans.txt", "9-7-0000 NO\n"),
    ];
    let folder = folder(&files)?;
    let all = [
        row("dev/84/121/84-121-0000.flac", "84", "GO ON"),
        row("dev/84/121/84-121-0001.wav", "84", "DO IT'S"),
        row("dev/9/7/9-7-0000.flac", "9", "NO"),
    ];
    for part in [Part::Train, Part::Dev, Part::Test] {
        assert_eq!(found(folder.path(), part)?, all);
    }
    assert_eq!(recordings_of(&folder.path().join("dev/9/7"), Part::Test)?.utterances.len(), 1);
    // The list's line is named where its recording is missing.
    let list = recordings_of(&folder.path().join("dev/9"), Part::Test)?;
    let error = crate::data::Recordings::read(&list, None).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("9-7.trans.txt line 1: cannot read")));
    for bad in ["9-7-0000\n", "9-7-0000 NO\n\n/etc/9-7 NO\n", "NO\n"] {
        fs::write(folder.path().join("dev/9/7/9-7.trans.txt"), bad)?;
        let text = message(folder.path(), Part::Train);
        assert!(text.starts_with("HERE/dev/9/7/9-7.trans.txt line "), "{text}");
        assert!(text.contains("expected a name such as 84-121123-0000 and a text"), "{text}");
    }
    Ok(())
}

#[test]
fn speech_commands_have_three_parts() -> Outcome {
    let folder = folder(&[
        ("validation_list.txt", "yes/aa_nohash_0.wav\n"),
        ("testing_list.txt", "no/bb_nohash_0.wav\n\n"),
        ("yes/aa_nohash_0.wav", ""),
        ("yes/bb_nohash_1.wav", ""),
        ("no/bb_nohash_0.wav", ""),
        ("no/README", ""),
        ("_background_noise_/pink_noise.wav", ""),
    ])?;
    let parts = [Part::Train, Part::Dev, Part::Test];
    let rows = [
        row("yes/bb_nohash_1.wav", "bb", "yes"),
        row("yes/aa_nohash_0.wav", "aa", "yes"),
        row("no/bb_nohash_0.wav", "bb", "no"),
    ];
    for (part, expected) in parts.into_iter().zip(rows) {
        assert_eq!(found(folder.path(), part)?, [expected]);
    }
    for bad in ["yes/../../a.wav", "../a.wav", "yes"] {
        fs::write(folder.path().join("testing_list.txt"), format!("no/a.wav\n{bad}\n"))?;
        let text = message(folder.path(), Part::Train);
        let expected = format!("HERE/testing_list.txt line 2: found {bad:?}, expected a word");
        assert!(text.starts_with(&expected), "{text}");
    }
    Ok(())
}

#[test]
fn digits_are_told_by_their_names() -> Outcome {
    let names =
        ["7_jackson_5.wav", "0_theo_4.wav", "7_jackson_12.wav", "x_theo_4.wav", "7_1_5.wav"];
    let files = names.map(|name| (name, ""));
    let digits = folder(&files)?;
    let train =
        [row("7_jackson_12.wav", "jackson", "SEVEN"), row("7_jackson_5.wav", "jackson", "SEVEN")];
    assert_eq!(found(digits.path(), Part::Train)?, train);
    assert_eq!(found(digits.path(), Part::Test)?, [row("0_theo_4.wav", "theo", "ZERO")]);
    let text = message(digits.path(), Part::Dev);
    assert_eq!(text, "HERE: no dev part, expected one, or a list of the recordings in its place");
    Ok(())
}

#[test]
fn an4_is_read_with_its_two_lists() -> Outcome {
    let folder = folder(&[
        ("etc/an4_train.fileids", "an4_clstk/fash/an251-fash-b\nan4_clstk/fash/an253-fash-b\n"),
        (
            "etc/an4_train.transcription",
            "<s> YES </s> (an251-fash-b)\n<s> GO  ON </s> (an253-fash-b)\n",
        ),
        ("wav/an4_clstk/fash/an253-fash-b.flac", ""),
    ])?;
    let expected = [
        row("wav/an4_clstk/fash/an251-fash-b.sph", "fash", "YES"),
        row("wav/an4_clstk/fash/an253-fash-b.flac", "fash", "GO ON"),
    ];
    assert_eq!(found(folder.path(), Part::Train)?, expected);
    assert!(message(folder.path(), Part::Dev).contains("no dev part"));
    assert!(message(folder.path(), Part::Test).contains("an4_test.fileids"));
    for (list, text, part) in [
        (
            "fileids",
            "../../an251-fash-b\n",
            "line 1: found \"../../an251-fash-b\", expected a recording",
        ),
        ("fileids", "a/an253-fash-b\n", "transcription line 1: found \"<s> YES </s> (an251"),
        ("transcription", "", "fileids line 1: found no line of the transcription for it"),
    ] {
        let path = folder.path().join(format!("etc/an4_train.{list}"));
        let before = fs::read(&path)?;
        fs::write(&path, text)?;
        let found = message(folder.path(), Part::Train);
        assert!(found.contains(part), "{found}");
        fs::write(&path, before)?;
    }
    Ok(())
}

#[test]
fn tables_of_parts_and_halves_of_yes_and_no() -> Outcome {
    let tables = folder(&[
        ("train.tsv", "client_id\tpath\tsentence\na1\t1.mp3\tHallo\n"),
        ("test.jsonl", "{\"path\": \"2.wav\", \"text\": \"Welt\"}\n"),
    ])?;
    assert_eq!(found(tables.path(), Part::Train)?, [row("clips/1.mp3", "a1", "Hallo")]);
    assert_eq!(found(tables.path(), Part::Test)?, [row("2.wav", "", "Welt")]);
    let halves = folder(&[("0_1.wav", ""), ("1_1.wav", "")])?;
    assert_eq!(found(halves.path(), Part::Train)?, [row("0_1.wav", "", "NO YES")]);
    assert_eq!(found(halves.path(), Part::Test)?, [row("1_1.wav", "", "YES YES")]);
    for part in [Part::Dev, Part::Train] {
        let folder = if part == Part::Dev { tables.path() } else { &tables.path().join("none") };
        fs::create_dir_all(folder)?;
        let text = message(folder, part);
        assert!(text.contains(&format!("no {part}.tsv and no layout that is known")), "{text}");
    }
    Ok(())
}
