//! A photograph as a layer sees it: a picture a place (Olah et al. 2018, "The Building Blocks of
//! Interpretability", activation grids).

use crate::objective::Values;
use crate::{Layer, Objective, Rendering, Result, Subject, column, render, row};
use candle_core::Device;
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use conv_vision::Picture;
use rand::Rng;

/// What a layer makes of a photograph, in `cells` × `cells` pictures: each raises the direction
/// that the layer's channels have there in the mean, times its cosine with it. A cell where nothing
/// answers is grey. `done` sees how many are rendered, and ends it by `false`: what is missing then
/// is grey too.
///
/// # Errors
/// More cells than the layer has positions, or none; else as [`render`].
pub fn grid(
    subject: &dyn Subject,
    layer: &str,
    photograph: &Picture,
    cells: usize,
    rendering: &Rendering,
    mut done: impl FnMut(usize) -> bool,
) -> Result<Picture> {
    let layer = Layer::find(layer, subject)?;
    let x = subject.read(&photograph.tensor(&Device::Cpu)?)?;
    let values = Values::new(subject, false, &x, vec![layer.address.clone()])?;
    let values = values.of(&layer.address)?;
    let [rows, columns] = match *values.dims() {
        [_, _, rows, columns] => [rows, columns],
        _ => [1, 1],
    };
    rendering.check()?;
    let expected = format!("1 to {}, the positions of {}", rows.min(columns), layer.name);
    InvalidField::unless((1..=rows.min(columns)).contains(&cells), "cells", &cells, &expected)?;
    let channels = values.dim(1)?;
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    let range = |cell: usize, side: usize| cell * side / cells..(cell + 1) * side / cells;
    let mut climbs = Vec::new();
    for (down, across) in (0..cells * cells).map(|cell| (cell / cells, cell % cells)) {
        let rows_of = range(down, rows);
        let columns_of = range(across, columns);
        let mean = |channel: usize| {
            let place = |row: usize, column: usize| (channel * rows + row) * columns + column;
            let all =
                rows_of.clone().flat_map(|row| columns_of.clone().map(move |column| (row, column)));
            let sum: f32 = all.map(|(row, column)| values[place(row, column)]).sum();
            sum / (rows_of.len() * columns_of.len()) as f32
        };
        let vector: Vec<f32> = (0..channels).map(mean).collect();
        if vector.iter().all(|&x| x == 0.0) {
            climbs.push(None);
            continue;
        }
        let direction = Objective::direction(&layer.name, vector.clone(), subject)?;
        let objective = direction * Objective::cosine(&layer.name, vector, subject)?;
        let seed: u64 = seeded(rendering.seed, &format!("cell {down} {across}")).random();
        climbs.push(Some((objective, seed)));
    }
    let mut pictures = Vec::new();
    let mut goes_on = true;
    let side = rendering.size;
    for climb in climbs {
        pictures.push(match climb.filter(|_| goes_on) {
            Some((objective, seed)) => {
                let rendering = Rendering { seed, keep: Vec::new(), ..rendering.clone() };
                render(subject, &objective, &rendering, |_| true)?.picture().clone()
            }
            None => Picture::new(side, side, vec![128; 3 * side * side])?,
        });
        goes_on = goes_on && done(pictures.len());
    }
    let lines = pictures.chunks(cells).map(row).collect::<Result<Vec<_>>>()?;
    column(&lines)
}
