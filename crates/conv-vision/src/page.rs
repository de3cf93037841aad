//! Pages to look at: photographs with their classes as bars, and queries with their neighbours, as
//! in figure 4 of Krizhevsky et al. (2012). A page is one file that refers to nothing outside
//! itself.

use crate::retrieval::Neighbour;
use crate::{Filter, Guess, Picture, Result};
use conv_train::report::Html;
use std::fmt::Write;
use std::path::Path;

/// The longer side of a picture on a page, in pixels.
const SIDE: usize = 224;

/// What a page calls itself and how it looks.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>TITLE</title><style>\
body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b1f24;background:#fff}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}}</style></head><body><h1>TITLE</h1>\n";

/// How pictures with their bars and rows of neighbours look, on a page of their own or in a report.
const STYLE: &str = "<style>.photos{display:flex;flex-wrap:wrap;gap:1.5rem}\
.photos figure{margin:0;padding:0;width:224px;background:none;border:0;border-radius:0}.photos img{display:block;min-width:96px;max-width:100%}\
.photos figcaption{display:block;padding:0;font-size:12px;overflow-wrap:anywhere;color:#57606a}\
.photos .bar{position:relative;margin:3px 0;height:22px;background:#f0f2f4}\
.photos .bar i{position:absolute;inset:0 auto 0 0;background:#a9c4e4}.photos .bar.true i{background:#f2a48f}\
.photos .bar b{position:absolute;inset:0 4px;font-weight:400;\
font-size:13px;line-height:22px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}\
.photos.row{flex-wrap:nowrap;gap:.6rem;align-items:flex-start;margin-bottom:1.5rem;overflow-x:auto}\
.photos.row figure{flex:none;width:150px}.photos.row.small figure{width:104px}.photos.small{gap:1rem}.photos.small figure{width:164px}\
.photos.row figure:first-child{padding-right:.8rem;margin-right:.4rem;border-right:3px solid #d0d7de;box-sizing:content-box}\
@media(prefers-color-scheme:dark){.photos .bar{background:#21262d}.photos .bar i{background:#37547a}\
.photos .bar.true i{background:#9c4a37}.photos figcaption{color:#9198a1}}</style>\n";

/// Pictures with a few words below each, one after the other.
#[derive(Debug, Default)]
pub struct Gallery(String);

impl Gallery {
    /// Adds a picture; `name` is what those hear who do not see it, and stands below it with
    /// `words`.
    ///
    /// # Errors
    /// Only those of encoding it.
    pub fn add(&mut self, name: &str, picture: &Picture, words: &str) -> Result<()> {
        let words = format!("<div>{}</div>", Html::text(words));
        self.0.push_str(&figure(Path::new(name), picture, &words)?);
        Ok(())
    }

    /// A section of a report.
    pub fn section(&self) -> Html {
        Html::trusted(format!("{STYLE}<div class=\"photos\">{}</div>", self.0))
    }

    /// A section of a report in which the pictures stand in one row, the first apart.
    pub fn row(&self) -> Html {
        Html::trusted(format!("{STYLE}<div class=\"photos row\">{}</div>", self.0))
    }
}

/// Photographs with the names and probabilities of their classes.
#[derive(Debug, Default)]
pub struct Classified {
    figures: String,
    /// Whether one of them has more than a few pixels.
    has_large: bool,
}

impl Classified {
    /// Adds a photograph.
    ///
    /// # Errors
    /// Only those of encoding it.
    pub fn add(&mut self, path: &Path, picture: &Picture, guesses: &[Guess]) -> Result<()> {
        self.add_with(path, picture, guesses, None)
    }

    /// Adds a photograph whose class is known: its bar has another colour, and its name stands
    /// below.
    ///
    /// # Errors
    /// As [`Classified::add`].
    pub fn add_of(
        &mut self,
        path: &Path,
        picture: &Picture,
        guesses: &[Guess],
        truth: &str,
    ) -> Result<()> {
        self.add_with(path, picture, guesses, Some(truth))
    }

