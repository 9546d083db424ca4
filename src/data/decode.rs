//! Bytes of a picture file to 8-bit RGB, as the usual Python tools convert: grey is copied to three channels, alpha is
//! dropped (not composited), 16-bit samples keep their high byte, palettes are expanded. EXIF orientation is ignored,
//! as those tools do unless told otherwise. This file must not touch the file system: callers bring the bytes.

use image::{DynamicImage, ImageFormat};

use super::jpeg;
use super::reduce::Least;

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples in raster order, R G B per pixel: `height * width * 3` values.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The picture in grey with the usual luma weights (.299, .587, .114 in 16-bit fixed point): one value per pixel.
    #[must_use]
    pub fn to_grey(&self) -> Vec<u8> {
        let luma =
            |p: &[u8]| (u32::from(p[0]) * 19595 + u32::from(p[1]) * 38470 + u32::from(p[2]) * 7471 + 0x8000) >> 16;
        self.rgb.chunks_exact(3).map(|p| luma(p).min(255) as u8).collect()
    }
}

/// Decodes a JPEG, PNG, WebP or BMP file, told apart by its content, whatever its name says.
///
/// # Errors
/// The decoder's own words when the bytes are no such picture or are damaged, a truncated JPEG included: decoders
/// would fill its missing part with grey, and a network would learn that grey.
pub fn decode(bytes: &[u8]) -> Result<Picture, String> {
    decode_as(bytes, None)
}

/// Decodes a file at the size that `least` asks for. Only JPEGs can be had at less than full size; every other
/// file is what `decode` makes of it.
///
/// # Errors
/// Those of `decode`.
pub fn decode_for(bytes: &[u8], least: &Least) -> Result<Picture, String> {
    decode_as(bytes, Some(least))
}

fn decode_as(bytes: &[u8], least: Option<&Least>) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    // The functions on slices are compiled once, in `image`; its generic reader would be compiled here.
    let format = image::guess_format(bytes).ok().filter(|f| f.reading_enabled());
    let format = format.ok_or("not a JPEG, PNG, WebP or BMP picture")?;
    if format == ImageFormat::Jpeg && jpeg_is_truncated(bytes) {
        return Err("the JPEG is truncated".into());
    }
    let reduced = least.filter(|_| format == ImageFormat::Jpeg);
    if let Some(picture) = reduced.and_then(|least| jpeg::reduced(bytes, least)) {
        return Ok(picture);
    }
    let picture = to_rgb(image::load_from_memory_with_format(bytes, format).map_err(|e| e.to_string())?);
    if picture.rgb.is_empty() {
        Err("the picture has no pixels".into())
    } else {
        Ok(picture)
    }
}

/// Whether the marker segments end before the end-of-image marker. Segments are walked by their lengths, so that
/// thumbnails inside them and bytes after the picture (phones append films) do not mislead.
fn jpeg_is_truncated(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let (Some(0xFF), Some(&kind)) = (bytes.get(at), bytes.get(at + 1)) {
        match kind {
            0xD9 => return false,
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return true;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                at = if kind == 0xDA { after_scan(bytes, at) } else { at };
            }
        }
    }
    true
}

/// The next marker after a scan's data, in which FF is followed by 00 (stuffing), a restart marker or more FF.
fn after_scan(bytes: &[u8], start: usize) -> usize {
    let data = bytes.get(start..).unwrap_or_default();
    let is_marker = |at: &usize| {
        data.get(at + 1)
            .is_some_and(|next| !matches!(next, 0x00 | 0xD0..=0xD7 | 0xFF))
    };
    let found = memchr::memchr_iter(0xFF, data).find(is_marker);
    found.map_or(bytes.len(), |at| start + at)
}

