//! Padding of an image, each side by itself.

/// Rows and columns added around an image, each side by itself.
///
/// ```
/// use conv_core::Padding2d;
/// let causal_rows = Padding2d { top: 2, ..Padding2d::default() };
/// assert_eq!(Padding2d::all(1), Padding2d { top: 1, bottom: 1, left: 1, right: 1 });
/// # let _ = causal_rows;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Padding2d {
    /// Rows before the first.
    pub top: usize,
    /// Rows after the last.
    pub bottom: usize,
    /// Columns before the first.
    pub left: usize,
    /// Columns after the last.
    pub right: usize,
}

impl Padding2d {
    /// The same on all four sides.
    pub const fn all(size: usize) -> Self {
        Self {
            top: size,
            bottom: size,
            left: size,
            right: size,
        }
    }
}
