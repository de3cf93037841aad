//! Thrift's compact protocol, in which parquet writes its footer and page headers: fields are read
//! or passed over.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Kinds of values that are told apart here.
pub(super) const LIST: u8 = 9;
pub(super) const STRUCTURE: u8 = 12;
const INTEGERS: std::ops::RangeInclusive<u8> = 4..=6;

/// Parquet's own structures lie five deep.
const DEEPEST: usize = 10;

/// What went wrong, as the end of a sentence.
pub(super) type Result<T> = std::result::Result<T, String>;

pub(super) struct Compact<'f> {
    reader: BufReader<&'f File>,
    read: u64,
    depth: usize,
}

impl<'f> Compact<'f> {
    pub(super) fn at(file: &'f File, start: u64) -> Result<Self> {
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        Ok(Self { reader, read: 0, depth: 0 })
    }

    /// Bytes since the start, those passed over included.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Reads a structure: `take` gets each field's number and kind, reads the value if it wants it,
    /// and answers whether it did.
    pub(super) fn structure(
        &mut self,
        take: &mut dyn FnMut(&mut Self, i64, u8) -> Result<bool>,
    ) -> Result<()> {
        self.deeper(|this| {
            let mut field: i64 = 0;
            loop {
                let byte = this.byte()?;
                let (step, kind) = (byte >> 4, byte & 0x0f);
                if byte == 0 {
                    return Ok(());
                }
                field = if step == 0 {
                    this.varint()? as i64 >> 1
                } else {
                    field.saturating_add(step.into())
                };
                if !take(this, field, kind)? {
                    this.pass(kind)?;
                }
            }
        })
    }

    /// The number and kind of a list's values, which follow.
    pub(super) fn list(&mut self) -> Result<(u64, u8)> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Ok((count, byte & 0x0f))
    }

    /// An integer of this kind that may not be negative.
    pub(super) fn size(&mut self, kind: u8) -> Result<u64> {
        let value =
            if INTEGERS.contains(&kind) { self.varint()? } else { return Err(unknown(kind)) };
        // Signs are in the lowest bit.
        if value & 1 == 0 { Ok(value >> 1) } else { Err("claims a negative size".to_string()) }
    }

    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        self.read = self.read.saturating_add(count);
        let distance = i64::try_from(count).map_err(|_| format!("claims {count} bytes"))?;
        // This may go beyond the end without an error; the next byte is then missed.
        self.reader.seek_relative(distance).map_err(|error| error.to_string())
    }

    /// Passes over a value.
    fn pass(&mut self, kind: u8) -> Result<()> {
        match kind {
            1 | 2 => Ok(()),
            3 => self.byte().map(drop),
            kind if INTEGERS.contains(&kind) => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            LIST | 10 => self.deeper(|this| {
                let (count, kind) = this.list()?;
                // A truth value takes a byte in a list, and none as a field.
                let kind = if kind <= 2 { 3 } else { kind };
                (0..count).try_for_each(|_| this.pass(kind))
            }),
            STRUCTURE => self.structure(&mut |_, _, _| Ok(false)),
            kind => Err(unknown(kind)),
        }
    }

    fn deeper(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.depth == DEEPEST {
            return Err("is nested too deeply".to_string());
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("has a number without an end".to_string())
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte).map_err(|_| "goes beyond the file".to_string())?;
        self.read += 1;
        Ok(byte[0])
    }
}

fn unknown(kind: u8) -> String {
    format!("has a value of the unexpected kind {kind}")
}
