//! What comes before the samples of a baseline JPEG (ITU-T T.81, annex B): sizes, sampling and tables.

use super::huffman::Table;

/// A picture that can be decoded at reduced size, up to its samples.
pub(super) struct Header {
    pub(super) height: usize,
    pub(super) width: usize,
    /// One (grey) or three (Y Cb Cr).
    pub(super) components: Vec<Component>,
    /// Blocks of samples between restart markers; 0 without them.
    pub(super) restart: usize,
    /// Where the samples begin.
    pub(super) data: usize,
}

/// One of a picture's channels.
pub(super) struct Component {
    /// Blocks in a unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Steps of the coefficients, in zigzag order.
    pub(super) steps: [f32; 64],
    pub(super) dc: Table,
    pub(super) ac: Table,
}

/// Tables as they are met.
#[derive(Default)]
struct Met {
    steps: [Option<[f32; 64]>; 4],
    huffman: [[Option<Table>; 4]; 2],
    frame: Option<(usize, usize, Vec<[u8; 4]>)>,
    restart: usize,
    /// Transform of an Adobe marker.
    adobe: Option<u8>,
}

/// Reads up to the first scan. `None` when `wanted` refuses the picture's height and width, for everything but baseline
/// and extended 8-bit Huffman files of one or three channels with all of them in one scan, and for damaged ones.
pub(super) fn read(bytes: &[u8], wanted: &dyn Fn(usize, usize) -> bool) -> Option<Header> {
    let mut met = Met::default();
    let mut at = 2;
    loop {
        let &[mark, kind] = bytes.get(at..at + 2)? else {
            return None;
        };
        if mark != 0xFF {
            return None;
        }
        if kind == 0xFF {
            at += 1;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        let body = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        if kind == 0xDA {
            return met.header(body, at);
        }
        met.segment(kind, body)?;
        // Most pictures are small; their tables need not be made.
        if met.frame.as_ref().is_some_and(|f| !wanted(f.0, f.1)) {
            return None;
        }
    }
}

impl Met {
    fn segment(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        match kind {
            0xC0 | 0xC1 if self.frame.is_none() => self.frame = Some(frame(body)?),
            0xC4 => self.huffman_tables(body)?,
            0xDB => self.quantisers(body)?,
            0xDD => self.restart = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?])),
            0xEE if body.starts_with(b"Adobe") => self.adobe = Some(*body.get(11)?),
            // Other kinds of frame, arithmetic coding, heights told later, and markers without a length.
            0xC0..=0xCF | 0xDC | 0x00..=0x01 | 0xD0..=0xD9 => return None,
            _ => {}
        }
        Some(())
    }

    fn quantisers(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let bytes = if kind >> 4 == 0 { 1 } else { 2 };
            let (values, after) = rest.split_at_checked(64 * bytes)?;
            let mut steps = [0.0; 64];
            for (step, value) in steps.iter_mut().zip(values.chunks_exact(bytes)) {
                *step = value.iter().fold(0.0, |sum, &b| sum * 256.0 + f32::from(b));
            }
            *self.steps.get_mut(usize::from(kind & 15))? = Some(steps);
            body = after;
        }
        Some(())
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let symbols = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, after) = rest.split_at_checked(symbols)?;
            let class = usize::from(kind >> 4);
            let table = Table::new(counts, symbols, class == 1)?;
            *self.huffman.get_mut(class)?.get_mut(usize::from(kind & 15))? = Some(table);
            body = after;
        }
        Some(())
    }

    /// Puts together what the scan's own header names.
    fn header(self, scan: &[u8], data: usize) -> Option<Header> {
        let (height, width, frame) = self.frame.as_ref()?;
        let chosen = scan.get(1..1 + 2 * frame.len())?;
        if usize::from(scan[0]) != frame.len() || !self.is_grey_or_ycc(frame) {
            return None;
        }
        let pairs = frame.iter().zip(chosen.chunks_exact(2));
        let components = pairs
            .map(|(sides, pair)| self.component(sides, pair))
            .collect::<Option<Vec<_>>>()?;
        Some(Header {
            height: *height,
            width: *width,
            components: one_block_when_alone(components),
            restart: self.restart,
            data,
        })
    }

    fn component(&self, &[id, sampling, quantiser, _]: &[u8; 4], pair: &[u8]) -> Option<Component> {
        let table = |class: usize, number: u8| self.huffman[class].get(usize::from(number))?.clone();
        let named = pair[0] == id;
        let component = Component {
            across: usize::from(sampling >> 4),
            down: usize::from(sampling & 15),
            steps: (*self.steps.get(usize::from(quantiser))?)?,
            dc: table(0, pair[1] >> 4)?,
            ac: table(1, pair[1] & 15)?,
        };
        named.then_some(component)
    }

    /// Files in RGB are left to the other decoder; an Adobe marker says so, or the names of the channels.
    fn is_grey_or_ycc(&self, frame: &[[u8; 4]]) -> bool {
        let named_rgb = frame.iter().map(|c| c[0]).eq(*b"RGB");
        frame.len() == 1 || (frame.len() == 3 && !named_rgb && self.adobe.is_none_or(|transform| transform == 1))
    }
}

/// Height, width, and each component's id, sampling and quantiser.
fn frame(body: &[u8]) -> Option<(usize, usize, Vec<[u8; 4]>)> {
    let &[8, h1, h0, w1, w0, count, ref rest @ ..] = body else {
        return None;
    };
    let [height, width] = [[h1, h0], [w1, w0]].map(|side| usize::from(u16::from_be_bytes(side)));
    let components: Vec<_> = rest.chunks_exact(3).map(|c| [c[0], c[1], c[2], 0]).collect();
    let divides = |most: u8, one: u8| matches!(one, 1 | 2 | 4) && most.is_multiple_of(one);
    let most = |shift: u8| components.iter().map(|c| c[1] >> shift & 15).max().unwrap_or(0);
    let sampled = |c: &[u8; 4]| divides(most(4), c[1] >> 4) && divides(most(0), c[1] & 15);
    let whole = components.len() == usize::from(count) && height > 0 && width > 0;
    (whole && components.iter().all(sampled)).then_some((height, width, components))
}

/// A single channel comes block by block, whatever its sampling says.
fn one_block_when_alone(mut components: Vec<Component>) -> Vec<Component> {
    if let [only] = components.as_mut_slice() {
        (only.across, only.down) = (1, 1);
    }
    components
}
