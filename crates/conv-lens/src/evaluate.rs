//! How often a rendered picture excites its unit more than every photograph.

use crate::survey::answers;
use crate::{Answer, Error, Layer, Objective, Rendering, Result, Subject, Survey, Unit, render};
use conv_hub::InvalidField;
use conv_hub::files::write_atomic;
use conv_nn::rng::seeded;
use conv_vision::{Limits, Picture};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::Serialize;
use std::path::Path;

/// A unit that was rendered, and what photographs make of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The unit.
    pub unit: String,
    /// Its layer.
    pub layer: String,
    /// Its mean over the positions, of the rendered picture of 8 bits.
    pub mean: f64,
    /// The best photograph's.
    pub best_mean: f64,
    /// Its largest value, of the rendered picture.
    pub maximum: f64,
    /// The best photograph's.
    pub best_maximum: f64,
}

impl Measured {
    /// Whether the rendered picture's mean is above every photograph's.
    pub fn mean_beats(&self) -> bool {
        self.mean > self.best_mean
    }

    /// Whether the rendered picture's maximum is above every photograph's.
    pub fn maximum_beats(&self) -> bool {
        self.maximum > self.best_maximum
    }
}

/// The units of a layer, or all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The layer.
    pub layer: String,
    /// Units that were rendered.
    pub units: usize,
    /// Channels that no photograph excites, which are not drawn from.
    pub unexcited: usize,
    /// The share of pictures whose mean is above every photograph's, from 0 to 1.
    pub mean_beats: f64,
    /// The share of pictures whose maximum is.
    pub maximum_beats: f64,
}

/// The units to be rendered: `count` of them spread evenly over the surveyed layers, those that
/// come first having one more where it does not divide. Of each layer they are drawn by (`seed`,
/// layer) from the channels that a photograph excites at all (its maximum is above 0), so that a
/// larger count has the units of a smaller one that divides as well.
pub fn draw(survey: &Survey, count: usize, seed: u64) -> Vec<(String, usize)> {
    let layers = survey.layers.len().max(1);
    let mut drawn = Vec::new();
    for (number, (layer, best)) in survey.layers.iter().enumerate() {
        let of_layer = count / layers + usize::from(number < count % layers);
        let mut channels: Vec<usize> =
            (0..best.len()).filter(|&channel| best[channel].maximum > 0.0).collect();
        channels.shuffle(&mut seeded(seed, &format!("units of {layer}")));
        let channels = channels.into_iter().take(of_layer);
        drawn.extend(channels.map(|channel| (layer.clone(), channel)));
    }
    drawn
}

/// Units of each of some layers, drawn by (`seed`, layer) from all channels.
///
/// # Errors
/// A layer that there is not.
pub fn random(
    subject: &dyn Subject,
    layers: &[String],
    count: usize,
    seed: u64,
) -> Result<Vec<(String, usize)>> {
    let mut drawn = Vec::new();
    for layer in layers {
        let mut channels: Vec<usize> =
            (0..Layer::find(layer, subject)?.channels(subject)?).collect();
        channels.shuffle(&mut seeded(seed, &format!("units of {layer}")));
        drawn.extend(channels.into_iter().take(count).map(|channel| (layer.clone(), channel)));
    }
    Ok(drawn)
}

/// Renders units as [`render_unit`] does and measures what is written; `done` sees each, and ends
/// it by `false`.
///
/// # Errors
/// As [`render_unit`]; a unit of a layer that was not surveyed.
pub fn measure(
    subject: &dyn Subject,
    survey: &Survey,
    units: &[(String, usize)],
    rendering: &Rendering,
    folder: Option<&Path>,
    mut done: impl FnMut(&Measured) -> bool,
) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for (layer, channel) in units {
        let picture = render_unit(subject, layer, *channel, rendering, folder)?;
        let one = measure_picture(subject, survey, layer, *channel, &picture)?;
        let goes_on = done(&one);
        measured.push(one);
        if !goes_on {
            break;
        }
    }
    Ok(measured)
}

