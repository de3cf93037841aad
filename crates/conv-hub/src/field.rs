//! A setting out of its range: one type for configurations, recipes and the loop's settings.

use std::fmt;

/// A field of a configuration or recipe that is out of its range.
///
/// ```
/// use conv_hub::InvalidField;
/// let check = |dropout: f64| {
///     InvalidField::unless((0.0..1.0).contains(&dropout), "dropout", &dropout, "at least 0 and below 1")
/// };
/// assert!(check(0.5).is_ok());
/// let text = check(1.5).map_err(|error| error.to_string());
/// assert_eq!(text, Err("dropout is 1.5, expected at least 0 and below 1".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found}, expected {expected}")]
pub struct InvalidField {
    /// The field, as a file or the command line spells it.
    pub field: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

impl InvalidField {
    /// The error for `field`.
    pub fn new(field: &'static str, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self { field, found: found.to_string(), expected: expected.into() }
    }

    /// The error for a name that is none of a fixed list; `known` is the list, with commas.
    pub fn name(field: &'static str, found: &str, known: impl fmt::Display) -> Self {
        Self::new(field, format_args!("{found:?}"), format!("one of {known}"))
    }

    /// Refuses `field` unless it `is_valid`.
    ///
    /// # Errors
    /// Where it is not.
    pub fn unless(
        is_valid: bool,
        field: &'static str,
        found: &dyn fmt::Display,
        expected: &str,
    ) -> Result<(), Self> {
        if is_valid { Ok(()) } else { Err(Self::new(field, found, expected)) }
    }
}
