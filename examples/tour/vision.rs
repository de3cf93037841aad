//! Pictures: Krizhevsky et al. (2012) in small. Their figure 4 has photographs with five labels and
//! bars, and queries with the six nearest in the last hidden layer; so has the report.

use anyhow::{Context, Result};
use candle_core::Device;
use conv_train::report::{Html, Report};
use conv_vision::data::{find, load, truth};
use conv_vision::page::{Classified, Neighbours};
use conv_vision::retrieval::{Describer, Index, Metric, Neighbour, Pooling};
use conv_vision::{Classifier, Guess, Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Crops that are shown with bars; the mistakes come besides.
const SHOWN: usize = 8;
/// How many of these are printed.
const PRINTED: usize = 2;
/// Crops whose neighbours are shown, and of how many the first one's are printed.
const QUERIES: usize = 4;
const NEIGHBOURS: usize = 6;

/// What the model says of the crops.
#[derive(Debug, Serialize)]
pub struct Pictures {
    pictures: Vec<Answer>,
    crops: usize,
    right: usize,
    neighbours: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Answer {
    path: PathBuf,
    /// What it is.
    truth: String,
    top: Vec<Guess>,
}

/// The crops that are most like another.
#[derive(Debug, Serialize)]
struct Found {
    query: PathBuf,
    neighbours: Vec<Neighbour>,
}

/// Classifies crops, finds the nearest of some, and adds both to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Pictures, Report)> {
    let classifier = Classifier::open(&data.join("models/clevr-crops"), None, device)?;
    let folder = data.join("samples/crops");
    let files = find(&[&folder]);
    let (read, skipped) = load(&files, &Limits::default());
    if let Some(file) = skipped.first() {
        anyhow::bail!("{file}");
    }
    let pictures: Vec<Picture> = read.into_iter().map(|(_, picture)| picture).collect();
    let predictions = classifier.predict(&pictures)?;
    let mut answers = Vec::new();
    for (path, prediction) in files.iter().zip(&predictions) {
        let class = truth(path, &folder, classifier.labels())
            .with_context(|| format!("{} is not called as a class", path.display()))?;
        let truth = classifier.labels().all()[class].label.clone();
        answers.push(Answer { path: path.clone(), truth, top: classifier.guesses(prediction, 5) });
    }
    let crops = answers.len();
    let right = answers.iter().filter(|answer| answer.is_right()).count();

    let model = classifier.model().clone();
    let describer = Describer::new(model, None, Pooling::default(), device)?;
    let (index, _) = Index::new(&describer, &files, &Limits::default())?;
    let every = |count: usize| (crops / count).max(1);
    let mut neighbours = Vec::new();
    for at in (0..crops).step_by(every(QUERIES)).take(QUERIES) {
        let descriptor = describer.describe(&pictures[at..=at])?.remove(0);
        let mut nearest = index.search(&descriptor, Metric::Euclidean, NEIGHBOURS + 1)?;
        nearest.retain(|neighbour| neighbour.path != files[at]);
        nearest.truncate(NEIGHBOURS);
        neighbours.push(Found { query: files[at].clone(), neighbours: nearest });
    }

    let shown = (0..crops).step_by(every(SHOWN)).take(SHOWN);
    let wrong = (0..crops).filter(|&at| !answers[at].is_right());
    let mut chosen: Vec<usize> = shown.chain(wrong).collect();
    let mut seen = vec![false; crops];
    chosen.retain(|&at| !std::mem::replace(&mut seen[at], true));
    let report = page(&files, &pictures, &answers, &chosen, &neighbours, right, report)?;
    let mut answers: Vec<Option<Answer>> = answers.into_iter().map(Some).collect();
    let pictures = chosen.into_iter().filter_map(|at| answers[at].take()).collect();
    Ok((Pictures { pictures, crops, right, neighbours }, report))
}

/// The two pictures of the paper.
fn page(
    files: &[PathBuf],
    pictures: &[Picture],
    answers: &[Answer],
    chosen: &[usize],
    neighbours: &[Found],
    right: usize,
    report: Report,
) -> Result<Report> {
    let name = |path: &Path| path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    let mut classified = Classified::default();
    for &at in chosen {
        let Answer { path, truth, top } = &answers[at];
        classified.add_of(&name(path), &pictures[at], top, truth)?;
    }
    let picture = |path: &Path| {
        let at = files.iter().position(|file| file == path)?;
        Some(pictures[at].clone())
    };
    let mut rows = Neighbours::default();
    for Found { query, neighbours } in neighbours {
        let named = |found: &Neighbour| Neighbour { path: name(&found.path), ..found.clone() };
        let found: Vec<_> = neighbours.iter().map(|n| (named(n), picture(&n.path))).collect();
        let query_picture = picture(query).context("a query is one of the crops")?;
        let found = found.iter().map(|(neighbour, picture)| (neighbour, picture.clone()));
        rows.add(&name(query), &query_picture, found)?;
    }
    let body = format!(
        "<p>{right} of {} crops that training did not see are right. Below some of them, and all mistakes: what it is, the five \
         most probable classes, the right one in red.</p>{}\
         <p>Crops (left) with their six nearest in the last hidden layer, by the distance above each name:</p>{}",
        answers.len(),
        classified.section(),
        rows.section(),
    );
    Ok(report.section("Sample pictures", Html::trusted(body)))
}

impl Answer {
    fn is_right(&self) -> bool {
        self.top.first().is_some_and(|guess| guess.class.label == self.truth)
    }
}

/// The name of a file.
fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

impl fmt::Display for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, crops, right, neighbours } = self;
        writeln!(f, "Pictures, by a small convolutional network after Krizhevsky et al. (2012)\n")?;
        for Answer { path, truth, top } in pictures.iter().take(PRINTED) {
            writeln!(f, "  {} shows a {truth}", name(path))?;
            for Guess { class, probability } in top.iter().take(3) {
                let bar = conv_cli::bar(*probability);
                writeln!(f, "    {:5.1} %  {bar}  {}", 100.0 * probability, class.name)?;
            }
        }
        writeln!(f, "  {right} of {crops} held-out crops right")?;
        if let Some(Found { query, neighbours }) = neighbours.first() {
            write!(f, "\n  nearest to {}", name(query))?;
            for Neighbour { path, distance, .. } in neighbours {
                write!(f, "\n    {distance:.4}  {}", name(path))?;
            }
        }
        Ok(())
    }
}
