//! A StyleBank beside the descent that it stands for, and beside networks of one style, on the same
//! pairs of photographs and paintings.

use crate::{Canvas, LossNetwork, Mixture, Painter, Painting, Result, Sources, Style};
use conv_vision::Picture;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A loss and two of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// Of all terms.
    pub loss: f64,
    /// Of the content.
    pub content: f64,
    /// Of the style.
    pub style: f64,
}

impl Sum {
    /// Of what [`Canvas::measure`] says.
    pub fn of([loss, content, style, _]: [f64; 4]) -> Self {
        Self { loss, content, style }
    }
}

/// A photograph in a style, by a bank and by the descent of Gatys et al. Losses are those of the
/// pictures of 8 bits that are written.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    /// What the photograph is called.
    pub photograph: String,
    /// What the style is called.
    pub style: String,
    /// Of the photograph itself, where the descent begins.
    pub start: Sum,
    /// Of the bank's picture.
    pub bank: Sum,
    /// Of the descent's.
    pub gatys: Sum,
    /// How much of the descent's fall in loss the bank gets: (start − bank) / (start − Gatys);
    /// above 1 it is lower. Below 0 it is higher than the photograph's own.
    pub fall: f64,
    /// Evaluations of the descent.
    pub evaluations: usize,
    /// Seconds of the bank.
    pub bank_seconds: f64,
    /// Seconds of the descent, its targets included.
    pub gatys_seconds: f64,
    /// By a network of this style alone, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single: Option<Single>,
    /// The photograph, the painting, the bank's picture and the descent's.
    #[serde(skip)]
    pub pictures: [Picture; 4],
}

/// The photograph of a pair by a network of its style alone (Johnson et al. 2016).
#[derive(Debug, Clone, Serialize)]
pub struct Single {
    /// Of its picture.
    #[serde(flatten)]
    pub sum: Sum,
    /// Its seconds.
    pub seconds: f64,
    /// The picture.
    #[serde(skip)]
    pub picture: Picture,
}

/// Paints `photograph` in a style of the painter's bank both ways, in the size and by the descent
/// that `painting` says; and by a network of that style alone, where `single` is one.
///
/// # Errors
/// A style that the bank, or `single`, does not have; else as [`Canvas::new`].
pub fn compare(
    losses: &LossNetwork,
    painter: &Painter,
    single: Option<&Painter>,
    (name, photograph): (&str, Picture),
    style: &Style,
    painting: &Painting,
) -> Result<Pair> {
    let mixture = Mixture::of(&style.name, painter.styles())?;
    let sources = Sources::new(photograph, style.picture.clone());
    let begun = Instant::now();
    let mut canvas = Canvas::new(losses, &sources, painting)?;
    while canvas.step()?.is_none() {}
    let descended = canvas.picture()?;
    let gatys_seconds = begun.elapsed().as_secs_f64();
    let content = canvas.content().clone();
    let begun = Instant::now();
    let painted = painter.paint(&content, &mixture)?;
    let bank_seconds = begun.elapsed().as_secs_f64();
    let sum = |picture: &Picture| Ok::<_, crate::Error>(Sum::of(canvas.measure(picture)?));
    let start = sum(&content)?;
    let bank = sum(&painted)?;
    let gatys = sum(&descended)?;
    let paint = |single: &Painter| -> Result<Single> {
        let begun = Instant::now();
        let picture = single.paint(&content, &Mixture::of(&style.name, single.styles())?)?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Single { sum: sum(&picture)?, seconds, picture })
    };
    let single = single.map(paint).transpose()?;
    let evaluations = canvas.strokes().last().map_or(0, |stroke| stroke.evaluations);
    let seen = canvas.styles()[0].clone();
    Ok(Pair {
        photograph: name.into(),
        style: style.name.clone(),
        start,
        bank,
        gatys,
        fall: (start.loss - bank.loss) / (start.loss - gatys.loss),
        evaluations,
        bank_seconds,
        gatys_seconds,
        single,
        pictures: [content, seen, painted, descended],
    })
}
