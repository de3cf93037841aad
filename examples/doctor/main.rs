//! What to paste into a bug report: versions, processor, threads, devices, and which data and
//! models are found.

use clap::Parser;
use conv_sentence::data::KimSet;
use conv_train::report::Environment;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Says what this machine has: versions, instruction sets, threads, data sets and models.
#[derive(Parser)]
#[command(name = "doctor", version)]
struct Arguments {
    #[command(flatten)]
    common: conv_cli::Common,
    /// Folder of the data sets, laid out as docs/datasets.md says
    #[arg(long, env = "CONVOKE_DATA")]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let device = arguments.common.start()?;
        let findings = Findings {
            environment: Environment { commit: conv_cli::commit(&[]), ..Environment::collect(0.0) },
            candle: candle_version().into(),
            device: format!("{device:?}"),
            features: features(),
            instruction_sets: instruction_sets(),
            data: arguments.data.clone(),
            found: arguments.data.as_deref().map(data_sets).unwrap_or_default(),
            models: models(Path::new("data/models")),
        };
        conv_cli::print(arguments.common.json, &findings)
    })
}

#[derive(Serialize)]
struct Findings {
    environment: Environment,
    candle: String,
    device: String,
    features: Vec<&'static str>,
    instruction_sets: Vec<&'static str>,
    data: Option<PathBuf>,
    found: Vec<Finding>,
    models: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    name: String,
    /// What is there, or what is wrong.
    state: String,
    found: bool,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: &[&str]| if items.is_empty() { "none".into() } else { items.join(" ") };
        writeln!(f, "convoke           {}", self.environment.version)?;
        writeln!(
            f,
            "commit            {}",
            self.environment.commit.as_deref().unwrap_or("unknown")
        )?;
        writeln!(f, "candle            {}", self.candle)?;
        writeln!(f, "features          {}", list(&self.features))?;
        writeln!(f, "system            {}", self.environment.system)?;
        writeln!(f, "processor         {}", self.environment.processor)?;
        writeln!(f, "instruction sets  {}", list(&self.instruction_sets))?;
        writeln!(f, "threads           {}", self.environment.threads)?;
        writeln!(f, "device            {}", self.device)?;
        match &self.data {
            Some(folder) => writeln!(f, "data              {}", folder.display())?,
            None => writeln!(
                f,
                "data              CONVOKE_DATA is not set: docs/datasets.md says what goes there"
            )?,
        }
        for Finding { name, state, found } in self.found.iter().chain(&self.models) {
            writeln!(f, "  {} {name:<22} {state}", if *found { "found  " } else { "missing" })?;
        }
        Ok(())
    }
}

fn data_sets(folder: &Path) -> Vec<Finding> {
    let sets = KimSet::ALL.map(|set| match set.load(&folder.join("sentence")) {
        Ok(data) => Finding {
            name: format!("sentence/{}", set.name()),
            state: format!("{} sentences", data.sentences().len()),
            found: true,
        },
        Err(error) => Finding {
            name: format!("sentence/{}", set.name()),
            state: format!("{:#}", anyhow::Error::from(error)),
            found: false,
        },
    });
    let others = [
        "vectors",
        "vision/weights/googlenet-bvlc.safetensors",
        "vision/weights/squeezenet1_1.safetensors",
        "vision/images/imagenet_samples",
        "vision/images/caltech101",
        "clevr/rendered/scenes.json",
    ];
    let others = others.map(|name| {
        let path = folder.join(name);
        Finding { name: name.into(), state: path.display().to_string(), found: path.exists() }
    });
    sets.into_iter().chain(others).collect()
}

fn models(folder: &Path) -> Vec<Finding> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        let state = format!("{} is not there (it comes with the repository)", folder.display());
        return vec![Finding { name: "models".into(), state, found: false }];
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    let look = |path: PathBuf| match conv_hub::ModelFolder::open(&path) {
        Ok(model) => Finding {
            name: path.display().to_string(),
            state: model.model_type().into(),
            found: true,
        },
        Err(error) => Finding {
            name: path.display().to_string(),
            state: format!("{:#}", anyhow::Error::from(error)),
            found: false,
        },
    };
    paths.into_iter().map(look).collect()
}

fn features() -> Vec<&'static str> {
    let all = [
        ("hub", cfg!(feature = "hub")),
        ("jieba", cfg!(feature = "jieba")),
        ("cuda", cfg!(feature = "cuda")),
        ("cudnn", cfg!(feature = "cudnn")),
        ("metal", cfg!(feature = "metal")),
    ];
    all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}

/// The version in this workspace's lock file, which is what was built.
fn candle_version() -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"candle-core\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"'))
}

fn instruction_sets() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let all = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    #[cfg(target_arch = "aarch64")]
    let all = [("neon", std::arch::is_aarch64_feature_detected!("neon"))];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all: [(&str, bool); 0] = [];
    all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}
