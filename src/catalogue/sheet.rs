//! The contact sheet: masks of many strategies on one photograph, hidden patches grey, as one SVG or one HTML page. The
//! photograph is embedded once, and each mask is a path over it, so that a sheet of all strategies stays small. No scripts.
//! The SVG's layout is in `sheet_svg`.

use std::fmt::Write as _;

use askama::Template;
use base64::Engine as _;
use image::codecs::jpeg::JpegEncoder;
use mae_strategies::{Grid, Mask};

use super::{CatalogueError, Scene};
use crate::data::Picture;

/// Quality of the embedded photograph.
const QUALITY: u8 = 88;

/// Whose photograph it is.
pub(super) const CREDIT: &str = "Photograph: red panda, by Mathias Appel (CC0).";

/// Masks of several strategies on one photograph.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// The photograph.
    pub scene: &'a Scene,
    /// The grid of all masks.
    pub grid: Grid,
    /// How the masks were drawn, in a sentence.
    pub how: String,
    /// Strategies in order.
    pub exhibits: Vec<Exhibit>,
}

/// Masks of one strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Exhibit {
    /// Its name.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// Its masks, one or more.
    pub masks: Vec<Mask>,
    /// What stands in for what it needs to know of the photograph.
    pub stand_ins: Vec<&'static str>,
}

impl Exhibit {
    /// `147 of 196 hidden`.
    #[must_use]
    pub fn count(&self) -> String {
        let patches = self.masks.first().map_or(0, |m| m.grid().len());
        format!("{} of {patches} hidden", self.masks.first().map_or(0, Mask::hidden))
    }

    pub(super) fn alt(&self, index: usize) -> String {
        let (of, count) = (self.masks.len(), self.count());
        format!("{}, mask {} of {of}: {count}", self.name, index + 1)
    }
}

impl Sheet<'_> {
    pub(super) fn title(&self) -> String {
        match self.exhibits.as_slice() {
            [one] => format!("Masks of {}", one.name),
            many => format!("Masks of {} strategies", many.len()),
        }
    }

    /// Every sentence on what stands in, once; a strategy's captions give its numbers.
    fn notes(&self) -> Vec<&'static str> {
        let mut notes = vec![];
        for note in self.exhibits.iter().flat_map(|e| &e.stand_ins) {
            if !notes.contains(note) {
                notes.push(*note);
            }
        }
        notes
    }

    /// ` ¹ ²` for the notes that hold for an exhibit.
    pub(super) fn marks(&self, exhibit: &Exhibit) -> String {
        let notes = self.notes();
        let number = |note| notes.iter().position(|n| n == note).unwrap_or(0);
        exhibit
            .stand_ins
            .iter()
            .map(|note| format!(" {}", mark(number(note))))
            .collect()
    }

    pub(super) fn photograph(&self) -> Result<String, CatalogueError> {
        let bytes = jpeg(self.scene.picture())?;
        let code = base64::engine::general_purpose::STANDARD.encode(bytes);
        let Grid { rows, cols } = self.grid;
        Ok(format!(
            "<image id=\"photograph\" width=\"{cols}\" height=\"{rows}\" preserveAspectRatio=\"none\" \
             href=\"data:image/jpeg;base64,{code}\"/>"
        ))
    }

    pub(super) fn foot(&self) -> Vec<String> {
        let notes = self.notes().into_iter().enumerate();
        let notes = notes.map(|(i, note)| format!("{} {note}", mark(i)));
        notes.chain([CREDIT.to_owned()]).collect()
    }

    /// The sheet as a self-contained HTML page.
    ///
    /// # Errors
    /// When the photograph cannot be encoded or the template fails.
    pub fn html(&self) -> Result<String, CatalogueError> {
        let card = |exhibit: &Exhibit| Card {
            name: exhibit.name.clone(),
            marks: self.marks(exhibit),
            count: exhibit.count(),
            summary: exhibit.summary.clone(),
            pictures: exhibit
                .masks
                .iter()
                .enumerate()
                .map(|(i, mask)| (exhibit.alt(i), path(mask)))
                .collect(),
        };
        let page = Page {
            title: self.title(),
            how: &self.how,
            rows: self.grid.rows,
            cols: self.grid.cols,
            photograph: self.photograph()?,
            cards: self.exhibits.iter().map(card).collect(),
            foot: self.foot(),
        };
        Ok(page.render()?)
    }
}

/// What the template reads.
#[derive(Template)]
#[template(path = "sheet.html")]
struct Page<'a> {
    title: String,
    how: &'a str,
    rows: usize,
    cols: usize,
    photograph: String,
    cards: Vec<Card>,
    foot: Vec<String>,
}

