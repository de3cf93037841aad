//! What of a picture a descriptor is made of.

use crate::Result;
use crate::picture::{Picture, Region};
use crate::preprocessing::{Preprocessing, Resize};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longer side of a whole picture is at most so many times the shorter: what is beyond is cut
/// off on both sides, as memory for a picture of one column has to be bounded.
const LONGEST: usize = 3;

/// The views of a picture that its descriptor is the mean of, each with a length of 1 (Babenko and
/// Lempitsky 2015; Radenović et al. 2019, section 3). The default is the one that the classifier
/// sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Views {
    /// All of the picture in place of the central square.
    pub whole: bool,
    /// The sizes that it is resized to, in pixels, as [`Preprocessing::size`]; none for that alone.
    pub sizes: Vec<usize>,
    /// Mirrored as well.
    pub mirrored: bool,
}

impl Views {
    /// Whether there is the one view of the classifier alone.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let fits = self.sizes.iter().all(|size| (16..=4096).contains(size));
        let found = format!("{:?}", self.sizes);
        InvalidField::unless(
            fits && self.sizes.len() <= 16,
            "sizes",
            &found,
            "16 to 4096, at most 16 of them",
        )
    }

    /// A picture's views by size; those of one size, with their mirror images, go through a network
    /// together.
    pub(super) fn of(
        &self,
        picture: &Picture,
        preprocessing: &Preprocessing,
    ) -> Result<Vec<Vec<Picture>>> {
        let own = [preprocessing.size];
        let sizes = if self.sizes.is_empty() { &own[..] } else { &self.sizes };
        let view = |&size: &usize| {
            let crop = (preprocessing.crop * size / preprocessing.size).max(1);
            let at = Preprocessing { size, crop, ..preprocessing.clone() };
            let view = if self.whole { whole(picture, &at)? } else { at.crop(picture)? };
            let mirrored = self.mirrored.then(|| view.mirrored());
            Ok([Some(view), mirrored].into_iter().flatten().collect())
        };
        sizes.iter().map(view).collect()
    }
}

/// The picture resized and not cut, or, where one side is more than [`LONGEST`] times the other,
/// its middle.
fn whole(picture: &Picture, preprocessing: &Preprocessing) -> Result<Picture> {
    let (width, height) = preprocessing.sides(picture.width(), picture.height());
    let most = match preprocessing.resize {
        Resize::Squash => preprocessing.size,
        Resize::ShortSide => preprocessing.size * LONGEST,
    };
    let columns = width.min(most);
    let rows = height.min(most);
    let left = (width - columns) / 2;
    let top = (height - rows) / 2;
    let region = Region { left, top, width: columns, height: rows };
    picture.resize_region((width, height), region, preprocessing.filter)
}

impl fmt::Display for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.whole { "the whole picture" } else { "the central square" })?;
        let sizes: Vec<String> = self.sizes.iter().map(ToString::to_string).collect();
        if !sizes.is_empty() {
            write!(f, " at {}", sizes.join(", "))?;
        }
        f.write_str(if self.mirrored { ", and mirrored" } else { "" })
    }
}
