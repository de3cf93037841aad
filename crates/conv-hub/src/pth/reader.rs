//! The pickle's bytes, taken one operand after the other.

use super::PthDefect;

pub(super) struct Bytes<'p> {
    data: &'p [u8],
    offset: usize,
}

impl<'p> Bytes<'p> {
    /// Bytes to be taken from byte `offset` on, which must not lie beyond the end.
    pub(super) fn new(data: &'p [u8], offset: usize) -> Self {
        Self { data, offset }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'p [u8], PthDefect> {
        let rest = &self.data[self.offset..];
        let taken = rest.get(..count).ok_or(PthDefect::Truncated { offset: self.offset })?;
        self.offset += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PthDefect> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PthDefect> {
        Ok(self.array::<1>()?[0])
    }

    /// An operand that is preceded by its length in one, four or eight bytes.
    pub(super) fn counted<const N: usize>(&mut self) -> Result<&'p [u8], PthDefect> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        let count = usize::try_from(u64::from_le_bytes(wide));
        self.take(count.map_err(|_| PthDefect::Truncated { offset: self.offset })?)
    }

    /// An operand that ends in a line feed.
    pub(super) fn line(&mut self) -> Result<&'p [u8], PthDefect> {
        let rest = &self.data[self.offset..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or(PthDefect::Truncated { offset: self.data.len() })?)?;
        self.offset += 1;
        Ok(line)
    }
}
