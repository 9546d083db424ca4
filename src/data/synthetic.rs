//! Generated pictures, for machines without any: each class is a pattern (stripes, rings, a triangle …) drawn in two
//! random colours at a random place, angle and size, with a little noise, so that no class is told by its mean colour.
//! A picture is a function of its split and number alone; the run seed does not enter.

use rand::{Rng, RngExt};

use super::source::{Found, Item, Origin};
use super::{DataError, Picture, Split};
use crate::seed::{self, ChaCha8Rng, Purpose};
use crate::spec::trial::DataSpec;

/// Side of a generated picture in pixels.
const SIDE: usize = 96;
/// Raised when the drawing changes, so that digests do.
const VERSION: u32 = 1;
/// Patterns; class `c` is pattern `c % 10`, at a frequency that rises with `c / 10`.
const PATTERNS: [&str; 10] = [
    "stripes", "checks", "disc", "rings", "triangle", "dots", "cross", "frame", "spokes", "waves",
];

/// What a generated picture is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    split: Split,
    index: usize,
    class: usize,
}

impl Recipe {
    /// What enters the set's digest.
    pub(super) fn text(&self) -> String {
        format!(
            "synthetic v{VERSION} {SIDE}px {} {} {}",
            self.split, self.index, self.class
        )
    }

    /// Draws the picture.
    pub(super) fn draw(&self) -> Picture {
        let mut rng = seed::rng(0, Purpose::Synthetic, self.split as u64, self.index as u64);
        let pose = Pose::draw(&mut rng, self.class / PATTERNS.len());
        let (low, high) = colours(&mut rng);
        let mut rgb = Vec::with_capacity(SIDE * SIDE * 3);
        for y in 0..SIDE {
            for x in 0..SIDE {
                let (u, v) = pose.place(x, y);
                let share = soft(field(self.class % PATTERNS.len(), u, v));
                let noise = (f64::from(rng.next_u32() >> 24) / 255.0 - 0.5) * 0.06;
                rgb.extend((0..3).map(|c| byte(low[c] + (high[c] - low[c]) * share + noise)));
            }
        }
        Picture {
            width: SIDE,
            height: SIDE,
            rgb,
        }
    }
}

/// Lists the pictures that `[data]` asks for; classes take turns.
pub(super) fn find(spec: &DataSpec) -> Result<Found, DataError> {
    let count = spec.synthetic_classes;
    if count == 0 {
        return Err(DataError::Setting(
            "data.synthetic_classes = 0: ask for at least one class".into(),
        ));
    }
    let items = |split: Split, len: usize| -> Vec<Item> {
        let item = |index| {
            let class = index % count;
            let name = format!("{split}/{}/{index:06}", class_name(class));
            Item {
                name,
                label: Some(class),
                origin: Origin::Generated(Recipe { split, index, class }),
            }
        };
        (0..len).map(item).collect()
    };
    Ok(Found {
        place: "synthetic".into(),
        classes: (0..count).map(class_name).collect(),
        train: items(Split::Train, spec.synthetic_train),
        val: items(Split::Val, spec.synthetic_val),
    })
}

fn class_name(class: usize) -> String {
    let pattern = PATTERNS[class % PATTERNS.len()];
    match class / PATTERNS.len() {
        0 => pattern.into(),
        level => format!("{pattern}_{}", level + 1),
    }
}

/// Where and how large the pattern lies.
struct Pose {
    centre: [f64; 2],
    turn: (f64, f64),
    scale: f64,
}

impl Pose {
    fn draw(rng: &mut ChaCha8Rng, level: usize) -> Self {
        let centre = [rng.random_range(0.32..0.68), rng.random_range(0.32..0.68)];
        let angle: f64 = rng.random_range(0.0..std::f64::consts::TAU);
        let scale = rng.random_range(0.85..1.2) * 1.6f64.powi(level as i32);
        Self {
            centre,
            turn: angle.sin_cos(),
            scale,
        }
    }

