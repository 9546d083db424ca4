//! A contact sheet for papers: pictures in rows and named columns. Columns that do not fit beside each other stand in bands,
//! one below the other.

use super::Rgb;
use super::frame::{TEXT, text_width};
use super::theme::{FONT, escape};

/// Side of a column at most and at least, in typographic pixels.
const SIDE: (f64, f64) = (84.0, 34.0);
/// Room between pictures, between groups of rows and after the first column, and between bands.
const GAPS: (f64, f64, f64) = (3.0, 8.0, 18.0);

/// Pictures in rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// What it shows, for readers that cannot see it.
    pub title: String,
    /// Names of the columns after the first.
    pub columns: Vec<String>,
    /// Rows from the top.
    pub rows: Vec<ContactRow>,
}

/// A row of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactRow {
    /// Whether a gap stands above it.
    pub apart: bool,
    /// The picture in the first column, which every band repeats.
    pub reference: Option<Thumb>,
    /// One for each named column.
    pub cells: Vec<Option<Thumb>>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumb {
    /// It as a `data:` address.
    pub uri: String,
    /// Width and height in pixels.
    pub size: (f64, f64),
}

/// The sheet as a standalone SVG document of at most that width and height in typographic pixels; `None` where it would be
/// higher, or has no pictures.
pub fn contact_svg(contact: &Contact, room: (f64, f64)) -> Option<String> {
    let place = Place::of(contact, room.0).filter(|place| place.height <= room.1)?;
    let mut body = String::new();
    for (band, columns) in contact.columns.chunks(place.across).enumerate() {
        let top = band as f64 * (place.band + GAPS.2);
        for (i, name) in columns.iter().enumerate() {
            body.push_str(&place.heading(name, i, top));
        }
        for (row, y) in contact.rows.iter().zip(&place.rows) {
            let from = band * place.across;
            let cells = row.cells.iter().skip(from).take(place.across);
            let named = cells.enumerate().map(|(i, cell)| (place.column(i), cell.as_ref()));
            for (x, thumb) in std::iter::once((0.0, row.reference.as_ref())).chain(named) {
                body.extend(thumb.map(|t| place.picture(t, x, top + y)));
            }
        }
    }
    let (width, height) = (place.width.ceil(), place.height.ceil());
    Some(format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title>{body}</svg>\n",
        escape(&contact.title)
    ))
}

/// Where things are, in typographic pixels.
struct Place {
    /// Named columns in a band.
    across: usize,
    side: f64,
    /// Height of the names, and whether they are turned.
    head: f64,
    turned: bool,
    /// Upper edge of each row below the upper edge of its band.
    rows: Vec<f64>,
    band: f64,
    width: f64,
    height: f64,
}

impl Place {
    fn of(contact: &Contact, width: f64) -> Option<Self> {
        let columns = contact.columns.len();
        let room = width - GAPS.1 + GAPS.0;
        let most = (room / (SIDE.1 + GAPS.0)).floor() as usize;
        if columns == 0 || most < 2 || contact.rows.is_empty() {
            return None;
        }
        let across = columns.div_ceil(columns.div_ceil(most - 1));
        let side = (room / (across as f64 + 1.0) - GAPS.0).min(SIDE.0);
        let longest = contact.columns.iter().map(|c| text_width(c)).fold(0.0, f64::max);
        let turned = longest > side;
        let head = if turned { longest } else { TEXT } + 4.0;
        let tallest = |row: &ContactRow| {
            let all = row.reference.iter().chain(row.cells.iter().flatten());
            all.map(|t| side * t.size.1 / t.size.0.max(1.0)).fold(0.0, f64::max)
        };
        let (mut rows, mut y) = (vec![], head);
        for (i, row) in contact.rows.iter().enumerate() {
            y += if row.apart && i > 0 { GAPS.1 - GAPS.0 } else { 0.0 };
            rows.push(y);
            y += tallest(row) + GAPS.0;
        }
        let (band, bands) = (y - GAPS.0, columns.div_ceil(across) as f64);
        let height = bands * (band + GAPS.2) - GAPS.2;
        let width = (side + GAPS.0) * (across as f64 + 1.0) + GAPS.1 - GAPS.0;
        Some(Self {
            across,
            side,
            head,
            turned,
            rows,
            band,
            width,
            height,
        })
    }

