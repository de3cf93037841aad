//! An ascent on disk, which goes on with the same bits.

use crate::{Ascent, Climb, End, Error, Frame, Rendering, Result, Step, Subject};
use candle_core::{DType, Device, Tensor};
use conv_hub::files::write_safetensors;
use conv_nn::rng::Fingerprint;
use conv_vision::Picture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The tensor that holds [`Header`] as JSON.
const HEADER: &str = "ascent";

/// Steps that nobody has taken.
const MOST: usize = 1 << 40;

#[derive(Serialize, Deserialize)]
struct Header {
    identity: Value,
    step: usize,
    seconds: f64,
    groups: Vec<OfGroup>,
}

/// What there is of a group beside numbers: of each of its pictures the steps, and after which it
/// was kept.
#[derive(Serialize, Deserialize)]
struct OfGroup {
    step: usize,
    end: Option<End>,
    steps: Vec<Vec<Step>>,
    frames: Vec<Vec<usize>>,
}

/// What makes it this ascent; how many steps it takes does not.
fn identity(subject: &dyn Subject, climbs: &[Climb], rendering: &Rendering) -> Value {
    let hash = |picture: &Picture| {
        let mut fingerprint = Fingerprint::default();
        fingerprint.number((picture.width() as u64) << 32 | picture.height() as u64);
        fingerprint.bytes(picture.pixels());
        format!("{:016x}", fingerprint.value())
    };
    let climb = |climb: &Climb| {
        let start = climb.start.as_ref().map(hash);
        json!({ "objective": format!("{:?}", climb.objective), "seeds": climb.seeds, "start": start })
    };
    let mut settings = json!(rendering);
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|name, _| name != "steps");
    }
    json!({
        "network": subject.identity(),
        "climbs": climbs.iter().map(climb).collect::<Vec<_>>(),
        "settings": settings,
    })
}

/// The name of a picture's own tensors, from the group and the picture's place in it.
fn prefix(group: usize, at: usize) -> String {
    format!("{group}.{at}/")
}

