//! Training: pictures with their objects in, a detector out.

use crate::data::{Dataset, Example, Object};
use crate::evaluate::{Evaluation, evaluate};
use crate::infer::{Detector, check_device};
use crate::input::batch;
use crate::model::{MaskRcnn, Targets, UNKNOWN, mask_rcnn};
use crate::{Config, Error, Input, Recipe, Result};
use candle_core::{DType, Device, Tensor};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{Mode, Parameters};
use conv_train::report::Report;
use conv_train::{FitConfig, Learner, Loss, Task};
use conv_vision::{Limits, Picture};
use rand::Rng;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One in so many training pictures is kept apart, to see how training goes.
const DEV: usize = 20;

/// The shortest side of an object's box, in pixels of what the network sees: of what is smaller nothing can be learnt.
const SHORTEST: f32 = 1.0;

/// A network and the pictures that it learns from: what [`conv_train::fit()`] trains.
pub struct Training {
    recipe: Recipe,
    labels: Vec<String>,
    train: Vec<Example>,
    dev: Dataset,
    held_out: Dataset,
    lengths: Vec<usize>,
    too_small: usize,
    parameters: Parameters,
    model: MaskRcnn,
    limits: Limits,
    device: Device,
    fingerprint: u64,
}

/// Pictures as the network reads them, `[B, 3, H, W]`, with their objects.
#[derive(Debug)]
pub struct Annotated {
    pictures: Tensor,
    targets: Vec<Targets>,
}

impl Annotated {
    /// What the network reads, `[B, 3, H, W]`.
    pub fn pictures(&self) -> &Tensor {
        &self.pictures
    }

    /// What is on each.
    pub fn targets(&self) -> &[Targets] {
        &self.targets
    }
}

impl Training {
    /// Builds the network with its first values. The pictures whose number leaves 4 when divided by 5 are held out; one in twenty of the
    /// others shows how training goes, and chooses nothing.
    ///
    /// # Errors
    /// A recipe out of range; too few pictures, or none with an object; a device other than the CPU.
    pub fn new(recipe: Recipe, data: &Dataset, limits: Limits, device: &Device) -> Result<Self> {
        check_device(device)?;
        let config = recipe.config(data)?;
        let (held_out, rest) = (data.part(crate::Part::HeldOut), data.part(crate::Part::Train));
        let is_dev = |at: usize| at % DEV == DEV / 2;
        let chosen = |wanted: bool| {
            let examples = rest.examples.iter().enumerate().filter(|(at, _)| is_dev(*at) == wanted);
            Dataset { examples: examples.map(|(_, e)| e.clone()).collect(), ..rest.clone() }
        };
        let (train, dev) = (chosen(false), chosen(true));
        if train.objects() == 0 {
            let found = format!("{} pictures, none of them with an object", train.examples.len());
            let expected = "some to learn from beside those held out";
            return Err(Error::Empty { place: data.name.clone(), found, expected });
        }
        let parameters = Parameters::new(recipe.fit.seed);
        let model = mask_rcnn(&config, &parameters.builder(DType::F32, device))?;
        let fingerprint = fingerprint(&train, &limits)?;
        let train = train.examples;
        let small = |example: &Example| {
            let is_small = |object: &&Object| !is_large(config.input, example, object);
            example.objects.iter().filter(is_small).count()
        };
        Ok(Self {
            lengths: vec![1; train.len()],
            too_small: train.iter().map(small).sum(),
            recipe,
            labels: data.labels.clone(),
            train,
            dev,
            held_out,
            parameters,
            model,
            limits,
            device: device.clone(),
            fingerprint,
        })
    }

    /// Objects whose box is less than a pixel wide or high where the network sees it: they are not learnt.
    pub fn too_small(&self) -> usize {
        self.too_small
    }

    /// The network with its present parameters.
    pub fn model(&self) -> &MaskRcnn {
        &self.model
    }

    /// How well the present parameters do on the pictures that are held out; nothing where there are none.
    ///
    /// # Errors
    /// A picture that cannot be read any more.
    pub fn held_out(&self) -> Result<Option<Evaluation>> {
        match self.held_out.examples.is_empty() {
            true => Ok(None),
            false => Ok(Some(evaluate(&self.detector()?, &self.held_out, &self.limits)?)),
        }
    }

    /// A detector with the present parameters.
    fn detector(&self) -> Result<Detector> {
        Detector::new(self.model.clone(), self.labels.clone(), &self.device)
    }

