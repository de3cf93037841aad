//! The confusion matrix as a table: each row shaded by the share of its class.

use super::html::{Html, number};
use crate::metrics::Confusion;
use std::fmt::Write;

pub(super) fn table<L: AsRef<str>>(labels: &[L], confusion: &Confusion) -> Html {
    let label = |class: usize| match labels.get(class) {
        Some(label) => Html::text(label.as_ref()),
        None => Html::text(&class.to_string()),
    };
    let counts = confusion.counts();
    let mut head = String::new();
    for class in 0..counts.len() {
        let _ = write!(head, "<th scope=\"col\">{}</th>", label(class));
    }
    let mut body = String::new();
    for (class, row) in counts.iter().enumerate() {
        let score = confusion.class(class);
        let _ = write!(body, "<tr><th scope=\"row\">{}</th>", label(class));
        for (predicted, count) in row.iter().enumerate() {
            let share = *count as f64 / score.support.max(1) as f64;
            let kind = if class == predicted { "right" } else { "wrong" };
            // At most 0.6, so that the figure on it stays readable on either background.
            let shade = 0.6 * share;
            let _ = write!(
                body,
                "<td class=\"{kind}\" style=\"--shade:{shade:.3}\" title=\"{:.1} % of {}\">{count}</td>",
                100.0 * share,
                label(class)
            );
        }
        for value in [score.precision, score.recall, score.f1] {
            let _ = write!(body, "<td class=\"score\">{value:.3}</td>");
        }
        let _ = writeln!(body, "<td class=\"score\">{}</td></tr>", score.support);
    }
    Html::trusted(format!(
        "<div class=\"scroll\"><table class=\"confusion\"><caption>Rows are the true classes, columns the predicted ones. \
         Accuracy {}, macro F1 {}, {} examples.</caption>\n<thead><tr><td></td>{head}\
         <th scope=\"col\" class=\"score\">precision</th><th scope=\"col\" class=\"score\">recall</th>\
         <th scope=\"col\" class=\"score\">F1</th><th scope=\"col\" class=\"score\">examples</th></tr></thead>\n\
         <tbody>{body}</tbody></table></div>",
        number(confusion.accuracy()),
        number(confusion.macro_f1()),
        confusion.total()
    ))
}
