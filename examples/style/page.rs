//! The page of a painting.

use anyhow::Result;
use conv_hub::files::write_atomic;
use conv_style::{LossConfig, Painted, Pair, Stroke};
use conv_train::report::{Environment, Html, Report};
use conv_train::{EvaluationRecord, Record};
use conv_vision::page::Gallery;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Both pictures, what came of them, and how the terms of the loss went, as one file.
pub fn write(
    path: &Path,
    painted: &Painted,
    losses: &LossConfig,
    told: &str,
    settings: &Value,
) -> Result<()> {
    let mut row = Gallery::default();
    row.add("the photograph", &painted.content, "content: what is where")?;
    for (at, style) in painted.styles.iter().enumerate() {
        let name = match painted.styles.len() {
            1 => "the painting".to_string(),
            _ => format!("painting {}", at + 1),
        };
        row.add(&name, style, "style: how it is painted")?;
    }
    row.add("the picture", &painted.picture, "painted by descent on its pixels")?;
    let record = |stroke: &Stroke| {
        let metrics = BTreeMap::from([
            ("loss".to_string(), stroke.loss),
            ("content term: meaning of the deeper layers".into(), stroke.content),
            ("style term: textures of the lower layers".into(), stroke.style),
            ("total variation term".into(), stroke.total_variation),
        ]);
        let step = stroke.step as u64;
        let seconds = stroke.seconds;
        Record::Evaluation(EvaluationRecord { step, epoch: 0, metrics, improved: false, seconds })
    };
    let mut records: Vec<Record> = painted.strokes.iter().map(record).collect();
    if losses.total_variation_weight == 0.0 {
        for record in &mut records {
            if let Record::Evaluation(record) = record {
                record.metrics.remove("total variation term");
            }
        }
    }
    let last = painted.strokes.last();
    let seconds = last.map_or(0.0, |stroke| stroke.seconds);
    let figures = last.map(|last| {
        [
            ("loss", last.loss),
            ("content share", last.content / last.loss),
            ("steps", last.step as f64),
            ("evaluations", last.evaluations as f64),
            ("seconds", last.seconds),
        ]
    });
    Report::new(
        "A photograph in the manner of a painting",
        "Gatys et al. (2016): the sum of a content and a style loss is minimised over the pixels",
    )
    .section("Pictures", Html::trusted(format!("{}<p>{}.</p>", row.row(), Html::text(told))))
    .metrics(figures.into_iter().flatten())
    .course("step of the descent", &records)?
    .configuration(settings)
    .environment(&Environment::collect(seconds))
    .write(path)?;
    Ok(())
}

/// Each photograph and painting, what the bank made of them and what the descent.
pub fn write_pairs(path: &Path, pairs: &[Pair], told: &str) -> Result<()> {
    let mut body = format!("<p>{}.</p>", Html::text(told));
    for pair in pairs {
        let [photograph, style, bank, gatys] = &pair.pictures;
        let mut row = Gallery::default();
        row.add(&pair.photograph, photograph, &format!("loss {:.4e}", pair.start.loss))?;
        row.add(&pair.style, style, "the painting")?;
        let words = format!("loss {:.4e}, {:.2} s", pair.bank.loss, pair.bank_seconds);
        row.add("StyleBank", bank, &words)?;
        let words = format!(
            "loss {:.4e}, {:.1} s, {} evaluations",
            pair.gatys.loss, pair.gatys_seconds, pair.evaluations
        );
        row.add("Gatys et al.", gatys, &words)?;
        if let Some(single) = &pair.single {
            let words = format!("loss {:.4e}, {:.2} s", single.sum.loss, single.seconds);
            row.add("A network of this style alone", &single.picture, &words)?;
        }
        body += &row.row().to_string();
    }
    let title = "A StyleBank beside the descent of Gatys et al.";
    write_atomic(path, conv_vision::page::page(title, &body).as_bytes())?;
    Ok(())
}
