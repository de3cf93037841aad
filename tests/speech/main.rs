//! The program `speech` from training to transcripts, on made-up tones in a temporary folder, and
//! on the yes/no set.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod aligned;

use assert_cmd::Command;
use serde_json::Value;
use std::f32::consts::TAU;
use std::fs;
use std::path::Path;

/// The example that `cargo test` has built beside this test.
fn speech(folder: &Path, arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("speech");
    assert!(program.exists(), "build it first: cargo build --example speech");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).args(["--threads", "2"]);
    command.env_remove("CONVOKE_DATA").env("HF_HUB_OFFLINE", "1");
    command
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let output = speech(folder, arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&output(folder, &[arguments, &["--json"]].concat())).unwrap()
}

/// Standard error of a command that fails with exit code 1.
fn error(folder: &Path, arguments: &[&str]) -> String {
    let assert = speech(folder, arguments).assert().code(1);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A mono WAV file of 16 bits at 8 kHz.
fn wav(path: &Path, samples: &[f32]) {
    let bytes = samples.len() as u32 * 2;
    let header = [36 + bytes, 16, 1 << 16 | 1, 8000, 16_000, 16 << 16 | 2, bytes];
    let mut header = header.map(u32::to_le_bytes).into_iter();
    let mut file = Vec::new();
    // A name, and how many of the header's numbers follow it.
    for (name, numbers) in [("RIFF", 1), ("WAVEfmt ", 5), ("data", 1)] {
        file.extend(name.bytes());
        file.extend(header.by_ref().take(numbers).flatten());
    }
    file.extend(samples.iter().flat_map(|sample| ((sample * 32_000.0) as i16).to_le_bytes()));
    fs::write(path, file).unwrap();
}

/// A word is a tone of a tenth of a second, A high and BB low, with a pause behind it.
fn tones(text: &str, shift: f32) -> Vec<f32> {
    let mut samples = vec![0.0; 600];
    for word in text.split(' ') {
        let hertz = if word == "A" { 2000.0 } else { 400.0 } + shift;
        samples.extend((0..1200).map(|t| 0.3 * (hertz * t as f32 / 8000.0 * TAU).sin()));
        samples.extend([0.0; 800]);
    }
    samples
}

/// Recordings of two to four words in `clips/`, and lists of them.
fn write_data(folder: &Path) {
    fs::create_dir(folder.join("clips")).unwrap();
    for (list, first, count) in [("train.tsv", 0, 24), ("dev.tsv", 100, 6)] {
        let mut lines = String::from("speaker\ttext\tseconds\tpath\n");
        for number in first..first + count {
            let words =
                (0..2 + number % 3).map(|at| if (number >> at) % 2 == 0 { "A" } else { "BB" });
            let text = words.collect::<Vec<_>>().join(" ");
            let file = format!("clips/{number}.wav");
            wav(&folder.join(&file), &tones(&text, number as f32));
            lines += &format!("s{}\t{text}\t1.0\t{file}\n", number % 2);
        }
        fs::write(folder.join(list), lines).unwrap();
    }
}

const DATA: [&str; 4] = ["--data", "train.tsv", "--dev", "dev.tsv"];

#[test]
fn from_training_to_transcripts_with_either_front_end() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    let kinds = [
        ("logmel", "ctc"),
        ("raw", "ctc"),
        ("logmel", "rnnt"),
        ("logmel", "attention"),
        ("raw", "attention"),
    ];
    for (front_end, loss) in kinds {
        let run = format!("{front_end}-{loss}");
        let arguments =
            [&["train"], &DATA[..], &["--front-end", front_end, "--loss", loss]].concat();
        let arguments = [&arguments[..], &["--epochs", "40", "--out", &run, "--half"]].concat();
        let trained = json(folder, &arguments);
        assert!(trained["metrics"]["dev WER"].as_f64().unwrap() <= 0.2, "{run}: {trained}");
        let model = format!("{run}/model");
        let evaluation = json(folder, &["eval", "--model", &model, "--data", "dev.tsv"]);
        assert_eq!(evaluation["wer"], trained["metrics"]["dev WER"]);
        assert_eq!(evaluation["utterances"], 6);
        assert_eq!(evaluation["speakers"].as_object().unwrap().len(), 2);
        let page = fs::read_to_string(folder.join(&run).join("report.html")).unwrap();
        assert!(page.contains("Transcripts, dev") && !page.contains(&*folder.to_string_lossy()));
        let inspection = json(folder, &["inspect", &model]);
        assert_eq!(inspection["time_reduction"], 4);
        assert_eq!(inspection["config"]["letters"], " AB");

        // The same again is refused; a file of another length is heard as it is.
        assert!(error(folder, &arguments).contains("resume"));
        let line = json(folder, &["transcribe", "--model", &model, "clips/100.wav"]);
        assert_eq!(line["path"], "clips/100.wav");
        let words = line["words"].as_array().unwrap();
        let text: Vec<&str> = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
        assert_eq!(line["text"], text.join(" "));
        assert!(words.iter().all(|word| word["start"].as_f64() < word["end"].as_f64()));
    }
}

