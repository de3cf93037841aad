//! Numbers over a picture, and how they are looked at.

use crate::Result;
use conv_vision::Picture;

/// A number a place of a grid over a picture, row by row.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Map {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// `rows · columns` numbers.
    pub values: Vec<f64>,
}

impl Map {
    /// The row, the column and the value of the largest number; of equals the first.
    pub fn largest(&self) -> Option<(usize, usize, f64)> {
        let mut largest: Option<(usize, usize, f64)> = None;
        for (at, &value) in self.values.iter().enumerate() {
            if largest.is_none_or(|(_, _, most)| value > most) {
                largest = Some((at / self.columns, at % self.columns, value));
            }
        }
        largest
    }

    /// The sums over squares of `side` places, to be looked at where single places say little;
    /// those at the edges may be smaller.
    ///
    /// # Errors
    /// A side of 0.
    pub fn blocks(&self, side: usize) -> Result<Self> {
        conv_hub::InvalidField::unless(side > 0, "side", &side, "at least 1")?;
        let rows = self.rows.div_ceil(side);
        let columns = self.columns.div_ceil(side);
        let mut values = vec![0.0; rows * columns];
        for (at, value) in self.values.iter().enumerate() {
            let row = at / self.columns;
            let column = at % self.columns;
            values[row / side * columns + column / side] += value;
        }
        Ok(Self { rows, columns, values })
    }

    /// The number over a place of a picture, both from 0 to 1: between the middles of the grid's
    /// places in proportion.
    fn at(&self, down: f64, across: f64) -> f64 {
        let along = |place: f64, count: usize| {
            let place = (place * count as f64 - 0.5).clamp(0.0, count as f64 - 1.0);
            let first = (place as usize).min(count.saturating_sub(2));
            (first, (first + 1).min(count - 1), place - first as f64)
        };
        let (above, below, down) = along(down, self.rows);
        let (left, right, across) = along(across, self.columns);
        let row = |row: usize| {
            let value = |column: usize| self.values[row * self.columns + column];
            value(left) * (1.0 - across) + value(right) * across
        };
        row(above) * (1.0 - down) + row(below) * down
    }

    /// The numbers as colours over a picture that is made grey and paler: red where they are above
    /// 0, blue where they are below, full where they are farthest from 0.
    ///
    /// # Errors
    /// Another number of values than the grid has places.
    pub fn overlay(&self, picture: &Picture) -> Result<Picture> {
        let places = self.rows.checked_mul(self.columns).filter(|&places| places > 0);
        if places != Some(self.values.len()) {
            let expected = format!("a number a place of {} × {}", self.rows, self.columns);
            return Err(conv_hub::InvalidField::new("map", self.values.len(), expected).into());
        }
        let farthest = self.values.iter().fold(0f64, |most, value| most.max(value.abs()));
        let width = picture.width();
        let height = picture.height();
        let mut pixels = Vec::with_capacity(3 * width * height);
        for (at, pixel) in picture.pixels().chunks_exact(3).enumerate() {
            let row = at / width;
            let column = at % width;
            let place = |at: usize, side: usize| (at as f64 + 0.5) / side as f64;
            let value = self.at(place(row, height), place(column, width));
            let share = if farthest > 0.0 { value / farthest } else { 0.0 };
            let grey = pixel.iter().map(|&level| f64::from(level)).sum::<f64>() / 3.0;
            let pale = 127.5 + 0.5 * grey;
            let full = if share > 0.0 { [214.0, 39.0, 40.0] } else { [31.0, 119.0, 180.0] };
            let level = |full: f64| pale + (full - pale) * share.abs().min(1.0) * 0.85;
            pixels.extend(full.map(|full| level(full).round() as u8));
        }
        Ok(Picture::new(width, height, pixels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tensorflow/lucid #146, meta-pytorch/captum #378: a grey picture of 28 × 28 has its overlay.
    #[test]
    fn an_overlay_is_red_and_blue_over_grey() {
        let picture = Picture::new(28, 28, vec![100; 3 * 28 * 28]).unwrap();
        let map = Map { rows: 2, columns: 2, values: vec![2.0, 0.0, 0.0, -2.0] };
        let drawn = map.overlay(&picture).unwrap();
        let pixel = |row: usize, column: usize| &drawn.pixels()[3 * (row * 28 + column)..][..3];
        assert!(pixel(0, 0)[0] > 180 && pixel(0, 0)[2] < 100);
        assert!(pixel(27, 27)[2] > 150 && pixel(27, 27)[0] < 100);
        assert_eq!(pixel(0, 27), [178, 178, 178]);
        assert_eq!(map.largest(), Some((0, 0, 2.0)));
        let nothing = Map { rows: 1, columns: 1, values: vec![0.0] };
        assert_eq!(nothing.overlay(&picture).unwrap().pixels()[0], 178);
        assert!(Map { rows: 2, ..nothing }.overlay(&picture).is_err());
    }

    #[test]
    fn blocks_are_sums_also_at_the_edges() {
        let map = Map { rows: 2, columns: 3, values: vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0] };
        let blocks = map.blocks(2).unwrap();
        assert_eq!((blocks.rows, blocks.columns), (1, 2));
        assert_eq!(blocks.values, [27.0, 36.0]);
        assert!(map.blocks(0).is_err());
    }
}
