//! The entropy-coded part of a baseline JPEG (ITU-T T.81, annex F): its bits, and the tables that turn them into runs and
//! values. Codes of a few bits are looked up together with the value behind them.

/// Bits looked up at once.
const LOOK: u32 = 10;
/// Run of the symbol that ends a block: beyond every coefficient.
pub(super) const END: usize = 128;

/// What the next `LOOK` bits begin with: a whole symbol and its value when `length` is not 0; else, when `run` is not 0,
/// a symbol (in `value`) of that many bits whose value does not fit; else a longer code.
#[derive(Clone, Copy, Default)]
struct Entry {
    value: i16,
    run: u8,
    length: u8,
}

/// A Huffman table.
#[derive(Clone)]
pub(super) struct Table {
    fast: Vec<Entry>,
    /// By length of code: the first code that is too large for it, at 16 bits, …
    limits: [u32; 17],
    /// … and what to add to a code to get its place among the symbols.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// A table of `counts[n - 1]` codes of `n` bits; `None` when there are more than fit.
    pub(super) fn new(counts: &[u8], symbols: &[u8], ac: bool) -> Option<Self> {
        let mut table = Self {
            fast: vec![Entry::default(); 1 << LOOK],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            table.offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                let symbol = *symbols.get(place)?;
                table.enter(code, length, symbol, ac);
                (code, place) = (code + 1, place + 1);
            }
            if code > 1 << length {
                return None;
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// Enters a code into the look-up, under everything that may follow it.
    fn enter(&mut self, code: u32, length: u32, symbol: u8, ac: bool) {
        if length > LOOK || code >= 1 << length {
            return;
        }
        let rest = LOOK - length;
        let (run, size) = split(symbol, ac);
        for tail in 0..1u32 << rest {
            let whole = Entry {
                value: if size <= rest {
                    extend(tail >> (rest - size), size) as i16
                } else {
                    i16::from(symbol)
                },
                run: if size <= rest { run as u8 } else { length as u8 },
                length: if size <= rest { (length + size) as u8 } else { 0 },
            };
            self.fast[(code << rest | tail) as usize] = whole;
        }
    }

    /// The next run of zeros and the value after it.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>, ac: bool) -> Option<(usize, i32)> {
        bits.refill();
        let entry = self.fast[bits.peek(LOOK)];
        if entry.length != 0 {
            bits.skip(u32::from(entry.length));
            return Some((usize::from(entry.run), i32::from(entry.value)));
        }
        self.long(bits, entry, ac)
    }

    fn long(&self, bits: &mut Bits<'_>, entry: Entry, ac: bool) -> Option<(usize, i32)> {
        let (symbol, length) = if entry.run != 0 {
            (entry.value as u8, u32::from(entry.run))
        } else {
            let code = bits.peek(16) as u32;
            let length = (LOOK + 1..=16).find(|&n| code < self.limits[n as usize])?;
            let place = (code >> (16 - length)) as i32 + self.offsets[length as usize];
            (*self.symbols.get(usize::try_from(place).ok()?)?, length)
        };
        bits.skip(length);
        let (run, size) = split(symbol, ac);
        let value = if size == 0 {
            0
        } else {
            extend(bits.peek(size) as u32, size)
        };
        bits.skip(size);
        Some((run, value))
    }
}

/// Run of zeros and size of the value in bits that a symbol stands for.
fn split(symbol: u8, ac: bool) -> (usize, u32) {
    let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    match (ac, run, size) {
        (false, ..) => (0, size),
        (true, 0..15, 0) => (END, 0),
        _ => (run, size),
    }
}

/// The value of `size` bits: those that begin with 0 are negative.
fn extend(bits: u32, size: u32) -> i32 {
    if size > 0 && bits < 1 << (size - 1) {
        bits as i32 - (1 << size) + 1
    } else {
        bits as i32
    }
}

/// Bits of a scan, without stuffing. After the scan's end they are zeros, which are counted.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on; below the first `count` lie copies of bits still to come, or zeros.
    held: u64,
    count: u32,
    padded: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            held: 0,
            count: 0,
            padded: 0,
        }
    }

    /// Holds at least 32 bits from here on, which is one symbol and its value.
    #[inline(always)]
    fn refill(&mut self) {
        if self.count < 32 {
            self.fill();
        }
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some(next) = self.bytes.get(self.at..self.at + 8) {
            let word = u64::from_be_bytes(next.try_into().expect("eight bytes"));
            // No byte of the word is FF: none of its complement is 0.
            if (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 == 0 {
                self.held |= word >> self.count;
                let bytes = (64 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        self.fill_by_byte();
    }

    fn fill_by_byte(&mut self) {
        while self.count <= 56 {
            let (byte, step) = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => (0xFF, 2),
                (Some(0xFF), _) | (None, _) => (0, 0),
                (Some(&byte), _) => (byte, 1),
            };
            self.held |= u64::from(byte) << (56 - self.count);
            self.at += step;
            self.count += 8;
            self.padded += if step == 0 { 8 } else { 0 };
        }
    }

    /// The next `count` bits, 1 to 32.
    #[inline(always)]
    fn peek(&self, count: u32) -> usize {
        (self.held >> (64 - count)) as usize
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.held <<= count;
        self.count -= count;
    }

    /// Whether more was read than there is.
    pub(super) fn overrun(&self) -> bool {
        self.count < self.padded
    }

    /// Goes on behind restart marker `number`, which must be next; `None` when it is not.
    pub(super) fn restart(&mut self, number: usize) -> Option<()> {
        self.fill_by_byte();
        let marker = [0xFF, 0xD0 + (number % 8) as u8];
        if self.overrun() || self.bytes.get(self.at..self.at + 2)? != marker {
            return None;
        }
        *self = Self::new(self.bytes, self.at + 2);
        Some(())
    }

    /// Where the bytes lie that come after what was read, or a few before it.
    pub(super) fn place(&self) -> usize {
        self.at
    }
}
