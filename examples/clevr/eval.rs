//! `eval`: how often answers are right.

use crate::eval_head::{self, Looked};
use crate::features::Network;
use crate::model::Models;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_clevr::evaluate::{View, evaluate};
use conv_clevr::{Error, Question, QuestionFile, Scene, SceneFile};
use conv_vision::{Limits, Picture};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of pictures; questions about others are left out. Without it the scenes are taken
    /// as if seen without a fault
    #[arg(long)]
    images: Option<PathBuf>,
    /// Files of questions
    #[arg(long, required = true, num_args = 1..)]
    questions: Vec<PathBuf>,
    /// Files of scenes, by which errors are told apart [default: those beside the questions, named
    /// …scenes.json]
    #[arg(long, num_args = 1..)]
    scenes: Vec<PathBuf>,
    /// Every wrong answer, one a line of JSON, goes here
    #[arg(long)]
    errors: Option<PathBuf>,
    /// A head's model folder, or the name of one that ships, in the place of parser and executor
    #[arg(long)]
    head: Option<String>,
    /// The head's maps of the pictures, as `features` writes them, in the place of pictures
    #[arg(long, requires = "head", conflicts_with = "images")]
    features: Option<PathBuf>,
    /// A classifier's weights, where the head looks at one of its layers and not at the detector's
    #[arg(long, requires = "head")]
    network: Option<String>,
    #[command(flatten)]
    models: Models,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let mut questions: Vec<Question> = Vec::new();
    for path in &options.questions {
        questions.extend(QuestionFile::read(path)?.questions);
    }
    let scenes = options.scenes()?;
    let scene = |name: &str| scenes.get(name);
    let seed = common.seed();
    let evaluation = match (&options.head, &options.images) {
        (Some(head), images) => {
            let looked = match (&options.features, images) {
                (Some(path), _) => Looked::Maps(path),
                (None, Some(folder)) => Looked::Pictures(folder, options.seeing()),
                (None, None) => bail!("--images or --features names what the head looks at"),
            };
            let head = eval_head::open(head, device)?;
            eval_head::evaluate(&head, &questions, &scenes, &looked, seed, device)?
        }
        (None, Some(folder)) => {
            let reasoner = options.models.open(device)?;
            let look = |name: &str| {
                let path = folder.join(name);
                if !path.is_file() {
                    return Ok(None);
                }
                // A picture that cannot be read is one that nothing is seen in.
                let picture = Picture::open(&path, &Limits::default());
                let width = picture.as_ref().map_or(0, Picture::width);
                let sight =
                    picture.map_err(Error::from).and_then(|picture| reasoner.look(&picture, name));
                Ok(Some(View { sight, width }))
            };
            evaluate(reasoner.parser(), &questions, scene, look, seed)?
        }
        (None, None) => {
            let parser = options.models.parser(device)?;
            let look = |name: &str| scenes.get(name).map(View::of_scene).transpose();
            evaluate(&parser, &questions, scene, look, seed)?
        }
    };
    if let Some(path) = &options.errors {
        let wrong = evaluation.outcomes.iter().filter(|outcome| !outcome.is_right());
        let lines: Result<Vec<_>, _> = wrong.map(serde_json::to_string).collect();
        std::fs::write(path, lines?.join("\n"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let others = questions.len() - evaluation.questions;
    if others > 0 {
        conv_cli::note(format_args!(
            "{others} questions are about other pictures, or have no answer"
        ));
    }
    conv_cli::print(common.json, &evaluation)
}

impl Options {
    /// What computes the maps that a head looks at.
    fn seeing(&self) -> Network {
        Network { detector: self.models.detector.clone(), network: self.network.clone() }
    }

    /// The scenes by the names of their pictures.
    fn scenes(&self) -> Result<BTreeMap<String, Scene>> {
        let paths = match self.scenes.as_slice() {
            [] => self.questions.iter().filter_map(|path| beside(path)).collect(),
            named => named.to_vec(),
        };
        let mut scenes = BTreeMap::new();
        for path in paths {
            for scene in SceneFile::read(&path)?.scenes {
                scenes.insert(scene.image_filename.clone(), scene);
            }
        }
        Ok(scenes)
    }
}

/// `CLEVR_val_scenes.json` beside `CLEVR_val_questions.json`, if it is there.
fn beside(questions: &Path) -> Option<PathBuf> {
    let name = questions.file_name()?.to_str()?;
    let scenes = name
        .contains("questions")
        .then(|| questions.with_file_name(name.replace("questions", "scenes")));
    scenes.filter(|path| path.is_file())
}
