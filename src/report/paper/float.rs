//! A booktabs table as a float of LaTeX: over one column where it fits into one of a paper with two, else over both.

/// Width of a column, and of both with what is between them, of the class `article` in points.
const COLUMN: f64 = 229.0;
/// Room between two columns of a table, in points.
const BETWEEN: f64 = 12.0;

/// A table.
pub(in super::super) struct Float {
    /// Caption as LaTeX.
    pub(in super::super) caption: String,
    /// Name that `\ref` finds.
    pub(in super::super) label: String,
    /// How columns are aligned.
    pub(in super::super) aligned: String,
    /// Lines of the table, rules among them, without indents.
    pub(in super::super) lines: Vec<String>,
    /// Width in points at a size of 10 points; see [`width`].
    pub(in super::super) width: f64,
}

impl Float {
    /// The environment, below a comment that says what it needs.
    pub(in super::super) fn latex(&self) -> String {
        let wide = self.width > COLUMN;
        let star = if wide { "*" } else { "" };
        let (needs, open, close) = if wide {
            (
                "% needs \\usepackage{booktabs,graphicx}; over both columns, and made smaller only where it is wider than they are\n",
                "  \\footnotesize\\setlength{\\tabcolsep}{4pt}\n  \\sbox0{%\n",
                "}\n  \\ifdim\\wd0>\\linewidth \\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n",
            )
        } else {
            ("% needs \\usepackage{booktabs}\n", "", "\n")
        };
        let lines: String = self.lines.iter().map(|l| format!("    {l}\n")).collect();
        format!(
            "{needs}\\begin{{table{star}}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n{open}\
             \x20 \\begin{{tabular}}{{{}}}\n{lines}  \\end{{tabular}}{close}\\end{{table{star}}}\n",
            self.caption, self.label, self.aligned,
        )
    }
}

/// Estimated width in points, at a size of 10 points, of a table with these rows of plain text.
pub(in super::super) fn width(rows: &[Vec<&str>]) -> f64 {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| {
        rows.iter()
            .filter_map(|r| r.get(i))
            .map(|t| letters(t))
            .fold(0.0, f64::max)
    };
    (0..columns).map(|i| widest(i) + BETWEEN).sum()
}

/// Estimated width of a text; capitals and signs are wider than other letters.
fn letters(text: &str) -> f64 {
    let wide = |c: char| {
        if c.is_uppercase() || "±−%+<>=mw".contains(c) {
            7.8
        } else {
            5.3
        }
    };
    text.chars().map(wide).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(width: f64) -> String {
        let float = Float {
            caption: "What".into(),
            label: "x".into(),
            aligned: "lr".into(),
            lines: vec!["\\toprule".into(), "a & 1 \\\\".into()],
            width,
        };
        float.latex()
    }

    #[test]
    fn what_is_wider_than_a_column_goes_over_both() {
        let (narrow, wide) = (float(200.0), float(300.0));
        assert!(narrow.contains("\\begin{table}\n") && !narrow.contains("resizebox"));
        assert!(wide.contains("\\begin{table*}\n") && wide.ends_with("\\end{table*}\n"));
        assert!(wide.contains("\\resizebox{\\linewidth}"), "{wide}");
        let rows = |text: &str| super::super::grid::latex(text);
        assert_eq!(
            (rows(&narrow), rows(&wide)),
            (vec![vec!["a".to_owned(), "1".into()]], rows(&narrow))
        );
    }

    #[test]
    fn each_column_is_as_wide_as_its_widest_text() {
        let narrow = width(&[vec!["a", "b"], vec!["aaaa", ""]]);
        assert!((narrow - (4.0 * 5.3 + 5.3 + 24.0)).abs() < 1e-9, "{narrow}");
        assert!(width(&[vec!["15.00 ± 0.02"; 5]]) > COLUMN);
    }
}
