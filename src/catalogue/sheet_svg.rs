//! The contact sheet as a standalone SVG document: where each strategy stands, and its drawing.

use std::fmt::Write as _;

use mae_strategies::Grid;

use super::sheet::path;
use super::{CatalogueError, Sheet};
use crate::plot::escape;

/// Longer side of a picture in pixels.
pub(super) const THUMB: f64 = 104.0;
/// Room between pictures of one strategy, and between strategies.
const GAPS: (f64, f64) = (6.0, 26.0);
/// Pictures of one strategy side by side at most.
const ABREAST: usize = 8;
/// Width of the sheet at least, unless one strategy is wider.
const WIDTH: f64 = 980.0;
/// Width that a caption needs.
const CAPTION: f64 = 132.0;

impl Sheet<'_> {
    /// The sheet as a standalone SVG document.
    ///
    /// # Errors
    /// When the photograph cannot be encoded.
    pub fn svg(&self) -> Result<String, CatalogueError> {
        let place = Place::of(self);
        let title = escape(&self.title());
        let (width, height) = (place.width, place.height(self));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.1} {height:.1}\" role=\"group\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n<defs>{}</defs>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
             <text class=\"title\" x=\"{GAP}\" y=\"32\">{title}</text>\n<text class=\"quiet\" x=\"{GAP}\" y=\"52\">{}</text>\n",
            self.photograph()?,
            escape(&self.how),
            GAP = GAPS.1,
        );
        place.picture(
            &mut out,
            0,
            "the photograph",
            "nothing hidden",
            &[("photograph".to_owned(), String::new())],
        );
        for (i, exhibit) in self.exhibits.iter().enumerate() {
            let pictures = exhibit
                .masks
                .iter()
                .enumerate()
                .map(|(n, mask)| (exhibit.alt(n), path(mask)));
            let name = format!("{}{}", exhibit.name, self.marks(exhibit));
            place.picture(&mut out, i + 1, &name, &exhibit.count(), &pictures.collect::<Vec<_>>());
        }
        for (i, note) in self.foot().iter().enumerate() {
            let y = height - GAPS.1 / 2.0 - 15.0 * (self.foot().len() - 1 - i) as f64;
            let x = GAPS.1;
            let _ = writeln!(
                out,
                "<text class=\"quiet\" x=\"{x}\" y=\"{y:.1}\">{}</text>",
                escape(note)
            );
        }
        out.push_str("</svg>\n");
        Ok(out)
    }
}

/// Colours and type of the SVG; the page has its own.
const STYLE: &str = "text{font-family:Charter,Georgia,serif;fill:#1a1b1c}.paper{fill:#fff}.title{font-size:19px}\
    .name{font-size:14px;font-weight:bold}.quiet{font-size:12px;fill:#5c5e60}.hidden{fill:#808080;shape-rendering:crispEdges}\
    @media (prefers-color-scheme:dark){text{fill:#e4e2dd}.paper{fill:#17181a}.quiet{fill:#a2a19d}}";

/// Where strategies stand on the SVG.
struct Place {
    /// Pixels of a patch.
    scale: f64,
    /// Width and height of a picture.
    thumb: (f64, f64),
    /// Pictures side by side.
    abreast: usize,
    /// Width and height of a strategy's block with its caption.
    block: (f64, f64),
    /// Blocks side by side.
    columns: usize,
    width: f64,
}

impl Place {
    fn of(sheet: &Sheet<'_>) -> Self {
        let Grid { rows, cols } = sheet.grid;
        let scale = THUMB / rows.max(cols) as f64;
        let thumb = (scale * cols as f64, scale * rows as f64);
        let most = sheet.exhibits.iter().map(|e| e.masks.len()).max().unwrap_or(1);
        let abreast = most.clamp(1, ABREAST);
        let lines = most.div_ceil(abreast).max(1) as f64;
        let wide = (thumb.0 + GAPS.0) * abreast as f64 - GAPS.0;
        let block = (wide.max(CAPTION), 40.0 + (thumb.1 + GAPS.0) * lines);
        let fit = ((WIDTH - GAPS.1) / (block.0 + GAPS.1)).floor() as usize;
        let columns = fit.clamp(1, sheet.exhibits.len() + 1);
        Self {
            scale,
            thumb,
            abreast,
            block,
            columns,
            width: ((block.0 + GAPS.1) * columns as f64 + GAPS.1).max(560.0),
        }
    }

    fn height(&self, sheet: &Sheet<'_>) -> f64 {
        let lines = (sheet.exhibits.len() + 1).div_ceil(self.columns) as f64;
        72.0 + (self.block.1 + 18.0) * lines + 15.0 * sheet.foot().len() as f64 + 12.0
    }

    /// Draws block number `index`: a caption of two lines, and pictures with their text and hidden patches.
    fn picture(&self, out: &mut String, index: usize, name: &str, count: &str, pictures: &[(String, String)]) {
        let left = GAPS.1 + (index % self.columns) as f64 * (self.block.0 + GAPS.1);
        let top = 72.0 + (index / self.columns) as f64 * (self.block.1 + 18.0);
        let (first, second) = (top + 14.0, top + 30.0);
        let (name, count) = (escape(name), escape(count));
        let _ = writeln!(
            out,
            "<text class=\"name\" x=\"{left:.1}\" y=\"{first:.1}\">{name}</text><text class=\"quiet\" x=\"{left:.1}\" \
             y=\"{second:.1}\">{count}</text>"
        );
        for (i, (alt, hidden)) in pictures.iter().enumerate() {
            let x = left + (i % self.abreast) as f64 * (self.thumb.0 + GAPS.0);
            let y = top + 40.0 + (i / self.abreast) as f64 * (self.thumb.1 + GAPS.0);
            let (scale, alt) = (self.scale, escape(alt));
            let _ = writeln!(
                out,
                "<g transform=\"translate({x:.1} {y:.1}) scale({scale:.4})\" role=\"img\" aria-label=\"{alt}\">\
                 <use href=\"#photograph\"/><path class=\"hidden\" d=\"{hidden}\"/></g>"
            );
        }
    }
}
