//! A descent on disk, which goes on with the same bits.

use super::canvas::Stage;
use super::optimiser::Optimiser;
use super::{Canvas, Painting, Sources, Stroke};
use crate::{Error, LossNetwork, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::files::write_safetensors;
use conv_nn::rng::Fingerprint;
use conv_vision::Picture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// The tensor that holds [`Header`] as JSON.
const HEADER: &str = "painting";

/// Steps or evaluations that nobody has taken.
const MOST: usize = 1 << 40;

#[derive(Serialize, Deserialize)]
struct Header {
    identity: Value,
    at: usize,
    steps: usize,
    evaluations: usize,
    seconds: f64,
    strokes: Vec<Stroke>,
}

/// What makes it this painting; how many steps it takes does not.
fn identity(losses: &LossNetwork, sources: &Sources, painting: &Painting) -> Value {
    let hash = |picture: &Picture| {
        let mut fingerprint = Fingerprint::default();
        fingerprint.number((picture.width() as u64) << 32 | picture.height() as u64);
        fingerprint.bytes(picture.pixels());
        format!("{:016x}", fingerprint.value())
    };
    let styles: Vec<Value> = sources
        .styles
        .iter()
        .map(|style| {
            let mask = style.mask.as_ref().map(hash);
            json!({ "picture": hash(&style.picture), "weight": style.weight, "mask": mask })
        })
        .collect();
    let mut settings = json!(painting);
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|name, _| name != "steps" && name != "evaluations");
    }
    json!({
        "photograph": hash(&sources.content),
        "styles": styles,
        "start": sources.start.as_ref().map(hash),
        "settings": settings,
        "losses": losses.config(),
        "loss_network": losses.hash(),
    })
}

impl<'a> Canvas<'a> {
    /// Writes the descent to `path`, whole or not at all, for [`Canvas::resume`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let header = Header {
            identity: identity(self.losses, self.sources, &self.painting),
            at: self.at,
            steps: self.steps,
            evaluations: self.evaluations,
            seconds: self.seconds_before + self.begun.elapsed().as_secs_f64(),
            strokes: self.strokes.clone(),
        };
        let wrong = |reason: String| Error::Saved { path: path.into(), reason };
        let header = serde_json::to_vec(&header).map_err(|error| wrong(error.to_string()))?;
        let mut tensors = self.optimiser.state()?;
        tensors.insert(HEADER.into(), Tensor::new(&header[..], &Device::Cpu)?);
        write_safetensors(path, &tensors).map_err(|error| wrong(error.to_string()))
    }

    /// Goes on from what [`Canvas::save`] left: the same bits as if it had never been left. Steps
    /// and evaluations may be other ones.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another painting; else as [`Canvas::new`].
    pub fn resume(
        losses: &'a LossNetwork,
        sources: &'a Sources,
        painting: &Painting,
        path: &Path,
    ) -> Result<Self> {
        painting.check()?;
        let wrong = |reason: String| Error::Saved { path: path.into(), reason };
        let mut tensors = conv_hub::read_safetensors(path, None)?;
        let header = tensors.remove(HEADER).filter(|header| header.dtype() == DType::U8);
        let header = header.ok_or_else(|| wrong("it holds no painting".into()))?;
        let header = header.flatten_all()?.to_vec1::<u8>()?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|error| wrong(format!("its head cannot be read: {error}")))?;
        let expected = identity(losses, sources, painting);
        if let Some(field) = difference(&header.identity, &expected) {
            return Err(wrong(format!("it is another painting: {field} differs")));
        }
        let of_stroke = |stroke: &Stroke| stroke.step.max(stroke.evaluations);
        let counts = header.strokes.iter().map(of_stroke).chain([header.steps, header.evaluations]);
        if let Some(count) = counts.max().filter(|&count| count > MOST) {
            return Err(wrong(format!("it counts {count} steps, expected at most {MOST}")));
        }
        let sides = painting.sides();
        let Some(&side) = sides.get(header.at) else {
            return Err(wrong(format!("stage {} of {}", header.at + 1, sides.len())));
        };
        let stage = Stage::new(losses, sources, painting, side)?;
        let optimiser = Optimiser::restore(&painting.method, tensors, stage.shape.elem_count())
            .map_err(|error| wrong(error.to_string()))?;
        let Header { at, steps, evaluations, seconds, strokes, .. } = header;
        Ok(Self {
            losses,
            sources,
            painting: painting.clone(),
            stage,
            at,
            steps,
            evaluations,
            optimiser,
            strokes,
            begun: Instant::now(),
            seconds_before: seconds,
        })
    }
}

/// The first field that is another one.
fn difference(found: &Value, expected: &Value) -> Option<String> {
    if found == expected {
        return None;
    }
    let (Some(found), Some(expected)) = (found.as_object(), expected.as_object()) else {
        return Some(String::new());
    };
    let (name, below) = expected.iter().find_map(|(name, value)| {
        let below = difference(found.get(name).unwrap_or(&Value::Null), value)?;
        Some((name, below))
    })?;
    Some(if below.is_empty() { name.clone() } else { format!("{name}.{below}") })
}
