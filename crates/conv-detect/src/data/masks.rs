//! Pictures with a PNG of the same name beside each, in which a pixel is the number of its object,
//! or 0.

use super::{Dataset, Example, Object};
use crate::{Bitmap, Error, Result, RunLength};
use conv_vision::{Limits, Picture};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where pictures are, and where their masks.
const FOLDERS: [&str; 2] = ["images", "masks"];

/// The masks of a picture's objects, by their numbers from 1.
pub(super) struct InstanceMasks {
    pub path: PathBuf,
    picture: Picture,
}

impl InstanceMasks {
    /// Those of the picture at `path`, which is looked at for its sides: in `masks` beside its
    /// folder.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let folder = path.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let name = Path::new(path.file_name().unwrap_or_default()).with_extension("png");
        let own = folder.join(FOLDERS[1]).join(name);
        let masks = Picture::open(&own, limits)?;
        let picture = Picture::open(path, limits)?;
        if (picture.width(), picture.height()) != (masks.width(), masks.height()) {
            let sides = |of: &Picture| format!("{} × {} pixels", of.width(), of.height());
            let found = sides(&masks);
            let expected = sides(&picture);
            return Err(Error::Size { path: own, found, expected });
        }
        Ok(Self { path: own, picture: masks })
    }

    pub fn sides(&self) -> (usize, usize) {
        (self.picture.width(), self.picture.height())
    }

    /// The number of each pixel's object, row by row.
    fn numbers(&self) -> impl Iterator<Item = usize> {
        self.picture.pixels().chunks_exact(3).map(|pixel| usize::from(pixel[0]))
    }

    /// The objects 1 to `count`, some of which may have no pixel.
    pub fn of(&self, count: usize) -> Vec<Bitmap> {
        let (width, height) = self.sides();
        let mut bitmaps = vec![Bitmap::empty(width, height); count];
        for (at, number) in self.numbers().enumerate() {
            if let Some(bitmap) = number.checked_sub(1).and_then(|at| bitmaps.get_mut(at)) {
                bitmap.set(at % width, at / width, true);
            }
        }
        bitmaps
    }
}

/// Whether the folder has pictures and masks.
pub(super) fn is_here(folder: &Path) -> bool {
    FOLDERS.iter().all(|name| folder.join(name).is_dir())
}

/// Objects of one class, in pictures that are numbered in the order of their names.
pub(super) fn read(folder: &Path, limits: &Limits) -> Result<Dataset> {
    let images = folder.join(FOLDERS[0]);
    let files = conv_vision::data::find(&[images]);
    let read: Vec<Result<Example>> =
        files.par_iter().enumerate().map(|(at, path)| example(at, path, limits)).collect();
    let mut examples = Vec::new();
    let mut left_out = Vec::new();
    for (path, read) in files.iter().zip(read) {
        match read {
            Ok(example) => examples.push(example),
            Err(error) => left_out.push(format!("{}: {error}", path.display())),
        }
    }
    Ok(Dataset {
        name: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
        labels: vec!["object".into()],
        categories: Vec::new(),
        attributes: Vec::new(),
        measures: Vec::new(),
        examples,
        left_out,
    })
}

fn example(at: usize, path: &Path, limits: &Limits) -> Result<Example> {
    let masks = InstanceMasks::open(path, limits)?;
    let numbers: BTreeSet<usize> = masks.numbers().filter(|number| *number > 0).collect();
    let bitmaps = masks.of(numbers.last().copied().unwrap_or(0));
    // Numbers may have gaps.
    let objects = bitmaps.iter().filter_map(|bitmap| {
        let bounding_box = bitmap.bounding_box()?;
        let mask = RunLength::from(bitmap);
        let area = mask.area() as f64;
        let crowd = false;
        let class = 0;
        let attributes = Vec::new();
        let measures = Vec::new();
        Some(Object { bounding_box, mask, area, crowd, class, attributes, measures })
    });
    let (width, height) = masks.sides();
    let objects = objects.collect();
    Ok(Example { id: at as u64, path: path.to_path_buf(), width, height, objects })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoundingBox;
    use std::fs;

    #[test]
    fn a_folder_of_masks_needs_nothing_else() -> Result<()> {
        let place = tempfile::tempdir().unwrap();
        let write = |file: &str, (width, height): (usize, usize), values: &[u8]| {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let pixels = values.iter().flat_map(|value| [*value; 3]).collect();
            fs::write(path, Picture::new(width, height, pixels)?.to_png()?).unwrap();
            Ok::<(), Error>(())
        };
        // Numbers with gaps, nothing at all, another size, and no mask.
        write("images/a.png", (3, 2), &[9; 6])?;
        write("masks/a.png", (3, 2), &[0, 7, 7, 2, 0, 0])?;
        write("images/b.png", (3, 2), &[9; 6])?;
        write("masks/b.png", (3, 2), &[0; 6])?;
        write("images/c.png", (3, 2), &[9; 6])?;
        write("masks/c.png", (2, 3), &[1; 6])?;
        write("images/d.png", (3, 2), &[9; 6])?;
        let data = Dataset::open(place.path(), &Limits::default())?;
        let objects: Vec<usize> = data.examples.iter().map(|e| e.objects.len()).collect();
        assert_eq!((objects, &data.labels), (vec![2, 0], &vec!["object".to_string()]));
        let boxes = data.examples[0].objects.iter().map(|object| object.bounding_box);
        let expected = [BoundingBox::new(0.0, 1.0, 1.0, 2.0), BoundingBox::new(1.0, 0.0, 3.0, 1.0)];
        assert_eq!(boxes.collect::<Vec<_>>(), expected);
        assert!(data.left_out[0].contains("2 × 3 pixels, expected 3 × 2"), "{:?}", data.left_out);
        assert!(data.left_out[1].contains("d.png"), "{:?}", data.left_out);
        Ok(())
    }
}
