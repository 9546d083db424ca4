//! The same numbers for other programs: CSV (one row per trial), LaTeX (the table, with booktabs), JSON (everything).

use serde_json::{Map, Value as Json, json as object};

use super::appendix::status;
use super::data::{ReportData, RunReport};
use super::format;
use super::groups::Groups;
use super::numbers;
use super::paper::float::{Float, width};
use super::paper::letters::beyond_ascii;
use super::table::{self, Row, Table};

/// Metric names of all runs, sorted.
pub(super) fn names(data: &ReportData) -> Vec<String> {
    let mut names: Vec<String> = data
        .runs
        .iter()
        .flat_map(|r| r.metrics.iter().map(|m| m.name.clone()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// One row per trial: id, label, state, seed, swept keys, last value of every metric (`NaN`, `inf`, `-inf` or empty),
/// seconds, error.
pub fn csv(data: &ReportData) -> String {
    let groups = Groups::of(data);
    let (keys, names) = (groups.keys, names(data));
    let head = ["id", "label", "status", "seed"]
        .into_iter()
        .chain(keys.iter().map(|k| k.name.as_str()));
    let head = head
        .chain(names.iter().map(String::as_str))
        .chain(["wall_seconds", "error"]);
    let mut out = line(head.map(str::to_owned));
    for run in &data.runs {
        let start = [
            run.run.id.clone(),
            run.run.label.clone(),
            status(run.run.status),
            run.run.seed.to_string(),
        ];
        let point = keys
            .iter()
            .map(|k| run.run.point.get(&k.name).map_or_else(String::new, plain));
        let values = names
            .iter()
            .map(|n| run.last(n).map_or_else(String::new, |v| v.to_string()));
        let seconds = run.seconds().map_or_else(String::new, |s| s.to_string());
        out.push_str(&line(
            start
                .into_iter()
                .chain(point)
                .chain(values)
                .chain([seconds, run.run.error.clone()]),
        ));
    }
    out
}

pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A line of CSV as in RFC 4180.
pub(super) fn line(fields: impl Iterator<Item = String>) -> String {
    let quoted = fields.map(|f| {
        if f.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", f.replace('"', "\"\""))
        } else {
            f
        }
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

/// The table of the report as a `table` environment, or `table*` where it is wider than a column; one that is wider than both
/// columns is several, the figures of tasks apart from those of reconstruction. Needs `\usepackage{booktabs}`, and graphicx
/// where it is wide. Comments below it carry n, mean, sd and the ends of the interval, ci_low and ci_high, of every cell.
pub fn latex(data: &ReportData) -> String {
    let table = table::build(&Groups::of(data));
    let parts = fitting(&table);
    let label = data.sweep.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let each = parts.iter().enumerate().map(|(i, part)| {
        let (caption, label) = match i {
            0 => {
                let notes = table.notes.iter().map(|n| tex(n)).collect::<Vec<_>>().join(" ");
                ([tex(&caption(data)), notes].join(" ").trim().to_owned(), label.clone())
            }
            _ => (
                format!("More columns of Table~\\ref{{tab:{label}}}, as they are explained there."),
                format!("{label}-{}", i + 1),
            ),
        };
        float(part, caption, label).latex()
    });
    each.chain([spread(&table)]).collect::<Vec<_>>().concat()
}

/// Width that both columns of `article` have for a table in footnotesize, as [`estimated`] would have it.
const PAGE: f64 = 590.0;

/// The table in as few parts as fit, each with the same rows: reconstruction apart from tasks where it takes several.
fn fitting(table: &Table) -> Vec<Table> {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    if estimated(table) <= PAGE {
        return vec![table.clone()];
    }
    let (tasks, others): (Vec<usize>, Vec<usize>) = all.into_iter().partition(|i| table.columns[*i].task);
    let cut = |columns: Vec<usize>| -> Vec<Table> {
        let parts = |each: usize| columns.chunks(each).map(|c| table.with(c)).collect::<Vec<_>>();
        let mut sizes = (1..=columns.len()).map(|count| parts(columns.len().div_ceil(count)));
        let fits = |parts: &Vec<Table>| parts.iter().all(|p| estimated(p) <= PAGE);
        sizes
            .find(fits)
            .unwrap_or_else(|| columns.chunks(1).map(|c| table.with(c)).collect())
    };
    [others, tasks]
        .into_iter()
        .filter(|c| !c.is_empty())
        .flat_map(cut)
        .collect()
}

fn float(table: &Table, caption: String, label: String) -> Float {
    let labels = table.keys.len().max(1);
    let heads = table
        .columns
        .iter()
        .map(|c| tex(&c.heading) + if c.comparable { "" } else { "$^\\dagger$" });
    let keys = if table.keys.is_empty() {
        vec![String::new()]
    } else {
        table.keys.iter().map(|k| format!("\\texttt{{{}}}", tex(k))).collect()
    };
    let head: Vec<String> = keys.into_iter().chain(["$n$".to_owned()]).chain(heads).collect();
    let mut lines = vec![
        "\\toprule".to_owned(),
        head.join(" & ") + " \\\\",
        "\\midrule".to_owned(),
    ];
    lines.extend(table.rows.iter().map(|r| tex_row(r, labels)));
    lines.extend((!table.baselines.is_empty()).then(|| "\\midrule".to_owned()));
    lines.extend(table.baselines.iter().map(|r| tex_row(r, labels)));
    lines.push("\\bottomrule".to_owned());
    Float {
        caption,
        label,
        aligned: format!("{}r{}", "l".repeat(labels), "r".repeat(table.columns.len())),
        lines,
        width: estimated(table),
    }
}

/// Width of the table in LaTeX, in points.
fn estimated(table: &Table) -> f64 {
    let keys = table.keys.iter().map(String::as_str);
    let keys = keys.chain(table.keys.is_empty().then_some(""));
    let head = keys
        .chain(["n"])
        .chain(table.columns.iter().map(|c| c.heading.as_str()));
    let row = |row: &'_ Row| -> Vec<String> {
        let names = row.labels.iter().cloned().chain([row.n.clone()]);
        names.chain(row.cells.iter().map(|c| c.text.clone())).collect()
    };
    let rows: Vec<Vec<String>> = table.rows.iter().map(row).collect();
    let rows = rows.iter().map(|r| r.iter().map(String::as_str).collect());
    width(&std::iter::once(head.collect()).chain(rows).collect::<Vec<_>>())
}

/// The numbers behind the table, in its units, as comments of LaTeX.
fn spread(table: &Table) -> String {
    let mut out = String::from("% row | column | n | mean | sd | ci_low | ci_high (95 % Student-t interval)\n");
    for row in table.rows.iter().chain(&table.baselines) {
        let measured = row.cells.iter().zip(&table.columns);
        for (cell, column) in measured.filter(|(c, _)| c.summary.mean.is_some()) {
            let s = &cell.summary;
            let ends = s.interval();
            let values = [s.mean, s.sd, ends.map(|e| e.0), ends.map(|e| e.1)];
            let values = values.map(|v| v.map_or_else(|| "-".to_owned(), |v| v.to_string()));
            let labels = [row.labels.join(", "), column.heading.clone(), s.n.to_string()];
            let text = [labels.join(" | "), values.join(" | ")].join(" | ");
            out.push_str(&format!("% {}\n", text.replace(char::is_control, " ")));
        }
    }
    out
}

pub(super) fn caption(data: &ReportData) -> String {
    let question = if data.sweep.question.is_empty() {
        String::new()
    } else {
        format!("{} ", data.sweep.question)
    };
    format!(
        "{question}Mean ± half-width of its 95 % Student-t interval over n seeds. The best of a comparable column is in bold \
         only where its paired difference from the next holds after Holm’s correction for all comparisons with the best (p < 0.05)."
    )
}

fn tex_row(row: &Row, labels: usize) -> String {
    let label = match row.labels.as_slice() {
        [one] if labels > 1 => format!("\\multicolumn{{{labels}}}{{l}}{{{}}}", tex(one)),
        several => several.iter().map(|l| tex(l)).collect::<Vec<_>>().join(" & "),
    };
    let cells = row.cells.iter().map(|c| {
        if c.best {
            format!("\\textbf{{{}}}", bold(&c.text))
        } else {
            tex(&c.text)
        }
    });
    let line: Vec<String> = [label, row.n.clone()].into_iter().chain(cells).collect();
    line.join(" & ") + " \\\\"
}

/// Inside bold text, mathematics is bold as well.
fn bold(text: &str) -> String {
    tex(text).replace("$\\pm$", "\\boldmath$\\pm$")
}

/// Text safe in LaTeX; see [`beyond_ascii`].
pub(super) fn tex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\textbackslash{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', letter]),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' | '>' | '|' => out.extend(['$', letter, '$']),
            other if other.is_control() => out.push(' '),
            other if other.is_ascii() => out.push(other),
            other => out.push_str(&beyond_ascii(other)),
        }
    }
    out
}

/// Everything but pictures: the sweep, summaries of every metric per group, every point against the baseline, rank
/// correlations of tasks with the error of reconstruction, and the trials
/// with all their points.
/// Values that are not finite are the strings `"NaN"`, `"inf"` and `"-inf"`.
pub fn json(data: &ReportData) -> Json {
    let groups = Groups::of(data);
    let names = names(data);
    let group = |g: &super::groups::Group| {
        let metrics: Map<String, Json> = names
            .iter()
            .filter_map(|n| Some((n.clone(), numbers::summary(g, n)?)))
            .collect();
        let runs: Vec<&str> = g.runs.iter().map(|r| r.run.id.as_str()).collect();
        let point: Map<String, Json> = groups
            .keys
            .iter()
            .map(|k| k.name.clone())
            .zip(g.point.iter().cloned())
            .collect();
        let mut fields = object!({ "label": g.label, "point": point, "runs": runs, "metrics": metrics });
        if let Some(over_masks) = numbers::over_masks(g) {
            fields["over_masks"] = over_masks;
        }
        fields
    };
    object!({
        "sweep": data.sweep,
        "generated_at": data.generated_at,
        "version": data.version,
        "groups": groups.all.iter().map(group).collect::<Vec<_>>(),
        "comparisons": numbers::comparisons(&groups),
        "correlations": numbers::correlations(&groups),
        "runs": data.runs.iter().map(|r| run(r, &names)).collect::<Vec<_>>(),
    })
}

fn run(run: &RunReport, names: &[String]) -> Json {
    let last: Map<String, Json> = names
        .iter()
        .filter_map(|n| Some((n.clone(), number(run.last(n)?))))
        .collect();
    let points = |n: &String| -> Vec<Json> {
        run.points(n)
            .map(|p| object!([p.step, p.epoch, number(p.value)]))
            .collect()
    };
    let curves: Map<String, Json> = names
        .iter()
        .map(|n| (n.clone(), Json::from(points(n))))
        .filter(|c| c.1 != object!([]))
        .collect();
    let mut row = serde_json::to_value(&run.run).unwrap_or_default();
    if let Some(fields) = row.as_object_mut() {
        fields.insert("metrics".to_owned(), last.into());
        fields.insert("curves".to_owned(), curves.into());
        fields.insert("wall_seconds".to_owned(), run.seconds().into());
    }
    row
}

fn number(value: f64) -> Json {
    if value.is_finite() {
        value.into()
    } else {
        format::ascii(value).into()
    }
}
