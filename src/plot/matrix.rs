//! A matrix of numbers as a heat map with the numbers in its cells, names at its rows and columns, and its scale below.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::draw::PlotError;
use super::frame::{TEXT, fine, text_width};
use super::heat::{bar, heat, legible, rectangle};
use super::pen::{Canvas, Drawn, Script, stroke, write};
use super::{Rgb, theme};

/// Width and height of a cell in typographic pixels, where there is room.
const CELL: (f64, f64) = (54.0, 27.0);
/// Least width and height of a cell: the height of its name.
const LEAST: f64 = TEXT * 1.3;
/// With more columns than these, cells are as narrow as their text allows.
const FEW: usize = 12;
/// Room between names and cells, and between parts.
const GAP: f64 = 7.0;

/// A matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// What it shows, for readers that cannot see it.
    pub title: String,
    /// What the columns are.
    pub across: String,
    /// What the rows are.
    pub down: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows from the top.
    pub rows: Vec<MatrixRow>,
    /// Values at the light and at the dark end of the scale, and their text.
    pub ends: [(f64, String); 2],
    /// What the values are.
    pub measure: String,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixRow {
    /// Its name.
    pub name: String,
    /// One cell for each column.
    pub cells: Vec<Tile>,
    /// Whether a gap stands above it.
    pub apart: bool,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    /// Its number; grey where there is none.
    pub value: Option<f64>,
    /// The number as text.
    pub text: String,
    /// Whether a frame marks it.
    pub framed: bool,
    /// Whether its text is bold.
    pub bold: bool,
}

impl Matrix {
    /// Colours that depend on the page; those of the cells do not.
    pub fn colours(&self) -> Vec<Rgb> {
        vec![Rgb::INK, Rgb::GREY]
    }

    fn shade(&self, value: Option<f64>) -> Rgb {
        let [(light, _), (dark, _)] = &self.ends;
        let share = |v: f64| {
            if dark > light {
                (v - light) / (dark - light)
            } else {
                0.5
            }
        };
        heat(value.filter(|v| v.is_finite()).map_or(f64::NAN, share))
    }
}

/// The matrix as a standalone SVG document.
pub fn matrix_svg(matrix: &Matrix) -> Result<String, PlotError> {
    render(matrix, &Place::of(matrix, (natural(matrix), CELL.1)))
}

/// The matrix no wider and, as far as its text allows, no higher than `room` in typographic pixels, with narrower and lower
/// cells where need be; where its numbers do not fit, without them and with a dot for bold. `None` where not even its columns'
/// names fit.
pub fn matrix_svg_within(matrix: &Matrix, room: (f64, f64)) -> Result<Option<String>, PlotError> {
    let most = natural(matrix);
    let place = Place::of(matrix, (most, CELL.1));
    let wide = ((room.0 - place.left - 2.0) / matrix.columns.len().max(1) as f64).min(most);
    if wide < LEAST {
        return Ok(None);
    }
    let over = (place.height - room.1).max(0.0) / matrix.rows.len().max(1) as f64;
    let cell = (wide, (CELL.1 - over).max(LEAST));
    if widest(&mut texts(matrix)) <= wide {
        return render(matrix, &Place::of(matrix, cell)).map(Some);
    }
    let mut bare = matrix.clone();
    for cell in bare.rows.iter_mut().flat_map(|r| &mut r.cells) {
        cell.text = if cell.bold { "•".to_owned() } else { String::new() };
    }
    render(&bare, &Place::of(&bare, cell)).map(Some)
}

/// Width of a cell where there is room for any.
fn natural(matrix: &Matrix) -> f64 {
    match matrix.columns.len() {
        ..=FEW => CELL.0,
        _ => (widest(&mut texts(matrix)) + GAP).clamp(TEXT * 2.0, CELL.0),
    }
}

fn render(matrix: &Matrix, place: &Place) -> Result<String, PlotError> {
    let (width, height) = (place.width.ceil(), place.height.ceil());
    let mut text = String::new();
    let size = (fine(width).unsigned_abs(), fine(height).unsigned_abs());
    let drawn = {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(matrix, place, &canvas)
    };
    drawn.map_err(|e| PlotError::new(&matrix.title, &*e))?;
    Ok(theme::standalone(&text, &matrix.title, width as u32, height as u32))
}

/// Where things are, in typographic pixels.
struct Place {
    left: f64,
    top: f64,
    /// Width and height of a cell.
    cell: (f64, f64),
    /// Upper edge of each row.
    rows: Vec<f64>,
    width: f64,
    height: f64,
}