#[test]
fn what_cannot_be_heard_is_named_and_keeps_nothing_from_the_rest() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_data(folder);
    let train = [&["train"], &DATA[..], &["--epochs", "1"]].concat();
    output(folder, &[&train[..], &["--out", "run"]].concat());
    // Another run starts from what that one has learnt, by a front end that a file names.
    fs::write(folder.join("raw.toml"), "front_end = { kind = \"raw\", stride = 8 }\n").unwrap();
    let init = ["--init", "run/model", "--config", "raw.toml", "--out", "warm"];
    output(folder, &[&train[..], &init].concat());
    let stored = fs::read_to_string(folder.join("warm/model/training.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["start"]["from"], "model");
    assert_eq!(stored["recipe"]["front_end"]["kind"], "raw");
    for (name, samples) in [("none", 0), ("one", 1), ("short", 199), ("window", 200), ("word", 800)]
    {
        wav(&folder.join(format!("{name}.wav")), &vec![0.01; samples]);
    }
    fs::write(folder.join("text.wav"), "no sound").unwrap();
    let files =
        ["none.wav", "one.wav", "short.wav", "text.wav", "gone.wav", "window.wav", "word.wav"];
    let arguments = [&["transcribe", "--model", "run/model"], &files[..]].concat();
    let assert = speech(folder, &arguments).assert().code(1);
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let heard: Vec<&str> = lines.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(heard, ["window.wav", "word.wav"]);
    let errors = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for part in [
        "none.wav: the audio has 0 samples (0 ms), expected at least 200 (25 ms)",
        "one.wav: the audio has 1 samples",
        "short.wav: the audio has 199 samples",
        "text.wav: no WAV, FLAC, MP3 or Ogg Vorbis",
        "cannot read gone.wav",
        "error: 5 of 7 files are not written down",
    ] {
        assert!(errors.contains(part), "{errors}");
    }

    // A text that fits no alignment is named, and training goes on without it: 20 letters that
    // repeat in 16 steps.
    let list = fs::read_to_string(folder.join("train.tsv")).unwrap();
    let long = format!("s0\t{}\t1.0\tclips/0.wav\n", "B".repeat(20));
    fs::write(folder.join("long.tsv"), list + &long).unwrap();
    let arguments = ["train", "--data", "long.tsv", "--epochs", "1", "--out", "other"];
    let assert = speech(folder, &arguments).assert().success();
    let notes = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert_eq!(notes.matches("is left out").count(), 1, "{notes}");
    assert!(notes.contains("clips/0.wav (long.tsv line 26)"), "{notes}");
    assert!(
        notes.contains("20 letters and 19 repeats, more than the network's 14 steps"),
        "{notes}"
    );

    for (line, part) in [
        ("s0\tA\t1.0\tclips/gone.wav\n", "cannot read clips/gone.wav"),
        ("s0\tA\t1.0\n", "3 fields, expected 4"),
        ("s0\tA\t1.0\tone.wav\n", "one.wav (broken.tsv line 26) has 1 samples"),
    ] {
        let list = fs::read_to_string(folder.join("train.tsv")).unwrap();
        fs::write(folder.join("broken.tsv"), list + line).unwrap();
        let text = error(folder, &["train", "--data", "broken.tsv", "--out", "broken"]);
        assert!(text.contains(part) && text.contains("broken.tsv line 26"), "{text}");
    }
}

/// A recogniser that needs no end to begin with, in `forward/model`.
fn train_forward(folder: &Path) {
    write_data(folder);
    let flags = ["--preset", "convolutional", "--epochs", "20", "--out", "forward"];
    let trained = json(folder, &[&["train"], &DATA[..], &flags].concat());
    assert!(trained["metrics"]["dev WER"].as_f64().unwrap() <= 0.2, "{trained}");
}

const FORWARD: [&str; 3] = ["transcribe", "--model", "forward/model"];

/// The lines of a stream of samples, each a word.
fn streamed(folder: &Path, flags: &[&str], input: Vec<u8>) -> Vec<Value> {
    let arguments = [&FORWARD[..], flags, &["--json", "-"]].concat();
    let assert = speech(folder, &arguments).write_stdin(input).assert().success();
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_stream_is_heard_as_the_file_is_and_its_times_do_not_drift() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train_forward(folder);
    let file = fs::read(folder.join("clips/100.wav")).unwrap();
    let expected = json(folder, &[&FORWARD[..], &["clips/100.wav"]].concat())["words"].clone();
    let expected = expected.as_array().unwrap();
    assert!(expected.len() >= 2, "{expected:?}");
    // The length that a pipe claims, and samples without a header.
    for size in [0u32, 0x7fff_ffff, 0xffff_ffff] {
        let mut file = file.clone();
        file[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(&streamed(folder, &[], file), expected, "{size:#x}");
    }
    assert_eq!(&streamed(folder, &["--pcm", "8000"], file[44..].to_vec()), expected);

    // An hour of copies of 21 steps, read in pieces that are no whole number of them: each copy's
    // words are where the second one's are. The first one begins without a past, and the last ends
    // without a future.
    let mut clip = file[44..].to_vec();
    clip.resize(21 * 320 * 2, 0);
    let seconds = 21.0 * 0.04;
    let copies = (3600.0 / seconds) as usize;
    let words = streamed(folder, &["--pcm", "8000"], clip.repeat(copies));
    let count = expected.len();
    assert_eq!(words.len(), count * copies);
    let start = |word: &Value| word["start"].as_f64().unwrap();
    for (at, word) in words.iter().enumerate().take(count * (copies - 1)).skip(count) {
        let copy = at / count - 1;
        let like = &words[count + at % count];
        let apart = start(word) - start(like) - copy as f64 * seconds;
        assert!(word["text"] == like["text"] && apart.abs() < 1e-6, "{at}: {word} {like}");
    }
}

#[test]
fn any_rate_and_any_channels_are_heard_and_what_is_too_short_is_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train_forward(folder);
    let expected = json(folder, &[&FORWARD[..], &["clips/101.wav"]].concat())["text"].clone();
    // The same at six times the rate, on two channels, the other one silent and each thus half as
    // loud.
    let file = fs::read(folder.join("clips/101.wav")).unwrap();
    let mut stereo = file[..44].to_vec();
    stereo[22] = 2;
    stereo[24..28].copy_from_slice(&48_000u32.to_le_bytes());
    stereo[32] = 4;
    stereo[40..44].copy_from_slice(&[0; 4]);
    for pair in file[44..].windows(4).step_by(2) {
        let [a, b] =
            [[pair[0], pair[1]], [pair[2], pair[3]]].map(i16::from_le_bytes).map(f64::from);
        for part in 0..6 {
            let value = a + (b - a) * f64::from(part) / 6.0;
            stereo.extend((value as i16).to_le_bytes());
            stereo.extend([0, 0]);
        }
    }
    fs::write(folder.join("stereo.wav"), stereo).unwrap();
    let found = json(folder, &[&FORWARD[..], &["stereo.wav"]].concat())["text"].clone();
    assert_eq!(found, expected);

    fs::create_dir(folder.join("short")).unwrap();
    for (rate, least) in [(8000u32, 200), (16_000, 400), (44_100, 1103)] {
        for count in [0, 1, 159, least, rate / 10, rate * 9 / 10] {
            let path = folder.join(format!("short/{rate}-{count:05}.wav"));
            wav(&path, &vec![0.01; count as usize]);
            let mut bytes = fs::read(&path).unwrap();
            bytes[24..28].copy_from_slice(&rate.to_le_bytes());
            fs::write(&path, bytes).unwrap();
        }
    }
    let assert = speech(folder, &[&FORWARD[..], &["short"]].concat()).assert().code(1);
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let errors = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert_eq!(lines.lines().count(), 9, "{lines}");
    for rate in [8000, 16_000, 44_100] {
        for count in ["00000", "00001", "00159"] {
            let name = format!("short/{rate}-{count}.wav: the audio has");
            assert!(errors.contains(&name), "{name} in {errors}");
        }
    }
    assert!(errors.contains("expected at least 200 (25 ms)"), "{errors}");
    assert!(errors.contains("9 of 18 files are not written down"), "{errors}");
}

#[test]
fn a_language_model_lies_in_the_folder_and_captions_say_when() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train_forward(folder);
    let language = ["language", "--model", "forward/model", "--data", "train.tsv"];
    let text = error(folder, &language);
    assert!(text.contains("neither --weight and --bonus say"), "{text}");
    let put = json(folder, &[&language[..], &["--dev", "dev.tsv", "--order", "2"]].concat());
    assert_eq!(
        (put["words"].as_u64(), put["decoding"]["lexicon"].as_bool()),
        (Some(2), Some(true))
    );
    let evaluation = json(folder, &["eval", "--model", "forward/model", "--data", "dev.tsv"]);
    assert_eq!(evaluation["wer"], put["dev_wer"]);
    let plain = &evaluation["without_language_model"];
    assert!(plain["wer"].as_f64() >= evaluation["wer"].as_f64(), "{evaluation}");
    assert!(plain["cer"].is_number());

    let srt = output(folder, &[&FORWARD[..], &["--format", "srt", "clips/100.wav"]].concat());
    assert!(srt.starts_with("1\n00:00:00,") && srt.contains(" --> 00:00:0"), "{srt}");
    let vtt = [&FORWARD[..], &["--format", "vtt", "--out", "captions", "clips"]].concat();
    output(folder, &vtt);
    assert_eq!(fs::read_dir(folder.join("captions")).unwrap().count(), 30);
    let vtt = fs::read_to_string(folder.join("captions/100.vtt")).unwrap();
    assert!(vtt.starts_with("WEBVTT\n\n00:00:0"), "{vtt}");

    // A model that is cut off is named by file and line, and a folder that lacks it too.
    let file = folder.join("forward/model/language-model.arpa");
    let arpa = fs::read_to_string(&file).unwrap();
    fs::write(&file, &arpa[..arpa.len() / 2]).unwrap();
    let text = error(folder, &[&FORWARD[..], &["clips/100.wav"]].concat());
    assert!(text.contains("language-model.arpa line "), "{text}");
    fs::remove_file(&file).unwrap();
    let text = error(folder, &[&FORWARD[..], &["clips/100.wav"]].concat());
    assert!(text.contains("language-model.arpa"), "{text}");
}

/// Both front ends learn, seed 1: at most 1 error in 240 words.
#[test]
fn yes_and_no_are_told_apart() {
    let Some(data) = std::env::var_os("CONVOKE_DATA") else {
        eprintln!("skipped: CONVOKE_DATA names no folder with speech/yesno (docs/datasets.md)");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for front_end in ["logmel", "raw"] {
        let arguments = ["train", "--data", "yesno", "--front-end", front_end, "--out", front_end];
        let assert = speech(folder, &[&arguments[..], &["--json"]].concat())
            .env("CONVOKE_DATA", &data)
            .assert()
            .success();
        let trained: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        let errors = 240.0 * trained["metrics"]["test WER"].as_f64().unwrap();
        assert!(errors < 1.5, "{front_end}: {trained}");
        // The folder writes as it was measured.
        let inspected = json(folder, &["inspect", &format!("{front_end}/model")]);
        assert_eq!(inspected["config"]["decoding"]["lexicon"], true, "{inspected}");
    }
}