/// What a unit makes of a picture of 8 bits, beside the best that photographs make of it.
///
/// # Errors
/// A unit of a layer that was not surveyed; a picture that is too small for the layer; answers that
/// are not finite.
pub fn measure_picture(
    subject: &dyn Subject,
    survey: &Survey,
    layer: &str,
    channel: usize,
    picture: &Picture,
) -> Result<Measured> {
    let objective = Objective::unit(&format!("{layer}:{channel}"), None, subject)?;
    let unit = objective.units()[0].clone();
    let found = answers(subject, std::slice::from_ref(&unit.address), picture)?;
    let (Some(found), Some(best)) = (found[0].get(channel).copied(), survey.best(layer, channel))
    else {
        let expected = "a unit of a layer that was surveyed";
        return Err(InvalidField::new("units", &unit, expected).into());
    };
    Ok(of_unit(&unit, layer, found, best))
}

fn of_unit(unit: &Unit, layer: &str, found: Answer, best: Answer) -> Measured {
    Measured {
        unit: unit.to_string(),
        layer: layer.into(),
        mean: found.mean,
        best_mean: best.mean,
        maximum: found.maximum,
        best_maximum: best.maximum,
    }
}

/// The 8-bit picture of a unit, read back from what is written.
///
/// Its seed is drawn from (the rendering's seed, the unit's name), so that the picture depends on
/// no other unit. One that already lies in `folder` is not rendered again.
///
/// # Errors
/// As [`render`]; a picture in `folder` that cannot be read, or cannot be written there.
pub fn render_unit(
    subject: &dyn Subject,
    layer: &str,
    channel: usize,
    rendering: &Rendering,
    folder: Option<&Path>,
) -> Result<Picture> {
    let name = format!("{}-{channel}.png", layer.replace('/', "-"));
    let path = folder.map(|folder| folder.join(&name));
    if let Some(path) = path.as_ref().filter(|path| path.exists()) {
        return Ok(Picture::open(path, &Limits::default())?);
    }
    let text = format!("{layer}:{channel}");
    let seed = seeded(rendering.seed, &text).random();
    let objective = Objective::unit(&text, None, subject)?;
    let rendered = render(subject, &objective, &Rendering { seed, ..rendering.clone() }, |_| true)?;
    let bytes = rendered.picture().to_png()?;
    if let Some(path) = path {
        write_atomic(&path, &bytes).map_err(|source| Error::Write { path, source })?;
    }
    // What is written is what is measured.
    Ok(Picture::decode(&bytes, &Limits::default())
        .map_err(|defect| conv_vision::Error::Picture { path: name.into(), defect })?)
}

/// The shares of all units, and of those of each surveyed layer.
pub fn shares(survey: &Survey, measured: &[Measured]) -> (Share, Vec<Share>) {
    let unexcited = |best: &[Answer]| best.iter().filter(|best| best.maximum <= 0.0).count();
    let share = |layer: &str, of: &[&Measured], unexcited: usize| {
        let part = |beats: fn(&Measured) -> bool| {
            of.iter().filter(|measured| beats(measured)).count() as f64 / of.len().max(1) as f64
        };
        Share {
            layer: layer.into(),
            units: of.len(),
            unexcited,
            mean_beats: part(Measured::mean_beats),
            maximum_beats: part(Measured::maximum_beats),
        }
    };
    let of_layer = |(layer, best): &(String, Vec<Answer>)| {
        let of: Vec<&Measured> = measured.iter().filter(|one| one.layer == *layer).collect();
        share(layer, &of, unexcited(best))
    };
    let all: Vec<&Measured> = measured.iter().collect();
    let none = survey.layers.iter().map(|(_, best)| unexcited(best)).sum();
    (share("all", &all, none), survey.layers.iter().map(of_layer).collect())
}
