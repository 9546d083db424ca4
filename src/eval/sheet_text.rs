//! Text on a contact sheet: fixed-width fonts over ISO 8859-1, wrapped to a width in pixels. Characters beyond that set
//! become `?`, so that any file name can be shown.

use std::convert::Infallible;

use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, RgbColor, Size};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};

/// An image that text can be drawn on; what falls outside is cut off.
pub(super) struct Canvas(pub(super) RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else {
                continue;
            };
            if let Some(pixel) = self.0.get_pixel_mut_checked(x, y) {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// Lines of text in one font and colour.
pub(super) struct Block {
    lines: Vec<String>,
    style: MonoTextStyle<'static, Rgb888>,
}

impl Block {
    /// Wraps `text` to `width` pixels, within a word where it alone is wider. Empty text has no line.
    pub(super) fn new(text: &str, width: u32, font: &'static MonoFont<'static>, colour: Rgb888) -> Self {
        let text: String = text.chars().map(printable).collect();
        let columns = (width / advance(font)).max(1) as usize;
        let mut lines = Vec::new();
        if !text.trim().is_empty() {
            lines.extend(textwrap::wrap(&text, columns).into_iter().map(String::from));
        }
        Self {
            lines,
            style: MonoTextStyle::new(font, colour),
        }
    }

    /// Pixels from the first line's top to the last one's bottom.
    pub(super) fn height(&self) -> u32 {
        self.lines.len() as u32 * self.leading()
    }

    /// Draws with the upper left corner at `(x, y)`.
    pub(super) fn draw(&self, canvas: &mut Canvas, x: u32, y: u32) {
        for (line, top) in self.lines.iter().zip((y..).step_by(self.leading() as usize)) {
            let at = Point::new(x as i32, top as i32 + 1);
            let Ok(_) = Text::with_baseline(line, at, self.style, Baseline::Top).draw(canvas);
        }
    }

    /// Pixels from line to line.
    fn leading(&self) -> u32 {
        self.style.font.character_size.height + 3
    }
}

/// Pixels from character to character.
fn advance(font: &MonoFont<'_>) -> u32 {
    font.character_size.width + font.character_spacing
}

fn printable(c: char) -> char {
    match c {
        ' '..='~' | '\u{a0}'..='\u{ff}' => c,
        _ if c.is_whitespace() => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::mono_font::iso_8859_1::FONT_7X13;

    fn lines(text: &str, width: u32) -> Vec<String> {
        Block::new(text, width, &FONT_7X13, Rgb888::BLACK).lines
    }

    #[test]
    fn wraps_at_words_and_within_long_ones() {
        assert_eq!(lines("ratio 0.75 seed 1", 7 * 10), ["ratio 0.75", "seed 1"]);
        assert_eq!(lines("ratio 0.75 seed 1", 7 * 10 - 1), ["ratio", "0.75 seed", "1"]);
        assert_eq!(lines("abcdefgh", 7 * 5), ["abcde", "fgh"]);
        assert_eq!(lines("ab", 0), ["a", "b"]);
        assert!(lines(" ", 70).is_empty() && lines("", 70).is_empty());
    }

    #[test]
    fn characters_without_a_glyph_become_question_marks() {
        assert_eq!(lines("Café ÿ 猫 🐈 Ω–\u{7f}\u{85}\0", 700), ["Café ÿ ? ? ??? ?"]);
        assert_eq!(lines("one\ntwo\tthree", 700), ["one two three"]);
    }

    #[test]
    fn draws_inside_its_box_and_is_cut_off_at_the_edges() {
        let block = Block::new("Éy|g", 7 * 2, &FONT_7X13, Rgb888::BLACK);
        let mut canvas = Canvas(RgbImage::from_pixel(40, 60, Rgb([255; 3])));
        block.draw(&mut canvas, 10, 20);
        let dark = canvas.0.enumerate_pixels().filter(|(.., p)| p.0 == [0; 3]);
        let dark: Vec<(u32, u32)> = dark.map(|(x, y, _)| (x, y)).collect();
        assert!(dark.len() > 20, "{} dark pixels", dark.len());
        assert_eq!(block.height(), 32);
        assert!(
            dark.iter()
                .all(|&(x, y)| (10..24).contains(&x) && (20..52).contains(&y)),
            "{dark:?}"
        );
        block.draw(&mut canvas, 38, 58);
        assert_eq!(canvas.0.dimensions(), (40, 60));
    }
}
