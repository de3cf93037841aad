//! `render`: from noise to a picture that excites a unit.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_lens::{
    End, Jitter, Kind, Objective, Photographs, Rendered, Rendering, excitement, render,
};
use conv_train::report::{Environment, Html, Report};
use conv_train::{EvaluationRecord, Record};
use conv_vision::page::Gallery;
use conv_vision::{Architecture, Limits, Picture, Pretrained};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Where GoogLeNet's weights lie in the folder that CONVOKE_DATA names.
const GOOGLENET: &str = "vision/weights/googlenet-bvlc.safetensors";

/// Photographs that the page shows.
const SHOWN: usize = 6;

#[derive(Debug, Args)]
pub struct Options {
    /// What is raised: a unit as LAYER:CHANNEL, or a sum such as "inception_4c:12 - 0.5*inception_4c:40 + 10*tv"
    objective: String,
    /// The pictures on the way and the last one beside each other, as PNG
    #[arg(long)]
    out: PathBuf,
    /// The last picture alone, as PNG
    #[arg(long)]
    picture: Option<PathBuf>,
    /// A model folder of classify, or weights with Caffe's names, as .safetensors [default: GoogLeNet's below $CONVOKE_DATA]
    #[arg(long)]
    model: Option<PathBuf>,
    /// Sides of the picture in pixels [default: 128, or what the network is made for if that is less]
    #[arg(long)]
    size: Option<usize>,
    #[arg(long, default_value = "256")]
    steps: usize,
    /// After which steps a picture is kept, with commas; the last is kept always
    #[arg(long, value_delimiter = ',', default_value = "0,4,48")]
    keep: Vec<usize>,
    /// Climb on pixels instead of waves
    #[arg(long)]
    pixels: bool,
    /// Do not move the picture about
    #[arg(long)]
    no_jitter: bool,
    /// Steps whose gradient also goes through closed rectifiers
    #[arg(long, default_value = "16")]
    redirected: usize,
    /// How far a number is moved in a step
    #[arg(long, default_value = "0.05")]
    learning_rate: f64,
    /// A folder of photographs to compare with
    #[arg(long)]
    photos: Option<PathBuf>,
    /// Where the pictures with the course of the ascent go [default: runs/lens.html, with --json none]
    #[arg(long)]
    page: Option<PathBuf>,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    for target in [Some(&options.out), options.picture.as_ref()].into_iter().flatten() {
        conv_cli::check_png(target)?;
    }
    let model = Pretrained::open(&options.weights()?, device)?;
    let objective = Objective::parse(&options.objective, &model)?;
    let crop = model.preprocessing.crop;
    let rendering = Rendering {
        size: options.size.unwrap_or(crop.min(128)),
        steps: options.steps,
        keep: options.keep.clone(),
        parameters: if options.pixels { Kind::Pixels } else { Kind::Spectrum },
        jitter: if options.no_jitter { Jitter::NONE } else { Jitter::default() },
        learning_rate: options.learning_rate,
        redirected: options.redirected,
        seed: common.seed(),
    };
    let stop = conv_cli::stop_on_signal()?;
    let rendered = render(&model, &objective, &rendering, |_| !stop.load(Ordering::SeqCst))?;
    write_atomic(&options.out, &rendered.strip()?.to_png()?)?;
    let bytes = rendered.picture().to_png()?;
    if let Some(path) = &options.picture {
        write_atomic(path, &bytes)?;
    }
    // What is written is what is measured.
    let written = Picture::decode(&bytes, &Limits::default())?;
    let value = excitement(&model, &objective, &written)?;
    let first = excitement(&model, &objective, &rendered.frames[0].picture)?;
    let compared = match &options.photos {
        Some(folder) => {
            let mut sides = vec![rendering.size, crop];
            sides.dedup();
            Some(Photographs::measure(&model, &objective, folder, &sides)?)
        }
        None => None,
    };
    let units: Vec<String> = objective.units().iter().map(ToString::to_string).collect();
    let default = (!common.json).then(|| PathBuf::from("runs/lens.html"));
    let page = options.page.clone().or(default);
    if let Some(page) = &page {
        options.page(page, &model, &rendering, &rendered, value, compared.as_ref())?;
    }
    let answer = Answer {
        picture: &options.out,
        network: model.network.name(),
        units,
        steps: rendered.steps.len(),
        seconds: rendered.steps.last().map_or(0.0, |step| step.seconds),
        noise: first,
        value,
        photographs: compared.as_ref().map(|found| Compared::new(found, value)),
        end: rendered.end,
        page: page.as_deref(),
    };
    conv_cli::print(common.json, &answer)?;
    if let Some(found) = &compared {
        found.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
    }
    match rendered.end {
        End::NotFinite { step } => bail!(
            "the objective or its gradient is not finite after {step} steps: {} ends with the picture before",
            options.out.display()
        ),
        End::NoGradient { step } => bail!(
            "no gradient reaches the picture after {step} steps: nothing excites this unit; try --redirected, another --seed or a larger --size"
        ),
        _ => Ok(()),
    }
}

