//! A figure before it has a width: made to fit a column or a page, flatter or in parts where it is too high, smaller at last.

use crate::plot::{
    Contact, Matrix, Parallel, PlotError, Sheet, Span, Strips, contact_svg, matrix_svg_within, parallel_svg, sheet_svg,
    strips_svg,
};

/// Height at most, in typographic pixels, of which 11 are 8 points on paper: 480 points, so that a caption fits below it on
/// a page of `article`.
pub(super) const TALLEST: f64 = 660.0;

/// What is drawn.
pub(super) enum Drawing {
    Panels(Sheet),
    Matrix(Matrix),
    Parallel(Parallel),
    Strips(Strips),
    Pictures(Contact),
}

impl Drawing {
    pub(super) fn title(&self) -> &str {
        match self {
            Self::Panels(sheet) => &sheet.title,
            Self::Matrix(matrix) => &matrix.title,
            Self::Parallel(parallel) => &parallel.title,
            Self::Pictures(contact) => &contact.title,
            Self::Strips(strips) => &strips.title,
        }
    }

    /// The parts of the drawing for a span, in one where that fits. None for one column where it does not fit there.
    pub(super) fn parts(&self, span: Span) -> Result<Vec<String>, PlotError> {
        let drawn = match span {
            Span::OneColumn => self.narrow()?.into_iter().collect(),
            Span::TwoColumns => self.wide()?,
        };
        let fits = |svg: &String| size(svg).is_none_or(|(_, height)| height <= TALLEST);
        Ok(match span {
            Span::OneColumn => drawn.into_iter().filter(fits).collect(),
            Span::TwoColumns => drawn.iter().map(|svg| smaller(svg)).collect(),
        })
    }

    fn narrow(&self) -> Result<Option<String>, PlotError> {
        let width = Span::OneColumn.pixels();
        match self {
            Self::Panels(sheet) => {
                let fitting = across(sheet, width, 1).within(TALLEST);
                fitting.map(|sheet| sheet_svg(&sheet)).transpose()
            }
            Self::Matrix(matrix) => matrix_svg_within(matrix, (width, TALLEST)),
            Self::Pictures(contact) => Ok(contact_svg(contact, (width, TALLEST))),
            Self::Strips(_) | Self::Parallel(_) => Ok(None),
        }
    }

    fn wide(&self) -> Result<Vec<String>, PlotError> {
        let width = Span::TwoColumns.pixels();
        match self {
            Self::Panels(sheet) => across(sheet, width, 2).parts(TALLEST).iter().map(sheet_svg).collect(),
            Self::Matrix(matrix) => {
                // Wider than a page at last, which the press makes smaller.
                let mut widths = [1.0, 1.5, 2.0, 4.0, 16.0].into_iter().map(|more| more * width);
                let drawn = widths.find_map(|w| matrix_svg_within(matrix, (w, TALLEST)).transpose());
                Ok(drawn.transpose()?.into_iter().collect())
            }
            Self::Pictures(contact) => Ok(rows(contact, width)),
            Self::Parallel(parallel) => Ok(vec![parallel_svg(parallel)?]),
            Self::Strips(strips) => Ok(vec![strips_svg(strips)?]),
        }
    }
}

fn across(sheet: &Sheet, width: f64, across: usize) -> Sheet {
    Sheet {
        width,
        across,
        ..sheet.clone()
    }
}

/// Pictures in as few parts of whole rows as fit; a row that does not fit alone is as high as it is.
fn rows(contact: &Contact, width: f64) -> Vec<String> {
    let part = |rows: &[crate::plot::ContactRow], tallest: f64| {
        let part = Contact {
            rows: rows.to_vec(),
            ..contact.clone()
        };
        contact_svg(&part, (width, tallest))
    };
    let count = contact.rows.len();
    let split = |each: usize, tallest: f64| contact.rows.chunks(each).map(|rows| part(rows, tallest)).collect();
    let fitting = (1..=count).find_map(|parts| split(count.div_ceil(parts), TALLEST));
    let single: Option<Vec<String>> = fitting.or_else(|| split(1, f64::INFINITY));
    single.unwrap_or_default()
}

/// Width and height of a drawing, as its first tag says them.
fn size(svg: &str) -> Option<(f64, f64)> {
    let tag = svg.split_once('>')?.0;
    let value = |name: &str| {
        tag.split_once(&format!(" {name}=\""))?
            .1
            .split('"')
            .next()?
            .parse()
            .ok()
    };
    Some((value("width")?, value("height")?))
}

/// A drawing no higher than a page: all of it smaller, its text too, where it was higher.
fn smaller(svg: &str) -> String {
    match size(svg) {
        Some((width, height)) if height > TALLEST => {
            let new = |side: f64| side * TALLEST / height;
            let (was, is) = (
                |n: &str, v: f64| format!(" {n}=\"{v}\""),
                |n: &str, v: f64| format!(" {n}=\"{v:.2}\""),
            );
            svg.replacen(&was("width", width), &is("width", new(width)), 1)
                .replacen(&was("height", height), &is("height", new(height)), 1)
        }
        _ => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{ContactRow, Thumb};

    fn contact(columns: usize, rows: usize) -> Drawing {
        let thumb = Some(Thumb {
            uri: "data:image/png;base64,AA==".into(),
            size: (64.0, 64.0),
        });
        let row = ContactRow {
            apart: false,
            reference: thumb.clone(),
            cells: vec![thumb; columns],
        };
        Drawing::Pictures(Contact {
            title: "pictures".into(),
            columns: (0..columns).map(|i| format!("column {i}")).collect(),
            rows: vec![row; rows],
        })
    }

    #[test]
    fn what_is_too_high_comes_in_parts_over_both_columns_only() {
        let tall = contact(4, 30);
        assert_eq!(tall.parts(Span::OneColumn).unwrap(), Vec::<String>::new());
        let parts = tall.parts(Span::TwoColumns).unwrap();
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|p| size(p).unwrap().1 <= TALLEST));
        let pictures: usize = parts.iter().map(|p| p.matches("<image ").count()).sum();
        assert_eq!(pictures, 30 * 5);
        assert_eq!(contact(4, 2).parts(Span::OneColumn).unwrap().len(), 1);
    }

    #[test]
    fn what_is_too_high_in_any_parts_is_made_smaller() {
        let parts = contact(400, 1).parts(Span::TwoColumns).unwrap();
        let (width, height) = size(&parts[0]).unwrap();
        assert!(
            parts.len() == 1 && height <= TALLEST && width < 400.0,
            "{width} {height}"
        );
        assert!(
            parts[0].contains(" viewBox=\"0 0 6"),
            "the drawing itself is as wide as before"
        );
        let low = "<svg width=\"10\" height=\"20\"><g/></svg>";
        assert_eq!(smaller(low), low);
    }
}
