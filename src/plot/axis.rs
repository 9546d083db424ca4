//! Axes: range, ticks and their text. Positions inside a plot are in the axis's own coordinate, which for a logarithmic
//! axis is log10.

/// How values are laid out along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm; values that are not positive are left out.
    Log,
    /// Names at 0, 1, 2, …
    Names(Vec<String>),
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// Layout.
    pub scale: Scale,
    /// Ticks to use in place of round numbers (swept values).
    pub ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis with round ticks.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
            ticks: vec![],
        }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Log,
            ticks: vec![],
        }
    }

    /// An axis of names.
    pub fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Names(names),
            ticks: vec![],
        }
    }

    /// The coordinate of a value; `None` where it has none.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let at = if self.scale == Scale::Log { value.log10() } else { value };
        at.is_finite().then_some(at)
    }

    /// Range and ticks that show all of `coordinates`, and all ticks that were given.
    pub(super) fn lay_out(&self, coordinates: &[f64]) -> Layout {
        if let Scale::Names(names) = &self.scale {
            let ticks = names.iter().enumerate().map(|(i, n)| (i as f64, n.clone())).collect();
            return Layout {
                low: -0.6,
                high: names.len().max(1) as f64 - 0.4,
                ticks,
            };
        }
        let given = self.given();
        let shown = || coordinates.iter().copied().chain(given.iter().map(|tick| tick.0));
        let (low, high) = (
            shown().fold(f64::INFINITY, f64::min),
            shown().fold(f64::NEG_INFINITY, f64::max),
        );
        let (low, high) = if low > high { (0.0, 1.0) } else { widen(low, high) };
        let ticks = if given.is_empty() {
            round_ticks(low, high, self.scale == Scale::Log)
        } else {
            given
        };
        Layout { low, high, ticks }
    }

    /// The given ticks with their text.
    fn given(&self) -> Vec<(f64, String)> {
        self.ticks
            .iter()
            .filter_map(|&t| Some((self.place(t)?, number(t))))
            .collect()
    }
}

/// A range in coordinates, and ticks with their text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

/// A little air around the values; a single value gets a range of its own size.
fn widen(low: f64, high: f64) -> (f64, f64) {
    let span = high - low;
    let air = if span > 0.0 {
        span * 0.05
    } else {
        (low.abs() * 0.1).max(1e-6)
    };
    let start = if low >= 0.0 {
        (low - air).max(if low == 0.0 { 0.0 } else { low * 0.5 })
    } else {
        low - air
    };
    (start, high + air)
}

/// Round ticks at 1, 2 or 5 times a power of ten (whole powers of ten where a logarithmic axis spans several).
fn round_ticks(low: f64, high: f64, log: bool) -> Vec<(f64, String)> {
    if log {
        return log_ticks(low, high);
    }
    let step = round_step(low, high);
    let decimals = decimals(step);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last.min(first.saturating_add(40)))
        .map(|i| i as f64 * step)
        .map(|t| {
            (
                t,
                if high.abs() >= 1e5 || step < 1e-6 {
                    number(t)
                } else {
                    minus(format!("{t:.decimals$}"))
                },
            )
        })
        .collect()
}

/// Decimals that write every multiple of `step` exactly.
fn decimals(step: f64) -> usize {
    let exact = |d: &usize| {
        let scaled = step * 10_f64.powi(*d as i32);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..12).find(exact).unwrap_or(12)
}

/// The round step whose number of ticks inside the range is nearest to five.
fn round_step(low: f64, high: f64) -> f64 {
    let unit = 10_f64.powf((high - low).log10().floor());
    let off = |step: f64| {
        (((high / step).floor() - (low / step).ceil() + 1.0).max(0.1) / 5.0)
            .ln()
            .abs()
    };
    let steps = [0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0].map(|m| m * unit);
    steps
        .into_iter()
        .min_by(|a, b| off(*a).total_cmp(&off(*b)))
        .unwrap_or(unit)
}

/// Ticks of a logarithmic axis, in log10 coordinates.
fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let stride = (((high - low) / 5.0).ceil() as i64).max(1);
    let multiples: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let first = low.floor() as i64;
    (first..=high.ceil() as i64)
        .filter(|p| p.rem_euclid(stride) == 0)
        .flat_map(|p| multiples.iter().map(move |m| m * 10_f64.powi(p as i32)))
        .filter(|v| (low..=high).contains(&v.log10()))
        .map(|v| (v.log10(), number(v)))
        .collect()
}

/// A number for a tick: short, with a real minus sign and powers of ten for extremes.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e5).contains(&size) {
        let power = size.log10().floor();
        let factor = value / 10_f64.powf(power);
        let factor = if (factor - 1.0).abs() < 1e-9 {
            String::new()
        } else {
            format!("{}·", round(factor))
        };
        return minus(format!("{factor}10{}", superscript(power as i64)));
    }
    minus(round(value))
}

/// Up to four significant decimals, without trailing zeros.
fn round(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

fn superscript(power: i64) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let sign = if power < 0 { "⁻" } else { "" };
    let tail: String = power
        .unsigned_abs()
        .to_string()
        .bytes()
        .map(|digit| digits[usize::from(digit.saturating_sub(b'0')).min(9)])
        .collect();
    format!("{sign}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64]) -> Vec<String> {
        let places: Vec<f64> = values.iter().filter_map(|v| axis.place(*v)).collect();
        axis.lay_out(&places).ticks.into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            texts(&Axis::linear("y"), &[0.0, 1.0]),
            ["0.00", "0.25", "0.50", "0.75", "1.00"]
        );
        assert_eq!(texts(&Axis::linear("y"), &[-2.0, 2.0]), ["−2", "−1", "0", "1", "2"]);
    }

    #[test]
    fn log_ticks_are_powers_of_ten() {
        assert_eq!(texts(&Axis::log("y"), &[1e-6, 1.0]), ["10⁻⁶", "0.0001", "0.01", "1"]);
        assert_eq!(Axis::log("y").place(-1.0), None);
    }

    #[test]
    fn given_ticks_and_names_are_kept() {
        let axis = Axis {
            ticks: vec![0.25, 0.9],
            ..Axis::linear("mask.ratio")
        };
        assert_eq!(texts(&axis, &[0.25, 0.9]), ["0.25", "0.9"]);
        let layout = axis.lay_out(&[0.25]);
        assert!(
            layout.low < 0.25 && 0.9 < layout.high,
            "a tick without a value is shown as well: {layout:?}"
        );
        assert_eq!(texts(&Axis::names("s", vec!["a".into(), "b".into()]), &[]), ["a", "b"]);
    }

    #[test]
    fn degenerate_ranges_are_not_empty() {
        for values in [vec![], vec![0.0], vec![5.0, 5.0], vec![-3.0], vec![1e300, 1e308]] {
            let layout = Axis::linear("y").lay_out(&values);
            assert!(layout.low < layout.high, "{values:?}: {layout:?}");
        }
    }
}
