//! Operations on the values of 8-bit samples, to the numbers of Pillow's `ImageOps` and `ImageEnhance`. Grey pictures of one
//! channel are their own luma.

use super::Samples;

/// Passes every value through `f`.
pub(super) fn map(samples: &mut Samples, f: impl Fn(u8) -> u8) {
    let table: [u8; 256] = std::array::from_fn(|v| f(v as u8));
    samples.values.iter_mut().for_each(|v| *v = table[usize::from(*v)]);
}

/// `from` moved towards (factor below 1) or beyond (above 1) `to`, cut off to 8 bits.
pub(super) fn blend(from: u8, to: u8, factor: f64) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    // A cast saturates, and cuts off what follows the point.
    (from + factor as f32 * (to - from)) as u8
}

/// Stretches each channel so that its least value becomes 0 and its greatest 255.
pub(super) fn auto_contrast(samples: &mut Samples) {
    per_channel(samples, |histogram| {
        let (low, high) = (
            histogram.iter().position(|n| *n > 0)?,
            histogram.iter().rposition(|n| *n > 0)?,
        );
        if high <= low {
            return None;
        }
        let scale = 255.0 / (high - low) as f64;
        let offset = -(low as f64) * scale;
        Some(std::array::from_fn(|v| (v as f64 * scale + offset) as u8))
    });
}

/// Evens out the histogram of each channel.
pub(super) fn equalize(samples: &mut Samples) {
    per_channel(samples, |histogram| {
        let last = *histogram.iter().rfind(|n| **n > 0)?;
        let step = (histogram.iter().sum::<usize>() - last) / 255;
        if step == 0 {
            return None;
        }
        let mut below = step / 2;
        Some(std::array::from_fn(|v| {
            let value = (below / step).min(255) as u8;
            below += histogram[v];
            value
        }))
    });
}

/// Towards or away from the picture in grey.
pub(super) fn color(samples: &mut Samples, factor: f64) {
    if samples.channels == 3 {
        for pixel in samples.values.as_chunks_mut::<3>().0 {
            let grey = luma(*pixel);
            *pixel = pixel.map(|v| blend(grey, v, factor));
        }
    }
}

/// Towards or away from the mean grey.
pub(super) fn contrast(samples: &mut Samples, factor: f64) {
    let total: u64 = match samples.channels {
        3 => samples
            .values
            .as_chunks::<3>()
            .0
            .iter()
            .map(|p| u64::from(luma(*p)))
            .sum(),
        _ => samples.values.iter().map(|v| u64::from(*v)).sum(),
    };
    let mean = (total as f64 / (samples.height * samples.width) as f64 + 0.5) as u8;
    map(samples, |v| blend(mean, v, factor));
}

/// Towards or away from the smoothed picture: each value counts 5, its eight neighbours 1; the outermost stay.
pub(super) fn sharpness(samples: &mut Samples, factor: f64) {
    let (row, c) = (samples.width * samples.channels, samples.channels);
    let before = samples.values.clone();
    for y in 1..samples.height.saturating_sub(1) {
        for i in y * row + c..(y + 1) * row - c {
            let around = [i - row, i, i + row].into_iter().flat_map(|i| [i - c, i, i + c]);
            let sum: u32 = around.map(|i| u32::from(before[i])).sum::<u32>() + 4 * u32::from(before[i]);
            // Rounded: a thirteenth never ends in a half.
            samples.values[i] = blend(((2 * sum + 13) / 26) as u8, before[i], factor);
        }
    }
}

/// The usual luma weights (.299, .587, .114) in 16-bit fixed point.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// Passes each channel through the table that `table` makes of its histogram, or leaves it.
fn per_channel(samples: &mut Samples, table: impl Fn(&[usize; 256]) -> Option<[u8; 256]>) {
    let channels = samples.channels;
    for channel in 0..channels {
        let mut histogram = [0; 256];
        let values = samples.values.iter().skip(channel).step_by(channels);
        values.for_each(|v| histogram[usize::from(*v)] += 1);
        if let Some(table) = table(&histogram) {
            let values = samples.values.iter_mut().skip(channel).step_by(channels);
            values.for_each(|v| *v = table[usize::from(*v)]);
        }
    }
}
