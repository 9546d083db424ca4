//! Panels on a sheet of paper of a given width: side by side or one above the other, with letters, and one legend above them.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::draw::{PlotError, drawn};
use super::frame::{TEXT, fine, text_width};
use super::mark::{Ink, Mark};
use super::pen::{Canvas, Drawn, Script, write};
use super::{Layer, Plot, Rgb, Scale, theme};

/// Room between panels in typographic pixels.
const GAP: f64 = 14.0;
/// Height of a line of the legend, and of the strip of letters above panels.
const LINE: f64 = TEXT * 1.45;
/// Length of a legend's sample.
const SAMPLE: f64 = 24.0;

/// Least height of a named row, and of what is above and below rows, in whole typographic pixels.
const NAME: u32 = 14;
/// See [`NAME`].
const FRAME: u32 = 56;

/// Panels and what they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// What it shows, for readers that cannot see it.
    pub title: String,
    /// Width in typographic pixels.
    pub width: f64,
    /// Panels in a row.
    pub across: usize,
    /// Panels in reading order.
    pub panels: Vec<Plot>,
    /// What the legend's names are values of.
    pub legend_title: String,
    /// Names and colours.
    pub legend: Vec<(String, Rgb)>,
    /// Place in the alphabet, from 0, of the first panel's letter; `None` where panels have no letters.
    pub letter: Option<u8>,
}

/// The sheet as a standalone SVG document. Series of the legend differ in their marks, too.
pub fn sheet_svg(sheet: &Sheet) -> Result<String, PlotError> {
    let place = Place::of(sheet);
    let mut text = String::new();
    let size = (fine(sheet.width).unsigned_abs(), fine(place.height).unsigned_abs());
    let top = {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        furniture(sheet, &place, &canvas)
    };
    top.map_err(|e| PlotError::new(&sheet.title, &*e))?;
    let mut panels = String::new();
    for (plot, (x, y)) in place.plots.iter().zip(&place.corners) {
        let drawn = drawn(plot)?;
        let body = drawn.split_once('>').map_or("", |parts| parts.1);
        let body = body.rsplit_once("</svg>").map_or(body, |parts| parts.0);
        let (x, y) = (fine(*x), fine(*y));
        panels.push_str(&format!("<g transform=\"translate({x} {y})\">{body}</g>\n"));
    }
    let end = text.rfind("</svg>").unwrap_or(text.len());
    text.insert_str(end, &panels);
    let (width, height) = (sheet.width.round() as u32, place.height.round() as u32);
    Ok(theme::standalone(&text, &sheet.title, width, height))
}

/// Where things are, in typographic pixels.
struct Place {
    /// Upper left corner of each legend entry's text line.
    entries: Vec<(f64, f64)>,
    /// Panels in their size on the sheet.
    plots: Vec<Plot>,
    /// Their upper left corners.
    corners: Vec<(f64, f64)>,
    height: f64,
}

impl Place {
    fn of(sheet: &Sheet) -> Self {
        let (entries, top) = entries(sheet);
        let across = sheet.across.clamp(1, sheet.panels.len().max(1));
        let width = (sheet.width - GAP * (across as f64 - 1.0)) / across as f64;
        let marks: Vec<(Rgb, Mark)> = (0..).map(Mark::nth).zip(&sheet.legend).map(|(m, l)| (l.1, m)).collect();
        let plots: Vec<Plot> = sheet.panels.iter().map(|p| sized(p, width, &marks)).collect();
        let (mut corners, mut y) = (vec![], top);
        for row in plots.chunks(across) {
            y += sheet.strip();
            corners.extend((0..row.len()).map(|i| (i as f64 * (width + GAP), y)));
            y += f64::from(row.iter().map(|p| p.height).max().unwrap_or(0)) + GAP / 2.0;
        }
        Self {
            entries,
            plots,
            corners,
            height: (y - GAP / 2.0).ceil().max(1.0),
        }
    }
}

impl Sheet {
    /// The sheet no higher than `tallest` typographic pixels, with flatter panels where need be; `None` where they would be too
    /// flat to read.
    pub fn within(&self, tallest: f64) -> Option<Self> {
        let steps = (0..=8).map(|i| self.flatter(1.0 - 0.05 * f64::from(i)));
        steps.into_iter().find(|sheet| Place::of(sheet).height <= tallest)
    }

