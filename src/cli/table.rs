//! Plain tables for the terminal, and the printing of JSON documents.

use serde_json::Value as Json;

use super::failure::Failure;

/// Prints rows under a header, columns as wide as their widest cell; numbers to the right.
pub(super) fn print(header: &[&str], rows: &[Vec<String>]) {
    let width = |i: usize| {
        let cells = rows.iter().map(|row| row[i].chars().count());
        cells.chain([header[i].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let numeric = |i: usize| {
        rows.iter()
            .all(|row| row[i].parse::<f64>().is_ok() || row[i].is_empty() || row[i] == "-")
    };
    let right: Vec<bool> = (0..header.len()).map(|i| !rows.is_empty() && numeric(i)).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(i, cell)| {
            let width = widths[i];
            if right[i] {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let mut lines = vec![line(header.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    println!("{}", lines.join("\n"));
}

/// Prints one JSON document.
pub(super) fn json(document: &Json) -> Result<(), Failure> {
    println!(
        "{}",
        serde_json::to_string_pretty(document).map_err(anyhow::Error::new)?
    );
    Ok(())
}

/// A number of things: `1 run`, `2 runs`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A metric for the eye: four significant digits.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let digits = if value == 0.0 {
        3
    } else {
        (3 - value.abs().log10().floor() as i32).clamp(0, 8)
    };
    format!("{value:.*}", digits as usize)
}
