//! The figures of a report as files for a paper: each in one column's width and in two, SVG and PDF, and the LaTeX that
//! includes them. Series differ in line patterns and shapes as well as in colour.

use super::super::cross::{self, CrossTable};
use super::super::data::ReportData;
use super::super::export::tex;
use super::super::figures::Sketch;
use super::super::gallery::{self, Gallery, Image};
use super::super::groups::Groups;
use super::super::landscape::{self, Board};
use super::super::{ReportError, by_key, curves, elsewhere, relation, swept};
use super::drawing::Drawing;
use super::stamp;
use crate::catalogue::{MEANING, Profile, strips};
use crate::plot::{Contact, ContactRow, Press, Printed, Sheet, Span, Thumb};

/// Rows of masks that fit on a page.
const MASKS: usize = 8;

/// Held-out pictures in the figure of reconstructions, at most.
const PICTURES: usize = 3;

/// A figure in one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperFigure {
    /// What is shown, without the width: `swept`, `by_key`, `keys_heat_map`, `keys_parallel`, `importance`, `curves`, `tasks`,
    /// `reconstruction_and_tasks`, `cross`, `cross_ssim` and so on, `anomaly_maps`, `reconstructions`, `training`, `masks`, or a
    /// panel's metric.
    pub stem: String,
    /// Its width.
    pub span: Span,
    /// Caption as plain text; empty for a panel of another figure.
    pub caption: String,
    /// The files' content.
    pub printed: Printed,
}

impl PaperFigure {
    /// File name without its ending: `swept-1col`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.stem, self.span.suffix())
    }
}

/// A figure before it has a width.
struct Draft {
    stem: String,
    caption: String,
    drawing: Drawing,
}

impl Draft {
    /// Stem and caption of a part.
    fn part(&self, index: usize, of: usize) -> (String, String) {
        if of < 2 {
            return (self.stem.clone(), self.caption.clone());
        }
        let number = index + 1;
        let said = if self.caption.is_empty() {
            String::new()
        } else {
            format!("{} Part {number} of {of}.", self.caption)
        };
        (format!("{}-{number}", self.stem), said)
    }
}

/// Every figure of the report in both widths, where it fits into one column; panels of a figure on their own, too.
///
/// # Errors
/// Where a figure cannot be drawn.
pub fn figures(data: &ReportData) -> Result<Vec<PaperFigure>, ReportError> {
    let groups = Groups::of(data);
    let (press, about) = (Press::new(), stamp::sources(data));
    let mut done = vec![];
    for draft in drafts(data, &groups) {
        for span in Span::ALL {
            let parts = draft.drawing.parts(span)?;
            for (i, svg) in parts.iter().enumerate() {
                let (stem, caption) = draft.part(i, parts.len());
                done.push(PaperFigure {
                    printed: press.print(svg, span, draft.drawing.title(), &about)?,
                    stem,
                    caption,
                    span,
                });
            }
        }
    }
    Ok(done)
}

/// All figures, in the order of the page. A figure that joins the page is to join this list.
fn drafts(data: &ReportData, groups: &Groups) -> Vec<Draft> {
    let sketched = |stem, sketch: Option<Sketch>| sketch.map_or_else(Vec::new, |s| panels(stem, s));
    let mut all = sketched("swept", swept::sketch(groups));
    all.extend(sketched("by_key", by_key::sketch(groups)));
    all.extend(landscape::build(groups).map(over_keys));
    all.extend(sketched("importance", landscape::weights(groups)));
    all.extend(sketched("curves", curves::sketch(groups)));
    all.extend(sketched("tasks", swept::tasks(groups)));
    all.extend(sketched("reconstruction_and_tasks", relation::sketch(groups)));
    let crossed = |stem: String, caption: String, table: &CrossTable| Draft {
        stem,
        caption,
        drawing: Drawing::Matrix(table.matrix()),
    };
    all.extend(cross::build(groups).map(|table| crossed("cross".into(), table.caption(groups), &table)));
    let others = cross::others(groups);
    all.extend(
        others
            .iter()
            .map(|table| crossed(table.stem(), table.caption(groups), table)),
    );
    let maps = elsewhere::build(data).into_iter().filter_map(|found| found.gallery);
    all.extend(maps.enumerate().map(|(i, gallery)| match i {
        0 => pictures("anomaly_maps", gallery),
        i => pictures(&format!("anomaly_maps_{}", i + 1), gallery),
    }));
    all.extend(reconstructions(groups));
    all.extend(gallery::over_training(groups).map(|g| pictures("training", g)));
    all.extend(masks(&data.masks));
    all
}

