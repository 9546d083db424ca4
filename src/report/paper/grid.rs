//! Tables read back: rows of cells from LaTeX, Markdown and CSV, as far as this program writes them.

/// Rows of cells; the first is the head.
pub(super) type Grid = Vec<Vec<String>>;

/// The first tabular of `text`: lines that end a row, split at `&`. A cell over several columns is followed by empty ones.
pub(super) fn latex(text: &str) -> Grid {
    let inside = text.split_once("\\begin{tabular}").map_or(text, |t| t.1);
    let inside = inside.split("\\end{tabular}").next().unwrap_or_default();
    let rows = inside.lines().filter_map(|l| l.trim().strip_suffix("\\\\"));
    rows.map(|row| split(row, '&').into_iter().flat_map(spanned).collect())
        .collect()
}

/// A table whose columns are spread over several tabulars of `text`: the first, and the columns of those that begin with the
/// same `labels` and the same number of trials. A row that one of them lacks has empty cells there.
pub(super) fn joined(text: &str, labels: usize) -> Grid {
    let mut all = text.match_indices("\\begin{tabular}").map(|m| latex(&text[m.0..]));
    let Some(mut table) = all.next() else {
        return latex(text);
    };
    let head = |grid: &Grid| grid.first().and_then(|h| h.get(..=labels)).map(<[String]>::to_vec);
    let own = head(&table);
    for part in all.filter(|part| own.is_some() && head(part) == own) {
        let (known, width) = (table[0].len(), part[0].len());
        let mut left: Vec<&Vec<String>> = part[1..].iter().collect();
        for (i, row) in table.iter_mut().enumerate() {
            let at = left.iter().position(|other| other.get(..labels) == row.get(..labels));
            let more = if i == 0 {
                Some(&part[0])
            } else {
                at.map(|at| left.remove(at))
            };
            let cell = |at: usize| more.and_then(|m| m.get(at)).cloned().unwrap_or_default();
            row.resize(known, String::new());
            row.extend((labels + 1..width).map(cell));
        }
        table.extend(left.into_iter().map(|row| {
            let gap = std::iter::repeat_n(String::new(), known - labels - 1);
            let (names, cells) = row.split_at(row.len().min(labels + 1));
            names.iter().cloned().chain(gap).chain(cells.iter().cloned()).collect()
        }));
    }
    table
}

/// Rows of every tabular of `text`, one after the other, with their heads.
pub(super) fn every_latex(text: &str) -> Grid {
    let starts = text.match_indices("\\begin{tabular}").map(|m| m.0);
    starts.flat_map(|at| latex(&text[at..])).collect()
}

/// A `\multicolumn` cell and the columns that it takes besides its own.
fn spanned(cell: String) -> Vec<String> {
    let span = cell
        .strip_prefix("\\multicolumn{")
        .and_then(|rest| rest.split('}').next()?.parse().ok());
    let more = span.map_or(0, |n: usize| n.clamp(1, 100) - 1);
    std::iter::once(cell)
        .chain(std::iter::repeat_n(String::new(), more))
        .collect()
}

/// The first pipe table of `text`, without the line that aligns it.
pub(super) fn markdown(text: &str) -> Grid {
    let lines = text.lines().map(str::trim).skip_while(|l| !l.starts_with('|'));
    let lines = lines.take_while(|l| l.starts_with('|'));
    let row = |line: &str| {
        let line = line.trim_start_matches('|');
        split(line.strip_suffix('|').unwrap_or(line), '|')
    };
    let aligns = |row: &Vec<String>| {
        row.iter()
            .all(|c| !c.is_empty() && c.chars().all(|l| "-: ".contains(l)))
    };
    lines.map(row).filter(|r| !aligns(r)).collect()
}

/// Cells between separators that no backslash stands before, trimmed.
fn split(line: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut escaped) = (vec![], String::new(), false);
    for letter in line.chars() {
        if letter == separator && !escaped {
            cells.push(std::mem::take(&mut cell));
        } else {
            cell.push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    cells.push(cell);
    cells
        .iter()
        .map(|c| c.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Every row of a CSV document (RFC 4180).
///
/// # Errors
/// Where the document is none.
pub(super) fn csv(text: &str) -> Result<Grid, csv::Error> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).flexible(true).from_reader(text.as_bytes());
    let row = |r: Result<csv::StringRecord, csv::Error>| Ok(r?.iter().map(str::to_owned).collect());
    reader.records().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulars_are_read_and_what_is_around_them_is_not() {
        let text = "a & b \\\\\n\\begin{tabular}{lr}\n \\toprule\n x \\& y & $n$ \\\\\n \\midrule\n 1 &  2   \\\\\n\
                    \\multicolumn{2}{l}{untrained} & 3 \\\\\n\\bottomrule\n\\end{tabular}\nc & d \\\\\n";
        let want = [
            vec!["x \\& y", "$n$"],
            vec!["1", "2"],
            vec!["\\multicolumn{2}{l}{untrained}", "", "3"],
        ];
        assert_eq!(latex(text), want);
    }

    #[test]
    fn pipe_tables_are_read() {
        let text = "words\n\n| a\\|b | n |\n|:--|--:|\n| 1 | **2 ± 3** |\n\n| other |\n";
        assert_eq!(markdown(text), [vec!["a\\|b", "n"], vec!["1", "**2 ± 3**"]]);
        assert_eq!(markdown("no table"), Grid::new());
    }

    #[test]
    fn comma_separated_values_are_read() {
        assert_eq!(
            csv("a,\"b,\"\"c\"\"\"\r\n1,\"x\ny\"\r\n").unwrap(),
            [vec!["a", "b,\"c\""], vec!["1", "x\ny"]]
        );
    }
}
