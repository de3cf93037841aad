//! One HTML file about a run, which opens without a server, a network or a script.
//!
//! Styles and pictures are inside it, and its content security policy forbids it to fetch anything.
//! Whatever comes from data, a label or a sentence, is escaped; what is markup already says so by
//! its type, [`Html`].

mod confusion;
mod curves;
mod environment;
mod html;

pub use environment::Environment;
pub use html::Html;

use crate::metrics::Confusion;
use crate::{Record, Result};
use conv_hub::files::write_atomic;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const STYLE: &str = include_str!("style.css");
/// Nothing is fetched and no script runs, whatever a sample contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A page under construction: a title, and sections in the order in which they are added.
///
/// ```
/// use conv_train::report::{Html, Report};
/// let page = Report::new("Sentences", "Kim (2014) on made-up data")
///     .metrics([("accuracy", 0.815)])
///     .samples(&["sentence", "label"], vec![vec![Html::text("3 < 4 & so on"), Html::text("<script>")]])
///     .html();
/// assert!(page.contains("3 &lt; 4 &amp; so on") && !page.contains("<script>"));
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    subtitle: String,
    sections: Vec<(String, Html)>,
}

impl Report {
    /// A page without sections. `subtitle` says in a sentence what was trained on what.
    pub fn new(title: &str, subtitle: &str) -> Self {
        Self { title: title.into(), subtitle: subtitle.into(), sections: Vec::new() }
    }

    /// Adds a section of one's own.
    #[must_use]
    pub fn section(mut self, title: &str, body: Html) -> Self {
        self.sections.push((title.into(), body));
        self
    }

    /// Adds final figures, in the order given.
    #[must_use]
    pub fn metrics<N: AsRef<str>>(self, metrics: impl IntoIterator<Item = (N, f64)>) -> Self {
        let cards = metrics.into_iter().fold(String::new(), |mut cards, (name, value)| {
            let name = Html::text(name.as_ref());
            let value = html::number(value);
            let _ = write!(cards, "<div><dt>{name}</dt><dd>{value}</dd></div>");
            cards
        });
        self.section("Metrics", Html::trusted(format!("<dl class=\"cards\">{cards}</dl>")))
    }

    /// Adds what a run's log shows: loss, each metric, learning rate and gradient norm over the
    /// steps, and a table of all evaluations.
    ///
    /// # Errors
    /// The drawing library fails.
    pub fn curves(self, records: &[Record]) -> Result<Self> {
        let body = curves::all(records)?;
        Ok(self.section("Curves", body))
    }

    /// Adds how numbers went in something else than training, such as a descent on a picture: each
    /// metric of the evaluations over their steps, `along` being what a step is called.
    ///
    /// # Errors
    /// The drawing library fails.
    pub fn course(self, along: &str, records: &[Record]) -> Result<Self> {
        let body = curves::course(along, records)?;
        Ok(self.section("Course", body))
    }

    /// Adds precision, recall and F1 of each class, the pairs most often mistaken and the confusion
    /// matrix, of 50 classes at most. `part` is what was measured, as `dev` or `test`; `labels` are
    /// the classes' names, in order.
    #[must_use]
    pub fn confusion<L: AsRef<str>>(self, part: &str, labels: &[L], confusion: &Confusion) -> Self {
        let body = confusion::table(labels, confusion);
        self.section(&format!("Confusion, {part}"), body)
    }

    /// Adds sample predictions, a row each.
    #[must_use]
    pub fn samples(self, columns: &[&str], rows: Vec<Vec<Html>>) -> Self {
        let columns: Vec<Html> = columns.iter().map(|column| Html::text(column)).collect();
        let body = Html::table("samples", &columns, &rows);
        self.section("Sample predictions", body)
    }

    /// Adds a configuration: any plain data, each of its values on a row of its own.
    #[must_use]
    pub fn configuration(self, configuration: &Value) -> Self {
        let mut rows = Vec::new();
        flatten("", configuration, &mut rows);
        self.section("Configuration", Html::pairs(&rows))
    }