    fn add_with(
        &mut self,
        path: &Path,
        picture: &Picture,
        guesses: &[Guess],
        truth: Option<&str>,
    ) -> Result<()> {
        let mut below = truth
            .map_or_else(String::new, |truth| format!("<strong>{}</strong>", Html::text(truth)));
        for guess in guesses {
            let percent = 100.0 * guess.probability;
            let name = Html::text(&guess.class.name);
            // Where nothing is known, no bar is the true one, and all are as in the paper.
            let is_true = truth.is_none_or(|truth| truth == guess.class.label);
            let kind = if is_true { "bar true" } else { "bar" };
            let _ = write!(
                below,
                "<div class=\"{kind}\" title=\"{percent:.1} % {name}\"><i style=\"width:{percent:.2}%\"></i><b>{name}</b></div>"
            );
        }
        self.figures.push_str(&figure(path, picture, &below)?);
        self.has_large |= !is_small(picture);
        Ok(())
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// The page.
    pub fn html(&self, title: &str) -> String {
        page(title, &self.section().to_string())
    }

    /// A section of a report.
    pub fn section(&self) -> Html {
        let size = if self.has_large { "" } else { " small" };
        Html::trusted(format!("{STYLE}<div class=\"photos{size}\">{}</div>", self.figures))
    }
}

/// Queries, each with its nearest pictures, in rows.
#[derive(Debug, Default)]
pub struct Neighbours(String);

impl Neighbours {
    /// Adds a query; of a neighbour that cannot be read any more the picture is left out.
    ///
    /// # Errors
    /// Only those of encoding the pictures.
    pub fn add<'a>(
        &mut self,
        path: &Path,
        picture: &Picture,
        found: impl IntoIterator<Item = (&'a Neighbour, Option<Picture>)>,
    ) -> Result<()> {
        let size = if is_small(picture) { " small" } else { "" };
        let _ = write!(self.0, "<div class=\"photos row{size}\">");
        self.0.push_str(&figure(path, picture, "")?);
        for (neighbour, picture) in found {
            let distance = format!("<div>{:.4}</div>", neighbour.distance);
            let figure = match picture {
                Some(picture) => figure(&neighbour.path, &picture, &distance)?,
                None => format!(
                    "<figure>{distance}<figcaption>{}</figcaption></figure>\n",
                    Html::text(&neighbour.path.display().to_string())
                ),
            };
            self.0.push_str(&figure);
        }
        self.0.push_str("</div>\n");
        Ok(())
    }

    /// The page.
    pub fn html(&self, title: &str) -> String {
        page(title, &self.section().to_string())
    }

    /// A section of a report.
    pub fn section(&self) -> Html {
        Html::trusted(format!("{STYLE}{}", self.0))
    }
}

/// A page of this title around markup, which is not escaped.
pub fn page(title: &str, body: &str) -> String {
    let head = HEAD.replace("TITLE", &Html::text(title).to_string());
    format!("{head}{body}</body></html>\n")
}

/// Pictures of so few pixels are shown larger than they are, and lose nothing more by the way.
fn is_small(picture: &Picture) -> bool {
    picture.width().max(picture.height()) <= 96
}

fn figure(path: &Path, picture: &Picture, below: &str) -> Result<String> {
    let width = picture.width();
    let height = picture.height();
    let longer = width.max(height);
    let side = |side: usize| (side * SIDE.min(longer) / longer).max(1);
    let small = picture.resize(side(width), side(height), Filter::Bilinear)?;
    let name = Html::text(&path.display().to_string());
    let source = if is_small(picture) { data_url(picture) } else { data_url(&small) }?;
    Ok(format!(
        "<figure><img alt=\"{name}\" src=\"{source}\">{below}<figcaption>{name}</figcaption></figure>\n"
    ))
}

/// A picture as the address of its own content, as `<img src>` takes it on a page that refers to
/// nothing outside itself: without loss where it is small, as JPEG otherwise.
///
/// # Errors
/// A side of more than 65,535 pixels.
pub fn data_url(picture: &Picture) -> Result<String> {
    let (kind, bytes) =
        if is_small(picture) { ("png", picture.to_png()?) } else { ("jpeg", picture.to_jpeg(85)?) };
    Ok(format!("data:image/{kind};base64,{}", base64(&bytes)))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= part.len() { char::from(DIGITS[value]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let picture = Picture::new(2, 2, vec![0; 12]).unwrap();
        let mut page = Classified::default();
        page.add("<script>.png".as_ref(), &picture, &[]).unwrap();
        let html = page.html("a & b");
        assert!(html.contains("&lt;script&gt;") && html.contains("a &amp; b"));
        assert!(!html.contains("<script>"));
    }
}
