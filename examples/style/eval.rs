//! `eval`: a StyleBank beside the descent of Gatys et al., and beside networks of one style, on the
//! same pairs.

use crate::apply::SHIPPED;
use crate::losses::{Losses, told};
use crate::page;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_hub::ModelFolder;
use conv_style::{
    LossConfig, LossNetwork, Painter, Painting, Pair, Recipe, Single, Start, Style, compare,
};
use conv_vision::data::find;
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of photographs, or one
    #[arg(long)]
    contents: PathBuf,
    /// A folder of paintings, or one: those that are called as styles of the bank are painted
    #[arg(long)]
    styles: PathBuf,
    /// A model folder as train leaves it
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// A model folder of one style alone, as train --single leaves it, whose pictures in that style
    /// are compared with too. Again for each
    #[arg(long, value_name = "FOLDER")]
    single: Vec<PathBuf>,
    /// The longer side of the pictures in pixels
    #[arg(long, default_value = "256")]
    size: usize,
    /// Evaluations of a descent
    #[arg(long, default_value = "300", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    evaluations: usize,
    /// Pairs at most: of each photograph all styles, then of the next
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: Option<usize>,
    #[command(flatten)]
    losses: Losses,
    /// Where the pictures go [default: runs/style-eval.html, with --json none]
    #[arg(long)]
    page: Option<PathBuf>,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_shipped(&options.model, SHIPPED, "style train")?;
    let path = Path::new(&options.model);
    let painter = Painter::open(path, device)?;
    let styles = styles(&options.styles, painter.styles())?;
    let singles = singles(&options.single, &styles, device)?;
    let photographs = photographs(&options.contents)?;
    let model = options.losses.open(device)?;
    // The losses that the bank was trained to lower.
    let recipe = Recipe::of_model(&ModelFolder::open(path)?);
    let mut config =
        recipe.map_or_else(|| LossConfig::of(model.architecture), |recipe| recipe.losses);
    options.losses.over(&mut config);
    let losses = LossNetwork::new(&model, config)?;
    let (evaluations, size) = (options.evaluations, options.size);
    let painting = Painting {
        size,
        // Each takes an evaluation at least.
        steps: evaluations,
        evaluations: Some(evaluations),
        start: Start::Content,
        seed: common.seed(),
        ..Painting::default()
    };
    let stop = conv_cli::stop_on_signal()?;
    let all = photographs.iter().flat_map(|photo| styles.iter().map(move |style| (photo, style)));
    let most = options.limit.unwrap_or(usize::MAX).min(photographs.len() * styles.len());
    let mut pairs = Vec::new();
    for ((name, photograph), style) in all.take(most) {
        let photograph = (name.as_str(), photograph.clone());
        let single = singles.iter().find(|single| single.styles()[0] == style.name);
        let pair = compare(&losses, &painter, single, photograph, style, &painting)?;
        conv_cli::note(format_args!("{} of {most}: {}", pairs.len() + 1, line(&pair)));
        pairs.push(pair);
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    let default = (!common.json).then(|| PathBuf::from("runs/style-eval.html"));
    let page = options.page.clone().or(default);
    if let Some(page) = &page {
        if let Some(folder) = page.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        page::write_pairs(page, &pairs, &told(&model))?;
    }
    let of = |number: fn(&Pair) -> f64| median(pairs.iter().map(number).collect());
    let of_single = |number: fn(&Pair, &Single) -> f64| {
        let found = pairs.iter().filter_map(|pair| Some(number(pair, pair.single.as_ref()?)));
        let found: Vec<f64> = found.collect();
        (!found.is_empty()).then(|| median(found))
    };
    let seconds = Seconds {
        bank: of(|pair| pair.bank_seconds),
        gatys: of(|pair| pair.gatys_seconds),
        single: of_single(|_, single| single.seconds),
    };
    let answer = Answer {
        style_of_single: of_single(|pair, single| pair.bank.style / single.sum.style),
        single_pairs: pairs.iter().filter(|pair| pair.single.is_some()).count(),
        fall: of(|pair| pair.fall),
        style_ratio: of(|pair| pair.bank.style / pair.gatys.style),
        faster: of(|pair| pair.gatys_seconds / pair.bank_seconds),
        seconds,
        size,
        evaluations,
        each: pairs,
        page,
    };
    conv_cli::print(common.json, &answer)
}

