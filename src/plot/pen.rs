//! The pen: strokes and text on the canvas, and everything around the data: grid, axes, reference lines, legend.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, RGBColor};

use super::axis::Layout;
use super::frame::{FINE, REFERENCE_LINE, TEXT, fine, text_width};
use super::{On, Plot, Reference, Rgb, Scale};

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Field<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Room between the texts of two ticks.
const GAP: f64 = 5.0;

/// Everything a part of the drawing needs.
pub(super) struct Pen<'p, 'a> {
    pub(super) plot: &'p Plot,
    pub(super) canvas: &'p Canvas<'a>,
    pub(super) field: &'p Field<'a>,
    pub(super) x: &'p Layout,
    pub(super) y: &'p Layout,
}

impl Pen<'_, '_> {
    pub(super) fn place(&self, point: (f64, f64)) -> Option<(f64, f64)> {
        Some((self.plot.x.place(point.0)?, self.plot.y.place(point.1)?))
    }

    pub(super) fn pixel(&self, x: f64, y: f64) -> (i32, i32) {
        self.field.map_coordinate(&(x, y))
    }

    pub(super) fn path(&self, points: Vec<(i32, i32)>, colour: Rgb, width: f64, opacity: f64) -> Drawn {
        Ok(self
            .canvas
            .draw(&PathElement::new(points, stroke(colour, width, opacity)))?)
    }

    pub(super) fn write(
        &self,
        text: &str,
        at: (i32, i32),
        anchor: (HPos, VPos),
        colour: Rgb,
        turn: FontTransform,
    ) -> Drawn {
        write(self.canvas, text, at, anchor, Script::plain(colour).turned(turn))
    }

    pub(super) fn grid(&self) -> Drawn {
        if !matches!(self.plot.x.scale, Scale::Names(_)) {
            for (x, _) in &self.x.ticks {
                self.path(
                    vec![self.pixel(*x, self.y.low), self.pixel(*x, self.y.high)],
                    Rgb::GRID,
                    0.6,
                    1.0,
                )?;
            }
        }
        for (y, _) in &self.y.ticks {
            self.path(
                vec![self.pixel(self.x.low, *y), self.pixel(self.x.high, *y)],
                Rgb::GRID,
                0.6,
                1.0,
            )?;
        }
        Ok(())
    }

    pub(super) fn axes(&self) -> Drawn {
        let corner = self.pixel(self.x.low, self.y.low);
        self.path(
            vec![
                self.pixel(self.x.low, self.y.high),
                corner,
                self.pixel(self.x.high, self.y.low),
            ],
            Rgb::INK,
            0.8,
            1.0,
        )?;
        let every = self.readable();
        for (number, (x, text)) in self.x.ticks.iter().enumerate() {
            let (px, py) = self.pixel(*x, self.y.low);
            self.path(vec![(px, py), (px, py + fine(3.0))], Rgb::INK, 0.8, 1.0)?;
            if number % every > 0 {
                continue;
            }
            self.write(
                text,
                (px, py + fine(5.5)),
                (HPos::Center, VPos::Top),
                Rgb::INK,
                FontTransform::None,
            )?;
        }
        for (y, text) in &self.y.ticks {
            let (px, py) = self.pixel(self.x.low, *y);
            self.path(vec![(px - fine(3.0), py), (px, py)], Rgb::INK, 0.8, 1.0)?;
            self.write(
                text,
                (px - fine(5.5), py),
                (HPos::Right, VPos::Center),
                Rgb::INK,
                FontTransform::None,
            )?;
        }
        self.titles(corner)
    }

    /// Every how many ticks there is room for a text below the horizontal axis.
    fn readable(&self) -> usize {
        let ticks = &self.x.ticks;
        let room = |pair: &[(f64, String)]| {
            let place = |tick: &(f64, String)| self.pixel(tick.0, self.y.low).0;
            let needed = fine((text_width(&pair[0].1) + text_width(&pair[1].1)) / 2.0 + GAP);
            f64::from(needed) / f64::from((place(&pair[1]) - place(&pair[0])).abs().max(1))
        };
        let most = ticks.windows(2).map(room).fold(0.0, f64::max);
        (most.ceil() as usize).max(1)
    }

    pub(super) fn titles(&self, corner: (i32, i32)) -> Drawn {
        let far = self.pixel(self.x.high, self.y.high);
        let height = fine(f64::from(self.plot.height));
        let (mid_x, mid_y) = ((corner.0 + far.0) / 2, (corner.1 + far.1) / 2);
        let below = (mid_x, height - fine(3.0));
        self.write(
            &self.plot.x.label,
            below,
            (HPos::Center, VPos::Bottom),
            Rgb::INK,
            FontTransform::None,
        )?;
        let beside = (fine(1.0), mid_y);
        self.write(
            &self.plot.y.label,
            beside,
            (HPos::Center, VPos::Top),
            Rgb::INK,
            FontTransform::Rotate270,
        )
    }

