//! A picture of attention: which source tokens were read for each token of a translation.

use conv_train::report::Html;
use std::fmt::Write;

/// Side of a cell, and size of the letters, in pixels.
const CELL: f64 = 26.0;
const LETTERS: f64 = 14.0;
/// The distance of words from the cells, and of everything from the edge.
const GAP: f64 = 8.0;
const EDGE: f64 = 12.0;
/// Height of the legend below.
const LEGEND: f64 = 44.0;
/// The most characters of a token that are drawn; a pointer shows all.
const LONGEST: usize = 32;
/// A share below this is drawn as none.
const FAINTEST: f32 = 0.005;
/// What marks the blank before a word, and a piece of a word that goes on.
const BLANK: char = '▁';
const CONTINUED: &str = "@@";
/// The slope of the words above the columns, in degrees.
const SLOPE: f64 = 50.0;

/// Draws attention as an SVG that refers to nothing outside itself: S source tokens above the
/// columns, T target tokens beside the rows, and the share of each source token in what was read
/// for a target token as the darkness of their cell, from none (0) to all (1).
///
/// `shares` has T rows of S; what it lacks is drawn as 0. The picture grows with the sentence:
/// tokens stay as large as they are. Where a viewer shows titles, a cell names both tokens and the
/// share.
///
/// ```
/// let [source, target] = ["ein Hund </s>", "a dog </s>"].map(|text| text.split(' ').map(String::from).collect::<Vec<_>>());
/// let shares = vec![vec![0.9, 0.1, 0.0], vec![0.0, 1.0, 0.0], vec![0.1, 0.1, 0.8]];
/// let svg = conv_translate::attention_picture(&source, &target, &shares);
/// assert!(svg.starts_with("<svg") && svg.contains(">Hund</text>"));
/// ```
pub fn attention_picture(source: &[String], target: &[String], shares: &[Vec<f32>]) -> String {
    let [columns, rows] = [source, target].map(words);
    let slope = SLOPE.to_radians();
    let widest = |words: &[Word]| words.iter().map(|word| word.width).fold(0.0, f64::max);
    let left = EDGE + widest(&rows) + GAP;
    let top = EDGE + widest(&columns) * slope.sin() + LETTERS + GAP;
    let across = columns.len() as f64 * CELL;
    let down = rows.len() as f64 * CELL;
    let end = |(i, word): (usize, &Word)| (i as f64 + 0.5) * CELL + word.width * slope.cos();
    let right = columns.iter().enumerate().map(end).fold(across, f64::max) + EDGE;
    let width = (left + right).max(left + 240.0);
    let height = top + down + LEGEND;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"{LETTERS}\" role=\"img\" aria-label=\"attention\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<g fill=\"#222\">\n"
    );
    for (i, Word { shown, whole, .. }) in columns.iter().enumerate() {
        let x = left + (i as f64 + 0.6) * CELL;
        let y = top - GAP;
        let _ = writeln!(
            svg,
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-{SLOPE})\"><title>{whole}</title>{shown}</text>"
        );
    }
    for (i, Word { shown, whole, .. }) in rows.iter().enumerate() {
        let x = left - GAP;
        let y = top + (i as f64 + 0.5) * CELL + LETTERS * 0.35;
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\"><title>{whole}</title>{shown}</text>"
        );
    }
    svg.push_str("</g>\n<g fill=\"#08306b\">\n");
    for (j, (row, shares)) in rows.iter().zip(shares).enumerate() {
        for (i, (column, share)) in columns.iter().zip(shares).enumerate() {
            if *share < FAINTEST {
                continue;
            }
            let x = left + i as f64 * CELL;
            let y = top + j as f64 * CELL;
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{CELL}\" height=\"{CELL}\" fill-opacity=\"{:.3}\"><title>{} – {}: {share:.3}</title></rect>",
                share.min(1.0),
                row.whole,
                column.whole
            );
        }
    }
    svg.push_str("</g>\n");
    grid(&mut svg, [left, top], [&columns, &rows]);
    legend(&mut svg, left, top + down + 18.0);
    svg.push_str("</svg>\n");
    svg
}

/// Lines between the cells, darker where a word begins.
fn grid(svg: &mut String, [left, top]: [f64; 2], words: [&[Word]; 2]) {
    let [right, bottom] =
        [(left, words[0]), (top, words[1])].map(|(begin, words)| begin + words.len() as f64 * CELL);
    for (colour, dark) in [("#ddd", false), ("#aaa", true)] {
        let [columns, rows] = words.map(|words| {
            let begins = words.iter().map(|word| word.begins).chain([true]).enumerate();
            begins
                .filter(move |(i, begins)| (*begins || *i == 0) == dark)
                .map(|(i, _)| i as f64 * CELL)
        });
        let mut path = String::new();
        for x in columns {
            let _ = write!(path, "M{:.1} {top:.1}V{bottom:.1}", left + x);
        }
        for y in rows {
            let _ = write!(path, "M{left:.1} {:.1}H{right:.1}", top + y);
        }
        let _ = writeln!(svg, "<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\"/>");
    }
}

/// What the shades stand for.
fn legend(svg: &mut String, left: f64, y: f64) {
    let _ = write!(
        svg,
        "<g fill=\"#222\" font-size=\"11\"><text x=\"{left:.1}\" y=\"{:.1}\">share read: 0</text>",
        y + 10.0
    );
    let begin = left + 78.0;
    for step in 0..=10 {
        let x = begin + f64::from(step) * 10.0;
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"10\" height=\"12\" fill=\"#08306b\" fill-opacity=\"{:.1}\"/>",
            f64::from(step) / 10.0
        );
    }
    let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">1</text></g>", begin + 115.0, y + 10.0);
}

