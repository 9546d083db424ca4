//! A drawing as a PDF document of one page that goes into LaTeX without a warning: version 1.5, no transparency group of the
//! page (which pdfTeX says may go wrong with several such figures on one page), fonts embedded.

use std::collections::HashMap;

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, TextStr};
use svg2pdf::usvg::Tree;
use svg2pdf::{ConversionError, ConversionOptions, to_chunk};

/// Numbers of the document's own objects; those of the drawing follow.
const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const ABOUT: Ref = Ref::new(5);
const DRAWING: i32 = 6;

/// The document, `width` inches wide, with its title and what it was made from among its properties.
pub(super) fn document(tree: &Tree, width: f64, title: &str, about: &str) -> Result<Vec<u8>, ConversionError> {
    let (chunk, drawing) = to_chunk(tree, ConversionOptions::default())?;
    let mut numbers: HashMap<Ref, Ref> = HashMap::new();
    let mut next = DRAWING;
    let chunk = chunk.renumber(|old| {
        *numbers.entry(old).or_insert_with(|| {
            next += 1;
            Ref::new(next - 1)
        })
    });
    let drawing = numbers.get(&drawing).copied().unwrap_or(drawing);
    let wide = width * 72.0;
    let high = wide * f64::from(tree.size().height()) / f64::from(tree.size().width());
    let (wide, high) = (points(wide), points(high));
    let mut pdf = Pdf::new();
    pdf.set_version(1, 5);
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut page = pdf.page(PAGE);
    page.media_box(Rect::new(0.0, 0.0, wide, high))
        .parent(PAGES)
        .contents(CONTENT);
    page.resources().x_objects().pair(Name(b"Drawing"), drawing);
    page.finish();
    let mut content = Content::new();
    content
        .transform([wide, 0.0, 0.0, high, 0.0, 0.0])
        .x_object(Name(b"Drawing"));
    pdf.stream(CONTENT, &content.finish());
    let mut properties = pdf.document_info(ABOUT);
    properties
        .title(TextStr(title))
        .subject(TextStr(about))
        .producer(TextStr("mae-exp"));
    properties.finish();
    pdf.extend(&chunk);
    Ok(pdf.finish())
}

/// A length in points, to a thousandth.
fn points(length: f64) -> f32 {
    ((length * 1000.0).round() / 1000.0) as f32
}
