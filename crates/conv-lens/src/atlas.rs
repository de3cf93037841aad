//! One page of many units: a section a layer, with search and keys. It is one file that refers to
//! nothing outside itself.

use crate::Result;
use conv_train::report::Html;
use conv_vision::page::data_url;
use conv_vision::{Graph, Picture};
use std::fmt::Write;

/// A unit's picture.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The unit, as it is told.
    pub unit: String,
    /// Its picture.
    pub picture: Picture,
    /// What stands below it.
    pub words: String,
}

/// The units of a layer.
#[derive(Debug, Clone)]
pub struct Section {
    /// The layer.
    pub layer: String,
    /// What its units are like, in a few words; may be empty.
    pub words: String,
    /// The side of what a unit sees, in pixels; `None` where it sees the whole picture.
    pub field: Option<usize>,
    /// Its units.
    pub entries: Vec<Entry>,
}

impl Section {
    /// Without units; `layer` as one asks for it, such as `inception_4c`.
    pub fn new(layer: &str, graph: &Graph) -> Self {
        let at = graph.find(layer, "the network").ok().map(|address| address.layer);
        let field = at.and_then(|at| graph.receptive_fields()[at]).map(|field| field.size);
        Self { layer: layer.into(), words: kind(layer).into(), field, entries: Vec::new() }
    }
}

/// What the units of GoogLeNet's layers are mostly like, after the sections of Olah et al. (2017),
/// whose network is another one.
fn kind(layer: &str) -> &'static str {
    let stage = layer.strip_prefix("inception_").and_then(|rest| rest.split('/').next());
    match stage {
        Some("3a") => "local textures",
        Some("3b") => "richer textures",
        Some("4a") => "patterns",
        Some("4b") => "parts",
        Some("4c") => "objects",
        Some("4d") => "mixed concepts",
        Some("4e") => "kinds of things",
        Some("5a") => "abstract",
        Some("5b") => "a medley",
        _ => "",
    }
}

const HEAD: &str = include_str!("atlas/head.html");
const SCRIPT: &str = include_str!("atlas/atlas.js");

/// The page. `strip` stands above all sections: a few pictures with a word each, from the input to
/// the output. `note` is said below it.
///
/// # Errors
/// A picture that cannot be encoded.
pub fn html(
    title: &str,
    note: &str,
    strip: &[(String, Picture)],
    sections: &[Section],
) -> Result<String> {
    let title = Html::text(title);
    let mut page = HEAD.replace("TITLE", &title.to_string());
    let _ = write!(
        page,
        "<h1>{title}</h1>\n<div class=\"strip\" role=\"list\" aria-label=\"From input to output\">"
    );
    for (word, picture) in strip {
        let word = Html::text(word);
        let source = data_url(picture)?;
        let _ = write!(
            page,
            "<figure role=\"listitem\"><img src=\"{source}\" alt=\"{word}\"><figcaption>{word}</figcaption></figure>"
        );
    }
    let _ = write!(page, "</div>\n<p>{}</p>\n<nav aria-label=\"Layers\">", Html::text(note));
    for (number, section) in sections.iter().enumerate() {
        let _ = write!(page, "<a href=\"#s{number}\">{}</a> ", Html::text(&section.layer));
    }
    page.push_str(
        "</nav>\n<p><label>Search <input id=\"search\" type=\"search\" autocomplete=\"off\"></label> <output id=\"found\"></output> \
         <small>keys: <kbd>/</kbd> search, <kbd>j</kbd> and <kbd>k</kbd> next and previous layer</small></p>\n<main>\n",
    );
    for (number, section) in sections.iter().enumerate() {
        page.push_str(&of_layer(number, section)?);
    }
    let _ = write!(page, "</main>\n<script>\n{SCRIPT}</script>\n</body></html>\n");
    Ok(page)
}

fn of_layer(number: usize, section: &Section) -> Result<String> {
    let layer = Html::text(&section.layer);
    let sees = match section.field {
        Some(side) => format!("sees {side} × {side} pixels"),
        None => "sees the whole picture".into(),
    };
    let words = match section.words.as_str() {
        "" => sees,
        words => format!("{words}; {sees}"),
    };
    let words = Html::text(&words);
    let mut text = format!(
        "<section aria-labelledby=\"s{number}\"><h2 id=\"s{number}\" tabindex=\"-1\">{layer} <small>{words}</small></h2>\n<div class=\"units\">"
    );
    for Entry { unit, picture, words } in &section.entries {
        let unit = Html::text(unit);
        let words = Html::text(words);
        let source = data_url(picture)?;
        let _ = write!(
            text,
            "<figure tabindex=\"0\"><img loading=\"lazy\" src=\"{source}\" alt=\"What excites {unit}\"><figcaption>{unit}<br>{words}</figcaption></figure>"
        );
    }
    text.push_str("</div></section>\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_vision::Architecture;

    #[test]
    fn a_page_refers_to_nothing_outside_and_text_stays_text() {
        let picture = Picture::new(8, 8, vec![9; 192]).unwrap();
        let graph = Architecture::GoogLeNet.graph();
        let mut section = Section::new("inception_4c/output", &graph);
        assert_eq!((section.words.as_str(), section.field), ("objects", Some(299)));
        // By its short name too.
        assert_eq!(Section::new("inception_3a", &graph).field, Some(59));
        let unit = "<script>alert(1)</script>\" onload='x'".to_string();
        section.entries.push(Entry { unit, picture: picture.clone(), words: "a & b".into() });
        let strip = [("input <b>".to_string(), picture)];
        let page = html("an <i>atlas</i>", "note", &strip, &[section]).unwrap();
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("<i>") && !page.contains("<b>") && page.contains("a &amp; b"));
        for outside in ["http:", "https:", "//", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<img").count(), page.matches(" alt=\"").count());
        assert!(page.contains("objects; sees 299 × 299 pixels"));
    }
}
