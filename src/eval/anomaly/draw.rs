//! Maps as pictures: colours from dark (no error) to yellow, laid over the picture in grey, and a sheet of both with the
//! scale below. Draws plain buffers; knows nothing of models or files.

use embedded_graphics::mono_font::iso_8859_1::FONT_7X13;
use embedded_graphics::pixelcolor::Rgb888;
use image::{GenericImage, Rgb, RgbImage};

use crate::data::Picture;
use crate::eval::sheet::{Panel, sheet};
use crate::eval::sheet_text::{Block, Canvas};
use crate::plot::heat;

/// Outline of what is marked as defective.
const OUTLINE: [u8; 3] = [0xFF, 0x3B, 0x30];
/// Height of the scale, and pixels around it.
const BAR: [u32; 2] = [12, 14];
const WIDTH: u32 = 224;
const INK: Rgb888 = Rgb888::new(24, 28, 34);

/// A map in colours, where `top` and more is the lightest.
///
/// # Shapes
/// map `[H, W]` → `H·W·3` bytes.
#[must_use]
pub fn coloured(map: &[f32], top: f32) -> Vec<u8> {
    map.iter().flat_map(|value| colour(value / top)).collect()
}

/// Dark at 0, yellow at 1.
fn colour(share: f32) -> [u8; 3] {
    let rgb = heat(1.0 - f64::from(share));
    [rgb.0, rgb.1, rgb.2]
}

/// The picture in grey, coloured where its error is large, with the outline of what is marked.
///
/// # Shapes
/// map and marked `[H, W]` of the picture.
#[must_use]
pub fn overlay(picture: &Picture, map: &[f32], top: f32, marked: Option<&[bool]>) -> Picture {
    let (grey, width) = (picture.to_grey(), picture.width);
    let pixel = |i: usize| {
        if marked.is_some_and(|marked| on_edge(marked, width, i)) {
            return OUTLINE;
        }
        let share = (map[i] / top).clamp(0.0, 1.0);
        let shown = colour(share);
        let weight = 0.85 * share.sqrt();
        let mix = |c: usize| f32::from(grey[i]) * (1.0 - weight) + f32::from(shown[c]) * weight;
        [0, 1, 2].map(|c| mix(c).round() as u8)
    };
    Picture {
        rgb: (0..map.len()).flat_map(pixel).collect(),
        ..picture.clone()
    }
}

/// Whether a marked pixel has a neighbour that is not.
fn on_edge(marked: &[bool], width: usize, i: usize) -> bool {
    let (x, height) = (i % width, marked.len() / width);
    let other = |inside: bool, at: usize| inside && !marked[at];
    marked[i]
        && (other(x > 0, i.wrapping_sub(1))
            || other(x + 1 < width, i + 1)
            || other(i >= width, i.wrapping_sub(width))
            || other(i / width + 1 < height, i + width))
}

/// Picture, overlay and map side by side, with notes and the scale below.
#[must_use]
pub fn whole(title: &str, picture: &Picture, over: &Picture, map: &[f32], top: f32, notes: &[String]) -> RgbImage {
    let map = coloured(map, top);
    let panels = [("picture", &picture.rgb), ("overlay", &over.rgb), ("error map", &map)];
    let panels = panels.map(|(caption, rgb)| Panel { caption, rgb });
    let above = sheet(title, &panels, picture.width, picture.height, notes);
    let ends = [
        "squared error of pixels in [0, 1]: 0".to_string(),
        format!("{top:.2e} or more"),
    ];
    let [low, high] = ends.map(|text| Block::new(&text, above.width(), &FONT_7X13, INK));
    let [bar, margin] = BAR;
    let mut canvas = Canvas(RgbImage::from_pixel(
        above.width(),
        above.height() + bar + margin,
        Rgb([255; 3]),
    ));
    let copied = canvas.0.copy_from(&above, 0, 0);
    debug_assert!(copied.is_ok(), "the sheet fits above its scale");
    let (top, mut x) = (above.height() - 2, margin);
    low.draw(&mut canvas, x, top);
    x += 37 * 7;
    for column in 0..WIDTH {
        for row in 0..bar {
            if let Some(pixel) = canvas.0.get_pixel_mut_checked(x + column, top + row) {
                *pixel = Rgb(colour(column as f32 / (WIDTH - 1) as f32));
            }
        }
    }
    high.draw(&mut canvas, x + WIDTH + 7, top);
    canvas.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            width: 4,
            height: 3,
            rgb: vec![100; 36],
        }
    }

    #[test]
    fn no_error_leaves_the_picture_grey_and_much_colours_it() {
        let mut map = vec![0.0; 12];
        map[5] = 2.0;
        let over = overlay(&picture(), &map, 1.0, None);
        assert_eq!(over.rgb[..3], [100; 3]);
        assert!(
            over.rgb[15] > 200 && over.rgb[17] < 80,
            "yellow: {:?}",
            &over.rgb[15..18]
        );
        let colours = coloured(&map, 1.0);
        assert!(colours[15] > colours[0], "light on dark");
    }

    #[test]
    fn marked_regions_are_outlined_inside_themselves() {
        let marked: Vec<bool> = (0..12).map(|i| i % 4 < 3).collect();
        let over = overlay(&picture(), &[0.0; 12], 1.0, Some(&marked));
        let red: Vec<usize> = (0..12).filter(|i| over.rgb[i * 3..][..3] == OUTLINE).collect();
        assert_eq!(
            red,
            [2, 6, 10],
            "towards what is not marked, not along the picture's border"
        );
    }

    #[test]
    fn the_sheet_has_its_scale_below() {
        let drawn = whole("name", &picture(), &picture(), &[0.5; 12], 0.5, &["a note".into()]);
        let light = |p: &Rgb<u8>| p.0 == colour(1.0);
        let last = drawn
            .enumerate_pixels()
            .filter(|(.., p)| light(p))
            .map(|(_, y, _)| y)
            .max();
        assert!(last.unwrap() > drawn.height() - 20, "{last:?} of {}", drawn.height());
    }
}
