//! Rows side by side: each has a name, a small map, and a bar with its number in every column.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::draw::PlotError;
use super::frame::{TEXT, fine, text_width};
use super::heat::{Map, bar, rectangle};
use super::pen::{Canvas, Drawn, Script, stroke, write};
use super::{Rgb, categorical, theme};

/// Side of a map in typographic pixels.
const MAP: f64 = 62.0;
/// Height of a row.
const ROW: f64 = 74.0;
/// Width of a column of bars.
const COLUMN: f64 = 104.0;
/// Width of the names and notes.
const NAMES: f64 = 156.0;
/// Height of a bar.
const BAR: f64 = 11.0;
/// Size of notes.
const SMALL: f64 = 9.0;

/// Rows side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Strips {
    /// What they show, for readers that cannot see it.
    pub title: String,
    /// What the maps show.
    pub map: String,
    /// What the two ends of the maps' scale are.
    pub ends: [String; 2],
    /// Headings of the columns of bars.
    pub columns: Vec<String>,
    /// Rows from the top.
    pub rows: Vec<Strip>,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Its name.
    pub name: String,
    /// What is to be said of it.
    pub note: String,
    /// Its map.
    pub map: Map,
    /// A number and its text for each column.
    pub bars: Vec<(f64, String)>,
}

impl Strips {
    /// Colours that depend on the page; those of the maps do not.
    pub fn colours(&self) -> Vec<Rgb> {
        vec![Rgb::INK, Rgb::GREY, Rgb::GRID, categorical(0)]
    }

    fn size(&self) -> (f64, f64) {
        let width = NAMES + MAP + 22.0 + COLUMN * self.columns.len() as f64;
        (width, header() + ROW * self.rows.len() as f64 + TEXT * 2.4)
    }
}

fn header() -> f64 {
    TEXT * 2.0
}

/// The rows as a standalone SVG document.
pub fn strips_svg(strips: &Strips) -> Result<String, PlotError> {
    let (width, height) = strips.size();
    let (width, height) = (width.ceil(), height.ceil());
    let mut text = String::new();
    let size = (fine(width).unsigned_abs(), fine(height).unsigned_abs());
    let drawn = {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(strips, &canvas)
    };
    drawn.map_err(|e| PlotError::new(&strips.title, &*e))?;
    Ok(theme::standalone(&text, &strips.title, width as u32, height as u32))
}

fn draw(strips: &Strips, canvas: &Canvas<'_>) -> Drawn {
    let put = |text: &str, x: f64, y: f64| {
        write(
            canvas,
            text,
            (fine(x), fine(y)),
            (HPos::Left, VPos::Center),
            Script::plain(Rgb::GREY),
        )
    };
    put(&strips.map, NAMES, TEXT * 0.7)?;
    for (i, heading) in strips.columns.iter().enumerate() {
        put(heading, column(i), TEXT * 0.7)?;
    }
    let most: Vec<f64> = (0..strips.columns.len()).map(|i| largest(strips, i)).collect();
    for (i, strip) in strips.rows.iter().enumerate() {
        row(strip, header() + ROW * i as f64, &most, canvas)?;
    }
    let foot = header() + ROW * strips.rows.len() as f64 + TEXT * 0.8;
    let [light, dark] = &strips.ends;
    let from = NAMES + text_width(light) + 6.0;
    put(light, NAMES, foot + TEXT / 2.0)?;
    bar(canvas, (from, foot), 90.0, TEXT)?;
    put(dark, from + 96.0, foot + TEXT / 2.0)?;
    Ok(canvas.present()?)
}

fn column(index: usize) -> f64 {
    NAMES + MAP + 22.0 + COLUMN * index as f64
}

fn largest(strips: &Strips, index: usize) -> f64 {
    let values = strips.rows.iter().filter_map(|r| r.bars.get(index)).map(|b| b.0);
    values.filter(|v| v.is_finite()).fold(0.0, f64::max)
}

