//! What a page says of a detector: how precision falls as recall grows, what it misses, and what it
//! sees where nothing is.

use crate::average_precision::{RECALLS, precisions};
use crate::draw::{draw, draw_objects};
use crate::evaluate::{Compared, Evaluation};
use crate::{Dataset, Detector, Result};
use conv_train::report::{Html, Report};
use conv_vision::{Limits, Picture};
use std::fmt::Write;
use std::path::Path;

/// The score from which on instances are drawn.
const SHOWN: f32 = 0.5;

/// Pictures in a section at most.
const IN_SECTION: usize = 6;

/// The IoU of a line, in steps of 0.05 above 0.5, with its name.
const LINES: [(usize, &str); 2] = [(0, "IoU 0.5"), (5, "IoU 0.75")];

/// Sides of the plot, and the room around it for numbers, in units of the drawing.
const PLOT: (f64, f64) = (400.0, 260.0);
const ROOM: f64 = 50.0;

/// Evaluates, and adds to `report` curves of precision and recall, some pictures with what is found
/// on them, the largest objects that are missed and the surest false alarms.
///
/// # Errors
/// As [`evaluate()`](crate::evaluate()).
pub fn report(
    detector: &Detector,
    data: &Dataset,
    limits: &Limits,
    report: Report,
) -> Result<(Evaluation, Report)> {
    let compared = Compared::new(detector, data, limits)?;
    let report = report.section("Precision and recall", curves(&compared));
    let mut body = String::new();
    let step = data.examples.len().div_ceil(IN_SECTION).max(1);
    for example in data.examples.iter().step_by(step) {
        // One that cannot be read is told of by the evaluation.
        let Ok(picture) = Picture::open(&example.path, limits) else { continue };
        let mut found = detector.detect(&picture)?;
        found.retain(|instance| instance.score >= SHOWN);
        body += &figure(&draw(&picture, &found)?, &name(&example.path))?;
    }
    let report = report.section("Pictures", Html::trusted(body));
    let missed = misses(&compared, data, limits)?;
    let alarms = alarms(&compared, data, limits)?;
    let report = report.section("Missed, the largest first", missed);
    let report = report.section("False alarms, the surest first", alarms);
    Ok((compared.evaluation, report))
}

fn misses(compared: &Compared, data: &Dataset, limits: &Limits) -> Result<Html> {
    let object = |&(example, object): &(usize, usize)| &data.examples[example].objects[object];
    let mut misses = compared.misses.clone();
    misses.sort_by(|a, b| object(b).area.total_cmp(&object(a).area));
    let mut body = format!("<p>{} in all.</p>", misses.len());
    for miss in misses.iter().take(IN_SECTION) {
        let example = &data.examples[miss.0];
        let picture = Picture::open(&example.path, limits)?;
        let drawn = draw_objects(&picture, data, std::slice::from_ref(object(miss)))?;
        let text = format!("{}: {:.0} pixels", name(&example.path), object(miss).area);
        body += &figure(&drawn, &text)?;
    }
    Ok(Html::trusted(body))
}

fn alarms(compared: &Compared, data: &Dataset, limits: &Limits) -> Result<Html> {
    let mut alarms: Vec<_> = compared.alarms.iter().collect();
    alarms.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let mut body = format!("<p>{} in all.</p>", alarms.len());
    for (example, instance) in alarms.into_iter().take(IN_SECTION) {
        let path = &data.examples[*example].path;
        let picture = Picture::open(path, limits)?;
        let drawn = draw(&picture, std::slice::from_ref(instance))?;
        let text = format!("{}: {} {:.2}", name(path), instance.name(), instance.score);
        body += &figure(&drawn, &text)?;
    }
    Ok(Html::trusted(body))
}

/// A file's name, which is all that a page says of its place.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Precision over recall, of boxes and masks: what AP50 and AP75 are the means of.
fn curves(compared: &Compared) -> Html {
    let mut figures = String::new();
    for (kind, comparisons) in [("boxes", &compared.boxes), ("masks", &compared.masks)] {
        let lines = LINES.map(|(steps, name)| (name, precisions(comparisons, steps)));
        figures += &plot(kind, &lines);
    }
    Html::trusted(format!(
        "<p class=\"note\">Precision (up) at each recall (to the right), the mean over classes.</p>\
         <div class=\"charts\">{figures}</div>"
    ))
}

fn plot(title: &str, lines: &[(&str, Option<[f64; RECALLS]>)]) -> String {
    let place = |recall: f64, precision: f64| {
        (ROOM + recall * PLOT.0, ROOM / 2.0 + (1.0 - precision) * PLOT.1)
    };
    let mut svg = String::new();
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let ((left, y), (right, _), (x, bottom)) =
            (place(0.0, share), place(1.0, share), place(share, 0.0));
        let _ = write!(
            svg,
            "<path d=\"M{left} {y}H{right}\" stroke=\"currentColor\" stroke-opacity=\"0.2\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share}</text>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{share}</text>",
            left - 6.0,
            y + 4.0,
            bottom + 18.0
        );
    }
    // One line is whole, the other broken: they differ without colours too.
    for ((name, curve), dash) in lines.iter().zip(["none", "6 4"]) {
        let Some(curve) = curve else { continue };
        let points = curve.iter().enumerate().map(|(at, precision)| {
            let (x, y) = place(at as f64 / (RECALLS - 1) as f64, *precision);
            format!("{x:.1},{y:.1}")
        });
        let points: Vec<String> = points.collect();
        let mean = curve.iter().sum::<f64>() / RECALLS as f64;
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-dasharray=\"{dash}\">\
             <title>{name}, mean {mean:.3}</title></polyline>",
            points.join(" ")
        );
    }
    let legend = lines.iter().filter_map(|(name, curve)| {
        let mean = curve.as_ref()?.iter().sum::<f64>() / RECALLS as f64;
        Some(format!("{name}: {mean:.3}"))
    });
    let legend: Vec<String> = legend.collect();
    let width = PLOT.0 + 1.5 * ROOM;
    let height = PLOT.1 + ROOM;
    format!(
        "<figure><figcaption><b>{title}</b> {} (the second broken)</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"precision over recall, {title}\" font-size=\"12\" fill=\"currentColor\">{svg}</svg></figure>\n",
        legend.join(", ")
    )
}

/// A drawing as it stands on a page.
///
/// # Errors
/// Sides of more than 65,535 pixels.
pub fn figure(drawing: &Picture, name: &str) -> Result<String> {
    let data = conv_vision::page::data_url(drawing)?;
    let name = Html::text(name);
    Ok(format!(
        "<figure><img alt=\"{name}\" style=\"max-width:100%\" src=\"{data}\"><figcaption>{name}</figcaption></figure>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_the_upper_left_and_says_its_mean() {
        let mut half = [0.0; RECALLS];
        half[..51].fill(1.0);
        let plot = plot("boxes", &[("IoU 0.5", Some(half)), ("IoU 0.75", None)]);
        assert!(plot.contains("IoU 0.5: 0.505 "), "{plot}");
        assert!(plot.contains("<polyline points=\"50.0,25.0 54.0,25.0 "), "{plot}");
        assert!(plot.contains(" 450.0,285.0\""), "{plot}");
        assert_eq!(plot.matches("<polyline").count(), 1);
    }
}
