//! The parts of photographs that excite a unit most and least, each as large as the unit sees.

use crate::objective::Values;
use crate::photographs::each;
use crate::render::square;
use crate::{Result, Unit};
use candle_core::Device;
use conv_vision::data::Skipped;
use conv_vision::{Address, Filter, Picture, Pretrained, Region};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A place of a photograph and what it makes of a unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excerpt {
    /// The file.
    pub path: PathBuf,
    /// The unit's value there, before its rectifier where it has one.
    pub value: f64,
    /// The row of the layer.
    pub row: usize,
    /// The column of the layer.
    pub column: usize,
    /// What the unit sees there.
    #[serde(skip)]
    pub picture: Picture,
}

/// The photographs of a folder that excite a unit most and least, at the place of each where they
/// do.
#[derive(Debug, Clone)]
pub struct Excerpts {
    /// The largest values first.
    pub most: Vec<Excerpt>,
    /// The smallest values first.
    pub least: Vec<Excerpt>,
    /// Photographs that were measured.
    pub photographs: usize,
    /// Files that were left out, and why.
    pub skipped: Vec<Skipped>,
    /// The side of what the unit sees, in pixels; `None` where it sees the whole photograph.
    pub field: Option<usize>,
}

impl Excerpts {
    /// Looks through the middle square of each photograph in `folder` and below it, resized to
    /// `side` pixels; each photograph counts once among the `count` that excite the unit most, and
    /// once among those that do least.
    ///
    /// What lies before the unit's rectifier is looked at, so that those that excite it least are
    /// told apart.
    ///
    /// # Errors
    /// A folder without a photograph; a picture that is too small for the layer; values that are
    /// not finite.
    pub fn measure(
        model: &Pretrained,
        unit: &Unit,
        folder: &Path,
        side: usize,
        count: usize,
    ) -> Result<Self> {
        let graph = model.network.graph();
        let mut unit = unit.clone();
        let before = format!("{}/pre_relu", unit.layer);
        unit.address.before_rectifier = graph.find(&before, model.network.name()).is_ok();
        let field = graph.receptive_fields()[unit.address.layer];
        let mut most = Vec::new();
        let mut least = Vec::new();
        let (photographs, skipped) = each(folder, |path, picture| {
            let picture = square(picture, side)?;
            let [largest, smallest] = extremes(model, &unit, &picture)?;
            for (list, (value, row, column), sign) in
                [(&mut most, largest, 1.0), (&mut least, smallest, -1.0)]
            {
                let region = sees(field, row, column, side);
                let picture = picture.resize_region((side, side), region, Filter::Bilinear)?;
                list.push(Excerpt { path: path.into(), value, row, column, picture });
                list.sort_by(|a: &Excerpt, b| (sign * b.value).total_cmp(&(sign * a.value)));
                list.truncate(count);
            }
            Ok(())
        })?;
        let field = field.map(|field| field.size).filter(|&size| size < side);
        Ok(Self { most, least, photographs, skipped, field })
    }
}

/// The largest and the smallest value of a unit over a picture's positions, and where they are; of
/// equals the first.
fn extremes(
    model: &Pretrained,
    unit: &Unit,
    picture: &Picture,
) -> Result<[(f64, usize, usize); 2]> {
    let x = model.preprocessing.of_pixels(&picture.tensor(&Device::Cpu)?)?;
    let layer = Address { channel: None, ..unit.address.clone() };
    let values = Values::new(model, false, &x, vec![layer])?;
    let map = unit.channel(values.of(&unit.address)?)?;
    let columns = if map.rank() == 4 { map.dim(3)? } else { 1 };
    let values = map.flatten_all()?.to_vec1::<f32>()?;
    if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
        let value = f64::from(value);
        let path = model.path.clone();
        return Err(conv_vision::Error::NotFinite { value, path }.into());
    }
    let first = |better: fn(f32, f32) -> bool| {
        let better =
            |best: usize, at: usize| if better(values[at], values[best]) { at } else { best };
        let at = (0..values.len()).reduce(better).unwrap_or(0);
        (f64::from(values[at]), at / columns, at % columns)
    };
    Ok([first(|a, b| a > b), first(|a, b| a < b)])
}

/// What a position sees of a picture, as far as it lies within.
fn sees(
    field: Option<conv_vision::ReceptiveField>,
    row: usize,
    column: usize,
    side: usize,
) -> Region {
    let range = |at: usize| match field {
        None => (0, side),
        Some(field) => {
            let start = field.start + (at * field.stride) as isize;
            let within = |place: isize| place.clamp(0, side as isize) as usize;
            let first = within(start);
            let end = within(start + field.size as isize);
            // A position that sees nothing but padding is shown the pixel beside it.
            let first = first.min(side - 1);
            (first, end.max(first + 1))
        }
    };
    let ((top, bottom), (left, right)) = (range(row), range(column));
    Region { left, top, width: right - left, height: bottom - top }
}