fn row(strip: &Strip, top: f64, most: &[f64], canvas: &Canvas<'_>) -> Drawn {
    let width = column(most.len());
    let rule = vec![(0, fine(top)), (fine(width), fine(top))];
    canvas.draw(&PathElement::new(rule, stroke(Rgb::GRID, 0.6, 1.0)))?;
    let middle = top + ROW / 2.0;
    labels(strip, top, canvas)?;
    let (map_width, map_height) = strip.map.size(MAP);
    let corner = (NAMES + (MAP - map_width) / 2.0, middle - map_height / 2.0);
    strip.map.draw(canvas, corner, MAP)?;
    for (i, ((value, text), most)) in strip.bars.iter().zip(most).enumerate() {
        let room = COLUMN - text_width(text) - 16.0;
        let share = if *most > 0.0 && value.is_finite() {
            value / most
        } else {
            0.0
        };
        let length = (room * share).max(0.0);
        let (from, to) = (
            (column(i), middle - BAR / 2.0),
            (column(i) + length, middle + BAR / 2.0),
        );
        rectangle(
            canvas,
            (fine(from.0), fine(from.1)),
            (fine(to.0), fine(to.1)),
            categorical(0),
        )?;
        let beside = (fine(to.0 + 5.0), fine(middle));
        write(
            canvas,
            text,
            beside,
            (HPos::Left, VPos::Center),
            Script::plain(Rgb::INK),
        )?;
    }
    Ok(())
}

/// Name, and below it the note in as many lines as fit.
fn labels(strip: &Strip, top: f64, canvas: &Canvas<'_>) -> Drawn {
    let letters = |size: f64| ((NAMES - 10.0) / (size * super::frame::LETTER)) as usize;
    let name = textwrap::wrap(&strip.name, letters(TEXT)).into_iter().take(2);
    let note = textwrap::wrap(&strip.note, letters(SMALL)).into_iter().take(4);
    let lines: Vec<(String, f64, Rgb)> = name
        .map(|line| (line.into_owned(), TEXT, Rgb::INK))
        .chain(note.map(|line| (line.into_owned(), SMALL, Rgb::GREY)))
        .collect();
    let height: f64 = lines.iter().map(|(_, size, _)| size * 1.3).sum();
    let mut y = top + (ROW - height) / 2.0;
    for (line, size, colour) in lines {
        let script = Script {
            size,
            ..Script::plain(colour)
        };
        write(
            canvas,
            &line,
            (0, fine(y + size * 0.65)),
            (HPos::Left, VPos::Center),
            script,
        )?;
        y += size * 1.3;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::heat;

    fn strips() -> Strips {
        let strip = |name: &str, value: f64| Strip {
            name: name.into(),
            note: "7 of 8 hidden".into(),
            map: Map {
                rows: 2,
                cols: 4,
                values: vec![1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5],
            },
            bars: vec![(value, format!("{value:.1}"))],
        };
        Strips {
            title: "statistics".into(),
            map: "hidden".into(),
            ends: ["never".into(), "always".into()],
            columns: vec!["AvgDist (px)".into()],
            rows: vec![strip("<random>", 20.0), strip("grid", 10.0)],
        }
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let text = strips_svg(&strips()).unwrap();
        let blue = format!("fill=\"{}\"", categorical(0).hex());
        let widths: Vec<f64> = text
            .lines()
            .filter(|line| line.contains(&blue))
            .filter_map(|line| line.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2, "{text}");
        assert!((widths[0] / widths[1] - 2.0).abs() < 0.05, "{widths:?}");
        assert!(text.contains("20.0") && text.contains("&lt;random&gt;"));
    }

    #[test]
    fn equal_neighbours_of_a_map_are_one_rectangle() {
        let text = strips_svg(&strips()).unwrap();
        let rectangles = |share: f64| text.matches(&format!("fill=\"{}\"", heat(share).hex())).count();
        // Two maps, and one step of the scale for each end.
        assert_eq!((rectangles(0.0), rectangles(1.0)), (3, 3));
        assert_eq!(rectangles(0.5), 2);
    }

    #[test]
    fn broken_numbers_have_no_bar() {
        let mut broken = strips();
        broken.rows[0].bars[0].0 = f64::NAN;
        broken.rows[1].bars[0].0 = 0.0;
        let text = strips_svg(&broken).unwrap();
        assert!(!text.contains("NaN\"") && text.ends_with("</svg>\n"), "{text}");
    }
}