    /// The sheet in as few parts, none higher than `tallest`, as that takes. A row of panels that is too high alone is a part
    /// as flat as may be.
    pub fn parts(&self, tallest: f64) -> Vec<Self> {
        let rows = self.panels.len().div_ceil(self.across.max(1)).max(1);
        let in_parts = (1..=rows).map(|count| self.cut(rows.div_ceil(count)));
        let fitting = in_parts
            .into_iter()
            .find_map(|parts| parts.iter().map(|p| p.within(tallest)).collect());
        let flat = |part: &Self| part.within(tallest).unwrap_or_else(|| part.flatter(0.6));
        fitting.unwrap_or_else(|| self.cut(1).iter().map(flat).collect())
    }

    /// Parts of so many rows of panels.
    fn cut(&self, rows: usize) -> Vec<Self> {
        let each = (rows * self.across.max(1)).max(1);
        let part = |(i, panels): (usize, &[Plot])| Self {
            panels: panels.to_vec(),
            letter: self.letter.map(|first| first.saturating_add((i * each) as u8)),
            ..self.clone()
        };
        self.panels.chunks(each).enumerate().map(part).collect()
    }

    fn flatter(&self, share: f64) -> Self {
        let panels = self.panels.iter().map(|p| Plot {
            height: flat(p, share),
            ..p.clone()
        });
        Self {
            panels: panels.collect(),
            ..self.clone()
        }
    }

    /// Height of the strip of letters.
    fn strip(&self) -> f64 {
        if self.letter.is_some() { LINE } else { 0.0 }
    }

    /// Whether the series of that colour has dots.
    fn dotted(&self, colour: Rgb) -> bool {
        let of = |layer: &Layer| matches!(layer, Layer::Dots { colour: c, .. } if *c == colour);
        self.panels.iter().flat_map(|p| &p.layers).any(of)
    }
}

/// Height of a panel made flatter; named rows keep room for their names.
fn flat(panel: &Plot, share: f64) -> u32 {
    let own = panel.height - panel.headroom.min(panel.height);
    let least = match &panel.y.scale {
        Scale::Names(names) => FRAME + NAME * names.len() as u32,
        _ => 0,
    };
    let flatter = (f64::from(own) * share).round() as u32;
    flatter.max(least.min(own)) + panel.headroom
}

/// A panel in its width; what is laid out over numbers keeps its proportions.
fn sized(panel: &Plot, width: f64, marks: &[(Rgb, Mark)]) -> Plot {
    let share = (width / f64::from(panel.width)).min(1.15);
    let own = f64::from(panel.height - panel.headroom.min(panel.height));
    let rows = matches!(panel.y.scale, Scale::Names(_));
    let height = if rows { own } else { own * share };
    Plot {
        width: width.round() as u32,
        height: height.round() as u32 + panel.headroom,
        marks: marks.to_vec(),
        ..panel.clone()
    }
}

/// Where the legend's entries stand, in lines that break where the sheet ends, and the legend's height.
fn entries(sheet: &Sheet) -> (Vec<(f64, f64)>, f64) {
    let lead = if sheet.legend_title.is_empty() {
        0.0
    } else {
        text_width(&sheet.legend_title) + 10.0
    };
    let (mut x, mut y, mut places) = (lead, 0.0, vec![]);
    for (name, _) in &sheet.legend {
        let wide = SAMPLE + 4.0 + text_width(name);
        if x > 0.0 && x + wide > sheet.width {
            (x, y) = (0.0, y + LINE);
        }
        places.push((x, y));
        x += wide + 10.0;
    }
    let height = if places.is_empty() { 0.0 } else { y + LINE + 3.0 };
    (places, height)
}