    /// A dashed line across the axes.
    pub(super) fn reference_line(&self, reference: &Reference) -> Drawn {
        let Some((from, to)) = self.reference_ends(reference) else {
            return Ok(());
        };
        let (length, dash) = (f64::from((to.0 - from.0).abs() + (to.1 - from.1).abs()), 7.0 * FINE);
        let at = |share: f64| {
            let mix = |a: i32, b: i32| a + (f64::from(b - a) * share.min(1.0)).round() as i32;
            (mix(from.0, to.0), mix(from.1, to.1))
        };
        for i in 0..(length / dash).ceil() as i32 {
            let start = f64::from(i) * dash / length;
            self.path(vec![at(start), at(start + dash * 0.6 / length)], Rgb::GREY, 1.0, 1.0)?;
        }
        Ok(())
    }

    pub(super) fn reference_ends(&self, reference: &Reference) -> Option<((i32, i32), (i32, i32))> {
        Some(match reference.on {
            On::Y => {
                let y = self.plot.y.place(reference.value)?;
                (self.pixel(self.x.low, y), self.pixel(self.x.high, y))
            }
            On::X => {
                let x = self.plot.x.place(reference.value)?;
                (self.pixel(x, self.y.low), self.pixel(x, self.y.high))
            }
        })
    }

    /// Names of the reference lines: beside the axes for a vertical axis, above them for a horizontal one.
    pub(super) fn reference_names(&self) -> Drawn {
        let ends = self
            .plot
            .references
            .iter()
            .filter_map(|r| Some((r, self.reference_ends(r)?.1)));
        let (mut beside, mut above): (Vec<_>, Vec<_>) = ends.partition(|(r, _)| r.on == On::Y);
        beside.sort_by_key(|(_, end)| std::cmp::Reverse(end.1));
        let mut free = i32::MAX;
        for (reference, end) in beside {
            let y = end.1.min(free);
            free = y - fine(TEXT * 1.05);
            let at = (end.0 + fine(4.0), y);
            self.write(
                &reference.label,
                at,
                (HPos::Left, VPos::Center),
                Rgb::GREY,
                FontTransform::None,
            )?;
        }
        above.sort_by_key(|(_, end)| end.0);
        let (mut row, mut taken) = (0, i32::MIN);
        for (reference, end) in above {
            row = if end.0 < taken { row + 1 } else { 0 };
            taken = end.0 + fine(text_width(&reference.label) + 6.0);
            let far = fine(f64::from(self.plot.width));
            let anchor = if taken > far { HPos::Right } else { HPos::Left };
            let at = (end.0, end.1 - fine(3.0 + f64::from(row * REFERENCE_LINE)));
            self.write(
                &reference.label,
                at,
                (anchor, VPos::Bottom),
                Rgb::GREY,
                FontTransform::None,
            )?;
        }
        Ok(())
    }

    pub(super) fn legend(&self, right_of: i32) -> Drawn {
        let beside = self
            .plot
            .references
            .iter()
            .filter(|r| r.on == On::Y)
            .map(|r| text_width(&r.label) + 6.0);
        let left = right_of + fine(8.0 + beside.fold(0.0, f64::max));
        for (i, (name, colour)) in self.plot.legend.iter().enumerate() {
            let y = fine(12.0 + i as f64 * TEXT * 1.35);
            self.path(vec![(left, y), (left + fine(12.0), y)], *colour, 2.0, 1.0)?;
            self.write(
                name,
                (left + fine(16.0), y),
                (HPos::Left, VPos::Center),
                Rgb::INK,
                FontTransform::None,
            )?;
        }
        Ok(())
    }
}

/// How a text looks.
pub(super) struct Script {
    pub(super) colour: Rgb,
    /// In typographic pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) turn: FontTransform,
}

impl Script {
    /// Upright and level, in the usual size.
    pub(super) fn plain(colour: Rgb) -> Self {
        Self {
            colour,
            size: TEXT,
            bold: false,
            turn: FontTransform::None,
        }
    }

    pub(super) fn turned(self, turn: FontTransform) -> Self {
        Self { turn, ..self }
    }
}

pub(super) fn write(canvas: &Canvas<'_>, text: &str, at: (i32, i32), anchor: (HPos, VPos), script: Script) -> Drawn {
    let colour = RGBColor(script.colour.0, script.colour.1, script.colour.2);
    let weight = if script.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    // plotters divides the size by 1.24 when it writes it.
    let font = (super::theme::FONT, script.size * FINE * 1.24).into_font();
    let style = TextStyle::from(font.style(weight).transform(script.turn))
        .color(&colour)
        .pos(Pos::new(anchor.0, anchor.1));
    Ok(canvas.draw(&Text::new(text.to_owned(), at, style))?)
}

pub(super) fn stroke(colour: Rgb, width: f64, opacity: f64) -> ShapeStyle {
    RGBColor(colour.0, colour.1, colour.2)
        .mix(opacity)
        .stroke_width(fine(width).unsigned_abs())
}

pub(super) fn fill(colour: Rgb, opacity: f64) -> ShapeStyle {
    RGBColor(colour.0, colour.1, colour.2).mix(opacity).filled()
}
