//! A recording as one picture: what the network saw, what it made of each step, and the words in
//! their places.

use crate::Heard;
use conv_train::report::Html;
use std::fmt::Write;

/// Sizes in units of the picture, a frame being [`FRAME`] wide.
const FRAME: usize = 3;
const FEATURE: usize = 3;
/// The panel of the letters' probabilities.
const PANEL: usize = 90;
/// The strip of the words.
const STRIP: usize = 30;
const GAP: usize = 10;
/// Shades of the spectrogram, from below the mean to well above it.
const SHADES: usize = 12;

/// Draws spectrogram, letters' probabilities and words above each other, over one axis of time.
/// `title` says what was said.
pub fn picture(heard: &Heard, title: &str) -> Html {
    let frames = heard.features.first().map_or(0, Vec::len);
    let width = frames * FRAME;
    let top = heard.features.len() * FEATURE;
    let height = top + GAP + PANEL + STRIP;
    let label = Html::text(&format!("{title}: spectrogram, letters and words over time"));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\" \
         style=\"width:100%;max-width:{width}px;height:auto;display:block\" font-family=\"sans-serif\">\
         <rect width=\"{width}\" height=\"{top}\" fill=\"#0d1b2a\"/>"
    );
    spectrogram(&mut svg, &heard.features);
    probabilities(&mut svg, heard, top + GAP);
    words(&mut svg, heard, top + GAP + PANEL, width);
    svg.push_str("</svg>");
    Html::trusted(svg)
}

/// A path a shade: neighbouring frames of one shade are one rectangle.
fn spectrogram(svg: &mut String, features: &[Vec<f32>]) {
    let mut paths = vec![String::new(); SHADES];
    for (feature, row) in features.iter().rev().enumerate() {
        let shades: Vec<usize> = row.iter().map(|&value| shade(value)).collect();
        let mut start = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            if let Some(&shade) = run.first().filter(|shade| **shade > 0) {
                let x = start * FRAME;
                let y = feature * FEATURE;
                let length = run.len() * FRAME;
                let _ = write!(paths[shade], "M{x} {y}h{length}v{FEATURE}h-{length}z");
            }
            start += run.len();
        }
    }
    for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let opacity = shade as f64 / (SHADES - 1) as f64;
        let _ = write!(svg, "<path d=\"{path}\" fill=\"#ffd08a\" fill-opacity=\"{opacity:.2}\"/>");
    }
}

/// Of a value in standard deviations from the mean: -1 is dark, 2.5 is bright.
fn shade(value: f32) -> usize {
    let place = (value + 1.0) / 3.5 * (SHADES - 1) as f32;
    place.clamp(0.0, (SHADES - 1) as f32).round() as usize
}

/// A line a letter, over the steps where it is not improbable, and the letter above each peak.
fn probabilities(svg: &mut String, heard: &Heard, top: usize) {
    let step = FRAME * heard.time_reduction;
    let bottom = top + PANEL;
    let x = |at: usize| at * step + step / 2;
    let y = |share: f32| bottom as f32 - share * (PANEL - 16) as f32;
    let width = heard.posteriors.len() * step;
    let _ = write!(svg, "<path d=\"M0 {bottom}h{width}\" stroke=\"#888\" fill=\"none\"/>");
    let blank: Vec<f32> = heard.posteriors.iter().filter_map(|row| row.first().copied()).collect();
    let line = |shares: &[f32]| {
        shares.iter().enumerate().fold(String::new(), |mut path, (at, &share)| {
            let letter = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{} {:.1}", x(at), y(share));
            path
        })
    };
    let _ = write!(
        svg,
        "<path d=\"{}\" fill=\"none\" stroke=\"#999\" stroke-dasharray=\"3 3\"/>",
        line(&blank)
    );
    let classes = heard.posteriors.first().map_or(0, Vec::len);
    for class in 1..classes {
        let shares: Vec<f32> = heard.posteriors.iter().map(|row| row[class]).collect();
        if shares.iter().any(|&share| share > 0.1) {
            let hue = (class * 137) % 360;
            let path = line(&shares);
            let _ = write!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"hsl({hue} 65% 50%)\"/>");
        }
    }
    for &(letter, [first, end]) in heard.letters.iter().filter(|(letter, _)| *letter != ' ') {
        let letter = Html::text(&letter.to_string());
        let middle = (x(first) + x(end - 1)) / 2;
        let _ = write!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"currentColor\">{letter}</text>",
            top + 11
        );
    }
}

/// Each word under its own stretch of time.
fn words(svg: &mut String, heard: &Heard, top: usize, width: usize) {
    let seconds = heard.transcript.seconds.max(f64::MIN_POSITIVE);
    for word in &heard.transcript.words {
        let [start, end] = [word.start, word.end].map(|time| time / seconds * width as f64);
        let text = Html::text(&word.text);
        let _ = write!(
            svg,
            "<rect x=\"{start:.1}\" y=\"{}\" width=\"{:.1}\" height=\"3\" fill=\"#3b82c4\"/>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"14\" text-anchor=\"middle\" fill=\"currentColor\">{text}</text>",
            top + 6,
            (end - start).max(1.0),
            (start + end) / 2.0,
            top + 24,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transcript, Word};

    #[test]
    fn everything_is_drawn_and_text_stays_text() {
        let word = Word { text: "<B>".into(), start: 0.0, end: 0.04, confidence: 1.0 };
        let transcript = Transcript { text: "<B>".into(), words: vec![word], seconds: 0.08 };
        let heard = Heard {
            features: vec![vec![-2.0, 0.0, 0.0, 3.0], vec![3.0; 4]],
            posteriors: vec![vec![0.2, 0.8], vec![0.9, 0.1]],
            letters: vec![('<', [0, 1])],
            transcript,
            time_reduction: 2,
        };
        let svg = picture(&heard, "<i>").to_string();
        assert!(!svg.contains("<B>") && !svg.contains("<i>"), "{svg}");
        assert!(svg.contains("&lt;B&gt;</text>") && svg.contains(">&lt;</text>"));
        // The lower feature lies below: four frames of the brightest shade in one rectangle.
        assert!(svg.contains("M0 3h12v3h-12z") || svg.contains("M0 0h12v3h-12z"), "{svg}");
    }
}
