//! Drawings for papers, of an exact width: SVG with its text as outlines, and PDF with its font embedded, both from one tree.
//! The font is carried by the program (`fonts/`), so that a figure looks the same wherever it is made.

use svg2pdf::usvg::{Indent, Options, Tree, WriteOptions};

use super::draw::PlotError;
use super::frame::TEXT;
use super::pdf::document;
use super::theme::escape;

/// Regular and bold; see `fonts/README.md`.
const FONTS: [&[u8]; 2] = [
    include_bytes!("../../fonts/DejaVuSansCondensed.ttf"),
    include_bytes!("../../fonts/DejaVuSansCondensed-Bold.ttf"),
];
/// Name of the family in the files.
const FAMILY: &str = "DejaVu Sans";
/// Size of text on paper, in points.
const POINTS: f64 = 8.0;

/// How much of a page's width a drawing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// One column of two: 3.25 inches.
    OneColumn,
    /// Both columns: 6.75 inches.
    TwoColumns,
}

impl Span {
    /// Both spans.
    pub const ALL: [Self; 2] = [Self::OneColumn, Self::TwoColumns];

    /// Width in inches.
    pub fn inches(self) -> f64 {
        match self {
            Self::OneColumn => 3.25,
            Self::TwoColumns => 6.75,
        }
    }

    /// Width in typographic pixels at which text of the usual size has 8 points on paper.
    pub fn pixels(self) -> f64 {
        (self.inches() * 72.0 * TEXT / POINTS).round()
    }

    /// End of file names.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::OneColumn => "1col",
            Self::TwoColumns => "2col",
        }
    }
}

/// A drawing in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// An SVG document without text elements.
    pub svg: String,
    /// A PDF document of one page.
    pub pdf: Vec<u8>,
}

/// Makes files for papers; holds the font.
pub struct Press {
    options: Options<'static>,
}

impl Default for Press {
    fn default() -> Self {
        Self::new()
    }
}

impl Press {
    /// A press with the program's font, and no other.
    pub fn new() -> Self {
        let mut options = Options {
            font_family: FAMILY.to_owned(),
            ..Options::default()
        };
        let fonts = options.fontdb_mut();
        FONTS.iter().for_each(|font| fonts.load_font_data(font.to_vec()));
        fonts.set_serif_family(FAMILY);
        fonts.set_sans_serif_family(FAMILY);
        Self { options }
    }

    /// Prints a standalone SVG document: text of the usual size has 8 points, unless the drawing is then wider than the
    /// span, which it is made to fit. `title` and `about` are kept inside the SVG.
    ///
    /// # Errors
    /// Where the document is none, or the PDF cannot be written.
    pub fn print(&self, drawing: &str, span: Span, title: &str, about: &str) -> Result<Printed, PlotError> {
        let failed = |reason: String| PlotError::new(title, &*Box::<dyn std::error::Error>::from(reason));
        let tree = Tree::from_str(&plain_opacity(drawing), &self.options).map_err(|e| failed(e.to_string()))?;
        let width = f64::from(tree.size().width());
        // A drawing made for the span fills it; its own width is that of the span in whole pixels.
        let natural = width * POINTS / TEXT / 72.0;
        let inches = if natural > span.inches() * 0.995 {
            span.inches()
        } else {
            natural
        };
        let pdf = document(&tree, inches, title, about);
        Ok(Printed {
            svg: outlined(&tree, inches, title, about),
            pdf: pdf.map_err(|e| failed(e.to_string()))?,
        })
    }
}

/// Opacity of shapes as that of their only paint, which a PDF needs no group for: files stay small.
fn plain_opacity(drawing: &str) -> String {
    let paint = |tag: &str| {
        let only = if tag.contains(" fill=\"none\"") {
            " stroke-opacity=\""
        } else if tag.contains(" stroke=\"none\"") {
            " fill-opacity=\""
        } else {
            return tag.to_owned();
        };
        tag.replacen(" opacity=\"", only, 1)
    };
    drawing.split_inclusive('>').map(paint).collect()
}

