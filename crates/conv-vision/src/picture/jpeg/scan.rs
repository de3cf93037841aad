//! The coefficients of a scan: all of them (T.81, annex F), or some bits of some (annex G).

use super::bits::{Bits, Codes};
use super::header::{Frame, Tables, ZIGZAG};

/// What a scan adds.
struct Part<'a> {
    /// Each component with its codes.
    of: Vec<(usize, Option<&'a Codes>, Option<&'a Codes>)>,
    is_progressive: bool,
    /// The first and the last coefficient in zigzag order.
    band: (usize, usize),
    /// The bits that came before, 0 for none, and the lowest that comes now.
    high: u32,
    low: u32,
}

/// What is known from block to block, since the last restart.
#[derive(Default)]
struct State {
    /// The last mean of each component.
    means: [i32; 4],
    /// Blocks still to come in which nothing is new.
    empty: i32,
}

/// Reads a scan whose header is `body` and whose bits begin at `at`, and gives back where they end.
pub(super) fn decode(
    frame: &mut Frame,
    tables: &mut Tables,
    body: &[u8],
    bytes: &[u8],
    at: usize,
) -> Option<usize> {
    let count = usize::from(*body.first()?);
    let &[first, last, bits] = body.get(1 + 2 * count..)? else { return None };
    let mut part = Part {
        of: Vec::new(),
        is_progressive: frame.is_progressive,
        band: (first.into(), last.into()),
        high: (bits >> 4).into(),
        low: (bits & 15).into(),
    };
    for one in body[1..1 + 2 * count].chunks_exact(2) {
        let component = frame.component(one[0], tables)?;
        let dc = usize::from(one[1] >> 4);
        let ac = usize::from(one[1] & 15);
        part.of.push((component, tables.dc.get(dc)?.as_ref(), tables.ac.get(ac)?.as_ref()));
    }
    if !frame.is_progressive {
        (part.band, part.high, part.low) = ((0, 63), 0, 0);
    }
    let (first, last) = part.band;
    let fits = first <= last
        && last < 64
        && part.low < 14
        && (first > 0 || last == 0 || !frame.is_progressive);
    if !fits || part.of.is_empty() || (first > 0 && count > 1) {
        return None;
    }
    let mut bits = Bits::new(bytes, at);
    let mut state = State::default();
    let is_alone = count == 1;
    let [across, down] = if is_alone {
        let component = &frame.components[part.of[0].0];
        [component.width.div_ceil(8), component.height.div_ceil(8)]
    } else {
        frame.units
    };
    for unit in 0..across * down {
        if tables.restart > 0 && unit > 0 && unit % tables.restart == 0 {
            bits.restart((unit / tables.restart - 1) % 8)?;
            state = State::default();
        }
        let column = unit % across;
        let row = unit / across;
        for &(at, dc, ac) in &part.of {
            let component = &mut frame.components[at];
            let [h, v] = if is_alone { [1, 1] } else { [component.across, component.down] };
            for block in 0..h * v {
                let x = column * h + block % h;
                let y = row * v + block / h;
                let block = &mut component.coefficients[y * component.stride + x];
                part.block(block, &mut bits, &mut state, at, dc, ac)?;
            }
        }
        if !bits.is_whole() {
            return None;
        }
    }
    Some(bits.end())
}

impl Part<'_> {
    fn block(
        &self,
        block: &mut [i16; 64],
        bits: &mut Bits,
        state: &mut State,
        component: usize,
        dc: Option<&Codes>,
        ac: Option<&Codes>,
    ) -> Option<()> {
        let (mut from, last) = self.band;
        if from == 0 {
            if self.high > 0 {
                block[0] |= (bits.take(1) << self.low) as i16;
            } else {
                let length = bits.symbol(dc?)?;
                let mean = &mut state.means[component];
                *mean = mean.wrapping_add(bits.signed(u32::from(length.min(16))));
                block[0] = (*mean << self.low) as i16;
            }
            from = 1;
        }
        match (from <= last, self.high > 0) {
            (false, _) => Some(()),
            (true, false) => self.first(block, bits, state, from, ac?),
            (true, true) => self.refine(block, bits, state, from, ac?),
        }
    }

    /// Coefficients of which nothing was known.
    fn first(
        &self,
        block: &mut [i16; 64],
        bits: &mut Bits,
        state: &mut State,
        mut at: usize,
        codes: &Codes,
    ) -> Option<()> {
        if state.empty > 0 {
            state.empty -= 1;
            return Some(());
        }
        while at <= self.band.1 {
            let symbol = bits.symbol(codes)?;
            let zeros = usize::from(symbol >> 4);
            let length = u32::from(symbol & 15);
            if length > 0 {
                at += zeros;
                let value = bits.signed(length) << self.low;
                block[*ZIGZAG.get(at)?] = value as i16;
                at += 1;
            } else if zeros == 15 {
                at += 16;
            } else {
                if self.is_progressive {
                    state.empty = (1 << zeros) + bits.take(zeros as u32) - 1;
                } else if zeros > 0 {
                    return None;
                }
                break;
            }
        }
        Some(())
    }

    /// One more bit of each coefficient, and those that are 0 no longer.
    fn refine(
        &self,
        block: &mut [i16; 64],
        bits: &mut Bits,
        state: &mut State,
        mut at: usize,
        codes: &Codes,
    ) -> Option<()> {
        let one = 1i16 << self.low;
        let last = self.band.1;
        let more = |value: &mut i16, bits: &mut Bits| {
            if bits.take(1) > 0 && *value & one == 0 {
                *value = value.wrapping_add(if *value > 0 { one } else { -one });
            }
        };
        if state.empty == 0 {
            while at <= last {
                let symbol = bits.symbol(codes)?;
                let mut zeros = usize::from(symbol >> 4);
                let length = symbol & 15;
                let mut new = 0;
                if length > 0 {
                    new = if bits.take(1) > 0 { one } else { -one };
                } else if zeros < 15 {
                    state.empty = (1 << zeros) + bits.take(zeros as u32);
                    break;
                }
                while at <= last {
                    let value = &mut block[ZIGZAG[at]];
                    if *value != 0 {
                        more(value, bits);
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    at += 1;
                }
                if new != 0 && at <= last {
                    block[ZIGZAG[at]] = new;
                }
                at += 1;
            }
        }
        if state.empty > 0 {
            for &place in ZIGZAG.iter().take(last + 1).skip(at) {
                if block[place] != 0 {
                    more(&mut block[place], bits);
                }
            }
            state.empty -= 1;
        }
        Some(())
    }
}
