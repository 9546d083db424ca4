//! Differences of what is not cells: JSON documents, number by number, and the comments below a table of LaTeX.

use serde_json::Value as Json;

use super::check::Difference;

/// Lists of a document that are compared, and whether a file may lack them.
const PARTS: [(&str, bool); 4] = [
    ("groups", false),
    ("runs", false),
    ("comparisons", true),
    ("correlations", true),
];

/// Groups, trials and comparisons of two documents.
pub(super) fn leaves(file: &str, store: &str) -> Vec<Difference> {
    let read = |text: &str| serde_json::from_str(text).unwrap_or(Json::Null);
    let (old, new): (Json, Json) = (read(file), read(store));
    let mut found = vec![];
    for (part, optional) in PARTS {
        if optional && old.get(part).is_none() {
            continue;
        }
        let rows = |document: &Json| document[part].as_array().cloned().unwrap_or_default();
        let mut left = rows(&old);
        for row in &rows(&new) {
            let named = name(row);
            match left.iter().position(|o| name(o) == named) {
                Some(at) => differing(&left.remove(at), row, &named, "", &mut found),
                None => found.push(Difference::Missing(named)),
            }
        }
        found.extend(left.iter().map(|o| Difference::Gone(name(o))));
    }
    found
}

/// What a row is called: a trial by its id, a group by its label, a comparison by its metric and its points.
fn name(row: &Json) -> String {
    let own = row["id"].as_str().or(row["label"].as_str()).map(str::to_owned);
    let compared = || {
        let metric = row["metric"].as_str().unwrap_or_default();
        format!("{metric} of {} against {}", row["point"], row["baseline"])
    };
    own.unwrap_or_else(compared)
}

fn differing(file: &Json, store: &Json, row: &str, path: &str, found: &mut Vec<Difference>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match (file, store) {
        (Json::Object(a), Json::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            keys.for_each(|k| differing(&file[k.as_str()], &store[k.as_str()], row, &below(k), found));
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(i, (a, b))| differing(a, b, row, &below(&i.to_string()), found));
        }
        (a, b) if a != b => found.push(Difference::Cell {
            row: row.to_owned(),
            column: path.to_owned(),
            file: a.to_string(),
            store: b.to_string(),
        }),
        _ => {}
    }
}

/// A comment that carries the numbers of a cell.
struct Comment<'a> {
    /// Row and column.
    cell: &'a str,
    /// n, mean, sd and the ends of the interval.
    numbers: &'a str,
}

impl<'a> Comment<'a> {
    /// `% row | column | n | mean | sd | ci_low | ci_high`; no other comment.
    fn read(line: &'a str) -> Option<Self> {
        let text = line.trim().strip_prefix('%')?.trim();
        let start = text.rmatch_indices(" | ").nth(4)?.0;
        let (cell, numbers) = (text[..start].trim(), &text[start + 3..]);
        let n = numbers.split(" | ").next()?.trim();
        (cell.contains(" | ") && n.parse::<usize>().is_ok()).then_some(Self { cell, numbers })
    }
}

/// Comments with all digits below a table of LaTeX: those of the file against those of the store. Ones that are gone are the
/// author's choice.
pub(super) fn comments(file: &str, store: &str) -> Vec<Difference> {
    let fresh: Vec<Comment> = store.lines().filter_map(Comment::read).collect();
    let differing = |said: Comment| {
        let mut same = fresh.iter().filter(|f| f.cell == said.cell);
        let Some(now) = same.next() else {
            return Some(Difference::Gone(format!("{} (a comment)", said.cell)));
        };
        let equal = std::iter::once(now).chain(same).any(|f| f.numbers == said.numbers);
        (!equal).then(|| Difference::Cell {
            row: said.cell.to_owned(),
            column: "n | mean | sd | ci_low | ci_high (a comment)".to_owned(),
            file: said.numbers.to_owned(),
            store: now.numbers.to_owned(),
        })
    };
    file.lines().filter_map(Comment::read).filter_map(differing).collect()
}
