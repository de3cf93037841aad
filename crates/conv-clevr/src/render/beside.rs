//! Pictures of ours beside others of the same scenes: to look at, and in numbers.

use crate::see::as_read;
use crate::{Error, Result};
use conv_train::report::Html;
use conv_vision::{Limits, Picture, page};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Pairs that a page shows at most.
const SHOWN: usize = 60;

const STYLE: &str = "<style>.pairs{display:flex;flex-wrap:wrap;gap:12px}.pairs img{display:block;width:320px}</style>";

/// Differences of pictures of the same scenes, in steps of 255, over all pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Beside {
    /// Pairs of pictures.
    pub pictures: usize,
    /// The mean of how far a value is off.
    pub off: f64,
    /// Our mean red, green and blue.
    pub ours: [f64; 3],
    /// The others'.
    pub theirs: [f64; 3],
}

/// Compares the pictures of these names in two folders, where both are, each as it is read (320
/// columns); and a page with ours above theirs.
///
/// # Errors
/// A picture that cannot be read, a pair of different proportions, or no pair.
pub fn beside<'n>(
    ours: &Path,
    theirs: &Path,
    names: impl Iterator<Item = &'n str>,
) -> Result<(Beside, String)> {
    let mut found = Beside::default();
    let mut body = format!(
        "{STYLE}<p>Above: rendered here. Below: of {}.</p><div class=\"pairs\">",
        Html::text(&theirs.display().to_string())
    );
    for name in names {
        let paths = [ours, theirs].map(|folder| folder.join(name));
        if !paths.iter().all(|path| path.is_file()) {
            continue;
        }
        let read = |path: &Path| as_read(&Picture::open(path, &Limits::default())?);
        let [a, b] = [read(&paths[0])?, read(&paths[1])?];
        if a.height() != b.height() {
            return Err(Error::Empty {
                place: paths[1].display().to_string(),
                found: format!("{} rows of 320 columns", b.height()),
                expected: "as many as the picture of the same scene",
            });
        }
        let pixels = (a.width() * a.height()) as f64;
        for (at, (a, b)) in a.pixels().iter().zip(b.pixels()).enumerate() {
            let [a, b] = [*a, *b].map(f64::from);
            found.ours[at % 3] += a / pixels;
            found.theirs[at % 3] += b / pixels;
            found.off += (a - b).abs() / (3.0 * pixels);
        }
        found.pictures += 1;
        if found.pictures <= SHOWN {
            let [a, b] = [page::data_url(&a)?, page::data_url(&b)?];
            let _ = write!(
                body,
                "<div title=\"{}\"><img alt=\"\" src=\"{a}\"><img alt=\"\" src=\"{b}\"></div>",
                Html::text(name)
            );
        }
    }
    if found.pictures == 0 {
        return Err(Error::Empty {
            place: theirs.display().to_string(),
            found: "no picture of these scenes".into(),
            expected: "pictures by the scenes' names",
        });
    }
    let count = found.pictures as f64;
    found.off /= count;
    (found.ours, found.theirs) =
        (found.ours.map(|sum| sum / count), found.theirs.map(|sum| sum / count));
    Ok((found, page::page("Pictures of the same scenes", &(body + "</div>"))))
}
