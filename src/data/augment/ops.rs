//! The operations of RandAugment and how strongly each works at a level from 0 to 10.
//!
//! Sources: RandAugment (Cubuk et al. 2020) for the method; the list, the ranges and the law of the levels are those of the
//! augmentation that the official fine-tuning names `rand-m9-mstd0.5-inc1` ("inc": every operation changes a picture more at
//! a higher level). Operations on values give the numbers of Pillow's `ImageOps` and `ImageEnhance`.

use super::{Samples, point, warp};

/// Highest level.
pub(super) const MOST: f64 = 10.0;

/// One operation with its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// Stretches each channel to 0 … 255.
    AutoContrast,
    /// Evens out each channel's histogram.
    Equalize,
    /// `255 − v`.
    Invert,
    /// Turns counter-clockwise about the centre; degrees, at most ±30.
    Rotate(f64),
    /// Keeps so many upper bits: 4 at level 0, none at level 10.
    Posterize(u32),
    /// Inverts values from this threshold on: 256 (none) at level 0, 0 at level 10.
    Solarize(u16),
    /// Adds to values below 128: up to 110.
    SolarizeAdd(u8),
    /// Away from (above 1) or towards (below 1) the picture in grey; 0.1 … 1.9, as the next three.
    Color(f64),
    /// Away from or towards its mean grey.
    Contrast(f64),
    /// Away from or towards black.
    Brightness(f64),
    /// Away from or towards the smoothed picture.
    Sharpness(f64),
    /// Shifts rows by this share of their distance from the top: at most ±0.3.
    ShearX(f64),
    /// Shifts columns by this share of their distance from the left: at most ±0.3.
    ShearY(f64),
    /// Shifts by this share of the width: at most ±0.45.
    TranslateX(f64),
    /// Shifts by this share of the height: at most ±0.45.
    TranslateY(f64),
}

/// How many operations there are to draw from.
pub(super) const COUNT: usize = 15;

impl Op {
    /// Operation `kind` (below [`COUNT`]) at a level from 0 to 10; `negate` chooses the sign where there is one.
    pub(super) fn at(kind: usize, level: f64, negate: bool) -> Self {
        let share = level / MOST;
        let signed = |most: f64| if negate { -share * most } else { share * most };
        let factor = (1.0 + signed(0.9)).max(0.1);
        match kind {
            0 => Self::AutoContrast,
            1 => Self::Equalize,
            2 => Self::Invert,
            3 => Self::Rotate(signed(30.0)),
            4 => Self::Posterize(4 - (share * 4.0) as u32),
            5 => Self::Solarize(256 - (share * 256.0) as u16),
            6 => Self::SolarizeAdd((share * 110.0) as u8),
            7 => Self::Color(factor),
            8 => Self::Contrast(factor),
            9 => Self::Brightness(factor),
            10 => Self::Sharpness(factor),
            11 => Self::ShearX(signed(0.3)),
            12 => Self::ShearY(signed(0.3)),
            13 => Self::TranslateX(signed(0.45)),
            _ => Self::TranslateY(signed(0.45)),
        }
    }

    /// Does it. Places that come from outside the picture get `fill`, a value per channel.
    pub(super) fn apply(self, samples: &mut Samples, fill: &[u8]) {
        let (width, height) = (samples.width as f64, samples.height as f64);
        match self {
            Self::AutoContrast => point::auto_contrast(samples),
            Self::Equalize => point::equalize(samples),
            Self::Invert => point::map(samples, |v| 255 - v),
            Self::Posterize(bits) => point::map(samples, |v| v & !(0xff_u8.checked_shr(bits).unwrap_or(0))),
            Self::Solarize(threshold) => point::map(samples, |v| if u16::from(v) < threshold { v } else { 255 - v }),
            Self::SolarizeAdd(add) => point::map(samples, |v| if v < 128 { v.saturating_add(add) } else { v }),
            Self::Color(factor) => point::color(samples, factor),
            Self::Contrast(factor) => point::contrast(samples, factor),
            Self::Brightness(factor) => point::map(samples, |v| point::blend(0, v, factor)),
            Self::Sharpness(factor) => point::sharpness(samples, factor),
            Self::Rotate(degrees) => warp::warp(samples, warp::rotation(degrees, width, height), fill),
            Self::ShearX(share) => warp::warp(samples, [1.0, share, 0.0, 0.0, 1.0, 0.0], fill),
            Self::ShearY(share) => warp::warp(samples, [1.0, 0.0, 0.0, share, 1.0, 0.0], fill),
            Self::TranslateX(share) => warp::warp(samples, [1.0, 0.0, share * width, 0.0, 1.0, 0.0], fill),
            Self::TranslateY(share) => warp::warp(samples, [1.0, 0.0, 0.0, 0.0, 1.0, share * height], fill),
        }
    }
}