impl Options {
    fn weights(&self) -> Result<PathBuf> {
        if let Some(path) = &self.model {
            return Ok(path.clone());
        }
        let data = std::env::var_os("CONVOKE_DATA").context(
            "no weights: name a model folder or a .safetensors file by --model, or set CONVOKE_DATA (docs/datasets.md)",
        )?;
        Ok(PathBuf::from(data).join(GOOGLENET))
    }

    fn page(
        &self,
        path: &Path,
        model: &Pretrained,
        rendering: &Rendering,
        rendered: &Rendered,
        value: f64,
        compared: Option<&Photographs>,
    ) -> Result<()> {
        let mut pictures = Gallery::default();
        for frame in &rendered.frames {
            pictures.add(&format!("after {} steps", frame.step), &frame.picture, "")?;
        }
        let note = match model.architecture {
            Architecture::GoogLeNet => {
                "GoogLeNet's channels are those of Caffe's weights: other units than those of the Inception of Olah et al. (2017)."
            }
            _ => "",
        };
        let name = model.network.name();
        let mut report = Report::new(
            &self.objective,
            &format!("What {name} responds to, after Olah et al. (2017)"),
        )
        .section("From noise", Html::trusted(format!("{}<p>{note}</p>", pictures.section())));
        if let Some(found) = compared {
            let mut best = Gallery::default();
            for excitement in found.ranking.iter().take(SHOWN) {
                let photo = Picture::open(&excitement.path, &Limits::default())?;
                let file = excitement.path.file_name().unwrap_or_default().to_string_lossy();
                best.add(&file, &photo, &format!("{:.2}", excitement.value))?;
            }
            let head = format!(
                "The rendered picture has {value:.2}; the photographs that excite it most:"
            );
            let body = format!("<p>{}</p>{}", Html::text(&head), best.section());
            report = report.section("Photographs", Html::trusted(body));
        }
        let record = |step: &conv_lens::Step| {
            let metrics = BTreeMap::from([("objective".to_string(), step.objective)]);
            let (step, seconds) = (step.step as u64, step.seconds);
            Record::Evaluation(EvaluationRecord {
                step,
                epoch: 0,
                metrics,
                improved: false,
                seconds,
            })
        };
        let records: Vec<Record> = rendered.steps.iter().map(record).collect();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        let seconds = rendered.steps.last().map_or(0.0, |step| step.seconds);
        report
            .course("step of the ascent", &records)?
            .configuration(&json!({ "objective": self.objective, "rendering": rendering }))
            .environment(&Environment::collect(seconds))
            .write(path)?;
        Ok(())
    }
}

/// The rendered picture beside the photographs.
#[derive(Serialize)]
struct Compared {
    photographs: usize,
    best: PathBuf,
    best_value: f64,
    best_side: usize,
    beaten: usize,
    times_best: f64,
}

impl Compared {
    fn new(found: &Photographs, value: f64) -> Self {
        let best = &found.ranking[0];
        Self {
            photographs: found.ranking.len(),
            best: best.path.clone(),
            best_value: best.value,
            best_side: best.side,
            beaten: found.ranking.iter().filter(|photo| photo.value < value).count(),
            times_best: value / best.value,
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    network: &'a str,
    units: Vec<String>,
    steps: usize,
    seconds: f64,
    noise: f64,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    photographs: Option<Compared>,
    end: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a Path>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            picture, network, units, steps, seconds, noise, value, photographs, page, ..
        } = self;
        writeln!(
            f,
            "{}: {network} {}, {steps} steps, {seconds:.1} s",
            picture.display(),
            units.join(", ")
        )?;
        write!(f, "objective {noise:.3} for noise, {value:.3} for the picture")?;
        if let Some(found) = photographs {
            let Compared { photographs, best, best_value, best_side, beaten, times_best } = found;
            let best = best.display();
            write!(
                f,
                "\nit beats {beaten} of {photographs} photographs; the best, {best} at {best_side} pixels, has {best_value:.3}: {times_best:.2} times as much"
            )?;
        }
        match page {
            Some(page) => {
                write!(f, "\nthe pictures and the course of the ascent: {}", page.display())
            }
            None => Ok(()),
        }
    }
}
