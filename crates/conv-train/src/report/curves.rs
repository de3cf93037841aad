//! A run's log as small charts, drawn as SVG into the page.
//!
//! The drawing library writes colours as attributes; the style sheet finds them there and gives
//! each the hue that suits a light or a dark page. Titles and legends are text of the page itself.

use super::html::{Html, number};
use crate::{Error, EvaluationRecord, Record, Result, StepRecord};
use plotters::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

/// Twice the size at which a chart is shown, since the library rounds to whole units.
const SIZE: (u32, u32) = (1120, 560);
// style.css refers to these.
const INK: RGBColor = RGBColor(0x44, 0x44, 0x44);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const TRAIN: RGBColor = RGBColor(0x1F, 0x77, 0xB4);
const DEV: RGBColor = RGBColor(0xD6, 0x61, 0x0A);

/// Points of a line that show their value under the pointer, at most.
const SHOWN: usize = 100;

type Points = Vec<(f64, f64)>;

/// A line of a chart.
struct Series {
    name: &'static str,
    colour: RGBColor,
    /// In the background: the single steps behind their mean.
    faint: bool,
    points: Points,
}

impl Series {
    fn new(name: &'static str, colour: RGBColor, points: Points) -> Self {
        let faint = false;
        Self { name, colour, faint, points }
    }
}

/// What all charts share.
struct Axis {
    steps: Range<f64>,
    /// The step of the best evaluation, which is marked.
    best: Option<f64>,
}

/// All charts of a log, and its evaluations as a table.
pub(super) fn all(records: &[Record]) -> Result<Html> {
    let mut steps = Vec::new();
    let mut evaluations = Vec::new();
    for record in records {
        match record {
            Record::Step(record) => steps.push(record),
            Record::Evaluation(record) => evaluations.push(record),
        }
    }
    let names: BTreeSet<&str> =
        evaluations.iter().flat_map(|record| record.metrics.keys()).map(String::as_str).collect();
    let all_steps = steps.iter().map(|s| s.step).chain(evaluations.iter().map(|e| e.step));
    let axis = Axis {
        steps: range(all_steps.map(|step| step as f64), 0.0),
        best: best(&evaluations).map(|e| e.step as f64),
    };
    let chart = |title: &str, series: &[Series]| chart(title, series, &axis);
    let mut charts = chart("loss", &losses(&steps, &evaluations))?;
    for name in names.iter().filter(|name| **name != "loss") {
        let series = Series::new("dev", DEV, metric(&evaluations, name));
        charts += &chart(name, &[series])?;
    }
    let of_steps = |value: fn(&StepRecord) -> f64| points(steps.iter().map(|s| (s.step, value(s))));
    let norms = binned(&of_steps(|s| s.gradient_norm), 300);
    charts += &chart("gradient norm", &[Series::new("training", TRAIN, norms)])?;
    let rates = binned(&of_steps(|s| s.learning_rate), 1000);
    charts += &chart("learning rate", &[Series::new("training", TRAIN, rates)])?;
    let table = table(&names, &evaluations);
    Ok(Html::trusted(format!(
        "<p class=\"note\">Against optimiser steps; dev is the held-out part that training is watched by, and a ring its best \
         evaluation (of least loss, where no other metric is watched). Where there are many steps, the training lines are means of neighbouring ones.</p>\
         <div class=\"charts\">{charts}</div>{table}"
    )))
}

/// The metrics of evaluations, a chart each, `along` being what a step is called.
pub(super) fn course(along: &str, records: &[Record]) -> Result<Html> {
    let evaluations: Vec<&EvaluationRecord> = records
        .iter()
        .filter_map(|record| match record {
            Record::Evaluation(record) => Some(record),
            Record::Step(_) => None,
        })
        .collect();
    let names: BTreeSet<&str> =
        evaluations.iter().flat_map(|e| e.metrics.keys()).map(String::as_str).collect();
    let axis = Axis { steps: range(evaluations.iter().map(|e| e.step as f64), 0.0), best: None };
    let mut charts = String::new();
    for name in names {
        let series = Series::new("value", TRAIN, metric(&evaluations, name));
        charts += &chart(name, &[series], &axis)?;
    }
    let along = Html::text(along);
    Ok(Html::trusted(format!(
        "<p class=\"note\">Against the {along}.</p><div class=\"charts\">{charts}</div>"
    )))
}

/// The best evaluation: the last that the loop found better than those before, or where it watched
/// no metric, the one of least loss.
fn best<'a>(evaluations: &[&'a EvaluationRecord]) -> Option<&'a EvaluationRecord> {
    let loss = |e: &&EvaluationRecord| e.metrics.get("loss").copied().filter(|l| l.is_finite());
    let measured = evaluations.iter().copied().filter_map(|e| Some((loss(&e)?, e)));
    let least = || measured.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, e)| e);
    evaluations.iter().copied().rfind(|e| e.improved).or_else(least)
}

fn losses(steps: &[&StepRecord], evaluations: &[&EvaluationRecord]) -> Vec<Series> {
    let losses = points(steps.iter().map(|s| (s.step, s.loss)));
    let mut series = vec![Series::new("training", TRAIN, binned(&losses, 60))];
    if losses.len() > 120 {
        let faint = Series::new("", TRAIN, binned(&losses, 600));
        series.insert(0, Series { faint: true, ..faint });
    }
    series.push(Series::new("dev", DEV, metric(evaluations, "loss")));
    series
}

fn metric(evaluations: &[&EvaluationRecord], name: &str) -> Points {
    points(evaluations.iter().filter_map(|e| Some((e.step, *e.metrics.get(name)?))))
}