impl Place {
    fn of(matrix: &Matrix, cell: (f64, f64)) -> Self {
        let left = TEXT * 1.6 + widest(&mut matrix.rows.iter().map(|r| &r.name)) + GAP;
        let top = TEXT * 1.8 + widest(&mut matrix.columns.iter()) + GAP;
        let mut edge = top;
        let mut rows = vec![];
        for row in &matrix.rows {
            edge += if row.apart { GAP } else { 0.0 };
            rows.push(edge);
            edge += cell.1;
        }
        let cells = matrix.columns.len() as f64 * cell.0;
        Self {
            left,
            top,
            cell,
            rows,
            width: (left + cells + 2.0).max(left + text_width(&matrix.measure)),
            height: edge + GAP + TEXT * 4.2,
        }
    }

    fn column(&self, index: usize) -> f64 {
        self.left + index as f64 * self.cell.0
    }

    fn below(&self) -> f64 {
        self.rows.last().map_or(self.top, |edge| edge + self.cell.1)
    }
}

/// The text of every cell.
/// Width of the longest of these texts.
fn widest(texts: &mut dyn Iterator<Item = &String>) -> f64 {
    texts.map(|t| text_width(t)).fold(0.0, f64::max)
}

fn texts(matrix: &Matrix) -> impl Iterator<Item = &String> {
    matrix.rows.iter().flat_map(|row| &row.cells).map(|cell| &cell.text)
}

fn draw(matrix: &Matrix, place: &Place, canvas: &Canvas<'_>) -> Drawn {
    names(matrix, place, canvas)?;
    for (row, edge) in matrix.rows.iter().zip(&place.rows) {
        for (i, cell) in row.cells.iter().enumerate() {
            tile(
                canvas,
                (place.column(i), *edge, place.cell.0, place.cell.1),
                cell,
                matrix.shade(cell.value),
            )?;
        }
    }
    legend(matrix, place, canvas)?;
    Ok(canvas.present()?)
}

fn names(matrix: &Matrix, place: &Place, canvas: &Canvas<'_>) -> Drawn {
    let cells = matrix.columns.len() as f64 * place.cell.0;
    let at = |x: f64, y: f64| (fine(x), fine(y));
    let middle = at(place.left + cells / 2.0, 1.0);
    write(
        canvas,
        &matrix.across,
        middle,
        (HPos::Center, VPos::Top),
        Script::plain(Rgb::GREY),
    )?;
    for (i, name) in matrix.columns.iter().enumerate() {
        let foot = at(place.column(i) + place.cell.0 / 2.0, place.top - GAP);
        let turned = Script::plain(Rgb::INK).turned(FontTransform::Rotate270);
        write(canvas, name, foot, (HPos::Left, VPos::Center), turned)?;
    }
    let down = Script::plain(Rgb::GREY).turned(FontTransform::Rotate270);
    let middle = at(1.0, f64::midpoint(place.top, place.below()));
    write(canvas, &matrix.down, middle, (HPos::Center, VPos::Top), down)?;
    for (row, edge) in matrix.rows.iter().zip(&place.rows) {
        let end = at(place.left - GAP, edge + place.cell.1 / 2.0);
        write(
            canvas,
            &row.name,
            end,
            (HPos::Right, VPos::Center),
            Script::plain(Rgb::INK),
        )?;
    }
    Ok(())
}

/// A cell with its upper left corner, width and height.
fn tile(canvas: &Canvas<'_>, at: (f64, f64, f64, f64), cell: &Tile, shade: Rgb) -> Drawn {
    let (right, bottom) = (at.0 + at.2, at.1 + at.3);
    rectangle(canvas, (fine(at.0), fine(at.1)), (fine(right), fine(bottom)), shade)?;
    let ink = legible(shade);
    if cell.framed {
        let (x0, y0, x1, y1) = (
            fine(at.0 + 2.0),
            fine(at.1 + 2.0),
            fine(right - 2.0),
            fine(bottom - 2.0),
        );
        let frame = vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
        canvas.draw(&PathElement::new(frame, stroke(ink, 1.4, 1.0)))?;
    }
    let middle = (fine(at.0 + at.2 / 2.0), fine(at.1 + CELL.1 / 2.0));
    let script = Script {
        bold: cell.bold,
        ..Script::plain(ink)
    };
    write(canvas, &cell.text, middle, (HPos::Center, VPos::Center), script)
}

