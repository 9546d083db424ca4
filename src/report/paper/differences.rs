//! The table of paired differences for a paper: for each metric a line that names the baseline, and below it the points.

use super::super::data::ReportData;
use super::super::differences::{self, Block, Differences, Row};
use super::super::export::tex;
use super::super::format;
use super::super::groups::Groups;
use super::float::{Float, width};
use super::grid::Grid;
use super::markdown::escaped;

/// Rows that fit on a page with the caption; with more, there are several tables.
const ROWS: usize = 32;

/// Said in place of a table.
const NONE: &str = "no two points share two seeds, so there are no paired differences";

/// The table for LaTeX.
pub(super) fn latex(data: &ReportData) -> String {
    let groups = Groups::of(data);
    let Some(table) = differences::build(&groups) else {
        return format!("% {NONE}\n");
    };
    let name = data.sweep.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let tables = packed(&table.blocks);
    let several = tables.len() > 1;
    let each = tables.into_iter().enumerate().map(|(i, blocks)| {
        let said = if i == 0 {
            caption(&table)
        } else {
            let metrics: Vec<String> = blocks.iter().map(|block| block.metric.clone()).collect();
            format!("Differences: {}.", format::list(&metrics))
        };
        let number = if several { format!("-{}", i + 1) } else { String::new() };
        let label = format!("{name}-differences{number}");
        float(&heads(&groups), blocks, tex(&said), label).latex()
    });
    each.collect::<Vec<_>>().join("\n")
}

/// As many metrics to a table as fit on a page, one at least.
fn packed(blocks: &[Block]) -> Vec<&[Block]> {
    let mut tables = Vec::new();
    let (mut from, mut rows) = (0, 0);
    for (i, block) in blocks.iter().enumerate() {
        let own = block.rows.len() + 1;
        if i > from && rows + own > ROWS {
            tables.push(&blocks[from..i]);
            (from, rows) = (i, 0);
        }
        rows += own;
    }
    tables.push(&blocks[from..]);
    tables
}

fn float(head: &[String; 7], blocks: &[Block], caption: String, label: String) -> Float {
    let mut named = head.clone().map(|h| tex(&h));
    named[1] = "$n$".into();
    let row = |cells: &[String]| cells.iter().map(|c| tex(c)).collect::<Vec<_>>().join(" & ") + " \\\\";
    let mut lines = vec!["\\toprule".to_owned(), named.join(" & ") + " \\\\"];
    for block in blocks {
        let said = tex(&against(&block.metric, &block.baseline));
        lines.push("\\midrule".to_owned());
        lines.push(format!("\\multicolumn{{{}}}{{l}}{{{said}}} \\\\", head.len()));
        lines.extend(block.rows.iter().map(|r| row(&cells(r))));
    }
    lines.push("\\bottomrule".to_owned());
    let rows: Vec<[String; 7]> = blocks.iter().flat_map(|b| b.rows.iter().map(cells)).collect();
    let rows = std::iter::once(head).chain(&rows);
    let rows: Vec<Vec<&str>> = rows.map(|r| r.iter().map(String::as_str).collect()).collect();
    Float {
        caption,
        label,
        aligned: "lrrrrrl".into(),
        lines,
        width: width(&rows),
    }
}

/// The table as a pipe table.
pub(super) fn markdown(data: &ReportData) -> String {
    let groups = Groups::of(data);
    let Some(table) = differences::build(&groups) else {
        return format!("{NONE}\n");
    };
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("{}\n\n", escaped(&caption(&table)));
    out += &line(&heads(&groups).map(|h| escaped(&h)));
    out += "| :-- | --: | --: | --: | --: | --: | :-- |\n";
    for block in &table.blocks {
        let said = format!("**{}**", escaped(&against(&block.metric, &block.baseline)));
        let empty = std::iter::repeat_n(String::new(), 6);
        out += &line(&std::iter::once(said).chain(empty).collect::<Vec<_>>());
        block
            .rows
            .iter()
            .for_each(|r| out += &line(&cells(r).map(|c| escaped(&c))));
    }
    out
}

fn heads(groups: &Groups) -> [String; 7] {
    let keys: Vec<&str> = groups.keys.iter().map(|k| k.name.as_str()).collect();
    let keys = keys.join(", ");
    [&keys, "n", "Difference", "95 % interval", "p", "g", "Verdict"].map(str::to_owned)
}

fn cells(row: &Row) -> [String; 7] {
    let own = [&row.label, &row.difference, &row.interval, &row.p, &row.effect].map(Clone::clone);
    let [label, difference, interval, p, effect] = own;
    [
        label,
        row.n.to_string(),
        difference,
        interval,
        p,
        effect,
        row.verdict.to_owned(),
    ]
}

fn against(metric: &str, baseline: &str) -> String {
    format!("{metric} against {baseline}")
}

fn caption(table: &Differences) -> String {
    let what = "Differences from the baseline with the same seeds: n shared seeds, mean difference, its 95 % Student-t interval, \
                p of the paired t test after Holm’s correction, and the effect size g (Hedges’ correction of the mean difference \
                over its standard deviation).";
    std::iter::once(what)
        .chain(table.notes.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Rows that carry the line which names their metric, so that each has a name of its own.
pub(super) fn with_metric(grid: Grid) -> Grid {
    let mut metric = String::new();
    let carried = |mut row: Vec<String>| {
        let first = row.first_mut()?;
        if first.starts_with("\\multicolumn") || first.starts_with("**") {
            let inside = first.split_once("{l}{").map_or(first.as_str(), |parts| parts.1);
            inside.trim_matches(['*', '}']).clone_into(&mut metric);
        } else if !metric.is_empty() {
            *first = format!("{first} of {metric}");
        }
        Some(row)
    };
    grid.into_iter().filter_map(carried).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_share_a_table_as_long_as_they_fit() {
        let block = |rows: usize| Block {
            metric: "MSE".into(),
            baseline: "0.5".into(),
            rows: vec![
                Row {
                    label: "0.75".into(),
                    n: 3,
                    difference: "+1".into(),
                    interval: "0 to 2".into(),
                    p: "0.1".into(),
                    effect: "1".into(),
                    verdict: "not separated",
                };
                rows
            ],
        };
        let sizes = |rows: &[usize]| -> Vec<usize> {
            let blocks: Vec<Block> = rows.iter().map(|rows| block(*rows)).collect();
            packed(&blocks).iter().map(|blocks| blocks.len()).collect()
        };
        assert_eq!(sizes(&[4; 10]), [6, 4], "30 and 20 rows");
        assert_eq!(sizes(&[15, 15]), [2], "32 rows");
        assert_eq!(sizes(&[15, 16]), [1, 1]);
        assert_eq!(sizes(&[40, 1, 1]), [1, 2]);
    }
}