/// Only what can be drawn.
fn points(values: impl Iterator<Item = (u64, f64)>) -> Points {
    let drawable = values.filter(|(_, value)| value.is_finite());
    drawable.map(|(step, value)| (step as f64, value)).collect()
}

/// At most `bins` points: the means of neighbours.
fn binned(points: &[(f64, f64)], bins: usize) -> Points {
    let mean = |bin: &[(f64, f64)]| {
        let count = bin.len() as f64;
        let (x, y) = bin.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        (x / count, y / count)
    };
    let bins = bins.min(points.len());
    (0..bins)
        .map(|bin| mean(&points[bin * points.len() / bins..(bin + 1) * points.len() / bins]))
        .collect()
}

/// A figure with its title and legend; nothing where there is nothing to draw.
fn chart(title: &str, series: &[Series], axis: &Axis) -> Result<String> {
    let series: Vec<&Series> = series.iter().filter(|series| !series.points.is_empty()).collect();
    if series.is_empty() {
        return Ok(String::new());
    }
    let svg = draw(&series, axis)
        .map_err(|e| Error::Curve { title: title.into(), reason: e.to_string() })?;
    // The library's own opening tag fixes a size and has no name.
    let (_, drawing) = svg.split_once('>').unwrap_or_default();
    let title = Html::text(title);
    let mut legend = String::new();
    for Series { name, colour, .. } in series.iter().filter(|series| !series.faint) {
        let class = if *colour == TRAIN { "train" } else { "dev" };
        let _ = write!(legend, "<span class=\"{class}\">{name}</span>");
    }
    let (width, height) = SIZE;
    Ok(format!(
        "<figure><figcaption><b>{title}</b>{legend}</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title} over the steps of training\">{drawing}</figure>\n"
    ))
}

fn draw(
    series: &[&Series],
    axis: &Axis,
) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    let mut values = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let all = || series.iter().flat_map(|series| &series.points);
        let (x, y) = (axis.steps.clone(), range(all().map(|p| p.1), 0.06));
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_top(24)
            .margin_right(76)
            .x_label_area_size(54)
            .y_label_area_size(170)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(6)
            .y_labels(5)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(("sans-serif", 32).into_font().color(&INK))
            // There is nothing between two steps.
            .x_label_formatter(&|step| {
                if (step - step.round()).abs() < 1e-6 {
                    format!("{step:.0}")
                } else {
                    String::new()
                }
            })
            .y_label_formatter(&|value| number(*value))
            .draw()?;
        for Series { colour, faint, points, .. } in series {
            let (alpha, width) = if *faint { (0.3, 2) } else { (1.0, 4) };
            let style = colour.mix(alpha).stroke_width(width);
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            if points.len() <= 40 {
                let dot = |point: &(f64, f64)| Circle::new(*point, 6, colour.filled());
                chart.draw_series(points.iter().map(dot))?;
            }
        }
        for Series { name, points, .. } in series.iter().filter(|series| !series.faint) {
            for point in points.iter().step_by(points.len().div_ceil(SHOWN)) {
                let (x, y) = chart.backend_coord(point);
                let step = point.0.round();
                let value = number(point.1);
                let _ = write!(
                    values,
                    "<circle class=\"value\" cx=\"{x}\" cy=\"{y}\" r=\"16\"><title>{name}, step {step}: {value}</title></circle>"
                );
            }
        }
        let of_dev = series.iter().filter(|series| series.colour == DEV);
        let best = of_dev.flat_map(|series| &series.points).find(|p| Some(p.0) == axis.best);
        if let Some(best) = best {
            chart.draw_series([Circle::new(*best, 14, DEV.stroke_width(4))])?;
        }
        area.present()?;
    }
    // Over the drawing, so that a value shows wherever the pointer rests on a line.
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    svg.insert_str(end, &values);
    Ok(svg)
}

/// From the least to the largest value with a part of the span around it, and never empty.
fn range(values: impl Iterator<Item = f64>, around: f64) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let span = match high - low {
        span if span > 0.0 && span.is_finite() => span * around,
        _ if high == 0.0 => 1.0,
        _ => high.abs().clamp(1e-6, 1e300) * 0.1,
    };
    low - span..high + span
}

fn table(names: &BTreeSet<&str>, evaluations: &[&EvaluationRecord]) -> Html {
    if evaluations.is_empty() {
        return Html::default();
    }
    let columns =
        ["step", "epoch"].iter().chain(names).map(|name| Html::text(name)).collect::<Vec<_>>();
    let (watched, best) = (evaluations.iter().any(|e| e.improved), best(evaluations));
    let row = |e: &&EvaluationRecord| {
        let is_best = e.improved || !watched && Some(e.step) == best.map(|best| best.step);
        let mark = if is_best { "*" } else { "" };
        let value = |name| e.metrics.get(name).map_or(String::new(), |value| number(*value));
        let mut row = vec![format!("{}{mark}", e.step), e.epoch.to_string()];
        row.extend(names.iter().map(|name| value(*name)));
        row.iter().map(|cell| Html::text(cell)).collect()
    };
    let rows: Vec<Vec<Html>> = evaluations.iter().map(row).collect();
    let table = Html::table("figures", &columns, &rows);
    let count = evaluations.len();
    let mark = if watched { "the best so far" } else { "the one of least loss" };
    Html::trusted(format!(
        "<details><summary>{count} evaluations as a table (* is {mark})</summary>{table}</details>"
    ))
}