/// Pictures of a folder with their paths; those that cannot be read are told.
fn pictures<T>(
    place: &Path,
    open: impl Fn(&Path) -> Result<T, conv_style::Error>,
) -> Result<Vec<(PathBuf, T)>> {
    let mut found = Vec::new();
    let mut reasons = Vec::new();
    for path in find(&[place]) {
        match open(&path) {
            Ok(picture) => found.push((path, picture)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if found.is_empty() {
        let first = reasons.first().map_or(String::new(), |reason| format!(" ({reason})"));
        bail!("{}: no picture that can be read{first}", place.display());
    }
    reasons.iter().for_each(|reason| conv_cli::note(format_args!("left out: {reason}")));
    Ok(found)
}

fn photographs(place: &Path) -> Result<Vec<(String, Picture)>> {
    let open = |path: &Path| Ok(Picture::open(path, &Limits::default())?);
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = pictures(place, open)?;
    Ok(found.into_iter().map(|(path, picture)| (name(&path), picture)).collect())
}

/// The paintings that stand for styles of the bank, by their names.
fn styles(place: &Path, known: &[String]) -> Result<Vec<Style>> {
    let found = pictures(place, |path| Style::open(path, &Limits::default()))?;
    let (styles, others): (Vec<_>, Vec<_>) =
        found.into_iter().map(|(_, style)| style).partition(|style| known.contains(&style.name));
    let names = others.iter().map(|style| style.name.as_str()).collect::<Vec<_>>().join(", ");
    if styles.is_empty() {
        bail!(
            "{}: {names}, none of which is a style of the bank: {}; a picture is called as its style, as {}.jpg",
            place.display(),
            known.join(", "),
            known[0]
        );
    }
    if let Some(style) =
        styles.iter().find(|a| styles.iter().filter(|b| a.name == b.name).count() > 1)
    {
        bail!(
            "{}: several pictures are called {}, expected one a style",
            place.display(),
            style.name
        );
    }
    if !others.is_empty() {
        conv_cli::note(format_args!("not in the bank, and left out: {names}"));
    }
    Ok(styles)
}

/// The networks of one style, each of a style that is painted.
fn singles(folders: &[PathBuf], painted: &[Style], device: &Device) -> Result<Vec<Painter>> {
    let mut singles: Vec<Painter> = Vec::new();
    for folder in folders {
        let painter = Painter::open(folder, device)?;
        let [style] = painter.styles() else {
            let count = painter.styles().len();
            bail!("--single {}: a bank of {count} styles, expected one", folder.display());
        };
        if !painted.iter().any(|painting| painting.name == *style) {
            let names = painted.iter().map(|style| style.name.as_str()).collect::<Vec<_>>();
            let names = names.join(", ");
            bail!("--single {}: its style {style} is none of {names}", folder.display());
        }
        if singles.iter().any(|single| single.styles()[0] == *style) {
            bail!("--single {}: a second network of {style}", folder.display());
        }
        singles.push(painter);
    }
    Ok(singles)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        count => (numbers[(count - 1) / 2] + numbers[count / 2]) / 2.0,
    }
}

fn line(pair: &Pair) -> String {
    let Pair { photograph, style, start, bank, gatys, fall, .. } = pair;
    let mut text = format!(
        "{photograph} in {style}: loss {:.4e}, bank {:.4e}, Gatys {:.4e}: {:.1} % of the fall, {:.2} s and {:.1} s",
        start.loss,
        bank.loss,
        gatys.loss,
        100.0 * fall,
        pair.bank_seconds,
        pair.gatys_seconds
    );
    if let Some(single) = &pair.single {
        let (terms, ours) = (single.sum, bank.style);
        text += &format!(
            "; alone {:.4e}: style {ours:.4e} beside {:.4e}, {:.2} s",
            terms.loss, terms.style, single.seconds
        );
    }
    text
}

/// Medians over the pairs.
#[derive(Serialize)]
struct Answer {
    /// The share of Gatys' fall in loss that the bank gets.
    fall: f64,
    /// The bank's style term as a multiple of Gatys'.
    style_ratio: f64,
    /// The bank's style term as a multiple of that of the networks of one style, over the pairs
    /// that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    style_of_single: Option<f64>,
    single_pairs: usize,
    /// How many times faster a picture is.
    faster: f64,
    seconds: Seconds,
    size: usize,
    evaluations: usize,
    each: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PathBuf>,
}

/// A picture's.
#[derive(Serialize)]
struct Seconds {
    bank: f64,
    gatys: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    single: Option<f64>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pair in &self.each {
            writeln!(f, "{}", line(pair))?;
        }
        let Self { fall, style_ratio, faster, seconds, size, evaluations, each, page, .. } = self;
        writeln!(f, "{} pairs of {size} pixels, medians:", each.len())?;
        writeln!(
            f,
            "fall     {:.1} % of what Gatys gets in {evaluations} evaluations",
            100.0 * fall
        )?;
        writeln!(f, "style    {style_ratio:.2} × Gatys' style term")?;
        if let Some(ratio) = self.style_of_single {
            let count = self.single_pairs;
            writeln!(
                f,
                "single   {ratio:.2} × the style term of networks of one style, over {count} pairs"
            )?;
        }
        write!(
            f,
            "seconds  {:.3} a picture by the bank, {:.1} by Gatys: {faster:.0} × faster",
            seconds.bank, seconds.gatys
        )?;
        match page {
            Some(page) => write!(f, "\nthe pictures: {}", page.display()),
            None => Ok(()),
        }
    }
}