/// The scale with the numbers at its ends, and what it measures.
fn legend(matrix: &Matrix, place: &Place, canvas: &Canvas<'_>) -> Drawn {
    let [(_, low), (_, high)] = &matrix.ends;
    let top = place.below() + GAP + TEXT * 0.8;
    let from = place.left + text_width(low) + GAP;
    let width = (place.width - from - GAP - text_width(high)).clamp(40.0, 150.0);
    bar(canvas, (from, top), width, TEXT)?;
    let level = top + TEXT / 2.0;
    let put = |text: &str, x: f64, y: f64, side: HPos| {
        write(
            canvas,
            text,
            (fine(x), fine(y)),
            (side, VPos::Center),
            Script::plain(Rgb::GREY),
        )
    };
    put(low, from - GAP, level, HPos::Right)?;
    put(high, from + width + GAP, level, HPos::Left)?;
    put(&matrix.measure, place.left, top + TEXT * 2.2, HPos::Left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        let tile = |value: f64| Tile {
            value: Some(value).filter(|v| v.is_finite()),
            text: format!("{value}"),
            framed: value == 1.0,
            bold: value == 2.0,
        };
        let row = |name: &str, values: [f64; 2], apart| MatrixRow {
            name: name.into(),
            cells: values.map(tile).to_vec(),
            apart,
        };
        Matrix {
            title: "a & b".into(),
            across: "judged".into(),
            down: "trained".into(),
            columns: vec!["one".into(), "<two>".into()],
            rows: vec![row("x", [1.0, 2.0], false), row("fill", [3.0, f64::NAN], true)],
            ends: [(1.0, "1".into()), (3.0, "3".into())],
            measure: "error".into(),
        }
    }

    #[test]
    fn cells_have_the_colour_of_their_number_and_text_that_can_be_read() {
        let text = matrix_svg(&matrix()).unwrap();
        for share in [0.0, 0.5, 1.0, f64::NAN] {
            let shade = heat(share).hex();
            assert!(text.contains(&format!("fill=\"{shade}\"")), "{share}: {shade}");
        }
        assert!(text.contains("&lt;two&gt;") && text.contains("<title>a &amp; b</title>"));
        assert_eq!(text.matches("font-weight=\"bold\"").count(), 1);
        let ink = legible(heat(0.0)).hex();
        assert_eq!(text.matches(&format!("stroke=\"{ink}\"")).count(), 1, "one frame");
    }

    #[test]
    fn matrices_fit_into_a_width_or_are_none() {
        let wide = |text: &str| -> f64 { text.split('"').nth(1).unwrap().parse().unwrap() };
        let mut many = matrix();
        many.columns = vec!["name".into(); 12];
        for row in &mut many.rows {
            row.cells = vec![row.cells[1].clone(); 12];
            row.cells.iter_mut().for_each(|c| c.text = "0.0210".into());
        }
        let narrow = matrix_svg_within(&many, (322.0, 9000.0)).unwrap().unwrap();
        assert!(wide(&matrix_svg(&many).unwrap()) > 600.0 && wide(&narrow) <= 322.0);
        assert!(
            !narrow.contains("0.0210") && narrow.matches(">\n•\n<").count() == 12,
            "{narrow}"
        );
        assert!(
            matrix_svg_within(&many, (668.0, 9000.0))
                .unwrap()
                .unwrap()
                .contains("0.0210")
        );
        assert_eq!(matrix_svg_within(&many, (150.0, 9000.0)).unwrap(), None);
    }

    #[test]
    fn many_columns_have_narrow_cells() {
        let width = |columns: usize| {
            let mut many = matrix();
            many.columns = (0..columns).map(|i| i.to_string()).collect();
            many.rows
                .iter_mut()
                .for_each(|row| row.cells = vec![row.cells[0].clone(); columns]);
            let place = Place::of(&many, (natural(&many), CELL.1));
            (place.cell.0, place.width)
        };
        assert_eq!(width(12).0, CELL.0);
        let (cell, wide) = width(22);
        assert!((22.0..CELL.0).contains(&cell) && wide > 22.0 * cell, "{cell}");
    }

    #[test]
    fn equal_values_and_no_values_are_drawn() {
        let mut flat = matrix();
        flat.ends = [(1.0, "1".into()), (1.0, "1".into())];
        assert!(matrix_svg(&flat).unwrap().contains(&heat(0.5).hex()));
        let empty = Matrix {
            columns: vec![],
            rows: vec![],
            ..matrix()
        };
        assert!(matrix_svg(&empty).unwrap().ends_with("</svg>\n"));
    }
}
