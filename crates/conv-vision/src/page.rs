//! Pages to look at: photographs with their classes as bars, and queries with their neighbours, as in figure 4 of Krizhevsky et
//! al. (2012). A page is one file that refers to nothing outside itself.

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
.grid{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;width:224px}img{display:block;max-width:100%}\
figcaption{font-size:12px;overflow-wrap:anywhere;color:#57606a}\
.bar{position:relative;margin:3px 0;height:22px;background:#f0f2f4}\
.bar i{position:absolute;inset:0 auto 0 0;background:#f2a48f}.bar b{position:absolute;inset:0 4px;font-weight:400;\
font-size:13px;line-height:22px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}\
.row{display:flex;gap:.6rem;align-items:flex-start;margin-bottom:1.5rem}.row figure{width:150px}\
.row figure:first-child{padding-right:.8rem;margin-right:.4rem;border-right:3px solid #d0d7de}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}.bar{background:#21262d}.bar i{background:#9c4a37}\
figcaption{color:#9198a1}}</style></head><body><h1>TITLE</h1>\n";

/// Photographs with the names and probabilities of their classes.
#[derive(Debug, Default)]
pub struct Classified(String);

impl Classified {
    /// Adds a photograph.
    ///
    /// # Errors
    /// Only those of encoding it.
    pub fn add(&mut self, path: &Path, picture: &Picture, guesses: &[Guess]) -> Result<()> {
        let bars = guesses.iter().fold(String::new(), |mut bars, guess| {
            let percent = 100.0 * guess.probability;
            let name = Html::text(&guess.class.name);
            let _ = write!(
                bars,
                "<div class=\"bar\" title=\"{percent:.1} % {name}\"><i style=\"width:{percent:.2}%\"></i><b>{name}</b></div>"
            );
            bars
        });
        let figure = figure(path, picture, &bars)?;
        self.0.push_str(&figure);
        Ok(())
    }

    /// The page.
    pub fn html(&self, title: &str) -> String {
        page(title, &format!("<div class=\"grid\">{}</div>", self.0))
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
        self.0.push_str("<div class=\"row\">");
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
        page(title, &self.0)
    }
}

fn page(title: &str, body: &str) -> String {
    let head = HEAD.replace("TITLE", &Html::text(title).to_string());
    format!("{head}{body}</body></html>\n")
}

fn figure(path: &Path, picture: &Picture, below: &str) -> Result<String> {
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height);
    let side = |side: usize| (side * SIDE.min(longer) / longer).max(1);
    let small = picture.resize(side(width), side(height), Filter::Bilinear)?;
    let name = Html::text(&path.display().to_string());
    Ok(format!(
        "<figure><img alt=\"{name}\" src=\"data:image/jpeg;base64,{}\">{below}<figcaption>{name}</figcaption></figure>\n",
        base64(&small.to_jpeg(85)?)
    ))
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
