//! What all figures share: sketches of panels, drawn for the page or for a paper, and the words of their captions.

use super::{ReportError, format};
use crate::plot::{Plot, Rgb, embed, svg};

/// A numbered figure of the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// Caption, as plain text after the number.
    pub(super) caption: String,
    /// Panels as SVG for the page.
    pub(super) panels: Vec<String>,
    /// Shared legend: name and colour as `RRGGBB`.
    pub(super) legend: Vec<(String, String)>,
    /// What the legend's names are values of.
    pub(super) legend_title: String,
    /// Colours used, for dark screens.
    palette: Vec<Rgb>,
}

impl Figure {
    /// Colours that the figure uses.
    pub(super) fn colours(&self) -> impl Iterator<Item = Rgb> {
        self.palette.iter().copied()
    }
}

/// Panels, caption and legend before drawing.
pub(super) struct Sketch {
    /// File stem of each panel, and the panel.
    pub(super) panels: Vec<(String, Plot)>,
    /// Caption.
    pub(super) caption: String,
    /// Legend shared by the panels.
    pub(super) legend: Vec<(String, Rgb)>,
    /// What the legend's names are values of.
    pub(super) legend_title: String,
}

impl Sketch {
    /// Draws it for the page.
    pub(super) fn figure(&self) -> Result<Figure, ReportError> {
        let panels: Result<Vec<String>, _> = self
            .panels
            .iter()
            .map(|(_, plot)| svg(plot).map(|s| embed(&s)))
            .collect();
        let legend = self
            .legend
            .iter()
            .map(|(n, c)| (n.clone(), c.hex()[1..].to_owned()))
            .collect();
        let palette = self.panels.iter().flat_map(|(_, plot)| plot.colours()).collect();
        Ok(Figure {
            palette,
            caption: self.caption.clone(),
            panels: panels?,
            legend,
            legend_title: self.legend_title.clone(),
        })
    }
}

/// `(a) this and (b) that`, or the only item without a letter.
pub(super) fn lettered(items: &[String]) -> String {
    if items.len() < 2 {
        return format::list(items);
    }
    let with: Vec<String> = ('a'..)
        .zip(items)
        .map(|(letter, item)| format!("({letter}) {item}"))
        .collect();
    format::list(&with)
}

/// Lower-cases a leading word that is not an abbreviation.
pub(super) fn lower(text: &str) -> String {
    let first = text.split([' ', '-']).next().unwrap_or_default();
    if first.len() > 1 && first.chars().skip(1).all(char::is_lowercase) {
        text.chars()
            .take(1)
            .flat_map(char::to_lowercase)
            .chain(text.chars().skip(1))
            .collect()
    } else {
        text.to_owned()
    }
}
