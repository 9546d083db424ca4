//! Large JPEGs decoded at 1/4 or 1/8 of their size, from the low frequencies of every block. What the decoder cannot
//! reduce (CMYK, 16 bits, damage) is left to the one of full size; which files these are depends on their bytes alone. This
//! file must not choose the size: that is `reduce`'s.

use jpeg_decoder::{Decoder, PixelFormat};

use super::Picture;
use super::reduce::Least;

/// The picture at the size that `least` asks for. `None` when that is its full size, and when it cannot be had.
pub(super) fn reduced(bytes: &[u8], least: &Least) -> Option<Picture> {
    let mut decoder = Decoder::new(bytes);
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    let divisor = least.divisor(height, width);
    if divisor == 1 || !matches!(info.pixel_format, PixelFormat::L8 | PixelFormat::RGB24) {
        return None;
    }
    let part = |side: u16| side.div_ceil(divisor as u16);
    let (width, height) = decoder.scale(part(info.width), part(info.height)).ok()?;
    let samples = decoder.decode().ok()?;
    let rgb = match info.pixel_format {
        PixelFormat::L8 => samples.iter().flat_map(|&grey| [grey; 3]).collect(),
        _ => samples,
    };
    let picture = Picture {
        width: usize::from(width),
        height: usize::from(height),
        rgb,
    };
    (picture.rgb.len() == picture.width * picture.height * 3).then_some(picture)
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
