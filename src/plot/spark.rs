//! A series as the data of one SVG path, a few hundred bytes: curves of single trials, of which a page may hold thousands.

/// Width of the box that the path lies in.
pub const SPARK_WIDTH: u32 = 400;
/// Height of that box.
pub const SPARK_HEIGHT: u32 = 100;

/// The path through `points` in a box of [`SPARK_WIDTH`] by [`SPARK_HEIGHT`], lowest value at the bottom; `log` for a
/// logarithmic height. It breaks where a value is not finite (for `log`: or not positive); `None` where none is left.
pub fn spark(points: &[(f64, f64)], log: bool) -> Option<String> {
    let height = |y: f64| if log { y.log10() } else { y };
    let placed = points.iter().map(|p| (p.0, height(p.1)));
    let placed: Vec<(f64, f64)> = placed.filter(|p| p.0.is_finite()).collect();
    let shown = || placed.iter().filter(|p| p.1.is_finite());
    shown().next()?;
    let (x, y) = (Span::of(shown().map(|p| p.0)), Span::of(shown().map(|p| p.1)));
    let at = |p: &(f64, f64)| {
        let right = (x.share(p.0) * f64::from(SPARK_WIDTH)).round() as i64;
        let down = ((1.0 - y.share(p.1)) * f64::from(SPARK_HEIGHT)).round() as i64;
        (right, down)
    };
    let mut path = String::new();
    for stretch in placed.split(|p| !p.1.is_finite()).filter(|s| !s.is_empty()) {
        let mut last = at(&stretch[0]);
        path.push_str(&format!("M{} {}", last.0, last.1));
        if stretch.len() == 1 {
            path.push_str("h1");
            continue;
        }
        path.push('l');
        for (i, point) in stretch[1..].iter().enumerate() {
            let next = at(point);
            let gap = |v: i64, first: bool| if v < 0 || first { v.to_string() } else { format!(" {v}") };
            path.push_str(&gap(next.0 - last.0, i == 0));
            path.push_str(&gap(next.1 - last.1, false));
            last = next;
        }
    }
    Some(path)
}

/// A range of values.
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values.fold(start, |(low, high), v| (low.min(v), high.max(v)));
        Self { low, high }
    }

    /// Place in the range, halved so that huge values do not overflow; the middle where there is no range.
    fn share(&self, value: f64) -> f64 {
        let span = self.high / 2.0 - self.low / 2.0;
        if span > 0.0 {
            (value / 2.0 - self.low / 2.0) / span
        } else {
            0.5
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_through_the_points() {
        let path = spark(&[(0.0, 1.0), (1.0, 3.0), (2.0, 2.0)], false);
        assert_eq!(path.as_deref(), Some("M0 100l200-100 200 50"));
        let path = spark(&[(0.0, 1e-4), (1.0, 1e-2), (2.0, 1.0)], true);
        assert_eq!(path.as_deref(), Some("M0 100l200-50 200-50"));
    }

    #[test]
    fn what_is_not_finite_breaks_the_line() {
        let points = [
            (0.0, 1.0),
            (1.0, f64::NAN),
            (2.0, 2.0),
            (3.0, f64::INFINITY),
            (4.0, 1.5),
            (8.0, 1.0),
        ];
        assert_eq!(spark(&points, false).as_deref(), Some("M0 100h1M100 0h1M200 50l200 50"));
        assert_eq!(spark(&[(0.0, f64::NAN)], false), None);
        assert_eq!(spark(&[(0.0, -1.0)], true), None);
        assert_eq!(spark(&[], false), None);
    }

    #[test]
    fn flat_and_huge_series_have_a_path() {
        assert_eq!(spark(&[(0.0, 5.0), (1.0, 5.0)], false).as_deref(), Some("M0 50l400 0"));
        assert_eq!(
            spark(&[(0.0, -1e308), (1.0, 1e308)], false).as_deref(),
            Some("M0 100l400-100")
        );
    }
}
