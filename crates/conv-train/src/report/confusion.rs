//! How classes are taken for each other: scores of each, the pairs most often mistaken, and the
//! matrix.

use super::html::{Html, number};
use crate::metrics::{ClassScore, Confusion};
use std::cmp::Reverse;
use std::fmt::Write;

/// Classes in the matrix at most, and pairs in the list: a page stays a page with thousands of
/// classes.
const SHOWN: usize = Confusion::MATRIX;
const PAIRS: usize = 20;

pub(super) fn table<L: AsRef<str>>(labels: &[L], confusion: &Confusion) -> Html {
    let label = |class: usize| match labels.get(class) {
        Some(label) => Html::text(label.as_ref()),
        None => Html::text(&class.to_string()),
    };
    let classes = confusion.classes();
    Html::trusted(format!(
        "<p>Accuracy {}, macro F1 {}, {} examples.</p>{}{}{}",
        number(confusion.accuracy()),
        number(confusion.macro_f1()),
        confusion.total(),
        scores(&classes, label),
        pairs(&classes, confusion, label),
        matrix(&classes, confusion, label),
    ))
}

/// A row for each class; of more than fit a screen, the least F1 first.
fn scores(classes: &[ClassScore], label: impl Fn(usize) -> Html) -> Html {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    if classes.len() > SHOWN {
        order.sort_by(|&a, &b| classes[a].f1.total_cmp(&classes[b].f1));
    }
    let row = |class: usize| {
        let ClassScore { precision, recall, f1, support } = classes[class];
        let scores = [precision, recall, f1].map(|value| Html::text(&format!("{value:.3}")));
        [vec![label(class)], scores.to_vec(), vec![Html::text(&support.to_string())]].concat()
    };
    let columns = ["class", "precision", "recall", "F1", "examples"].map(Html::text);
    let rows: Vec<Vec<Html>> = order.into_iter().map(row).collect();
    let table = Html::table("figures", &columns, &rows);
    if classes.len() > SHOWN {
        Html::trusted(format!(
            "<details><summary>{} classes, the least F1 first</summary>{table}</details>",
            classes.len()
        ))
    } else {
        table
    }
}

/// The pairs that are most often mistaken; none where the matrix shows all at a glance.
fn pairs(classes: &[ClassScore], confusion: &Confusion, label: impl Fn(usize) -> Html) -> Html {
    let pairs = confusion.mistakes();
    if classes.len() < 4 || pairs.is_empty() {
        return Html::default();
    }
    let row = |&(truth, predicted, count): &(usize, usize, u64)| {
        let share = 100.0 * count as f64 / classes[truth].support as f64;
        let count = Html::text(&format!("{count} ({share:.1} %)"));
        vec![label(truth), label(predicted), count]
    };
    let rows: Vec<Vec<Html>> = pairs.iter().take(PAIRS).map(row).collect();
    let columns = ["true", "taken for", "examples (of the class)"].map(Html::text);
    let table = Html::table("figures", &columns, &rows);
    Html::trusted(format!("<p class=\"note\">The pairs most often mistaken.</p>{table}"))
}

/// Each row shaded by the share of its class.
fn matrix(classes: &[ClassScore], confusion: &Confusion, label: impl Fn(usize) -> Html) -> Html {
    let mut shown: Vec<usize> = (0..classes.len()).collect();
    let mut caption = "Rows are the true classes, columns the predicted ones.".to_string();
    if classes.len() > SHOWN {
        shown.sort_by_key(|&class| (Reverse(classes[class].support), class));
        shown.truncate(SHOWN);
        let _ =
            write!(caption, " Of {} classes the {SHOWN} with the most examples.", classes.len());
    }
    let mut head = String::new();
    for &class in &shown {
        let _ = write!(head, "<th scope=\"col\">{}</th>", label(class));
    }
    let mut body = String::new();
    for &class in &shown {
        let _ = write!(body, "<tr><th scope=\"row\">{}</th>", label(class));
        for &predicted in &shown {
            let count = confusion.count(class, predicted);
            let share = count as f64 / classes[class].support.max(1) as f64;
            let kind = if class == predicted { "right" } else { "wrong" };
            // At most 0.6, so that the figure on it stays readable on either background.
            let shade = 0.6 * share;
            let _ = write!(
                body,
                "<td class=\"{kind}\" style=\"--shade:{shade:.3}\" title=\"{:.1} % of {} as {}\">{count}</td>",
                100.0 * share,
                label(class),
                label(predicted)
            );
        }
        body.push_str("</tr>\n");
    }
    Html::trusted(format!(
        "<div class=\"scroll\"><table class=\"confusion\"><caption>{caption}</caption>\n\
         <thead><tr><td></td>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_classes_are_a_page_that_names_the_worst_pair() {
        let mut confusion = Confusion::new(2000);
        for class in 0..2000 {
            confusion.add(class, class);
        }
        (0..3).for_each(|_| confusion.add(1500, 7));
        let labels: Vec<String> = (0..2000).map(|class| format!("class {class}")).collect();
        let page = table(&labels, &confusion).to_string();
        assert!(page.len() < 1 << 20, "{} bytes", page.len());
        assert_eq!(page.matches("<td class=\"right\"").count(), SHOWN);
        let pair = "<td>class 1500</td><td>class 7</td><td>3 (75.0 %)</td>";
        assert!(page.contains(pair) && page.contains("Of 2000 classes the 50"), "{page}");
        // The class with the most examples is in the matrix, and the one with the least F1 is
        // first.
        assert!(page.contains("title=\"25.0 % of class 1500 as class 1500\""));
        let first = page.find("<td>class 1500</td>").unwrap_or(usize::MAX);
        assert!(first < page.find("<td>class 0</td>").unwrap_or(0));
    }
}
