//! Statistics of many strategies side by side: for each the map of how often every patch is hidden, and bars.

use askama::Template;

use super::sheet::CREDIT;
use super::{CatalogueError, Profile};
use crate::plot::{Map, Strip, Strips, dark_rules, embed, strips_svg};

/// A column of numbers: heading, decimals, and where its numbers come from.
type Column = (&'static str, usize, fn(&Profile) -> f64);

/// What is drawn of every profile.
const COLUMNS: [Column; 4] = [
    ("AvgDist (px)", 1, |p| p.stats.avg_dist_px),
    ("Boundary edges", 1, |p| p.stats.boundary_edges),
    ("Hidden regions", 1, |p| p.stats.regions),
    ("Patches a region", 1, |p| p.stats.region_patches),
];

/// What the numbers mean, in words.
pub(crate) const MEANING: &str = "The map shows how often each patch is hidden. AvgDist is the mean distance from the centre of a hidden patch \
     to the centre of the nearest visible one. Boundary edges are neighbouring pairs of which one patch is hidden and one \
     visible; hidden patches that share a side are one region.";

/// The rows as a drawing; `rates` are masks a second, where they were measured.
pub(crate) fn strips(profiles: &[Profile], rates: &[f64]) -> Strips {
    let strip = |(i, profile): (usize, &Profile)| Strip {
        name: profile.name.clone(),
        note: profile.count(),
        map: Map {
            rows: profile.stats.grid.rows,
            cols: profile.stats.grid.cols,
            values: profile.stats.marginal.clone(),
        },
        bars: COLUMNS
            .iter()
            .map(|(_, decimals, value)| (value(profile), number(value(profile), *decimals)))
            .chain(rates.get(i).map(|rate| (*rate, rounded(*rate))))
            .collect(),
    };
    let rate = (!rates.is_empty()).then(|| "Masks a second".to_owned());
    Strips {
        title: "Statistics of masks: how often each patch is hidden, and bars".into(),
        map: "Hidden".into(),
        ends: ["never".into(), "always".into()],
        columns: COLUMNS.iter().map(|c| c.0.to_owned()).chain(rate).collect(),
        rows: profiles.iter().enumerate().map(strip).collect(),
    }
}

/// The drawing as a standalone SVG document.
///
/// # Errors
/// When it cannot be drawn.
pub fn svg(profiles: &[Profile], rates: &[f64]) -> Result<String, CatalogueError> {
    Ok(strips_svg(&strips(profiles, rates))?)
}

/// What the template reads.
#[derive(Template)]
#[template(path = "charts.html")]
struct Page<'a> {
    how: &'a str,
    chart: String,
    dark: String,
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    meaning: &'a str,
    foot: Vec<String>,
}

/// Drawing and numbers as a self-contained HTML page; `how` says in a sentence how the masks were drawn.
///
/// # Errors
/// When it cannot be drawn.
pub fn html(profiles: &[Profile], rates: &[f64], how: &str) -> Result<String, CatalogueError> {
    let drawing = strips(profiles, rates);
    let mut headings = vec!["Strategy".to_owned(), "Hidden".to_owned()];
    headings.extend(drawing.columns.iter().cloned());
    headings.push("Hidden least to most often".into());
    let row = |(profile, strip): (&Profile, &Strip)| {
        let (least, most) = profile.extremes();
        let start = [profile.name.clone(), profile.hidden.to_string()];
        let numbers = strip.bars.iter().map(|bar| bar.1.clone());
        start
            .into_iter()
            .chain(numbers)
            .chain([format!("{least:.2} to {most:.2}")])
            .collect()
    };
    let mut foot: Vec<String> = vec![];
    for profile in profiles {
        foot.extend(profile.stand_ins.iter().map(|note| format!("{}: {note}", profile.name)));
    }
    if !foot.is_empty() {
        foot.push(CREDIT.into());
    }
    let page = Page {
        how,
        chart: embed(&strips_svg(&drawing)?),
        dark: dark_rules(drawing.colours().into_iter()),
        headings,
        rows: profiles.iter().zip(&drawing.rows).map(row).collect(),
        meaning: MEANING,
        foot,
    };
    Ok(page.render()?)
}

fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}")
    } else {
        "–".into()
    }
}

/// Three significant digits, thousands apart: `1 230 000`.
fn rounded(value: f64) -> String {
    let unit = 10f64.powf((value.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join("\u{202f}")
}

#[cfg(test)]
mod tests {
    use mae_strategies::{Grid, Registry};

    use super::super::Sampling;
    use super::*;

    fn profiles() -> Vec<Profile> {
        let sampling = Sampling {
            seed: 0,
            masks: 20,
            progress: 0.5,
            patch: 16,
        };
        let profile = |name: &str| {
            let plan = Registry::builtin().plan(name, Grid::new(7, 13), 0.6, Default::default());
            Profile::of(&plan.unwrap(), None, sampling).unwrap()
        };
        ["random", "block"].map(profile).to_vec()
    }

    #[test]
    fn every_number_of_the_drawing_stands_in_the_table_too() {
        let profiles = profiles();
        let rates = [1_234_567.0, 99.0];
        let page = html(&profiles, &rates, "20 masks each.").unwrap();
        let drawing = svg(&profiles, &rates).unwrap();
        for profile in &profiles {
            let distance = format!("{:.1}", profile.stats.avg_dist_px);
            let (drawn, table) = page.split_once("</svg>").unwrap();
            assert!(drawn.contains(&distance) && table.contains(&distance), "{distance}");
            assert!(drawing.contains(&distance) && drawing.contains(&profile.count()));
        }
        assert!(page.contains("0.00 to 1.00") && page.contains("1\u{202f}230\u{202f}000"));
        assert!(!page.contains("<script") && !page.contains("http:"));
    }

    #[test]
    fn without_rates_there_is_no_column_of_them() {
        let text = svg(&profiles(), &[]).unwrap();
        assert!(text.contains("AvgDist (px)") && !text.contains("Masks a second"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(rounded(1_234_567.0), "1\u{202f}230\u{202f}000");
        assert_eq!((rounded(99.4).as_str(), rounded(0.0).as_str()), ("99", "0"));
        assert_eq!((number(f64::NAN, 1).as_str(), number(19.84, 1).as_str()), ("–", "19.8"));
    }
}
