//! Words as captions under a film: SubRip (`.srt`) and WebVTT.

use crate::Word;
use std::fmt::Write;

/// Characters of a caption at most, and how long it stands and how long a pause within it may be,
/// in seconds.
const LONGEST: usize = 42;
const SECONDS: f64 = 6.0;
const PAUSE: f64 = 1.0;

/// Words of neighbouring times, a caption each.
fn captions(words: &[Word]) -> Vec<&[Word]> {
    let mut captions = Vec::new();
    let mut rest = words;
    while let Some(first) = rest.first() {
        let mut length = 0;
        let mut last = first.start;
        let goes_on = |word: &&Word| {
            length += word.text.chars().count() + 1;
            let fits = length <= LONGEST + 1
                && word.end - first.start <= SECONDS
                && word.start - last <= PAUSE;
            last = word.end;
            fits
        };
        // A word that is too long by itself is a caption too.
        let count = rest.iter().take_while(goes_on).count().max(1);
        let (caption, others) = rest.split_at(count);
        captions.push(caption);
        rest = others;
    }
    captions
}

fn time(seconds: f64, point: char) -> String {
    let ms = (seconds * 1e3).round() as u64;
    let s = ms / 1000 % 60;
    let m = ms / 60_000 % 60;
    let h = ms / 3_600_000;
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}

fn text(words: &[Word], point: char, numbered: bool) -> String {
    let mut text = String::new();
    for (number, words) in (1..).zip(captions(words)) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { continue };
        let written: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let number = if numbered { format!("{number}\n") } else { String::new() };
        let [start, end] = [first.start, last.end].map(|seconds| time(seconds, point));
        // Writing to a string cannot fail.
        _ = writeln!(text, "{number}{start} --> {end}\n{}\n", written.join(" "));
    }
    text
}

/// The words as a SubRip file.
///
/// ```
/// let word = conv_speech::Word { text: "YES".into(), start: 61.5, end: 62.0, confidence: 0.9 };
/// assert_eq!(conv_speech::srt(&[word]), "1\n00:01:01,500 --> 00:01:02,000\nYES\n\n");
/// ```
pub fn srt(words: &[Word]) -> String {
    text(words, ',', true)
}

/// The words as a WebVTT file, in which `&` and `<` are escaped.
pub fn vtt(words: &[Word]) -> String {
    let escaped = |word: &Word| Word {
        text: word.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        ..word.clone()
    };
    let words: Vec<Word> = words.iter().map(escaped).collect();
    format!("WEBVTT\n\n{}", text(&words, '.', false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, start: f64, end: f64) -> Word {
        Word { text: text.into(), start, end, confidence: 1.0 }
    }

    #[test]
    fn captions_break_at_pauses_lengths_and_times() {
        let words = [
            word("ONE", 0.0, 0.4),
            word("TWO", 0.5, 0.9),
            word("THREE", 2.5, 3.0),
            word(&"X".repeat(60), 3.1, 4.0),
            word("FOUR", 4.1, 4.5),
        ];
        let count: Vec<usize> = captions(&words).iter().map(|words| words.len()).collect();
        assert_eq!(count, [2, 1, 1, 1]);
        let even: Vec<Word> =
            (0..20).map(|at| word("A", f64::from(at), f64::from(at) + 0.9)).collect();
        assert!(captions(&even).iter().all(|words| words.len() <= 6));
        let many: Vec<Word> = (0..20).map(|_| word("ABCDE", 0.0, 0.1)).collect();
        assert_eq!(captions(&many).iter().map(|words| words.len()).collect::<Vec<_>>(), [7, 7, 6]);
        assert!(captions(&[]).is_empty());
    }

    #[test]
    fn both_forms_say_when_and_escape_what_they_must() {
        let words = [word("A<B", 3599.9996, 3600.5)];
        assert_eq!(srt(&words), "1\n01:00:00,000 --> 01:00:00,500\nA<B\n\n");
        assert_eq!(vtt(&words), "WEBVTT\n\n01:00:00.000 --> 01:00:00.500\nA&lt;B\n\n");
    }
}