impl<'a> Ascent<'a> {
    /// Writes the ascent to `path`, whole or not at all, for [`Ascent::resume`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let wrong = |reason: String| Error::Saved { path: path.into(), reason };
        let mut tensors = BTreeMap::new();
        let mut groups = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            for (at, climber) in group.climbers.iter().enumerate() {
                let prefix = prefix(number, at);
                let mut add =
                    |name: String, tensor: Tensor| tensors.insert(prefix.clone() + &name, tensor);
                for (name, tensor) in climber.image.parameters().tensors() {
                    add(format!("numbers/{name}"), tensor);
                }
                for (name, tensor) in climber.optimizer.state()? {
                    add(format!("optimizer/{name}"), tensor);
                }
                for (kept, Frame { picture, .. }) in climber.frames.iter().enumerate() {
                    let shape = (picture.height(), picture.width(), 3);
                    let pixels = Tensor::from_slice(picture.pixels(), shape, &Device::Cpu)?;
                    add(format!("frame/{kept}"), pixels);
                }
            }
            let climbers = group.climbers.iter();
            groups.push(OfGroup {
                step: group.step,
                end: group.end,
                steps: climbers.clone().map(|climber| climber.steps.clone()).collect(),
                frames: climbers
                    .map(|climber| climber.frames.iter().map(|frame| frame.step).collect())
                    .collect(),
            });
        }
        let header = Header {
            identity: identity(self.subject, self.climbs, &self.rendering),
            step: self.step,
            seconds: self.begun.elapsed().as_secs_f64(),
            groups,
        };
        let header = serde_json::to_vec(&header).map_err(|error| wrong(error.to_string()))?;
        tensors.insert(HEADER.into(), Tensor::new(&header[..], &Device::Cpu)?);
        write_safetensors(path, &tensors).map_err(|error| wrong(error.to_string()))
    }

    /// Goes on from what [`Ascent::save`] left: the same bits as if it had never been left. It may
    /// take other steps in all, but not fewer than it has taken.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another ascent; else as [`Ascent::new`].
    pub fn resume(
        subject: &'a dyn Subject,
        climbs: &'a [Climb],
        rendering: &Rendering,
        path: &Path,
    ) -> Result<Self> {
        let wrong = |reason: String| Error::Saved { path: path.into(), reason };
        let mut ascent = Self::new(subject, climbs, rendering)?;
        let mut tensors = conv_hub::read_safetensors(path, None)?;
        let header = tensors.remove(HEADER).filter(|header| header.dtype() == DType::U8);
        let header = header.ok_or_else(|| wrong("it holds no ascent".into()))?;
        let header = header.flatten_all()?.to_vec1::<u8>()?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|error| wrong(format!("its head cannot be read: {error}")))?;
        let expected = identity(subject, climbs, rendering);
        for part in ["network", "climbs", "settings"] {
            if header.identity.get(part) != expected.get(part) {
                return Err(wrong(format!("it is another ascent: its {part} differ")));
            }
        }
        let Header { step, seconds, groups, .. } = header;
        if step > MOST.min(rendering.steps) {
            let steps = rendering.steps;
            return Err(wrong(format!(
                "it has taken {step} steps, more than the {steps} asked for"
            )));
        }
        if groups.len() != ascent.groups.len() {
            return Err(wrong(format!(
                "{} groups, expected {}",
                groups.len(),
                ascent.groups.len()
            )));
        }
        for (number, (group, of)) in ascent.groups.iter_mut().zip(groups).enumerate() {
            let count = group.climbers.len();
            if [of.steps.len(), of.frames.len()] != [count; 2] || of.step > step {
                return Err(wrong(format!("group {number} is not whole")));
            }
            (group.step, group.end) = (of.step, of.end);
            let told = of.steps.into_iter().zip(of.frames);
            for (at, (climber, (steps, frames))) in group.climbers.iter_mut().zip(told).enumerate()
            {
                let mut own = take(&mut tensors, &prefix(number, at));
                let parameters = climber.image.parameters();
                let restored = parameters.restore(&take(&mut own, "numbers/"));
                restored.map_err(|error| wrong(error.to_string()))?;
                let restored = climber.optimizer.restore(take(&mut own, "optimizer/"), parameters);
                restored.map_err(|error| wrong(error.to_string()))?;
                climber.steps = steps;
                for (kept, step) in frames.into_iter().enumerate() {
                    let name = format!("frame/{kept}");
                    let picture =
                        own.remove(&name).and_then(|tensor| picture(&tensor, rendering.size));
                    let no = || wrong(format!("{}{name} is no picture", prefix(number, at)));
                    climber.frames.push(Frame { step, picture: picture.ok_or_else(no)? });
                }
            }
        }
        ascent.step = step;
        let before = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        ascent.begun = Instant::now().checked_sub(before).unwrap_or_else(Instant::now);
        Ok(ascent)
    }
}

/// The tensors whose names begin so, by the rest of their names.
fn take(tensors: &mut BTreeMap<String, Tensor>, prefix: &str) -> BTreeMap<String, Tensor> {
    let (own, rest) = std::mem::take(tensors)
        .into_iter()
        .partition(|(name, _): &(String, Tensor)| name.starts_with(prefix));
    *tensors = rest;
    let own: BTreeMap<String, Tensor> = own;
    own.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_string(), tensor)).collect()
}

/// A picture of `side` pixels a side.
fn picture(tensor: &Tensor, side: usize) -> Option<Picture> {
    if tensor.dtype() != DType::U8 || tensor.dims() != [side, side, 3] {
        return None;
    }
    let pixels = tensor.flatten_all().ok()?.to_vec1::<u8>().ok()?;
    Picture::new(side, side, pixels).ok()
}
