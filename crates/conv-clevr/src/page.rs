//! A page to look at: the picture with what each step selected drawn on it. One file that refers to
//! nothing outside itself.

use crate::heads::Likely;
use crate::reason::{Answered, Traced};
use crate::see::as_read;
use crate::{Output, Result};
use candle_core::Tensor;
use conv_train::report::Html;
use conv_vision::{Picture, page};
use std::fmt::Write;

/// How the trace looks, on a page of its own or in a report.
const STYLE: &str = "<style>.trace{display:flex;flex-wrap:wrap;gap:1rem}.trace figure{margin:0;padding:0;width:320px;background:none;border:0}\
.trace svg{display:block;width:320px;height:auto;background:#888}.trace figcaption{font-size:13px;padding:2px 0;display:block}\
.trace rect{fill:none;stroke:#fff;stroke-opacity:.45;stroke-width:1}.trace rect.on{stroke:#ffb000;stroke-opacity:1;stroke-width:2.5}\
.trace rect.place{fill:#000;stroke:none}\
.trace text{font:600 11px system-ui,sans-serif;fill:#fff;stroke:#000;stroke-width:2.5px;paint-order:stroke}</style>\n";

/// The answer to a question about a picture as a section of a report: the scene as it was seen,
/// then each step with what it selected.
///
/// # Errors
/// Only those of encoding the picture.
pub fn section(picture: &Picture, answered: &Answered) -> Result<Html> {
    let read = as_read(picture)?;
    let size = (read.width(), read.height());
    let said = answered.program.to_string();
    let mut body = opened(&read, &answered.question, &said, &answered.answer.to_string())?;
    for (at, traced) in answered.trace().iter().enumerate() {
        let Traced { function, inputs, output, .. } = traced;
        let inputs: Vec<_> = inputs.iter().map(ToString::to_string).collect();
        let of =
            if inputs.is_empty() { String::new() } else { format!(" of {}", inputs.join(", ")) };
        // A count or a yes has selected nothing of its own.
        let is_set = matches!(output, Output::Objects(_) | Output::Object(_));
        body += "<figure>";
        if is_set {
            body += &drawn(answered, output.objects(), size);
        }
        let caption = Html::text(&format!("{at}. {function}{of}: {}", traced.given()));
        let _ = writeln!(body, "<figcaption>{caption}</figcaption></figure>");
    }
    Ok(Html::trusted(body + "</div>"))
}

/// Where a head looked as a section of a report: the picture under each of its steps' maps,
/// `[steps, H, W]`, the brighter the more of the attention a place has.
///
/// # Errors
/// As [`section`].
pub fn looked(picture: &Picture, question: &str, likely: &Likely, maps: &Tensor) -> Result<Html> {
    let read = as_read(picture)?;
    let width = read.width() as f32;
    let height = read.height() as f32;
    let said = format!("{:.0} % sure", 100.0 * likely.probability);
    let mut body = opened(&read, question, &said, &likely.answer.to_string())?;
    for (at, map) in maps.to_vec3::<f32>()?.iter().enumerate() {
        let most = map.iter().flatten().copied().fold(f32::MIN_POSITIVE, f32::max);
        let rows = map.len() as f32;
        let _ =
            write!(body, "<figure><svg viewBox=\"0 0 {width} {height}\"><use href=\"#scene\"/>");
        for (row, values) in map.iter().enumerate() {
            let down = height / rows;
            let across = width / values.len() as f32;
            for (column, value) in values.iter().enumerate() {
                let [x, y] = [column as f32 * across, row as f32 * down];
                // What is not looked at is dark.
                let dark = 0.75 * (1.0 - value / most);
                let _ = write!(
                    body,
                    "<rect class=\"place\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{across:.1}\" height=\"{down:.1}\" fill-opacity=\"{dark:.2}\">\
                     <title>{:.1} %</title></rect>",
                    100.0 * value
                );
            }
        }
        let _ = writeln!(
            body,
            "</svg><figcaption>step {at}, {:.0} % at most</figcaption></figure>",
            100.0 * most
        );
    }
    Ok(Html::trusted(body + "</div>"))
}

/// The style, the picture once for all steps, and what was asked and answered.
fn opened(read: &Picture, question: &str, said: &str, answer: &str) -> Result<String> {
    let width = read.width();
    let height = read.height();
    let image = page::data_url(read)?;
    let [question, said] = [question, said].map(Html::text);
    Ok(format!(
        "{STYLE}<p><strong>{question}</strong><br>{said}<br>Answer: <strong>{answer}</strong></p><svg width=\"0\" height=\"0\" style=\"position:absolute\"><defs>\
         <image id=\"scene\" width=\"{width}\" height=\"{height}\" href=\"{image}\"/></defs></svg><div class=\"trace\">"
    ))
}

/// The page.
///
/// # Errors
/// As [`section`].
pub fn html(title: &str, picture: &Picture, answered: &Answered) -> Result<String> {
    Ok(page::page(title, &section(picture, answered)?.to_string()))
}

/// The picture with a box and a number an object, those that are selected in another colour.
fn drawn(answered: &Answered, selected: &[usize], (width, height): (usize, usize)) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\"><use href=\"#scene\"/>");
    for (at, seen) in answered.sight.objects.iter().enumerate() {
        let [left, top, right, bottom] = seen.bounds;
        let kind = if selected.contains(&at) { " class=\"on\"" } else { "" };
        let title = Html::text(&seen.traits.to_string());
        let _ = write!(
            svg,
            "<rect{kind} x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{title}</title></rect>",
            right - left,
            bottom - top
        );
        if !kind.is_empty() {
            let _ =
                write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{at}</text>", left + 2.0, top + 11.0);
        }
    }
    svg + "</svg>"
}