    /// Pixel to the pattern's own coordinates, in which the picture is about 2 wide.
    fn place(&self, x: usize, y: usize) -> (f64, f64) {
        let at = |n: usize, centre: f64| ((n as f64 + 0.5) / SIDE as f64 - centre) * 2.0 * self.scale;
        let (dx, dy, (sin, cos)) = (at(x, self.centre[0]), at(y, self.centre[1]), self.turn);
        (dx * cos + dy * sin, dy * cos - dx * sin)
    }
}

/// The pattern as a signed field: above 0 is figure, below 0 ground.
fn field(pattern: usize, u: f64, v: f64) -> f64 {
    let wave = |t: f64| (t * std::f64::consts::PI).sin();
    let radius = u.hypot(v);
    match PATTERNS[pattern] {
        "stripes" => wave(u * 4.0),
        "checks" => wave(u * 3.5) * wave(v * 3.5) * 2.0,
        "disc" => (0.5 - radius) * 12.0,
        "rings" => wave(radius * 5.0),
        "triangle" => {
            (0.32
                - [v, 0.866 * u - 0.5 * v, -0.866 * u - 0.5 * v]
                    .into_iter()
                    .fold(f64::MIN, f64::max))
                * 12.0
        }
        "dots" => (wave(u * 4.0).powi(2) * wave(v * 4.0).powi(2) - 0.45) * 5.0,
        "cross" => ((0.16 - u.abs().min(v.abs())) * 12.0).min((0.75 - u.abs().max(v.abs())) * 12.0),
        "frame" => (0.13 - (u.abs().max(v.abs()) - 0.5).abs()) * 12.0,
        "spokes" => (v.atan2(u) * 6.0).sin() * (radius * 4.0).min(1.0),
        _ => wave(v * 4.0 + 0.9 * wave(u * 2.2)),
    }
}

/// A soft edge between ground (0) and figure (1).
fn soft(field: f64) -> f64 {
    (field * 1.6 + 0.5).clamp(0.0, 1.0)
}

/// Two colours that can be told apart: their luma differs by .25 or more, and either may be the lighter.
fn colours(rng: &mut ChaCha8Rng) -> ([f64; 3], [f64; 3]) {
    let luma = |c: [f64; 3]| 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
    loop {
        let (a, b): ([f64; 3], [f64; 3]) = (rng.random(), rng.random());
        if (luma(a) - luma(b)).abs() >= 0.25 {
            return (a, b);
        }
    }
}

fn byte(value: f64) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(split: Split, index: usize, class: usize) -> Picture {
        Recipe { split, index, class }.draw()
    }

    fn mean(p: &Picture, channel: usize) -> f64 {
        p.rgb
            .iter()
            .skip(channel)
            .step_by(3)
            .map(|&v| f64::from(v))
            .sum::<f64>()
            / (SIDE * SIDE) as f64
    }

    #[test]
    fn pictures_repeat_and_every_part_of_the_recipe_matters() {
        let base = picture(Split::Train, 5, 2);
        assert_eq!(base, picture(Split::Train, 5, 2));
        for other in [
            picture(Split::Val, 5, 2),
            picture(Split::Train, 6, 2),
            picture(Split::Train, 5, 12),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn every_pattern_shows_figure_and_ground() {
        for (class, name) in PATTERNS.iter().enumerate() {
            for index in 0..20 {
                let p = picture(Split::Train, index, class).to_grey();
                let (low, high) = (p.iter().min().unwrap(), p.iter().max().unwrap());
                assert!(high - low > 50, "{name} {index}: {low} to {high}");
            }
        }
    }

    #[test]
    fn mean_colour_varies_far_more_within_a_class_than_between_classes() {
        let means: Vec<Vec<f64>> = (0..PATTERNS.len())
            .map(|class| {
                (0..60)
                    .map(|i| mean(&picture(Split::Train, i * 10 + class, class), 0))
                    .collect()
            })
            .collect();
        let average = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let spread = |v: &[f64]| (v.iter().map(|x| (x - average(v)).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        let within = average(&means.iter().map(|m| spread(m)).collect::<Vec<_>>());
        let between = spread(&means.iter().map(|m| average(m)).collect::<Vec<_>>());
        assert!(within > 3.0 * between, "within {within}, between {between}");
    }
}