    /// An example as the network sees it: in an epoch perhaps mirrored, and larger or smaller.
    fn example(&self, epoch: Option<usize>, index: usize) -> Result<(Picture, Targets)> {
        let example = &self.train[index];
        let mut picture = Picture::open(&example.path, &self.limits)?;
        let Config { mut input, .. } = *self.model.config();
        let mut mirror = false;
        if let Some(epoch) = epoch {
            let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
            mirror = self.recipe.flip && rng.random();
            let [least, most] = self.recipe.scale;
            if least < most {
                input = input.scaled(rng.random_range(least..=most));
            }
        }
        if mirror {
            picture = picture.mirrored();
        }
        let seen = input.resize(picture)?;
        let targets = targets(self.model.config(), input, example, mirror, &self.device)?;
        Ok((seen, targets))
    }
}

/// Whether an object's box is large enough to learn from where the network sees it.
fn is_large(input: Input, example: &Example, object: &Object) -> bool {
    let (width, height) = input.sides(example.width, example.height);
    let across = width as f32 / example.width as f32;
    let down = height as f32 / example.height as f32;
    object.bounding_box.scaled(across, down).is_at_least(SHORTEST)
}

/// What the network is to say of an example that it sees as large as `input` says.
fn targets(
    config: &Config,
    input: Input,
    example: &Example,
    mirror: bool,
    device: &Device,
) -> Result<Targets> {
    let (width, height) = input.sides(example.width, example.height);
    let across = width as f32 / example.width as f32;
    let down = height as f32 / example.height as f32;
    let is_learnt = |object: &&Object| !object.crowd && is_large(input, example, object);
    let objects: Vec<&Object> = example.objects.iter().filter(is_learnt).collect();
    let mut masks = Vec::with_capacity(objects.len() * width * height);
    for object in &objects {
        let bitmap = object.mask.bitmap();
        for y in 0..height {
            let row = y * example.height / height;
            masks.extend((0..width).map(|x| {
                let column = x * example.width / width;
                let column = if mirror { example.width - 1 - column } else { column };
                if bitmap.get(column, row) { 1f32 } else { 0.0 }
            }));
        }
    }
    let place = |object: &&Object| {
        let found = object.bounding_box;
        let found = if mirror { found.mirrored(example.width as f32) } else { found };
        found.scaled(across, down)
    };
    let value = |object: &&Object, at: usize| {
        object.attributes.get(at).copied().flatten().unwrap_or(UNKNOWN)
    };
    let of_attribute = |at| objects.iter().map(|object| value(object, at)).collect();
    let measures = |object: &&Object| {
        let known = config.measures.iter().zip(&object.measures);
        let signed = known.map(|(measure, value)| match value {
            Some(value) if mirror && measure.mirrors => -value,
            Some(value) => *value,
            None => f32::NAN,
        });
        signed.collect()
    };
    Ok(Targets {
        sides: (width, height),
        boxes: objects.iter().map(place).collect(),
        classes: objects.iter().map(|object| object.class).collect(),
        masks: Tensor::from_vec(masks, (objects.len(), 1, height, width), device)?,
        attributes: (0..config.attributes.len()).map(of_attribute).collect(),
        measures: objects.iter().map(measures).collect(),
    })
}

/// Of the pictures' bytes and their objects.
fn fingerprint(data: &Dataset, limits: &Limits) -> Result<u64> {
    let of = |example: &Example| -> Result<u64> {
        let mut print = Fingerprint::default();
        print.bytes(Picture::open(&example.path, limits)?.pixels());
        for object in &example.objects {
            print.number(object.class as u64);
            object.mask.counts().iter().for_each(|&count| print.number(count.into()));
            object
                .attributes
                .iter()
                .for_each(|value| print.number(value.map_or(0, |v| v + 1).into()));
        }
        Ok(print.value())
    };
    let prints: Vec<u64> = data.examples.par_iter().map(of).collect::<Result<_>>()?;
    let mut print = Fingerprint::default();
    prints.into_iter().for_each(|value| print.number(value));
    Ok(print.value())
}

