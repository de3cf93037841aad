//! Speech: Sainath et al. (2015), with CTC.

use anyhow::Result;
use candle_core::Device;
use conv_speech::data::{Manifest, Recordings};
use conv_speech::metrics::Tally;
use conv_speech::{Recognizer, Transcript, picture};
use conv_train::report::{Html, Report};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// How many of the recordings are drawn in the report.
const DRAWN: usize = 3;

/// What the model hears in the sample recordings.
#[derive(Debug, Serialize)]
pub struct Speech {
    recordings: Vec<Answer>,
    words: u64,
    words_right: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    /// What is said.
    reference: String,
    speaker: String,
    #[serde(flatten)]
    transcript: Transcript,
}

/// Writes down the sample recordings, compares, and adds them and what was heard in some to the
/// report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Speech, Report)> {
    let recognizer = Recognizer::open(&data.join("models/spoken-digits"), device)?;
    let manifest = Manifest::read(&data.join("samples/speech/samples.tsv"))?;
    let read = Recordings::read(&manifest, Some(recognizer.config().rate))?;
    let mut recordings = Vec::new();
    let mut tally = Tally::default();
    let mut pictures = String::new();
    for (utterance, recording) in manifest.utterances.iter().zip(&read.recordings) {
        let heard = recognizer.hear(&recording.audio)?;
        tally.add(&recording.text, &heard.transcript.text);
        let file = utterance.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let speaker = utterance.speaker.clone().unwrap_or_default();
        if recordings.len() < DRAWN {
            let text = Html::text(&format!("{file}, voice {speaker}: {}", recording.text));
            pictures += &format!("<p>{text}</p>{}", picture(&heard, &recording.text));
        }
        let reference = recording.text.clone();
        let transcript = heard.transcript;
        recordings.push(Answer { file, reference, speaker, transcript });
    }
    let columns = ["recording", "voice", "said", "written"].map(Html::text);
    let row = |answer: &Answer| {
        let Answer { file, reference, speaker, transcript } = answer;
        [file, speaker, reference, &transcript.text].map(|text| Html::text(text)).to_vec()
    };
    let rows: Vec<_> = recordings.iter().map(row).collect();
    let body = format!(
        "{}<p class=\"note\">The features that the network sees (mel filters over time, the lowest below), its probabilities of each letter \
         and, dashed, of no letter, and the words where they were heard.</p>{pictures}",
        Html::table("samples", &columns, &rows)
    );
    let report = report
        .metrics([("word error rate on the sample recordings", tally.words.rate())])
        .section("Sample recordings", Html::trusted(body));
    let words = tally.words.reference;
    let errors = tally.words.count();
    let found = Speech { recordings, words, words_right: words.saturating_sub(errors) };
    Ok((found, report))
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Recordings of a synthetic voice, by the network of Sainath et al. (2015)\n")?;
        for Answer { file, reference, transcript, .. } in &self.recordings {
            let text = &transcript.text;
            let wrong =
                if text == reference { String::new() } else { format!(" (wrong: {reference})") };
            writeln!(f, "  {file}  {text}{wrong}")?;
        }
        write!(f, "  {} of {} words right", self.words_right, self.words)
    }
}