/// The tree as a document of that width, with its text as paths.
fn outlined(tree: &Tree, inches: f64, title: &str, about: &str) -> String {
    let options = WriteOptions {
        preserve_text: false,
        coordinates_precision: 3,
        transforms_precision: 5,
        indent: Indent::None,
        ..WriteOptions::default()
    };
    let text = tree.to_string(&options);
    let (open, body) = text.split_once('>').unwrap_or(("", &text));
    let spaces = open
        .find("xmlns")
        .map_or("xmlns=\"http://www.w3.org/2000/svg\"", |at| &open[at..]);
    let (width, height) = (f64::from(tree.size().width()), f64::from(tree.size().height()));
    format!(
        "<svg width=\"{inches:.4}in\" height=\"{:.4}in\" viewBox=\"0 0 {width} {height}\" role=\"img\" {spaces}>\
         <title>{}</title><desc>{}</desc>{body}",
        inches * height / width,
        escape(title),
        escape(about),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Layer, Plot, Rgb, svg};

    fn drawing() -> String {
        let mut plot = Plot::new("a <b>", Axis::linear("epoch ±"), Axis::log("loss −10⁻⁶ ∞ † …"));
        plot.width = Span::OneColumn.pixels() as u32;
        plot.layers.push(Layer::Line {
            points: vec![(0.0, 1e-6), (1.0, 1.0)],
            colour: Rgb(0, 114, 178),
            width: 1.0,
            opacity: 0.85,
        });
        svg(&plot).unwrap()
    }

    #[test]
    fn text_has_eight_points_in_both_spans() {
        for span in Span::ALL {
            let points = TEXT * span.inches() * 72.0 / span.pixels();
            assert!((points - POINTS).abs() < 0.02, "{points}");
        }
    }

    #[test]
    fn pages_have_the_width_and_their_fonts_inside() {
        let printed = Press::new()
            .print(&drawing(), Span::OneColumn, "a <b>", "trials: x")
            .unwrap();
        let pdf = String::from_utf8_lossy(&printed.pdf).into_owned();
        assert!(
            pdf.starts_with("%PDF-1.5") && pdf.contains("/MediaBox [0 0 234"),
            "{pdf}"
        );
        assert!(
            pdf.contains("/FontFile") && !pdf.contains("/Subtype /Image"),
            "embedded and vector: {pdf}"
        );
        let svg = printed.svg;
        assert!(svg.starts_with("<svg width=\"3.2500in\" height=\"2."), "{}", &svg[..80]);
        assert!(!svg.contains("<text") && !svg.contains("font-family") && svg.contains("<path"));
        assert!(svg.contains("<title>a &lt;b&gt;</title><desc>trials: x</desc>"));
        assert!(!svg.contains("var(") && !svg.contains("currentColor"));
    }

    #[test]
    fn the_font_has_every_letter_that_figures_use() {
        let press = Press::new();
        let shape = |letter: char, weight: &str| {
            let text = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20\" height=\"20\"><text y=\"15\" font-size=\"16\" \
                 font-family=\"serif\" font-weight=\"{weight}\">{}</text></svg>",
                escape(&letter.to_string())
            );
            press.print(&text, Span::OneColumn, "", "").unwrap().svg
        };
        for weight in ["normal", "bold"] {
            let nothing = shape('\u{E123}', weight);
            assert!(
                nothing.contains("<path"),
                "a box stands for what is not there: {nothing}"
            );
            let said = "0123456789−·⁰¹²³⁴⁵⁶⁷⁸⁹⁻±…∞†–×αΔ°µ≥≤éüßñ()[]{}<>|/%@#&*+=,.;:!?'’“”_-";
            let missing: String = said.chars().filter(|c| shape(*c, weight) == nothing).collect();
            assert_eq!(missing, "", "{weight}");
        }
        assert_ne!(shape('a', "normal"), shape('a', "bold"));
    }

    #[test]
    fn see_through_shapes_need_no_groups() {
        let (line, disc) = (
            "<polyline fill=\"none\" opacity=\"0.5\"/>",
            "<circle opacity=\"0.5\" fill=\"#f00\" stroke=\"none\"/>",
        );
        assert_eq!(plain_opacity(line), line.replace(" opacity", " stroke-opacity"));
        assert_eq!(plain_opacity(disc), disc.replace(" opacity", " fill-opacity"));
        let printed = Press::new().print(&drawing(), Span::OneColumn, "", "").unwrap();
        let forms = String::from_utf8_lossy(&printed.pdf).matches("/Subtype /Form").count();
        assert_eq!(forms, 1, "the drawing itself");
    }

    #[test]
    fn equal_drawings_give_equal_files() {
        let press = Press::new();
        let print = || press.print(&drawing(), Span::TwoColumns, "t", "").unwrap();
        assert_eq!(print(), print());
        assert!(
            press
                .print("<svg", Span::OneColumn, "broken", "")
                .unwrap_err()
                .to_string()
                .contains("`broken`")
        );
    }
}