fn to_rgb(image: DynamicImage) -> Picture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let high = |v: u16| (v >> 8) as u8;
    let rgb = match image {
        // The library's own conversion is ten times slower than decoding; it copies too.
        DynamicImage::ImageLuma8(i) => i.into_raw().into_iter().flat_map(|v| [v; 3]).collect(),
        DynamicImage::ImageLuma16(i) => i.pixels().flat_map(|p| [high(p.0[0]); 3]).collect(),
        DynamicImage::ImageLumaA16(i) => i.pixels().flat_map(|p| [high(p.0[0]); 3]).collect(),
        DynamicImage::ImageRgb16(i) => i.pixels().flat_map(|p| p.0.map(high)).collect(),
        DynamicImage::ImageRgba16(i) => i.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]].map(high)).collect(),
        other => other.into_rgb8().into_raw(),
    };
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use image::{ImageBuffer, Luma, Rgb, Rgba, RgbaImage};

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn jpeg() -> Vec<u8> {
        let image = ImageBuffer::from_fn(48, 40, |x, y| {
            Rgb([(x * 5) as u8, (y * 6) as u8, ((x * y) % 251) as u8])
        });
        encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Jpeg)
    }

    #[test]
    fn a_truncated_jpeg_is_refused_at_every_cut() {
        let whole = jpeg();
        assert_eq!(decode(&whole).unwrap().rgb.len(), 48 * 40 * 3);
        for cut in [0, 1, 2, 20, whole.len() / 2, whole.len() - 20, whole.len() - 1] {
            assert!(decode(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
        }
        let appended = [whole.clone(), b"film \xFF\xDA and more".to_vec()].concat();
        assert!(decode(&appended).is_ok());
    }

    #[test]
    fn the_end_of_a_scan_is_found_wherever_it_lies() {
        for at in (3..200).chain([1000]) {
            let mut data = vec![7u8; at];
            // Stuffing, a restart marker and fill before the marker are data.
            data[at - 3..].copy_from_slice(&[0xFF, 0x00, 0xFF]);
            data.extend([0xD3, 0xFF, 0xFF, 0xD9, 1, 2, 0xFF, 0xDA]);
            assert_eq!(after_scan(&data, 1), at + 2, "{at}");
            assert_eq!(after_scan(&data[..at + 3], 1), at + 3, "a marker cut in two at {at}");
            assert_eq!(after_scan(&data, 5000), data.len());
        }
    }

    #[test]
    fn a_whole_thumbnail_inside_a_truncated_jpeg_does_not_hide_the_cut() {
        let (whole, thumbnail) = (jpeg(), jpeg());
        let length = (thumbnail.len() + 2) as u16;
        let segment = [&[0xFF, 0xE5], length.to_be_bytes().as_slice(), &thumbnail].concat();
        let with = [&whole[..2], &segment, &whole[2..]].concat();
        assert!(decode(&with).is_ok());
        assert_eq!(decode(&with[..with.len() - 30]).unwrap_err(), "the JPEG is truncated");
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        assert_eq!(decode(b"").unwrap_err(), "the file is empty");
        assert_eq!(
            decode(b"hello, this is text").unwrap_err(),
            "not a JPEG, PNG, WebP or BMP picture"
        );
    }

    #[test]
    fn sixteen_bit_samples_keep_their_high_byte() {
        let grey = ImageBuffer::from_fn(2, 1, |x, _| Luma([if x == 0 { 0x12FFu16 } else { 0xFFFF }]));
        let bytes = encoded(&DynamicImage::ImageLuma16(grey), ImageFormat::Png);
        assert_eq!(decode(&bytes).unwrap().rgb, [0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF]);
        let rgba = ImageBuffer::from_pixel(1, 1, Rgba([0x01FFu16, 0x80FE, 0xFE80, 0]));
        let bytes = encoded(&DynamicImage::ImageRgba16(rgba), ImageFormat::Png);
        assert_eq!(decode(&bytes).unwrap().rgb, [0x01, 0x80, 0xFE]);
    }

    #[test]
    fn alpha_is_dropped_not_composited_in_every_format_that_has_it() {
        let image = DynamicImage::ImageRgba8(RgbaImage::from_pixel(2, 2, Rgba([200, 100, 50, 10])));
        for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
            assert_eq!(
                decode(&encoded(&image, format)).unwrap().rgb[..3],
                [200, 100, 50],
                "{format:?}"
            );
        }
    }

    #[test]
    fn grey_of_grey_is_the_same_grey() {
        let picture = Picture {
            width: 256,
            height: 1,
            rgb: (0..=255u8).flat_map(|v| [v; 3]).collect(),
        };
        assert_eq!(picture.to_grey(), (0..=255).collect::<Vec<u8>>());
        let every = ImageBuffer::from_fn(16, 16, |x, y| Luma([(y * 16 + x) as u8]));
        let every = DynamicImage::ImageLuma8(every);
        assert_eq!(to_rgb(every.clone()).rgb, every.into_rgb8().into_raw());
        let primaries = Picture {
            width: 3,
            height: 1,
            rgb: vec![255, 0, 0, 0, 255, 0, 0, 0, 255],
        };
        assert_eq!(primaries.to_grey(), [76, 150, 29]);
    }
}