/// A token beside the cells.
struct Word {
    /// As it is drawn, escaped.
    shown: String,
    /// All of it, escaped.
    whole: String,
    /// What it takes at most, in pixels.
    width: f64,
    /// Whether a word begins with it; where nothing marks that, every fifth token, so that they can
    /// be counted.
    begins: bool,
}

/// The tokens of one side, by either mark of pieces: `▁` before the first, or `@@` behind all but
/// the last.
fn words(tokens: &[String]) -> Vec<Word> {
    let marked = tokens.iter().any(|token| token.starts_with(BLANK));
    let split = tokens.iter().any(|token| token.ends_with(CONTINUED));
    let begins = |i: usize, token: &str| match i.checked_sub(1) {
        None => true,
        Some(_) if marked => token.starts_with(BLANK) || token == "</s>",
        Some(before) if split => !tokens[before].ends_with(CONTINUED),
        Some(_) => i.is_multiple_of(5),
    };
    let word = |(i, token): (usize, &String)| {
        let bare = token.strip_prefix(BLANK).filter(|bare| !bare.is_empty()).unwrap_or(token);
        let mut shown: String = bare.chars().take(LONGEST).collect();
        if shown.len() < bare.len() {
            shown.push('…');
        }
        let width = shown.chars().map(advance).sum::<f64>() * LETTERS;
        Word { shown: escaped(&shown), whole: escaped(token), width, begins: begins(i, token) }
    };
    tokens.iter().enumerate().map(word).collect()
}

/// What XML may hold.
fn escaped(text: &str) -> String {
    let is_wrong = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    Html::text(&text.replace(is_wrong, "\u{fffd}")).to_string()
}

/// About the width of a character in a common typeface, in heights; rather too much than too
/// little.
fn advance(character: char) -> f64 {
    match character as u32 {
        0x300..=0x36f => 0.0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 1.0,
        0xfe30..=0xfe4f | 0xff00..=0xff60 | 0x1f000..=0x1faff | 0x20000..=0x3fffd => 1.05,
        _ if matches!(character, 'i' | 'j' | 'l' | 't' | 'f' | 'I' | '.' | ',' | '\'' | '!') => {
            0.36
        }
        _ if matches!(character, 'm' | 'w' | 'M' | 'W' | '@' | '%' | '…') => 0.95,
        _ if character.is_uppercase() => 0.75,
        _ => 0.62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    /// The number behind each `name="`.
    fn numbers(svg: &str, name: &str) -> Vec<f64> {
        let begin = format!(" {name}=\"");
        let parts = svg.split(&begin).skip(1);
        parts.filter_map(|part| part.split('"').next()?.parse().ok()).collect()
    }

    #[test]
    fn each_share_is_a_cell_in_its_column_and_row() {
        let shares = [vec![1.0, 0.0], vec![0.25, 0.75], vec![0.001, 0.999]];
        let svg = attention_picture(&tokens("a b"), &tokens("c d e"), &shares);
        let cells = svg.split("</g>").nth(1).unwrap_or_default();
        let opacity = numbers(cells, "fill-opacity");
        assert_eq!(opacity, [1.0, 0.25, 0.75, 0.999]);
        let x = numbers(cells, "x");
        let y = numbers(cells, "y");
        let is_cell = |difference: f64| (difference - CELL).abs() < 1e-6;
        assert!(x[0] == x[1] && x[2] == x[3] && is_cell(x[2] - x[1]), "{x:?}");
        assert!(y[1] == y[2] && is_cell(y[1] - y[0]) && is_cell(y[3] - y[2]), "{y:?}");
        assert!(svg.contains("<title>d – b: 0.750</title>"), "{svg}");
    }

    #[test]
    fn everything_is_within_the_picture() {
        let long = "Donaudampfschifffahrtsgesellschaft".repeat(3);
        for source in ["a", "ein kleiner Hund </s>", "小狗 在 跑 。", &long] {
            let source = tokens(source);
            let shares = vec![vec![1.0 / source.len() as f32; source.len()]; 2];
            let svg = attention_picture(&source, &tokens("x y"), &shares);
            let width = numbers(&svg, "width")[0];
            let height = numbers(&svg, "height")[0];
            assert!(numbers(&svg, "x").iter().all(|x| (0.0..width).contains(x)));
            assert!(numbers(&svg, "y").iter().all(|y| (0.0..height).contains(y)));
            assert!(width < 700.0 && height < 700.0, "{width} {height}");
        }
    }

    #[test]
    fn words_begin_where_their_pieces_say() {
        let begins = |text: &str| {
            let words = words(&tokens(text));
            words.iter().map(|word| if word.begins { '|' } else { '-' }).collect::<String>()
        };
        assert_eq!(begins("▁a b ▁ c </s>"), "|-|-|");
        assert_eq!(begins("a@@ b@@ c d </s>"), "|--||");
        assert_eq!(begins("a b c d e f </s>"), "|----|-");
        let shown: Vec<String> = words(&tokens("▁a b ▁")).into_iter().map(|w| w.shown).collect();
        assert_eq!(shown, ["a", "b", "▁"]);
    }

    #[test]
    fn markup_and_control_characters_are_text() {
        let svg = attention_picture(&tokens("<b>&\u{1b}"), &tokens("\"q\""), &[vec![1.0]]);
        assert!(svg.contains(">&lt;b&gt;&amp;\u{fffd}</text>") && svg.contains("&quot;q&quot;"));
        assert!(!svg.contains("<b>") && !svg.contains('\u{1b}'));
        assert!(attention_picture(&[], &[], &[]).ends_with("</svg>\n"));
    }
}
