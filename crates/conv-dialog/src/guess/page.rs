//! A game to look at: what was said, with the pool's nearest scenes after each round (Das et al.
//! 2017, figure 5).

use super::game::{Game, Nearest};
use super::scene::{Object, VALUES};
use conv_train::report::Html;
use std::fmt::Write;

/// How wide an object's place is drawn, in pixels.
const PLACE: usize = 26;
/// Objects in a row.
const ROW: usize = 5;

const STYLE: &str = "<style>.game svg{display:block;background:#e8eaed;border-radius:4px}.game figure{display:inline-block;margin:0 .5rem .3rem 0;\
padding:2px;border:2px solid transparent;border-radius:6px;vertical-align:top}.game figure.right{border-color:#1a7f37}\
.game figcaption{font-size:10px;color:#57606a;max-width:134px;overflow-wrap:anywhere}.game td{vertical-align:middle}\
.game .bar{position:relative;width:120px;height:14px;background:#f0f2f4;border-radius:3px}\
.game .bar i{position:absolute;inset:0 auto 0 0;background:#7aa7d9;border-radius:3px}.game .wrong{color:#b35900}\
@media(prefers-color-scheme:dark){.game .bar{background:#21262d}.game figcaption{color:#9198a1}}</style>";

/// The game as a section of a report.
pub fn section(game: &Game) -> Html {
    let Game { scene, objects, pool, caption, percentile, nearest, rounds } = game;
    let mut body = format!(
        "{STYLE}<div class=\"game\"><p>A-Bot sees this; Q-Bot guesses among {pool} scenes.</p>{}",
        figure(scene, objects, true)
    );
    let said = |question: &str, answer: &str, is_wrong: bool| {
        let class = if is_wrong { " class=\"wrong\" title=\"not true\"" } else { "" };
        Html::trusted(format!(
            "{} <strong{class}>{}</strong>",
            Html::text(question),
            Html::text(answer)
        ))
    };
    let row = |number: String, said: Html, percentile: f64, nearest: &[Nearest]| {
        let figures = nearest
            .iter()
            .map(|one| figure(&one.scene, &one.objects, one.is_right))
            .collect::<String>();
        let bar = format!(
            "{percentile:.1}<div class=\"bar\" role=\"img\" aria-label=\"{percentile:.1} percent\"><i style=\"width:{percentile:.1}%\"></i></div>"
        );
        vec![Html::text(&number), said, Html::trusted(bar), Html::trusted(figures)]
    };
    let mut rows = vec![row("told".into(), Html::text(caption), *percentile, nearest)];
    for (number, round) in rounds.iter().enumerate() {
        let said = said(&round.question, &round.answer, round.is_true == Some(false));
        rows.push(row((number + 1).to_string(), said, round.percentile, &round.nearest));
    }
    let columns =
        ["round", "said", "percentile of the right scene", "nearest to what Q-Bot imagines"]
            .map(Html::text);
    let _ = write!(body, "{}</div>", Html::table("samples", &columns, &rows));
    Html::trusted(body)
}

fn figure(name: &str, objects: &[Object], is_right: bool) -> String {
    let class = if is_right { " class=\"right\"" } else { "" };
    let name = Html::text(name);
    format!("<figure{class}>{}<figcaption>{name}</figcaption></figure>", svg(objects))
}

/// Objects in words.
pub(crate) fn described(objects: &[Object]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A scene as a picture: each object by its shape, size and colour; metal shines.
pub(crate) fn svg(objects: &[Object]) -> String {
    let described = Html::text(&described(objects));
    let width = PLACE * ROW;
    let height = PLACE * objects.len().div_ceil(ROW).max(1);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{described}\">"
    );
    for (place, Object([size, color, material, shape])) in objects.iter().enumerate() {
        let x = PLACE * (place % ROW) + PLACE / 2;
        let y = PLACE * (place / ROW) + PLACE / 2;
        let half = if *size == 1 { 11 } else { 6 };
        let fill = match VALUES[*color] {
            "gray" => "#575757",
            "red" => "#ad2323",
            "blue" => "#2a4bd7",
            "green" => "#1d6914",
            "brown" => "#814a19",
            "purple" => "#8126c0",
            "cyan" => "#29d0d0",
            _ => "#ffee33",
        };
        let left = x - half;
        let top = y - half;
        let side = 2 * half;
        let _ = match VALUES[*shape] {
            "sphere" => write!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{half}\" fill=\"{fill}\"/>"),
            "cube" => write!(
                svg,
                "<rect x=\"{left}\" y=\"{top}\" width=\"{side}\" height=\"{side}\" fill=\"{fill}\"/>"
            ),
            _ => write!(
                svg,
                "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{side}\" rx=\"{}\" ry=\"4\" fill=\"{fill}\"/>",
                x - half * 2 / 3,
                half * 4 / 3,
                half * 2 / 3
            ),
        };
        if VALUES[*material] == "metal" {
            let _ = write!(
                svg,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"#fff\" opacity=\".8\"/>",
                x - half / 3,
                y - half / 3,
                half / 4 + 1
            );
        }
    }
    svg + "</svg>"
}