struct Card {
    name: String,
    marks: String,
    count: String,
    summary: String,
    /// Text in place of a picture, and the path of its hidden patches.
    pictures: Vec<(String, String)>,
}

/// The hidden patches as a path in patches: neighbours in a row are one rectangle.
pub(super) fn path(mask: &Mask) -> String {
    let mut path = String::new();
    for (row, bits) in mask.bits().chunks(mask.grid().cols.max(1)).enumerate() {
        let mut col = 0;
        for run in bits.chunk_by(|a, b| a == b) {
            if run[0] == 1 {
                let length = run.len();
                let _ = write!(path, "M{col} {row}h{length}v1h-{length}z");
            }
            col += run.len();
        }
    }
    path
}

/// Superscript number of a note.
fn mark(index: usize) -> char {
    ['¹', '²', '³'].get(index).copied().unwrap_or('⁺')
}

fn jpeg(picture: &Picture) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width as u32, picture.height as u32);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode(
        &picture.rgb,
        width,
        height,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::sheet_svg::THUMB;
    use super::*;

    fn sheet(scene: &Scene, grid: Grid, strategies: usize) -> Sheet<'_> {
        let hidden: Vec<bool> = (0..grid.len()).map(|i| i % 3 != 0).collect();
        let exhibit = |i: usize| Exhibit {
            name: format!("<s{i}>"),
            summary: "Hides & seeks.".into(),
            masks: vec![Mask::from_hidden(grid, &hidden); 4],
            stand_ins: if i == 0 { vec!["One stands in."] } else { vec![] },
        };
        Sheet {
            scene,
            grid,
            how: "A \"sheet\".".into(),
            exhibits: (0..strategies).map(exhibit).collect(),
        }
    }

    /// Numbers of an attribute in a document.
    fn numbers(text: &str, before: &str) -> Vec<f64> {
        let pieces = text.split(before).skip(1);
        let number = |piece: &str| piece.split(['"', ' ', ')']).next().and_then(|n| n.parse().ok());
        pieces.filter_map(number).collect()
    }

    #[test]
    fn the_photograph_is_there_once_and_every_mask_is_a_path() {
        let grid = Grid::new(14, 14);
        let scene = Scene::new(grid).unwrap();
        let sheet = sheet(&scene, grid, 26);
        for text in [sheet.svg().unwrap(), sheet.html().unwrap()] {
            assert_eq!(text.matches("base64,").count(), 1);
            assert_eq!(text.matches("class=\"hidden\" d=\"M").count(), 26 * 4);
            assert!(text.len() < 400_000, "{} bytes", text.len());
            assert!(text.contains("&lt;s0&gt;") || text.contains("&#60;s0&#62;"), "escaped");
            assert!(!text.contains("<s0>") && !text.contains("<script"));
            assert!(text.contains("mask 4 of 4: 130 of 196 hidden"));
            assert_eq!(text.matches("One stands in.").count(), 1);
            assert!(text.contains("¹ One stands in."));
        }
    }

    #[test]
    fn everything_lies_on_the_sheet_whatever_the_grid() {
        for (rows, cols, strategies) in [(14, 14, 26), (7, 13, 3), (16, 4, 1), (1, 30, 5)] {
            let grid = Grid::new(rows, cols);
            let scene = Scene::new(grid).unwrap();
            let text = sheet(&scene, grid, strategies).svg().unwrap();
            let size = |side: &str| numbers(&text, &format!("<svg xmlns=\"http://www.w3.org/2000/svg\"{side}"))[0];
            let width = size(" width=\"");
            let height = numbers(&text, "height=\"")[0];
            let places: Vec<&str> = text.split("translate(").skip(1).collect();
            assert_eq!(places.len(), strategies * 4 + 1);
            for place in places {
                let mut at = place.split([' ', ')']).map(|n| n.parse::<f64>().unwrap_or(f64::NAN));
                let (x, y) = (at.next().unwrap(), at.next().unwrap());
                let scale = THUMB / rows.max(cols) as f64;
                assert!(
                    x + scale * cols as f64 <= width && y + scale * rows as f64 <= height,
                    "{grid}: {x} {y}"
                );
            }
        }
    }

    #[test]
    fn a_path_covers_the_hidden_patches() {
        let mask = Mask::from_hidden(Grid::new(2, 3), &[true, true, false, false, false, true]);
        assert_eq!(path(&mask), "M0 0h2v1h-2zM2 1h1v1h-1z");
    }
}
