//! Markup that is safe to put on the page: text is escaped on its way in.

use std::fmt::{self, Write};

/// A piece of markup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Any text, escaped for element content and for quoted attributes.
    pub fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                other => escaped.push(other),
            }
        }
        Self(escaped)
    }

    /// Markup that the caller has put together, with whatever comes from data in it escaped by
    /// [`Html::text`].
    pub fn trusted(markup: String) -> Self {
        Self(markup)
    }

    /// A table with a heading above each column.
    pub fn table(class: &str, columns: &[Html], rows: &[Vec<Html>]) -> Self {
        let head = cells("th scope=\"col\"", "th", columns);
        let body = rows
            .iter()
            .fold(String::new(), |body, row| body + "<tr>" + &cells("td", "td", row) + "</tr>\n");
        let class = Html::text(class);
        Self(format!(
            "<div class=\"scroll\"><table class=\"{class}\"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
        ))
    }

    /// A table of names and values.
    pub(super) fn pairs(rows: &[(String, String)]) -> Self {
        let body = rows.iter().fold(String::new(), |mut body, (name, value)| {
            let name = Html::text(name);
            let value = Html::text(value);
            let _ = writeln!(body, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
            body
        });
        Self(format!(
            "<div class=\"scroll\"><table class=\"pairs\"><tbody>{body}</tbody></table></div>"
        ))
    }
}

fn cells(open: &str, close: &str, cells: &[Html]) -> String {
    cells.iter().fold(String::new(), |mut row, cell| {
        let _ = write!(row, "<{open}>{cell}</{close}>");
        row
    })
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number as people read it: four significant digits, with an exponent only where it is very
/// small or large.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let digits = format!("{value:.decimals$}");
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_that_count() {
        for (value, expected) in [
            (0.0, "0"),
            (0.81500001, "0.815"),
            (-2.0, "-2"),
            (1234.56, "1235"),
            (120000.0, "120000"),
            (1.5e-7, "1.50e-7"),
            (0.000123456, "0.0001235"),
            (3.2e9, "3.20e9"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