    /// Left edge of a named column.
    fn column(&self, index: usize) -> f64 {
        (index as f64 + 1.0) * (self.side + GAPS.0) + GAPS.1 - GAPS.0
    }

    fn heading(&self, name: &str, index: usize, top: f64) -> String {
        let (x, y) = (self.column(index) + self.side / 2.0, top + self.head - 4.0);
        let (turn, anchor, x) = if self.turned {
            let x = x + TEXT * 0.35;
            (format!(" transform=\"rotate(-90 {x:.2} {y:.2})\""), "start", x)
        } else {
            (String::new(), "middle", x)
        };
        format!(
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-family=\"{FONT}\" font-size=\"{TEXT}\" fill=\"{}\" text-anchor=\"{anchor}\"{turn}>\
             {}</text>",
            Rgb::INK.hex(),
            escape(name)
        )
    }

    fn picture(&self, thumb: &Thumb, x: f64, y: f64) -> String {
        let height = self.side * thumb.size.1 / thumb.size.0.max(1.0);
        format!(
            "<image x=\"{x:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{height:.2}\" href=\"{}\"/>",
            self.side,
            escape(&thumb.uri)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(columns: usize, rows: usize) -> Contact {
        let thumb = Some(Thumb {
            uri: "data:image/png;base64,AA==".into(),
            size: (64.0, 64.0),
        });
        Contact {
            title: "a <b>".into(),
            columns: (0..columns).map(|i| format!("strategy_{i}")).collect(),
            rows: (0..rows)
                .map(|i| ContactRow {
                    apart: i % 2 == 0,
                    reference: thumb.clone(),
                    cells: vec![thumb.clone(); columns],
                })
                .collect(),
        }
    }

    /// Left edges, upper edges and sides of the pictures.
    fn boxes(svg: &str) -> Vec<[f64; 3]> {
        let number = |text: &str, name: &str| {
            let after = text.split(&format!("{name}=\"")).nth(1).unwrap();
            after.split('"').next().unwrap().parse().unwrap()
        };
        let images = svg.split("<image ").skip(1);
        images
            .map(|i| ["x", "y", "width"].map(|name| number(i, name)))
            .collect()
    }

    #[test]
    fn pictures_lie_inside_and_do_not_overlap() {
        for (columns, rows, width) in [(1, 2, 322.0), (4, 6, 322.0), (12, 2, 322.0), (25, 4, 668.0)] {
            let svg = contact_svg(&contact(columns, rows), (width, 840.0)).unwrap();
            let all = boxes(&svg);
            let bands = all.len() - rows * columns;
            assert_eq!(bands % rows, 0, "the first column is in every band");
            for (i, a) in all.iter().enumerate() {
                assert!(a[0] >= 0.0 && a[0] + a[2] <= width + 0.01 && a[2] >= SIDE.1, "{a:?}");
                let apart = |b: &[f64; 3]| (0..2).any(|k| (a[k] - b[k]).abs() >= a[2]);
                assert!(all[i + 1..].iter().all(apart), "{columns} columns: {a:?}");
            }
        }
    }

    #[test]
    fn long_names_are_turned_and_what_is_higher_than_a_page_is_not_drawn() {
        let (few, many) = (contact(2, 1), contact(12, 1));
        assert!(!contact_svg(&few, (322.0, 660.0)).unwrap().contains("rotate"));
        let svg = contact_svg(&many, (322.0, 660.0)).unwrap();
        assert!(svg.contains("rotate(-90") && svg.contains("<title>a &lt;b&gt;</title>"));
        assert_eq!(contact_svg(&contact(2, 30), (322.0, 660.0)), None);
        assert_eq!(contact_svg(&contact(0, 1), (322.0, 660.0)), None);
    }
}
