//! Bits of a scan and the codes in them (T.81, annex F.2.2).

/// Bits that a code is looked up by at once.
const AT_ONCE: u32 = 9;

/// Codes of symbols, from the counts of each length from 1 to 16.
pub(super) struct Codes {
    /// By the next [`AT_ONCE`] bits: length and symbol, or a length of 0 for a longer code.
    short: Vec<(u8, u8)>,
    /// By length: the first code that is longer, shifted to 16 bits, and what leads from a code to
    /// its symbol.
    ends: [u32; 17],
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Codes {
    /// `None` where there are more codes of a length than it has.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut codes = Self {
            short: vec![(0, 0); 1 << AT_ONCE],
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut first) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            codes.offsets[length as usize] = first as i32 - code as i32;
            for &symbol in &symbols[first..first + usize::from(count)] {
                if code >= 1 << length {
                    return None;
                }
                if length <= AT_ONCE {
                    let from = (code << (AT_ONCE - length)) as usize;
                    codes.short[from..from + (1 << (AT_ONCE - length))]
                        .fill((length as u8, symbol));
                }
                code += 1;
            }
            first += usize::from(count);
            codes.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(codes)
    }
}

/// The bits of a scan from a place on, up to the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest; `count` of them are there, of which the last `borrowed` are
    /// zeros behind the end.
    next: u64,
    count: u32,
    borrowed: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, next: 0, count: 0, borrowed: 0 }
    }

    /// At least 32 bits.
    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.borrowed += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.next |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Whether nothing was read that is not there.
    pub(super) fn is_whole(&self) -> bool {
        self.count >= self.borrowed
    }

    /// So many bits, 0 to 16, as a number.
    pub(super) fn take(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        if self.count < count {
            self.fill();
        }
        let bits = (self.next >> (64 - count)) as i32;
        self.drop(count);
        bits
    }

    fn drop(&mut self, count: u32) {
        self.next <<= count;
        self.count -= count;
    }

    /// A number of so many bits whose first is 0 where it is negative (T.81, figure F.12).
    pub(super) fn signed(&mut self, count: u32) -> i32 {
        let bits = self.take(count);
        if count > 0 && bits < 1 << (count - 1) { bits - (1 << count) + 1 } else { bits }
    }

    /// The next symbol; `None` where no code is these bits.
    pub(super) fn symbol(&mut self, codes: &Codes) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = codes.short[(self.next >> (64 - AT_ONCE)) as usize];
        if length > 0 {
            self.drop(length.into());
            return Some(symbol);
        }
        let bits = (self.next >> 48) as u32;
        let length = (AT_ONCE + 1..=16).find(|&length| bits < codes.ends[length as usize])?;
        let at = (bits >> (16 - length)) as i32 + codes.offsets[length as usize];
        self.drop(length);
        codes.symbols.get(usize::try_from(at).ok()?).copied()
    }

    /// Goes on behind the restart marker of this number, 0 to 7; `None` where another marker comes.
    pub(super) fn restart(&mut self, number: usize) -> Option<()> {
        let mark =
            self.bytes.get(self.at..)?.windows(2).position(|two| two[0] == 0xff && two[1] != 0)?;
        let at = self.at + mark;
        let expected = 0xd0 + number as u8;
        (self.bytes[at + 1] == expected).then(|| *self = Self::new(self.bytes, at + 2))
    }

    /// Where the next marker is looked for.
    pub(super) fn end(&self) -> usize {
        self.at
    }
}