fn over_keys(found: landscape::Landscape) -> Draft {
    Draft {
        stem: found.stem.into(),
        caption: found.caption,
        drawing: match found.board {
            Board::Matrix(matrix) => Drawing::Matrix(matrix),
            Board::Parallel(parallel) => Drawing::Parallel(parallel),
        },
    }
}

/// Reconstructions of as many pictures, at most [`PICTURES`], as fit on a page.
fn reconstructions(groups: &Groups) -> Option<Draft> {
    let of = |items| gallery::across_groups(groups, items).map(|g| pictures("reconstructions", g));
    let fits = |draft: &Draft| {
        draft
            .drawing
            .parts(Span::TwoColumns)
            .is_ok_and(|parts| parts.len() == 1)
    };
    (1..=PICTURES).rev().filter_map(of).find(fits).or_else(|| of(1))
}

fn pictures(stem: &str, gallery: Gallery) -> Draft {
    let thumb = |image: Image| Thumb {
        uri: image.uri,
        size: (image.width as f64, image.height as f64),
    };
    let row = |row: gallery::Row| ContactRow {
        apart: row.new_item,
        reference: row.reference.map(thumb),
        cells: row.cells.into_iter().map(|cell| cell.map(thumb)).collect(),
    };
    let named = |name: &String| {
        if gallery.axis == "epoch" {
            format!("epoch {name}")
        } else {
            name.clone()
        }
    };
    Draft {
        stem: stem.into(),
        drawing: Drawing::Pictures(Contact {
            title: gallery.caption.clone(),
            columns: gallery.columns.iter().map(named).collect(),
            rows: gallery.rows.into_iter().map(row).collect(),
        }),
        caption: gallery.caption,
    }
}

/// A sketch as one figure, and each of several panels as one of its own.
fn panels(stem: &str, sketch: Sketch) -> Vec<Draft> {
    let sheet = |panels: Vec<crate::plot::Plot>, letter: Option<u8>| {
        let titles: Vec<&str> = panels.iter().map(|p| p.title.as_str()).collect();
        Drawing::Panels(Sheet {
            title: titles.join("; "),
            width: 0.0,
            across: 1,
            panels,
            legend_title: sketch.legend_title.clone(),
            legend: sketch.legend.clone(),
            letter,
        })
    };
    let several = sketch.panels.len() > 1;
    let whole = Draft {
        stem: stem.into(),
        caption: sketch.caption.clone(),
        drawing: sheet(
            sketch.panels.iter().map(|p| p.1.clone()).collect(),
            several.then_some(0),
        ),
    };
    let single = sketch.panels.iter().filter(|_| several).map(|(name, plot)| Draft {
        stem: name.clone(),
        caption: String::new(),
        drawing: sheet(vec![plot.clone()], None),
    });
    std::iter::once(whole).chain(single).collect()
}

/// Masks of the trials' configurations, as many to a figure as fit on a page.
fn masks(profiles: &[Profile]) -> Vec<Draft> {
    let parts = profiles.len().div_ceil(MASKS);
    let draft = |(i, part): (usize, &[Profile])| Draft {
        stem: if parts > 1 {
            format!("masks-{}", i + 1)
        } else {
            "masks".into()
        },
        caption: MEANING.into(),
        drawing: Drawing::Strips(strips(part, &[])),
    };
    let each = profiles.len().div_ceil(parts.max(1)).max(1);
    profiles.chunks(each).enumerate().map(draft).collect()
}

