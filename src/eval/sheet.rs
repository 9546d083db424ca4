//! The contact sheet of a reconstruction: a title, captioned pictures of one size side by side, notes below. Draws
//! plain buffers; knows nothing of models or files.

use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_8X13_BOLD, FONT_9X15_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use image::{Rgb, RgbImage};

use super::sheet_text::{Block, Canvas};

/// Pixels at the sheet's edges and between pictures.
const MARGIN: u32 = 14;
/// Pixels between title, captions, pictures and notes.
const GAP: u32 = 8;
/// Pixels that a picture's longer side has at least.
const SIDE: u32 = 224;
/// Pixels of width that a caption has at least, above pictures narrower than that.
const COLUMN: u32 = 152;

const PAPER: Rgb<u8> = Rgb([255; 3]);
/// One pixel around each picture, so that white ones end somewhere.
const FRAME: Rgb<u8> = Rgb([196, 200, 206]);
const INK: Rgb888 = Rgb888::new(24, 28, 34);
const SOFT_INK: Rgb888 = Rgb888::new(74, 82, 94);

/// A picture of the sheet.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// What it shows, in a word or two.
    pub caption: &'a str,
    /// `height·width·3` bytes, row by row.
    pub rgb: &'a [u8],
}

/// Draws the sheet. Pictures of `width × height` pixels are enlarged by the smallest whole factor that makes the longer
/// side at least 224, each pixel to a square. Text is wrapped; characters beyond ISO 8859-1 become `?`.
///
/// # Panics
/// When a panel does not hold `height·width·3` bytes.
#[must_use]
pub fn sheet(title: &str, panels: &[Panel<'_>], width: usize, height: usize, notes: &[String]) -> RgbImage {
    let scale = SIDE.div_ceil((width.max(height) as u32).max(1));
    let (wide, high) = (width as u32 * scale, height as u32 * scale);
    let column = wide.max(COLUMN);
    let inner = ((column + MARGIN) * panels.len() as u32).max(COLUMN + MARGIN) - MARGIN;

    let title = Block::new(title, inner, &FONT_9X15_BOLD, INK);
    let caption = |panel: &Panel<'_>| Block::new(panel.caption, column, &FONT_8X13_BOLD, INK);
    let captions: Vec<Block> = panels.iter().map(caption).collect();
    let notes: Vec<Block> = notes
        .iter()
        .map(|note| Block::new(note, inner, &FONT_7X13, SOFT_INK))
        .collect();

    let captions_top = MARGIN + after(title.height());
    let pictures_top = captions_top
        + captions
            .iter()
            .map(Block::height)
            .max()
            .map_or(0, |lines| lines + GAP / 2);
    let notes_top = pictures_top + after(if panels.is_empty() { 0 } else { high });
    let bottom = notes_top + notes.iter().map(Block::height).sum::<u32>();

    let mut canvas = Canvas(RgbImage::from_pixel(inner + 2 * MARGIN, bottom + MARGIN, PAPER));
    title.draw(&mut canvas, MARGIN, MARGIN);
    for ((panel, caption), x) in panels
        .iter()
        .zip(&captions)
        .zip((MARGIN..).step_by((column + MARGIN) as usize))
    {
        caption.draw(&mut canvas, x, pictures_top - GAP / 2 - caption.height());
        frame(&mut canvas.0, [x, pictures_top], [wide, high]);
        enlarge(&mut canvas.0, [x, pictures_top], panel.rgb, [width, height], scale);
    }
    let mut y = notes_top;
    for note in &notes {
        note.draw(&mut canvas, MARGIN, y);
        y += note.height();
    }
    canvas.0
}

/// The height with the gap below it, if there is anything.
fn after(height: u32) -> u32 {
    if height == 0 { 0 } else { height + GAP }
}

/// Fills the rectangle one pixel larger on every side; the picture comes on top.
fn frame(sheet: &mut RgbImage, [x, y]: [u32; 2], [wide, high]: [u32; 2]) {
    for row in y - 1..=y + high {
        for col in x - 1..=x + wide {
            sheet.put_pixel(col, row, FRAME);
        }
    }
}

/// Copies a picture to `(x, y)`, each pixel as a square of `scale`.
fn enlarge(sheet: &mut RgbImage, [x, y]: [u32; 2], rgb: &[u8], [width, height]: [usize; 2], scale: u32) {
    assert_eq!(rgb.len(), width * height * 3, "a panel of {width}×{height} pixels");
    let (pixels, _) = rgb.as_chunks::<3>();
    for row in 0..height as u32 * scale {
        for col in 0..width as u32 * scale {
            let from = (row / scale) as usize * width + (col / scale) as usize;
            sheet.put_pixel(x + col, y + row, Rgb(pixels[from]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 3] = [250, 0, 0];
    const BLUE: [u8; 3] = [0, 0, 250];

    fn count(image: &RgbImage, colour: [u8; 3]) -> usize {
        image.pixels().filter(|p| p.0 == colour).count()
    }

    /// Columns and rows that the colour spans: `[left, right, top, bottom]`, inclusive.
    fn span(image: &RgbImage, colour: [u8; 3]) -> [u32; 4] {
        let at = image.enumerate_pixels().filter(|(.., p)| p.0 == colour);
        at.fold([u32::MAX, 0, u32::MAX, 0], |[l, r, t, b], (x, y, _)| {
            [l.min(x), r.max(x), t.min(y), b.max(y)]
        })
    }

    fn flat(colour: [u8; 3], pixels: usize) -> Vec<u8> {
        colour.repeat(pixels)
    }

    #[test]
    fn pictures_are_enlarged_by_a_whole_factor_side_by_side() {
        let (red, blue) = (flat(RED, 32 * 16), flat(BLUE, 32 * 16));
        let panels = [
            Panel {
                caption: "a",
                rgb: &red,
            },
            Panel {
                caption: "b",
                rgb: &blue,
            },
        ];
        let image = sheet("t", &panels, 32, 16, &[]);
        let [left, right, top, bottom] = span(&image, RED);
        assert_eq!((left, right - left + 1, bottom - top + 1), (MARGIN, 224, 112));
        assert_eq!(
            span(&image, BLUE),
            [left + 224 + MARGIN, right + 224 + MARGIN, top, bottom]
        );
        assert_eq!(count(&image, RED), 224 * 112);
        assert_eq!(image.width(), 2 * 224 + 3 * MARGIN);
    }

    #[test]
    fn every_pixel_becomes_a_square() {
        let mut rgb = flat([9; 3], 112 * 112);
        let place = (3 * 112 + 5) * 3;
        rgb[place..place + 3].copy_from_slice(&RED);
        let image = sheet("", &[Panel { caption: "", rgb: &rgb }], 112, 112, &[]);
        assert_eq!(
            span(&image, RED),
            [MARGIN + 10, MARGIN + 11, MARGIN + 4 + 6, MARGIN + 4 + 7]
        );
        assert_eq!(count(&image, RED), 4);
    }

    #[test]
    fn large_pictures_stay_and_narrow_ones_leave_room_for_captions() {
        let rgb = flat(RED, 300 * 8);
        let panels = [Panel {
            caption: "reconstruction",
            rgb: &rgb,
        }; 4];
        assert_eq!(count(&sheet("", &panels, 300, 8, &[]), RED), 4 * 300 * 8);
        assert_eq!(sheet("", &panels, 8, 300, &[]).width(), 4 * COLUMN + 5 * MARGIN);
    }

    #[test]
    fn notes_wrap_below_the_pictures_within_the_sheet() {
        let rgb = flat(RED, 4);
        let panels = [Panel {
            caption: "original",
            rgb: &rgb,
        }];
        let bare = sheet("name", &panels, 2, 2, &[]);
        let noted = sheet("name", &panels, 2, 2, &["x".repeat(320)]);
        assert_eq!(noted.width(), bare.width());
        assert_eq!(
            noted.height() - bare.height(),
            10 * 16,
            "320 characters in lines of 224 / 7"
        );
        let ink = span(&noted, [74, 82, 94]);
        let [.., bottom] = span(&noted, RED);
        assert!(
            ink[2] > bottom && ink[3] < noted.height() - MARGIN,
            "{ink:?} under {bottom}"
        );
        assert!(ink[0] >= MARGIN && ink[1] < noted.width() - MARGIN, "{ink:?}");
    }

    #[test]
    fn any_name_and_no_panels_can_be_drawn() {
        let strange = "猫🐈\u{0}\u{301}\u{202e}".repeat(50);
        let rgb = flat(BLUE, 1);
        let drawn = sheet(
            &strange,
            &[Panel {
                caption: &strange,
                rgb: &rgb,
            }],
            1,
            1,
            std::slice::from_ref(&strange),
        );
        assert_eq!(count(&drawn, BLUE), 224 * 224);
        assert_eq!(
            sheet("", &[], 0, 0, &[]).dimensions(),
            (COLUMN + 2 * MARGIN, 2 * MARGIN)
        );
        assert!(sheet("only a title", &[], 0, 0, &[]).height() > 2 * MARGIN);
    }
}