impl Learner for Training {
    type Batch = Annotated;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> Value {
        json!({
            "network": self.model.config(),
            "flip": self.recipe.flip,
            "scale": self.recipe.scale,
            "data": format!("{} pictures, {:016x}", self.train.len(), self.fingerprint),
        })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Annotated> {
        let read = indexes.par_iter().map(|&index| self.example(epoch, index));
        let read: Vec<(Picture, Targets)> = read.collect::<Result<_>>()?;
        let (pictures, targets): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        Ok(Annotated { pictures: batch(&pictures, &self.device)?, targets })
    }

    fn loss(&self, batch: &Annotated, mode: &mut Mode) -> conv_train::Result<Loss> {
        let Annotated { pictures, targets } = batch;
        let losses = match mode.rng() {
            Some(rng) => self.model.losses(pictures, targets, rng),
            // Which anchors and proposals are drawn is no part of the network: always the same.
            None => self.model.losses(pictures, targets, &mut seeded(0, "draw")),
        };
        Ok(Loss { value: losses?.total()?, weight: targets.len() as f64 })
    }

    /// Its file.
    fn name_of(&self, example: usize) -> String {
        self.train[example].path.display().to_string()
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        if self.dev.examples.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = evaluate(&self.detector()?, &self.dev, &self.limits)?;
        Ok(found.figures().into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

impl Task for Training {
    type Config = Config;
    const NETWORK: &'static str = "A Mask R-CNN of He et al. (2017)";

    fn config(&self) -> &Config {
        self.model.config()
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        json!(self.recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        let (dev, held_out) = (self.dev.examples.len(), self.held_out.examples.len());
        BTreeMap::from([("train", self.train.len()), ("dev", dev), ("held out", held_out)])
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The levels of backbone and pyramid, which are most of it.
    fn activations(&self, [examples, _]: [usize; 2]) -> usize {
        let Config { input, backbone, pyramid, .. } = self.model.config();
        let largest = input.scaled(self.recipe.scale[1]);
        let pixels = largest.short_side * largest.long_side;
        let stages = backbone.stages.iter().enumerate();
        // A stage keeps its three convolutions and what becomes of them; a level of the pyramid its sum, itself and the proposals' features.
        let of_stages: usize = stages
            .map(|(at, channels)| ((6 * channels + 4 * pyramid) * pixels) >> (2 * at + 4))
            .sum();
        examples * (3 * backbone.stem * pixels / 4 + of_stages) * size_of::<f32>()
    }

    /// Some held-out pictures with what was found on them.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        Ok(crate::draw::section(&self.detector()?, &self.held_out, &self.limits, report)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Attribute, Measure};
    use crate::{Bitmap, BoundingBox, RunLength};
    use std::path::PathBuf;

    fn object(left: usize, right: usize) -> Object {
        let mask = RunLength::from(&Bitmap::new(20, 10, |x, y| x >= left && x < right && y > 3));
        Object {
            bounding_box: mask.bitmap().bounding_box().unwrap(),
            area: mask.area() as f64,
            mask,
            crowd: false,
            class: 0,
            attributes: vec![Some(1)],
            measures: vec![Some(2.0), Some(3.0)],
        }
    }

    #[test]
    fn what_is_taught_is_mirrored_and_resized_with_the_picture() -> Result<()> {
        let measure = |name: &str, mirrors| Measure { name: name.into(), mirrors };
        let config = Config {
            input: crate::Input { short_side: 20, long_side: 40 },
            attributes: vec![Attribute { name: "c".into(), values: vec!["a".into(), "b".into()] }],
            measures: vec![measure("right", true), measure("front", false)],
            ..Config::default()
        };
        let narrow = Object { bounding_box: BoundingBox::new(5.0, 5.0, 5.2, 9.0), ..object(5, 6) };
        let crowd = Object { crowd: true, ..object(0, 20) };
        let objects = vec![object(2, 7), narrow, crowd];
        let example = Example { id: 0, path: PathBuf::new(), width: 20, height: 10, objects };
        let plain = targets(&config, config.input, &example, false, &Device::Cpu)?;
        // Neither what is narrower than a pixel nor a crowd is taught.
        assert_eq!(plain.boxes, [BoundingBox::new(4.0, 8.0, 14.0, 20.0)]);
        assert_eq!((plain.sides, plain.masks.dims()), ((40, 20), &[1, 1, 20, 40][..]));
        assert_eq!((&plain.attributes, &plain.measures), (&vec![vec![1]], &vec![vec![2.0, 3.0]]));
        let larger = targets(&config, config.input.scaled(2.0), &example, false, &Device::Cpu)?;
        assert_eq!(larger.boxes, [BoundingBox::new(8.0, 16.0, 28.0, 40.0)]);
        assert_eq!((larger.sides, larger.masks.dims()), ((80, 40), &[1, 1, 40, 80][..]));
        let mirrored = targets(&config, config.input, &example, true, &Device::Cpu)?;
        assert_eq!(mirrored.boxes, [BoundingBox::new(26.0, 8.0, 36.0, 20.0)]);
        assert_eq!(mirrored.measures, [vec![-2.0, 3.0]]);
        for (targets, first) in [(plain, 4), (mirrored, 26)] {
            let row = targets.masks.flatten_to(2)?.get(12)?.to_vec1::<f32>()?;
            let own: Vec<usize> = (0..40).filter(|&x| row[x] == 1.0).collect();
            assert_eq!(own, (first..first + 10).collect::<Vec<_>>());
        }
        Ok(())
    }
}
