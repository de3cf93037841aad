//! What a run's page says of single utterances.

use crate::evaluate::Written;
use crate::infer::Heard;
use crate::metrics::{Errors, beside};
use crate::picture::picture;
use conv_train::report::Html;

/// Utterances shown at most.
const SHOWN: usize = 24;

/// Utterances drawn at most.
const DRAWN: usize = 3;

/// A table of what was said and what was written, the most errors first.
pub(crate) fn worst(written: &[Written]) -> Html {
    let mut rows: Vec<(u64, &Written)> = written
        .iter()
        .map(|one| (Errors::of_words(&one.reference, &one.hypothesis).count(), one))
        .collect();
    // Of as many errors, in the list's order.
    rows.sort_by_key(|(errors, _)| std::cmp::Reverse(*errors));
    let rows =
        rows.into_iter().take(SHOWN).map(|(errors, Written { name, reference, hypothesis })| {
            let [errors, name] = [&errors.to_string(), short(name)].map(Html::text);
            vec![errors, difference(reference, hypothesis), Html::text(hypothesis), name]
        });
    let columns = ["word errors", "said", "written", "recording"].map(Html::text);
    Html::table("samples", &columns, &rows.collect::<Vec<_>>())
}

/// What was said: words that were not written struck out, and what was written in their place
/// underlined behind them.
fn difference(said: &str, written: &str) -> Html {
    let mark = |word: Option<&str>, mark: &str| {
        word.map(|word| format!("<{mark}>{}</{mark}>", Html::text(word)))
    };
    let pairs = beside(said, written).into_iter().flat_map(|(said, written)| {
        if said == written {
            vec![said.map(|word| Html::text(word).to_string())]
        } else {
            vec![mark(said, "del"), mark(written, "ins")]
        }
    });
    Html::trusted(pairs.flatten().collect::<Vec<_>>().join(" "))
}

/// The recordings of the worst utterances, each as the network saw it and with the words where it
/// wrote them.
pub(crate) fn pictures(worst: &[(&Written, Heard)]) -> Html {
    let figure = |(Written { name, reference, .. }, heard): &(&Written, Heard)| {
        let caption = Html::text(&format!("{}: {reference}", short(name)));
        format!("<figure>{}<figcaption>{caption}</figcaption></figure>", picture(heard, reference))
    };
    Html::trusted(worst.iter().map(figure).collect())
}

/// The number of utterances that are drawn, and their places, the most errors first.
pub(crate) fn worst_places(written: &[Written]) -> Vec<usize> {
    let errors = |one: &Written| Errors::of_words(&one.reference, &one.hypothesis).count();
    let mut places: Vec<usize> = (0..written.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(errors(&written[place])));
    places.truncate(DRAWN);
    places
}

/// What a recording is called without its folders: those of one's machine do not belong into a
/// page.
fn short(name: &str) -> &str {
    let path = name.split(" (").next().unwrap_or(name);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_and_without_folders() {
        let written = |name: &str, hypothesis: &str| Written {
            name: name.into(),
            reference: "YES NO".into(),
            hypothesis: hypothesis.into(),
        };
        let of = [written("/home/a/1.wav (list.tsv line 2)", "YES NO"), written("2.wav", "<NO>")];
        let page = worst(&of).to_string();
        let place = |text: &str| page.find(text);
        assert!(place(">2.wav<") < place(">1.wav<") && place(">2.wav<").is_some(), "{page}");
        assert!(page.contains("&lt;NO&gt;") && !page.contains("home"));
        let marked = "<del>YES</del> <del>NO</del> <ins>&lt;NO&gt;</ins>";
        let other = "<del>YES</del> <ins>&lt;NO&gt;</ins> <del>NO</del>";
        assert!(page.contains(marked) || page.contains(other), "{page}");
        assert!(page.contains("<td>YES NO</td>"), "{page}");
    }
}