    /// Adds where, when and with what the run was made.
    #[must_use]
    pub fn environment(self, environment: &Environment) -> Self {
        self.section("Environment", Html::pairs(&environment.rows()))
    }

    /// The whole page.
    pub fn html(&self) -> String {
        let title = Html::text(&self.title);
        let subtitle = Html::text(&self.subtitle);
        let mut links = String::new();
        let mut sections = String::new();
        for (number, (title, body)) in self.sections.iter().enumerate() {
            let title = Html::text(title);
            let _ = write!(links, "<a href=\"#s{number}\">{title}</a>");
            let _ = writeln!(
                sections,
                "<section aria-labelledby=\"s{number}\"><h2 id=\"s{number}\">{title}</h2>{body}</section>"
            );
        }
        // The empty icon keeps a browser from asking for /favicon.ico.
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header><h1>{title}</h1><p>{subtitle}</p><nav aria-label=\"Sections\">{links}</nav></header>\n\
             <main>\n{sections}</main>\n</body>\n</html>\n"
        )
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(write_atomic(path, self.html().as_bytes())?)
    }
}

/// `{"a": {"b": 1}}` as `a.b` and `1`.
fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{field}"), value, rows);
            }
        }
        Value::String(text) => rows.push((name.into(), text.clone())),
        Value::Null => rows.push((name.into(), "—".into())),
        other => rows.push((name.into(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EvaluationRecord, StepRecord};
    use std::collections::BTreeMap;

    const HOSTILE: &str = "<script>alert(1)</script>\" onload='x' &amp; <img src=http://x.test/>";

    fn records(name: &str) -> Vec<Record> {
        let step = |step: u64| {
            Record::Step(StepRecord {
                step,
                epoch: 0,
                loss: if step == 5 { f64::NAN } else { 1.0 / step as f64 },
                learning_rate: 0.1,
                gradient_norm: 2.0,
                seconds: 0.0,
            })
        };
        let evaluation = Record::Evaluation(EvaluationRecord {
            step: 9,
            epoch: 1,
            metrics: BTreeMap::from([(name.to_string(), 0.5), ("loss".into(), f64::INFINITY)]),
            improved: true,
            seconds: 1.0,
        });
        (1..10).map(step).chain([evaluation]).collect()
    }

    /// Every section filled with the same hostile text.
    fn page(text: &str) -> Result<String> {
        let mut confusion = Confusion::new(2);
        confusion.add(0, 1);
        let environment = Environment { commit: Some(text.into()), ..Environment::collect(1.0) };
        let report = Report::new(text, text)
            .metrics([(text, f64::NAN)])
            .curves(&records(text))?
            .confusion(text, &[text, text], &confusion)
            .samples(&[text], vec![vec![Html::text(text)]])
            .configuration(&serde_json::json!({ text: [text, { text: text }] }))
            .environment(&environment)
            .section(text, Html::text(text));
        Ok(report.html())
    }

    #[test]
    fn hostile_text_stays_text_in_every_section() -> Result<()> {
        let page = page(HOSTILE)?;
        assert!(!page.contains("<script") && !page.contains("<img"));
        assert!(
            page.matches("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x").count() > 10
        );
        Ok(())
    }

    #[test]
    fn nothing_outside_the_page_is_referred_to() -> Result<()> {
        let page = page("plain")?;
        for reference in ["http:", "https:", "src=", "url(", "@import", "//"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert!(page.matches("<link").count() == 1 && page.contains("href=\"data:,\""));
        Ok(())
    }

    #[test]
    fn a_configuration_is_laid_out_value_by_value() {
        let mut rows = Vec::new();
        let value = serde_json::json!({"size": {"examples": 50}, "clip": null, "widths": [3, 4], "kind": "rand"});
        flatten("", &value, &mut rows);
        let expected =
            [("size.examples", "50"), ("clip", "—"), ("widths", "[3,4]"), ("kind", "rand")];
        assert_eq!(rows, expected.map(|(name, value)| (name.to_string(), value.to_string())));
    }
}
