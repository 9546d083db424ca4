//! Colours that people with colour vision deficiencies can tell apart, with their counterparts on a dark page.

/// A colour as red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Text, axes, mean lines.
    pub const INK: Self = Self(0x1A, 0x1B, 0x1C);
    /// Reference lines and secondary marks.
    pub const GREY: Self = Self(0x6B, 0x6C, 0x6D);
    /// Grid lines.
    pub const GRID: Self = Self(0xE3, 0xE4, 0xE5);

    /// `#RRGGBB`.
    pub fn hex(self) -> String {
        format!("#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}

/// Okabe and Ito's palette without its black and its yellow (illegible on white), with black's place taken by a grey violet.
const OKABE_ITO: [Rgb; 7] = [
    Rgb(0x00, 0x72, 0xB2),
    Rgb(0xD5, 0x5E, 0x00),
    Rgb(0x00, 0x9E, 0x73),
    Rgb(0xCC, 0x79, 0xA7),
    Rgb(0xE6, 0x9F, 0x00),
    Rgb(0x56, 0xB4, 0xE9),
    Rgb(0x5B, 0x52, 0x7A),
];

/// Anchors of viridis from 0 to 0.85: perceptually ordered, legible on white throughout.
const VIRIDIS: [Rgb; 6] = [
    Rgb(0x44, 0x01, 0x54),
    Rgb(0x43, 0x3E, 0x85),
    Rgb(0x30, 0x67, 0x8D),
    Rgb(0x20, 0x90, 0x8C),
    Rgb(0x42, 0xBB, 0x72),
    Rgb(0x9A, 0xC7, 0x2C),
];

/// The colour of the `index`-th of several unordered things; repeats after seven.
pub fn categorical(index: usize) -> Rgb {
    OKABE_ITO[index % OKABE_ITO.len()]
}

/// The colour of the `index`-th of `count` ordered things.
pub fn sequential(index: usize, count: usize) -> Rgb {
    if count < 2 {
        return categorical(0);
    }
    let last = VIRIDIS.len() - 1;
    let place = index.min(count - 1) as f64 / (count - 1) as f64 * last as f64;
    let low = (place.floor() as usize).min(last - 1);
    blend(VIRIDIS[low], VIRIDIS[low + 1], place - low as f64)
}

/// The same colour for a dark page: brightened in its hue, then towards white, until it is light enough to read.
pub fn dark(colour: Rgb) -> Rgb {
    if colour == Rgb::GRID {
        return Rgb(0x35, 0x37, 0x3A);
    }
    let luminance = |c: Rgb| 0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2);
    let wanted = 118.0 + 0.35 * luminance(colour);
    let have = luminance(colour);
    let brightest = f64::from(colour.0.max(colour.1).max(colour.2)).max(1.0);
    let gain = (wanted / have.max(1.0)).clamp(1.0, (255.0 / brightest).max(1.0));
    let scale = |v: u8| (f64::from(v) * gain).round() as u8;
    let vivid = Rgb(scale(colour.0), scale(colour.1), scale(colour.2));
    let have = luminance(vivid);
    if have >= wanted {
        vivid
    } else {
        blend(vivid, Rgb(255, 255, 255), (wanted - have) / (255.0 - have))
    }
}

/// `a` at 0, `b` at 1.
pub(super) fn blend(a: Rgb, b: Rgb, share: f64) -> Rgb {
    let mix = |a: u8, b: u8| {
        (f64::from(a) + (f64::from(b) - f64::from(a)) * share)
            .round()
            .clamp(0.0, 255.0) as u8
    };
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequential_colours_are_distinct_and_end_at_the_anchors() {
        let colours: Vec<Rgb> = (0..12).map(|i| sequential(i, 12)).collect();
        let unique: std::collections::HashSet<_> = colours.iter().collect();
        assert_eq!(unique.len(), 12);
        assert_eq!((colours[0], colours[11]), (VIRIDIS[0], VIRIDIS[5]));
    }

    #[test]
    fn dark_counterparts_are_lighter() {
        for colour in OKABE_ITO.into_iter().chain(VIRIDIS) {
            let lifted = dark(colour);
            assert!(
                u32::from(lifted.1) + u32::from(lifted.0) > 150,
                "{colour:?} became {lifted:?}"
            );
        }
    }

    #[test]
    fn hex_is_what_svg_writes() {
        assert_eq!(Rgb(0, 158, 115).hex(), "#009E73");
    }
}
