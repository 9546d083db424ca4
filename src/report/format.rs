//! Numbers and values as a reader sees them.

use serde_json::Value as Json;

use crate::stats::Summary;

/// What stands where there is no value.
pub(super) const NONE: &str = "–";

/// A number with fixed decimals, a real minus sign, and words for what is not a number.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if value.abs() >= 1e6 {
        return format!("{value:.2e}").replace('-', "−");
    }
    let text = format!("{value:.decimals$}");
    let zero = text
        .strip_prefix('-')
        .is_some_and(|t| t.bytes().all(|b| b == b'0' || b == b'.'));
    if zero {
        text[1..].to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// A value that is not finite, for machines: `NaN`, `inf` or `-inf`.
pub(super) fn ascii(value: f64) -> String {
    value.to_string()
}

/// `mean ± sd`, or the mean alone where there is no spread.
pub(super) fn mean_sd(summary: &Summary, decimals: usize) -> String {
    match (summary.mean, summary.sd) {
        (None, _) if summary.non_finite > 0 => "NaN".to_owned(),
        (None, _) => NONE.to_owned(),
        (Some(mean), None) => fixed(mean, decimals),
        (Some(mean), Some(sd)) => format!("{} ± {}", fixed(mean, decimals), fixed(sd, decimals)),
    }
}

/// `mean ± half-width of the 95 % interval`, or the mean alone where there is no interval.
pub(super) fn mean_ci(summary: &Summary, decimals: usize) -> String {
    match (summary.mean, summary.ci95) {
        (Some(mean), Some(half)) => format!("{} ± {}", fixed(mean, decimals), fixed(half, decimals)),
        _ => mean_sd(summary, decimals),
    }
}

/// Prose as it is written in a file: empty lines part its paragraphs, other line breaks are spaces, but for items of a list.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    let mut open = false;
    for line in text.lines().map(str::trim) {
        let item = ["- ", "* ", "• "].iter().any(|mark| line.starts_with(mark));
        match all.last_mut().filter(|_| open && !item && !line.is_empty()) {
            Some(last) => last.extend([" ", line]),
            None if !line.is_empty() => all.push(line.to_owned()),
            None => {}
        }
        open = !line.is_empty();
    }
    all
}

/// The 95 % interval as `low to high`.
pub(super) fn interval(summary: &Summary, decimals: usize) -> String {
    summary.interval().map_or_else(
        || NONE.to_owned(),
        |(low, high)| format!("{} to {}", fixed(low, decimals), fixed(high, decimals)),
    )
}

/// A p value: three decimals, and `< 0.001` below them.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}

/// A configuration value: text bare, empty text in quotes, numbers short, the rest as JSON.
pub(super) fn value(json: &Json) -> String {
    match json {
        Json::String(text) if text.is_empty() => "\"\"".to_owned(),
        Json::String(text) => text.clone(),
        Json::Null => NONE.to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Seconds as `42 s`, `3 min 05 s` or `2 h 07 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0 if seconds > 0.0 => format!("{seconds:.2} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A point in time as `22 November 2026, 06:31 UTC`; text that is no timestamp stays as it is.
pub(super) fn moment(timestamp: &str) -> String {
    timestamp.parse::<jiff::Timestamp>().map_or_else(
        |_| timestamp.to_owned(),
        |t| t.strftime("%-d %B %Y, %H:%M UTC").to_string(),
    )
}

/// `1 trial`, `2 trials`.
pub(super) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_of_a_file_are_not_those_of_the_page() {
        let text = "One sentence,\nbroken.\n\n\nNext:\n- a\n  b\n- c\n";
        assert_eq!(paragraphs(text), ["One sentence, broken.", "Next:", "- a b", "- c"]);
        assert_eq!(paragraphs(" \n"), Vec::<String>::new());
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(-0.00001, 2), "0.00");
        assert_eq!(fixed(-1.25, 1), "−1.2");
        assert_eq!(fixed(f64::NAN, 3), "NaN");
        assert_eq!(fixed(f64::INFINITY, 3), "∞");
        assert_eq!(mean_sd(&Summary::of([f64::NAN]), 2), "NaN");
        assert_eq!(mean_sd(&Summary::of([]), 2), "–");
        assert_eq!(mean_sd(&Summary::of([1.0, 3.0]), 2), "2.00 ± 1.41");
        assert_eq!(mean_ci(&Summary::of([1.0, 3.0]), 2), "2.00 ± 12.71");
        assert_eq!(mean_ci(&Summary::of([1.0]), 2), "1.00");
        assert_eq!(interval(&Summary::of([1.0, 2.0, 3.0]), 2), "−0.48 to 4.48");
        assert_eq!(interval(&Summary::of([1.0]), 2), "–");
        assert_eq!(probability(0.000_4), "< 0.001");
        assert_eq!(probability(0.012_3), "0.012");
    }

    #[test]
    fn words_read_well() {
        assert_eq!(moment("2026-11-22T06:31:59.831Z"), "22 November 2026, 06:31 UTC");
        assert_eq!(moment("2026-03-01T00:30:00+02:00"), "28 February 2026, 22:30 UTC");
        assert_eq!(moment("some day"), "some day");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7620.0), "2 h 07 min");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(value(&serde_json::json!([0.2, 1.0])), "[0.2, 1.0]");
    }
}
