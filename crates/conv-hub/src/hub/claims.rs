//! What a parquet file claims, looked at ahead of the parquet reader, which allocates and recurses
//! as it is told.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::compact::{Compact, LIST, Result, STRUCTURE};

/// More columns and groups of columns than any data set has.
const MOST_COLUMNS: u64 = 100_000;
/// How deep groups of columns may lie within each other.
const DEEPEST_COLUMN: usize = 50;
/// What any page may unfold into, in bytes; writers cut pages at about one MiB.
const LARGE_PAGE: u64 = 64 << 20;
/// How much longer than it is stored a page above [`LARGE_PAGE`] may be.
const MOST_EXPANSION: u64 = 64;
/// Plain, dictionary and run-length encodings, by parquet's numbers for them. The delta encodings,
/// which no data set on the hub is known to use, hold counts of their own within the page, and are
/// not read.
const ENCODINGS: [u64; 4] = [0, 2, 3, 8];

/// Checks the tree of columns in the footer of a file of `length` bytes.
pub(super) fn schema(mut file: &File, length: u64) -> Result<()> {
    let mut end = [0; 8];
    let ends = file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut end));
    let size = u32::from_le_bytes([end[0], end[1], end[2], end[3]]);
    let Some(start) = length.checked_sub(8 + u64::from(size)) else {
        return Err(format!("the footer claims {size} bytes, and the file has {length}"));
    };
    if ends.is_err() || !end.ends_with(b"PAR1") {
        return Err("the file does not end as parquet files do".to_string());
    }
    let mut children = Vec::new();
    Compact::at(file, start)?
        .structure(&mut |footer, field, kind| {
            if (field, kind) != (2, LIST) {
                return Ok(false);
            }
            let (count, kind) = footer.list()?;
            if count > MOST_COLUMNS || kind != STRUCTURE {
                return Err(format!("claims {count} columns"));
            }
            for _ in 0..count {
                children.push(0);
                footer.structure(&mut |column, field, kind| {
                    let counts = field == 5;
                    if counts && let Some(last) = children.last_mut() {
                        *last = column.size(kind)?;
                    }
                    Ok(counts)
                })?;
            }
            Ok(true)
        })
        .and_then(|()| tree(&children))
        .map_err(|reason| format!("the footer {reason}"))
}

/// Whether columns with these numbers of children, each before its own, make one tree of moderate
/// depth.
fn tree(children: &[u64]) -> Result<()> {
    let mut missing: Vec<u64> = Vec::new();
    for &count in children {
        if let Some(open) = missing.last_mut() {
            *open -= 1;
        }
        missing.push(count);
        if count > children.len() as u64 || missing.len() > DEEPEST_COLUMN {
            return Err(format!("claims {count} columns within one, {} deep", missing.len()));
        }
        while missing.pop_if(|open| *open == 0).is_some() {}
    }
    Ok(())
}

/// Checks the headers of the pages in `size` bytes from `start`, which lie within the file.
pub(super) fn pages(file: &File, start: u64, size: u64) -> Result<()> {
    let mut headers = Compact::at(file, start)?;
    while headers.read() < size {
        let at = start + headers.read();
        page(&mut headers, size).map_err(|reason| format!("the page at byte {at} {reason}"))?;
    }
    Ok(())
}

fn page(headers: &mut Compact, size: u64) -> Result<()> {
    let mut unfolded = 0;
    let mut stored = 0;
    let mut encoding = 0;
    let mut dictionary = 0;
    headers.structure(&mut |header, field, kind| {
        match (field, kind) {
            (2, kind) => unfolded = header.size(kind)?,
            (3, kind) => stored = header.size(kind)?,
            // Data pages of the first and second version, and the dictionary's page.
            (5 | 7 | 8, STRUCTURE) => header.structure(&mut |header, inner, kind| {
                match (field, inner) {
                    (5, 2) | (7, 2) | (8, 4) => encoding = header.size(kind)?,
                    (7, 1) => dictionary = header.size(kind)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if stored > size.saturating_sub(headers.read())
        || unfolded > LARGE_PAGE.max(stored.saturating_mul(MOST_EXPANSION))
    {
        return Err(format!("claims {stored} bytes, {unfolded} once unfolded"));
    }
    // An entry of a dictionary takes a byte at the least.
    if dictionary > unfolded {
        return Err(format!("claims a dictionary of {dictionary} entries in {unfolded} bytes"));
    }
    if !ENCODINGS.contains(&encoding) {
        return Err(format!("has the unsupported encoding {encoding}"));
    }
    headers.skip(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn pages_that_claim_too_much_are_refused() {
        // type, unfolded, stored, then the dictionary's page: entries and encoding; sizes as zigzag
        // varints.
        let page = |unfolded: &[u8], stored: &[u8], dictionary: &[u8], encoding: u8| {
            [
                &[0x15, 4, 0x15],
                unfolded,
                &[0x15],
                stored,
                &[0x4c, 0x15],
                dictionary,
                &[0x15, encoding, 0, 0],
            ]
            .concat()
        };
        const HUGE: &[u8] = &[0xfe, 0xff, 0xff, 0xff, 0x0f];
        let cases = [
            (page(&[6], &[6], &[2], 0), Ok(())),
            (page(HUGE, &[6], &[2], 0), Err("claims 3 bytes, 2147483647 once unfolded")),
            (page(&[6], HUGE, &[2], 0), Err("claims 2147483647 bytes, 3 once unfolded")),
            (
                page(&[6], &[6], HUGE, 0),
                Err("claims a dictionary of 2147483647 entries in 3 bytes"),
            ),
            (page(&[6], &[6], &[2], 10), Err("has the unsupported encoding 5")),
            (page(&[5], &[6], &[2], 0), Err("claims a negative size")),
            ([&[0x15], [0xff; 20].as_slice()].concat(), Err("has a number without an end")),
            ([0x19].repeat(40), Err("is nested too deeply")),
        ];
        for (header, expected) in cases {
            let bytes = [&header, b"abc".as_slice()].concat();
            let found = pages(&file(&bytes), 0, bytes.len() as u64);
            match expected {
                Ok(()) => found.unwrap(),
                Err(expected) => assert!(
                    found.clone().unwrap_err().contains(expected),
                    "{found:?}, not {expected}"
                ),
            }
        }
    }

    #[test]
    fn columns_nested_without_end_are_refused() {
        let footer = |columns: &[u8]| {
            let list = [
                &[0x15, 2, 0x19, 0xfc, columns.len() as u8],
                &columns.iter().flat_map(|&children| [0x55, 2 * children, 0]).collect::<Vec<u8>>()
                    [..],
                &[0],
            ]
            .concat();
            let size = (list.len() as u32).to_le_bytes();
            [b"PAR1", &list[..], &size, b"PAR1"].concat()
        };
        let check = |bytes: &[u8]| schema(&file(bytes), bytes.len() as u64);
        check(&footer(&[2, 0, 1, 0])).unwrap();
        assert!(check(&footer(&[1; 60])).unwrap_err().contains("51 deep"));
        assert!(check(&footer(&[60, 0])).unwrap_err().contains("claims 60 columns within one"));
        assert!(
            check(b"PAR1\xff\0\0\0PAR1")
                .unwrap_err()
                .contains("claims 255 bytes, and the file has 12")
        );
        assert!(check(b"PAR1").is_err());
    }
}
