//! Segments, tables and the frame (T.81, annex B).

use super::bits::Codes;

/// The order in which a block's coefficients are stored (T.81, figure 5).
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The next marker's code, what its segment holds, and where the segment ends. Between a scan and
/// the next marker anything may stand.
pub(super) fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        at += bytes[at..].iter().position(|&byte| byte != 0xff)?;
        match bytes[at] {
            0x00 | 0x01 | 0xd0..=0xd8 => at += 1,
            0xd9 => return Some((0xd9, &[], at + 1)),
            code => {
                let length = usize::from(word(bytes, at + 1)?);
                let end = at + 1 + length;
                return Some((code, bytes.get(at + 3..end)?, end));
            }
        }
    }
}

/// What segments before a scan say.
#[derive(Default)]
pub(super) struct Tables {
    /// Steps of the coefficients in natural order.
    pub(super) steps: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Codes>; 4],
    pub(super) ac: [Option<Codes>; 4],
    /// Units between restarts; 0 for none.
    pub(super) restart: usize,
    pub(super) jfif: bool,
    /// Adobe's transform: 0 for RGB, 1 for YCbCr.
    pub(super) adobe: Option<u8>,
}

impl Tables {
    pub(super) fn huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let of_kind = if kind < 16 { &mut self.dc } else { &mut self.ac };
            *of_kind.get_mut(usize::from(kind & 15))? = Some(Codes::new(counts, symbols)?);
            body = rest;
        }
        Some(())
    }

    pub(super) fn quantisation(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let wide = usize::from(kind >> 4 != 0);
            let (values, rest) = rest.split_at_checked(64 << wide)?;
            let mut steps = [0; 64];
            for (at, &place) in ZIGZAG.iter().enumerate() {
                steps[place] = match wide {
                    0 => values[at].into(),
                    _ => word(values, 2 * at)?,
                };
            }
            *self.steps.get_mut(usize::from(kind & 15))? = Some(steps);
            body = rest;
        }
        Some(())
    }
}

/// Brightness or a colour.
pub(super) struct Component {
    id: u8,
    /// Blocks of a unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    table: usize,
    /// Steps of its coefficients, as they stand when its first scan begins.
    pub(super) steps: Option<[u16; 64]>,
    /// Columns and rows without what fills its last blocks.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Blocks of a row, with those that fill the last unit.
    pub(super) stride: usize,
    /// Coefficients, block by block, in natural order.
    pub(super) coefficients: Vec<[i16; 64]>,
}

/// The picture.
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) is_progressive: bool,
    /// Units, across and down.
    pub(super) units: [usize; 2],
    pub(super) components: Vec<Component>,
}

impl Frame {
    pub(super) fn new(body: &[u8], is_progressive: bool, sides: [u32; 2]) -> Option<Self> {
        let height = word(body, 1)?;
        let width = word(body, 3)?;
        if [width, height].map(u32::from) != sides {
            return None;
        }
        let height = usize::from(height);
        let width = usize::from(width);
        let count = usize::from(*body.get(5)?);
        let fits = body[0] == 8 && width > 0 && height > 0 && matches!(count, 1 | 3);
        let listed = body.get(6..6 + 3 * count).filter(|_| fits)?;
        let mut components = Vec::new();
        let factors = listed.chunks_exact(3).map(|one| [one[1] >> 4, one[1] & 15].map(usize::from));
        let factors: Vec<[usize; 2]> = factors.collect();
        if factors.iter().flatten().any(|factor| !(1..=2).contains(factor)) {
            return None;
        }
        // Alone a component has blocks and no units.
        let most = |axis: usize| factors.iter().map(|factor| factor[axis]).max().unwrap_or(1);
        let (across, down) = (most(0), most(1));
        let units = [width.div_ceil(8 * across), height.div_ceil(8 * down)];
        for (one, &[h, v]) in listed.chunks_exact(3).zip(&factors) {
            let stride = units[0] * h;
            components.push(Component {
                id: one[0],
                across: h,
                down: v,
                table: usize::from(one[2]),
                steps: None,
                width: (width * h).div_ceil(across),
                height: (height * v).div_ceil(down),
                stride,
                coefficients: vec![[0; 64]; stride * units[1] * v],
            });
        }
        Some(Self { width, height, is_progressive, units, components })
    }

    pub(super) fn component(&mut self, id: u8, tables: &Tables) -> Option<usize> {
        let at = self.components.iter().position(|component| component.id == id)?;
        let component = &mut self.components[at];
        if component.steps.is_none() {
            component.steps = *tables.steps.get(component.table)?;
        }
        Some(at)
    }

    /// Whether it is grey or YCbCr, as libjpeg tells it (`jdapimin.c`,
    /// `default_decompress_parms`).
    pub(super) fn is_grey_or_ycbcr(&self, tables: &Tables) -> bool {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        match (ids.as_slice(), tables.adobe) {
            ([_], _) => true,
            _ if tables.jfif => true,
            (_, Some(transform)) => transform == 1,
            (ids, None) => ids != b"RGB",
        }
    }
}
