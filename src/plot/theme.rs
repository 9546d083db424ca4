//! Dress of the drawn SVG: a document of its own for papers, or a part of a page that takes the page's font and colours.

use super::{Rgb, frame::FINE};

/// Font of text in figures; the page puts its own over it.
pub(super) const FONT: &str = "Charter, Georgia, serif";

/// A standalone document: sized in pixels, with a title.
pub(super) fn standalone(drawn: &str, title: &str, width: u32, height: u32) -> String {
    let (_, body) = drawn.split_once('>').unwrap_or(("", drawn));
    let (wide, high) = (f64::from(width) * FINE, f64::from(height) * FINE);
    let title = escape(title);
    format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {wide} {high}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\">\
         <title>{title}</title>{body}"
    )
}

/// A standalone document made part of a page: as wide as its place, text and axes in the page's ink, each colour
/// as a custom property `--cRRGGBB` that the page may redefine for dark screens, with the light colour as its fallback.
pub fn embed(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() * 2);
    let mut rest = svg;
    while let Some(at) = rest.find("=\"#") {
        let (before, from) = rest.split_at(at + 2);
        out.push_str(before);
        let (colour, after) = from.split_at(from.find('"').unwrap_or(from.len()));
        if colour == Rgb::INK.hex() {
            out.push_str("currentColor");
        } else {
            out.push_str(&format!("var(--c{},{colour})", &colour[1..]));
        }
        rest = after;
    }
    out.push_str(rest);
    out.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}

/// Declarations of the custom properties of [`embed`] for dark screens.
pub fn dark_rules(colours: impl Iterator<Item = Rgb>) -> String {
    let unique: std::collections::BTreeSet<String> = colours
        .map(|colour| format!("--c{}:{};", &colour.hex()[1..], super::dark(colour).hex()))
        .collect();
    unique.into_iter().collect()
}

/// Text safe inside XML and HTML, in content and in attributes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_the_pages() {
        let ink = Rgb::INK.hex();
        let out = embed(&format!("<line stroke=\"#0072B2\"/><text fill=\"{ink}\">=\"#x</text>").replace("=\"#x", ""));
        assert_eq!(
            out,
            "<line stroke=\"var(--c0072B2,#0072B2)\"/><text fill=\"currentColor\"></text>"
        );
    }

    #[test]
    fn escaping_covers_the_five() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