/// How figures are included: in natural size, or smaller where they are wider than their place, or higher than a page less
/// the lines of the caption.
const INCLUDING: &str = "\\providecommand{\\maeexpfigures}{figures}
\\providecommand{\\maeexpfigure}[2]{{% #1: file without its ending; #2: lines of a page that the caption takes
  \\dimen0=\\textheight \\advance\\dimen0 by -#2\\baselineskip
  \\sbox0{\\includegraphics{\\maeexpfigures/#1.pdf}}\\count0=0
  \\ifdim\\wd0>\\linewidth \\count0=1 \\fi
  \\ifdim\\ht0>\\dimen0 \\count0=1 \\fi
  \\ifnum\\count0=1 \\includegraphics[width=\\linewidth,height=\\dimen0,keepaspectratio]{\\maeexpfigures/#1.pdf}%
  \\else\\usebox0\\fi}}
";

/// Letters of a caption that a line of `article` holds at least, in one column of two and over both.
const LETTERS: [usize; 2] = [42, 88];

/// Lines that a caption takes from a page, with the room above it.
fn lines(figure: &PaperFigure) -> usize {
    let letters = LETTERS[usize::from(figure.span == Span::TwoColumns)];
    (figure.caption.chars().count() + 12).div_ceil(letters) + 2
}

/// LaTeX that includes every figure with its caption, in one column where it fits, in natural size where there is room for it:
/// text then has 8 points.
pub fn figures_tex(figures: &[PaperFigure], data: &ReportData) -> String {
    let mut out = format!(
        "% {}\n% needs \\usepackage{{graphicx}}; \\maeexpfigures is the folder of the files, seen from the paper\n{INCLUDING}",
        stamp::commented(&stamp::sources(data))
    );
    let whole: Vec<&PaperFigure> = figures.iter().filter(|f| !f.caption.is_empty()).collect();
    for (i, figure) in whole.iter().enumerate() {
        if i > 0 && whole[i - 1].stem == figure.stem {
            continue;
        }
        let wide = whole.get(i + 1).filter(|next| next.stem == figure.stem);
        let star = if figure.span == Span::TwoColumns { "*" } else { "" };
        let other = wide.map_or_else(String::new, |wide| {
            format!("  % over both columns: figure* with {}.pdf\n", wide.name())
        });
        out.push_str(&format!(
            "\n\\begin{{figure{star}}}\n  \\centering\n  \\maeexpfigure{{{}}}{{{}}}\n{other}\
             \x20 \\caption{{{}}}\n  \\label{{fig:{}-{}}}\n\\end{{figure{star}}}\n",
            figure.name(),
            lines(figure),
            tex(&figure.caption),
            data.sweep.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
            figure.stem,
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ratios, report, run};
    use super::*;

    fn names(figures: &[PaperFigure]) -> Vec<String> {
        figures.iter().map(PaperFigure::name).collect()
    }

    #[test]
    fn every_figure_comes_in_both_widths_with_its_trials() {
        let data = ratios(0.1);
        let figures = figures(&data).unwrap();
        let said = names(&figures);
        for name in [
            "swept-1col",
            "swept-2col",
            "curves-1col",
            "curves-2col",
            "knn_accuracy-1col",
            "eval_mse-2col",
        ] {
            assert!(said.iter().any(|n| n == name), "{name} among {said:?}");
        }
        for figure in &figures {
            let svg = &figure.printed.svg;
            assert!(
                svg.starts_with(&format!("<svg width=\"{:.4}in\"", figure.span.inches())),
                "{}",
                figure.name()
            );
            assert!(
                svg.contains("run0 run1 run2") && svg.contains("sweep test (s1)"),
                "{}",
                figure.name()
            );
            assert!(!svg.contains("var(--"));
        }
    }

    #[test]
    fn latex_includes_each_figure_once_and_names_the_other_width() {
        let data = ratios(0.1);
        let text = figures_tex(&figures(&data).unwrap(), &data);
        assert_eq!(text.matches("\n  \\maeexpfigure{").count(), 2, "{text}");
        assert!(text.contains("\\maeexpfigure{swept-1col}{") && text.contains("figure* with swept-2col.pdf"));
        assert!(text.contains("\\label{fig:test-curves}"));
        assert_eq!(
            text.matches("\\begin{figure}").count(),
            text.matches("\\end{figure}").count()
        );
    }

    #[test]
    fn groups_beyond_the_palette_still_have_colours_of_their_own() {
        let names: Vec<String> = (0..16).map(|i| format!("s{i}")).collect();
        let runs = names.iter().enumerate().map(|(i, name)| {
            run(
                i as i64,
                serde_json::json!({"mask.strategy": name}),
                0,
                &[("knn_accuracy", 0.1 + i as f64 / 100.0)],
            )
        });
        let data = report(
            serde_json::json!([{"key": "mask.strategy", "values": names}]),
            runs.collect(),
        );
        let groups = Groups::of(&data);
        let colours: std::collections::HashSet<crate::plot::Rgb> = groups.all.iter().map(|g| g.colour).collect();
        assert_eq!(colours.len(), 16);
    }
}