/// Legend and letters.
fn furniture(sheet: &Sheet, place: &Place, canvas: &Canvas<'_>) -> Drawn {
    let put = |text: &str, (x, y): (f64, f64), script: Script| {
        let at = (fine(x), fine(y + LINE / 2.0));
        write(canvas, text, at, (HPos::Left, VPos::Center), script)
    };
    if !sheet.legend.is_empty() {
        put(&sheet.legend_title, (0.0, 0.0), Script::plain(Rgb::GREY))?;
    }
    for (i, ((name, colour), at)) in sheet.legend.iter().zip(&place.entries).enumerate() {
        let (mark, level) = (Mark::nth(i), fine(at.1 + LINE / 2.0));
        let sample = vec![(fine(at.0), level), (fine(at.0 + SAMPLE), level)];
        mark.line(canvas, sample, (*colour, 1.6, 1.0))?;
        if sheet.dotted(*colour) {
            let ink = Ink {
                colour: *colour,
                filled: true,
                opacity: 1.0,
            };
            mark.dot(canvas, (fine(at.0 + SAMPLE / 2.0), level), 2.8, ink)?;
        }
        put(name, (at.0 + SAMPLE + 4.0, at.1), Script::plain(Rgb::INK))?;
    }
    if let Some(first) = sheet.letter {
        for (letter, (x, y)) in ('a'..='z').skip(usize::from(first)).zip(&place.corners) {
            let bold = Script {
                bold: true,
                ..Script::plain(Rgb::INK)
            };
            put(&format!("({letter})"), (*x, y - LINE), bold)?;
        }
    }
    Ok(canvas.present()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, categorical};

    fn sheet(panels: usize, across: usize, names: usize) -> Sheet {
        let legend: Vec<(String, Rgb)> = (0..names).map(|i| (format!("series {i}"), categorical(i))).collect();
        let lines = legend.iter().map(|(_, colour)| Layer::Line {
            points: vec![(0.0, 0.0), (1.0, 1.0)],
            colour: *colour,
            width: 1.0,
            opacity: 1.0,
        });
        let mut plot = Plot::new("panel", Axis::linear("epoch"), Axis::linear("loss"));
        plot.layers = lines.collect();
        Sheet {
            title: "all <panels>".into(),
            width: 322.0,
            across,
            panels: vec![plot; panels],
            legend_title: "mask.strategy".into(),
            legend,
            letter: (panels > 1).then_some(0),
        }
    }

    #[test]
    fn sheets_that_are_too_high_get_flatter_and_then_come_in_parts() {
        let whole = sheet(6, 2, 3);
        let height = |s: &Sheet| Place::of(s).height;
        let own = height(&whole);
        assert_eq!(whole.within(own), Some(whole.clone()));
        let flatter = whole.within(own * 0.8).unwrap();
        assert!(height(&flatter) <= own * 0.8 && flatter.panels.len() == 6);
        assert_eq!(whole.within(own * 0.4), None);
        let parts = whole.parts(own * 0.45);
        assert!(parts.len() > 1 && parts.iter().all(|p| height(p) <= own * 0.45));
        assert_eq!(parts.iter().map(|p| p.panels.len()).sum::<usize>(), 6);
        let second = parts[0].panels.len() as u8;
        assert_eq!(parts[1].letter, Some(second));
        let letter = char::from(b'a' + second);
        assert!(sheet_svg(&parts[1]).unwrap().contains(&format!("({letter})")));
        assert_eq!(whole.parts(1.0).len(), 3, "a row each at worst");
    }

    #[test]
    fn panels_lie_in_rows_inside_the_sheet_and_do_not_overlap() {
        for (panels, across) in [(1, 1), (2, 1), (2, 2), (3, 2), (4, 2)] {
            let place = Place::of(&sheet(panels, across, 3));
            let boxes: Vec<(f64, f64, f64, f64)> = place
                .corners
                .iter()
                .zip(&place.plots)
                .map(|((x, y), p)| (*x, *y, x + f64::from(p.width), y + f64::from(p.height)))
                .collect();
            for (i, a) in boxes.iter().enumerate() {
                assert!(a.0 >= 0.0 && a.2 <= 323.0 && a.3 <= place.height + 1.0, "{a:?}");
                let apart = |b: &(f64, f64, f64, f64)| a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
                assert!(boxes[i + 1..].iter().all(apart), "{boxes:?}");
            }
        }
    }

    #[test]
    fn legends_break_into_lines_and_series_differ_without_colour() {
        let sheet = sheet(2, 2, 7);
        let (places, height) = entries(&sheet);
        assert!(
            places.iter().any(|p| p.1 > 0.0) && places.iter().all(|p| p.0 < 260.0),
            "{places:?}"
        );
        assert!(height > 2.0 * LINE);
        let text = sheet_svg(&sheet).unwrap();
        assert!(
            text.contains(">\n(a)\n<") && text.contains(">\n(b)\n<"),
            "letters: {text}"
        );
        assert!(text.contains("<title>all &lt;panels&gt;</title>"));
        let strokes = |i: usize| text.matches(&format!("stroke=\"{}\"", categorical(i).hex())).count();
        let counts: std::collections::HashSet<usize> = (0..4).map(strokes).collect();
        assert_eq!(
            counts.len(),
            4,
            "each pattern has its own number of strokes: {counts:?}"
        );
    }
}
