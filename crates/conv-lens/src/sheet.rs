//! Pictures beside each other and below each other.

use crate::Result;
use conv_vision::Picture;

/// White pixels between two pictures.
const GAP: usize = 4;

/// Pictures beside each other, their upper edges on one line.
///
/// # Errors
/// No picture.
pub fn row(pictures: &[Picture]) -> Result<Picture> {
    sheet(pictures, false)
}

/// Pictures below each other, their left edges on one line.
///
/// # Errors
/// No picture.
pub fn column(pictures: &[Picture]) -> Result<Picture> {
    sheet(pictures, true)
}

fn sheet(pictures: &[Picture], down: bool) -> Result<Picture> {
    let sum = |of: fn(&Picture) -> usize| {
        pictures.iter().map(|picture| of(picture) + GAP).sum::<usize>().saturating_sub(GAP)
    };
    let most = |of: fn(&Picture) -> usize| pictures.iter().map(of).max().unwrap_or(0);
    let (width, height) = if down {
        (most(Picture::width), sum(Picture::height))
    } else {
        (sum(Picture::width), most(Picture::height))
    };
    let mut pixels = vec![255; 3 * width * height];
    let mut from = 0;
    for picture in pictures {
        let (left, top) = if down { (0, from) } else { (from, 0) };
        for (line, source) in picture.pixels().chunks_exact(3 * picture.width()).enumerate() {
            pixels[3 * ((top + line) * width + left)..][..source.len()].copy_from_slice(source);
        }
        from += GAP + if down { picture.height() } else { picture.width() };
    }
    Ok(Picture::new(width, height, pixels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_different_sizes_stand_on_white() {
        let picture = |width, height, level| {
            Picture::new(width, height, vec![level; 3 * width * height]).unwrap()
        };
        let all = [picture(2, 3, 10), picture(1, 1, 20)];
        let beside = row(&all).unwrap();
        assert_eq!((beside.width(), beside.height()), (7, 3));
        assert_eq!((beside.pixels()[18], beside.pixels()[6], beside.pixels()[39]), (20, 255, 255));
        let below = column(&all).unwrap();
        assert_eq!((below.width(), below.height()), (2, 8));
        assert_eq!((below.pixels()[42], below.pixels()[45]), (20, 255));
        assert!(row(&[]).is_err());
    }
}
