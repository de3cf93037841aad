//! What a run's page says of single utterances.

use crate::evaluate::Written;
use crate::metrics::Errors;
use conv_train::report::Html;

/// Utterances shown at most.
const SHOWN: usize = 24;

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
            [&errors.to_string(), reference, hypothesis, short(name)].map(Html::text).into()
        });
    let columns = ["word errors", "said", "written", "recording"].map(Html::text);
    Html::table("samples", &columns, &rows.collect::<Vec<_>>())
}

/// What a recording is called without its folders: those of one's machine do not belong into a page.
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
    }
}
