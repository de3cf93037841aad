//! The page of `render`: the pictures on the way, the photographs that excite the unit most, and
//! the course of the ascent.

use crate::flags::other_units;
use crate::render::Row;
use anyhow::{Context, Result};
use conv_lens::{Rendering, Step};
use conv_train::report::{Environment, Html, Report};
use conv_train::{EvaluationRecord, Record};
use conv_vision::page::Gallery;
use conv_vision::{Limits, Picture, Pretrained};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Photographs that the page shows.
const SHOWN: usize = 6;

pub fn write(path: &Path, model: &Pretrained, rendering: &Rendering, rows: &[Row]) -> Result<()> {
    let name = model.network.name();
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let subtitle = format!("What {name} responds to, after Olah et al. (2017)");
    let mut report = Report::new(&texts.join(", "), &subtitle);
    for row in rows {
        let mut pictures = Gallery::default();
        for frame in &row.rendered.frames {
            pictures.add(&format!("after {} steps", frame.step), &frame.picture, "")?;
        }
        let body = format!("{}<p>{}</p>", pictures.section(), Html::text(other_units(model)));
        let title = match rows {
            [_] => "The way".into(),
            _ => row.text.clone(),
        };
        report = report.section(&title, Html::trusted(body));
        if let Some(found) = &row.photographs {
            let mut best = Gallery::default();
            for excitement in found.ranking.iter().take(SHOWN) {
                let photo = Picture::open(&excitement.path, &Limits::default())?;
                let file = excitement.path.file_name().unwrap_or_default().to_string_lossy();
                best.add(&file, &photo, &format!("{:.2}", excitement.value))?;
            }
            let head = format!(
                "The rendered picture has {:.2}; the photographs that excite it most:",
                row.value
            );
            let body = format!("<p>{}</p>{}", Html::text(&head), best.section());
            report = report.section("Photographs", Html::trusted(body));
        }
    }
    let record = |number: usize, step: &Step| {
        let name = if rows.len() == 1 { "objective".into() } else { format!("picture {number}") };
        Record::Evaluation(EvaluationRecord {
            step: step.step as u64,
            epoch: 0,
            metrics: BTreeMap::from([(name, step.objective)]),
            improved: false,
            seconds: step.seconds,
        })
    };
    let of_row = |(number, row): (usize, &Row)| {
        row.rendered.steps.iter().map(|step| record(number, step)).collect::<Vec<_>>()
    };
    let records: Vec<Record> = (1..).zip(rows).flat_map(of_row).collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    let seconds = records.iter().map(|record| match record {
        Record::Evaluation(record) => record.seconds,
        Record::Step(record) => record.seconds,
    });
    let seconds = seconds.fold(0.0, f64::max);
    report
        .course("step of the ascent", &records)?
        .configuration(&json!({ "objectives": texts, "rendering": rendering }))
        .environment(&Environment::collect(seconds))
        .write(path)?;
    Ok(())
}
