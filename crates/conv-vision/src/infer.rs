//! A classifier: pictures to classes.

use crate::data::{Label, Labels, Skipped, load};
use crate::picture::{Limits, Picture};
use crate::stored::Pretrained;
use crate::{Error, Preprocessing, Result};
use candle_core::{D, DType, Device, Tensor};
use conv_nn::Mode;
use conv_train::metrics::ranking;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The list of classes that is looked for beside the weights.
pub const SYNSETS: &str = "synset_words.txt";

/// Pictures that go through the network together.
pub const TOGETHER: usize = 16;

/// A class and how probable it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guess {
    /// The class.
    #[serde(flatten)]
    pub class: Label,
    /// From 0 to 1.
    pub probability: f64,
}

/// A picture's classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Of every class, in the order of the labels.
    pub probabilities: Vec<f64>,
}

impl Prediction {
    /// The `k` most probable classes by number, the most probable first; of equals the one that
    /// comes first.
    pub fn top(&self, k: usize) -> Vec<usize> {
        let mut order = ranking(&self.probabilities);
        order.truncate(k);
        order
    }
}

/// Tells what pictures show. `Send + Sync`: one serves many threads.
#[derive(Debug, Clone)]
pub struct Classifier {
    model: Pretrained,
    labels: Labels,
    device: Device,
    ten_crop: bool,
}

impl Classifier {
    /// Opens weights ([`Pretrained::open`]) and the names of their classes ([`Classifier::new`]).
    ///
    /// # Errors
    /// As [`Pretrained::open`] and [`Labels::read`]; a network without classes, or a list of
    /// another number of them.
    pub fn open(weights: &Path, labels: Option<&Path>, device: &Device) -> Result<Self> {
        Self::new(Pretrained::open(weights, device)?, labels, device)
    }

    /// Puts weights and the list of their classes together: by default the model folder's, or
    /// [`SYNSETS`] beside a file of weights.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn new(model: Pretrained, labels: Option<&Path>, device: &Device) -> Result<Self> {
        let graph = model.network.graph();
        let side = model.preprocessing.crop;
        let shapes = graph.shapes(&[3, side, side])?;
        let &[expected] = shapes[graph.output()].as_slice() else {
            let layer = graph.layers()[graph.output()].name.clone();
            return Err(Error::NoClasses { network: model.network.name(), layer });
        };
        let (path, labels) = match (labels, &model.labels) {
            (None, Some(labels)) => (model.path.clone(), labels.clone()),
            (named, _) => {
                let path = named.map_or_else(|| model.path.with_file_name(SYNSETS), Into::into);
                let labels = Labels::read(&path)?;
                (path, labels)
            }
        };
        let found = labels.all().len();
        if found != expected {
            return Err(Error::Classes { path, found, expected });
        }
        let network = model.network.folded()?;
        let model = Pretrained { network, ..model };
        Ok(Self { model, labels, device: device.clone(), ten_crop: false })
    }

    /// With another preprocessing than the weights want, such as another [`Resize`](crate::Resize).
    #[must_use]
    pub fn with_preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.model.preprocessing = preprocessing;
        self
    }

    /// With the mean over ten squares of a picture ([`Preprocessing::ten_crop`]) in place of what
    /// the central one gives, at ten times the cost.
    #[must_use]
    pub fn with_ten_crop(self, ten_crop: bool) -> Self {
        Self { ten_crop, ..self }
    }

    /// The network and its weights, batch norms folded
    /// ([`Network::folded`](crate::Network::folded)).
    pub fn model(&self) -> &Pretrained {
        &self.model
    }

    /// The classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Classifies some pictures together.
    ///
    /// # Errors
    /// A number that is not finite, or what the tensor library refuses.
    pub fn predict(&self, pictures: &[Picture]) -> Result<Vec<Prediction>> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let preprocessing = &self.model.preprocessing;
        let rows = if !self.ten_crop {
            self.shares(&preprocessing.tensor(pictures, &self.device)?)?.to_vec2::<f64>()?
        } else {
            let side = preprocessing.crop;
            let rows = pictures.iter().map(|picture| {
                let squares = preprocessing.ten_crop(picture)?;
                let squares: Vec<&Picture> = squares.iter().collect();
                let x = preprocessing.normalise(&squares, (side, side), &self.device)?;
                Ok(self.shares(&x)?.mean(0)?.to_vec1::<f64>()?)
            });
            rows.collect::<Result<Vec<_>>>()?
        };
        let checked = rows.into_iter().map(|probabilities| {
            match probabilities.iter().find(|value| !value.is_finite()) {
                Some(&value) => Err(Error::NotFinite { value, path: self.model.path.clone() }),
                None => Ok(Prediction { probabilities }),
            }
        });
        checked.collect()
    }

    /// The classes' probabilities, `[B, K]`.
    fn shares(&self, x: &Tensor) -> Result<Tensor> {
        let logits = self.model.network.forward(x, &mut Mode::Eval)?;
        Ok(conv_nn::softmax(&logits, D::Minus1)?.to_dtype(DType::F64)?)
    }

    /// Classifies files, [`TOGETHER`] at a time, and hands each picture on with its answer, in
    /// order; what is no picture is returned.
    ///
    /// # Errors
    /// Those of [`Classifier::predict`] and of `take`.
    pub fn predict_files<E: From<Error>>(
        &self,
        files: &[PathBuf],
        limits: &Limits,
        mut take: impl FnMut(&Path, &Picture, Prediction) -> Result<(), E>,
    ) -> Result<Vec<Skipped>, E> {
        let mut skipped = Vec::new();
        for files in files.chunks(TOGETHER) {
            let (read, failed) = load(files, limits);
            skipped.extend(failed);
            let (places, pictures): (Vec<usize>, Vec<Picture>) = read.into_iter().unzip();
            let predictions = self.predict(&pictures)?;
            for ((at, picture), prediction) in places.into_iter().zip(&pictures).zip(predictions) {
                take(&files[at], picture, prediction)?;
            }
        }
        Ok(skipped)
    }

    /// The `k` most probable classes with their names.
    pub fn guesses(&self, prediction: &Prediction, k: usize) -> Vec<Guess> {
        let guess = |class: usize| Guess {
            class: self.labels.all()[class].clone(),
            probability: prediction.probabilities[class],
        };
        prediction.top(k).into_iter().map(guess).collect()
    }
}
