//! The table as Markdown: a pipe table, its caption and its notes.

use super::super::data::ReportData;
use super::super::export::caption;
use super::super::groups::Groups;
use super::super::table::{self, Row};

/// Caption, table and notes.
pub(super) fn table(data: &ReportData) -> String {
    let table = table::build(&Groups::of(data));
    let labels = table.keys.len().max(1);
    let keys = if table.keys.is_empty() {
        vec![String::new()]
    } else {
        table
            .keys
            .iter()
            .map(|k| format!("`{}`", k.replace(['`', '|', '\n'], " ")))
            .collect()
    };
    let heads = table
        .columns
        .iter()
        .map(|c| escaped(&c.heading) + if c.comparable { "" } else { "†" });
    let head: Vec<String> = keys.into_iter().chain(["*n*".to_owned()]).chain(heads).collect();
    let rule: Vec<String> = (0..head.len())
        .map(|i| if i < labels { ":--" } else { "--:" }.to_owned())
        .collect();
    let rows = table.rows.iter().chain(&table.baselines).map(|r| cells(r, labels));
    let lines = [head, rule]
        .into_iter()
        .chain(rows)
        .map(|cells| format!("| {} |\n", cells.join(" | ")));
    let lines: String = lines.collect();
    let notes: String = table.notes.iter().map(|n| format!("\n{}\n", escaped(n))).collect();
    format!("{}\n\n{lines}{notes}", escaped(&caption(data)))
}

fn cells(row: &Row, labels: usize) -> Vec<String> {
    let names = row.labels.iter().map(|l| escaped(l));
    let names = names.chain(std::iter::repeat(String::new())).take(labels);
    let values = row.cells.iter().map(|c| {
        let text = escaped(&c.text);
        if c.best { format!("**{text}**") } else { text }
    });
    names.chain([row.n.clone()]).chain(values).collect()
}

/// Text that is nothing but text in a cell of a table.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other if other.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::ratios;
    use super::*;

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let text = table(&ratios(0.1));
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with('|')).collect();
        assert!(
            lines[0].starts_with("| `mask.ratio` | *n* | Validation loss† | MSE |"),
            "{text}"
        );
        let width = |l: &str| l.matches('|').count();
        assert!(lines.iter().all(|l| width(l) == width(lines[0])), "{text}");
        assert!(
            lines[3].contains("| **40.0 ± 0.0") || lines[3].contains("| **41.0 ± 0.0"),
            "{text}"
        );
        assert!(text.contains("\n\n† Not comparable"), "{text}");
    }

    #[test]
    fn markup_is_text() {
        let mut data = ratios(0.1);
        data.sweep.question = "a|b *c* <script> [x](y)\n# no".into();
        let text = table(&data);
        assert!(
            text.starts_with("a\\|b \\*c\\* &lt;script&gt; \\[x\\](y) # no"),
            "{text}"
        );
    }
}
