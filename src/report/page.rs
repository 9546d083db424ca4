//! The page: collects all parts and renders the template.

use askama::Template;

use super::appendix::{self, Configuration, Trial, Trouble};
use super::cross::{self, CrossTable};
use super::data::{ReportData, StrategyNote};
use super::differences::{self, Differences};
use super::elsewhere::{self, Elsewhere};
use super::explorer::{self, Explorer};
use super::figures::{Figure, Sketch};
use super::gallery::{self, Gallery};
use super::groups::Groups;
use super::landscape;
use super::policy::{SCRIPT, policy};
use super::relation_words::{self, RelationTable};
use super::spread::{self, Spread};
use super::table::{self, Table};
use super::tasks::{self, Tasks};
use super::trial::{self, Sections};
use super::{ReportError, by_key, curves, definitions, findings, format, quality, relation, repeat, swept};
use crate::catalogue::{MEANING, strips};
use crate::plot::{Rgb, dark_rules, embed, matrix_svg, strips_svg};
use crate::store::rows::SweepRow;

/// Everything the template reads.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    sweep: &'a SweepRow,
    expect: Vec<String>,
    analysis: Vec<String>,
    generated_at: String,
    started_at: String,
    version: &'a str,
    findings: Vec<String>,
    table: Table,
    spread: Vec<Spread>,
    differences: Option<Differences>,
    swept: Option<Figure>,
    by_key: Option<Figure>,
    landscape: Option<Landscape>,
    importance: Option<Figure>,
    curves: Option<Figure>,
    tasks: Option<Tasks>,
    by_task: Option<Figure>,
    related: Option<Figure>,
    relation: Option<RelationTable>,
    cross: Option<Cross>,
    quality: Option<Table>,
    elsewhere: Vec<Elsewhere>,
    across: Option<Gallery>,
    progress: Option<Gallery>,
    explorer: Option<Explorer>,
    troubles: Vec<Trouble>,
    trial_headings: Vec<String>,
    trials: Vec<Trial>,
    sections: Sections,
    total_time: Option<String>,
    configuration: Configuration,
    environment: Vec<(String, String)>,
    commands: Vec<(String, String)>,
    definitions: Vec<(String, String)>,
    strategies: &'a [StrategyNote],
    masks: Option<Masks>,
    numbers: Numbers,
    dark: String,
    policy: String,
    script: &'static str,
}

/// Numbers of the figures and tables that are present, in their order on the page.
#[derive(Default)]
struct Numbers {
    swept: usize,
    by_key: usize,
    landscape: usize,
    importance: usize,
    curves: usize,
    by_task: usize,
    related: usize,
    cross: usize,
    /// Of each of the tables of later evaluations, where it has a figure.
    elsewhere: Vec<usize>,
    across: usize,
    progress: usize,
    explorer: usize,
    differences: usize,
    quality: usize,
    tasks: usize,
    relation: usize,
    troubles: usize,
    trials: usize,
}

impl Numbers {
    /// From what is there: figures one by one, tables by their number.
    fn of(figures: [bool; 11], elsewhere: &[Elsewhere], tables: [usize; 7]) -> Self {
        let nth = |present: &[bool], i: usize| present[..=i].iter().filter(|p| **p).count();
        let mapped = |of: &[Elsewhere]| of.iter().filter(|found| found.gallery.is_some()).count();
        let after = |i: usize| nth(&figures, i) + mapped(elsewhere);
        let upto = |i: usize| 1 + tables[..=i].iter().sum::<usize>();
        Self {
            swept: nth(&figures, 0),
            by_key: nth(&figures, 1),
            landscape: nth(&figures, 2),
            importance: nth(&figures, 3),
            curves: nth(&figures, 4),
            by_task: nth(&figures, 5),
            related: nth(&figures, 6),
            cross: nth(&figures, 7),
            elsewhere: (0..elsewhere.len())
                .map(|i| nth(&figures, 7) + mapped(&elsewhere[..=i]))
                .collect(),
            across: after(8),
            progress: after(9),
            explorer: after(10),
            differences: upto(0),
            tasks: upto(1),
            relation: upto(2),
            quality: upto(3),
            troubles: upto(5),
            trials: upto(6),
        }
    }
}

/// A drawing that is as wide as it needs to be.
struct Drawing {
    svg: String,
    /// Width in pixels at which its text has the usual size.
    width: u32,
    palette: Vec<Rgb>,
}

/// The cross tables.
struct Cross {
    drawing: Drawing,
    caption: String,
    table: CrossTable,
    /// By figures other than the error, each with what it says.
    others: Vec<(String, CrossTable)>,
}

/// Results over several keys.
struct Landscape {
    drawing: Drawing,
    caption: String,
}

/// Named points up to which each task has a panel on the page.
const ROWS: usize = 12;

/// The one number of a page that is not the store's.
const RATES: &str = "Masks a second were measured when this page was made, on one thread of the machine that made it: unlike all \
     else here they come out otherwise each time.";

/// Masks of the trials' configurations, measured.
struct Masks {
    drawing: Drawing,
    meaning: &'static str,
    notes: Vec<String>,
}

impl Drawing {
    fn new(svg: &str, palette: Vec<Rgb>) -> Self {
        let width = svg.split("width=\"").nth(1).and_then(|rest| rest.split('"').next());
        Self {
            width: width.and_then(|width| width.parse().ok()).unwrap_or(480),
            svg: embed(svg),
            palette,
        }
    }
}

fn cross(groups: &Groups) -> Result<Option<Cross>, ReportError> {
    let Some(table) = cross::build(groups) else {
        return Ok(None);
    };
    let matrix = table.matrix();
    Ok(Some(Cross {
        drawing: Drawing::new(&matrix_svg(&matrix)?, matrix.colours()),
        caption: table.caption(groups),
        table,
        others: cross::others(groups)
            .into_iter()
            .map(|one| (one.note(groups), one))
            .collect(),
    }))
}

fn landscape(groups: &Groups) -> Result<Option<Landscape>, ReportError> {
    let draw = |found: landscape::Landscape| {
        Ok(Landscape {
            drawing: Drawing::new(&found.board.svg()?, found.board.colours()),
            caption: found.caption,
        })
    };
    landscape::build(groups).map(draw).transpose()
}

fn masks(data: &ReportData) -> Result<Option<Masks>, ReportError> {
    if data.masks.is_empty() {
        return Ok(None);
    }
    let rates: Option<Vec<f64>> = data.masks.iter().map(|p| p.rate).collect();
    let drawn = strips(&data.masks, rates.as_deref().unwrap_or_default());
    let note = |p: &crate::catalogue::Profile| {
        let notes = p.stand_ins.iter().map(|note| format!("{}: {note}", p.name));
        notes.collect::<Vec<_>>()
    };
    Ok(Some(Masks {
        drawing: Drawing::new(&strips_svg(&drawn)?, drawn.colours()),
        meaning: MEANING,
        notes: rates
            .iter()
            .map(|_| RATES.to_owned())
            .chain(data.masks.iter().flat_map(note))
            .collect(),
    }))
}

/// The report as one self-contained HTML document.
pub fn html(data: &ReportData) -> Result<String, ReportError> {
    let groups = Groups::of(data);
    let draw = |sketch: Option<Sketch>| sketch.map(|s| s.figure()).transpose();
    let (swept, curves) = (draw(swept::sketch(&groups))?, draw(curves::sketch(&groups))?);
    let by_key = draw(by_key::sketch(&groups))?;
    let (landscape, importance) = (landscape(&groups)?, draw(landscape::weights(&groups))?);
    let tasks = tasks::build(data, &groups);
    // With more rows the table says it in less room; the files for a paper have the figure all the same.
    let few = groups.axis().is_some() || groups.all.len() <= ROWS;
    let by_task = draw(swept::tasks(&groups).filter(|_| few))?;
    let related = draw(relation::sketch(&groups))?;
    let relation = relation::build(&groups).and_then(|r| relation_words::table(&r));
    let explorer = explorer::build(&groups);
    let (across, progress) = (
        gallery::across_groups(&groups, usize::MAX),
        gallery::over_training(&groups),
    );
    let troubles = appendix::troubles(data);
    let differences = differences::build(&groups);
    let quality = quality::build(&groups);
    let elsewhere = elsewhere::build(data);
    let metrics = appendix::trial_metrics(&groups);
    let (cross, masks) = (cross(&groups)?, masks(data)?);
    let figures = [
        swept.is_some(),
        by_key.is_some(),
        landscape.is_some(),
        importance.is_some(),
        curves.is_some(),
        by_task.is_some(),
        related.is_some(),
        cross.is_some(),
        across.is_some(),
        progress.is_some(),
        explorer.is_some(),
    ];
    let drawings = [
        cross.as_ref().map(|c| &c.drawing),
        masks.as_ref().map(|m| &m.drawing),
        landscape.as_ref().map(|l| &l.drawing),
    ];
    let drawn = drawings.into_iter().flatten().flat_map(|d| d.palette.iter().copied());
    let dark = dark_rules(
        [&swept, &importance, &curves, &by_task, &related]
            .into_iter()
            .flatten()
            .flat_map(Figure::colours)
            .chain(drawn),
    );
    let tables = [
        usize::from(differences.is_some()),
        usize::from(tasks.is_some()),
        usize::from(relation.is_some()),
        usize::from(quality.is_some()),
        elsewhere.len(),
        usize::from(!troubles.is_empty()),
        1,
    ];
    let page = Page {
        sweep: &data.sweep,
        expect: format::paragraphs(&data.sweep.expect),
        analysis: format::paragraphs(&data.sweep.analysis),
        generated_at: format::moment(&data.generated_at),
        started_at: format::moment(&data.sweep.created_at),
        version: &data.version,
        findings: findings::build(data, &groups),
        table: table::build(&groups),
        spread: spread::build(&groups),
        numbers: Numbers::of(figures, &elsewhere, tables),
        differences,
        swept,
        by_key,
        landscape,
        importance,
        curves,
        tasks,
        by_task,
        related,
        relation,
        cross,
        quality,
        elsewhere,
        across,
        progress,
        explorer,
        troubles,
        trial_headings: metrics.iter().map(|m| m.short_heading()).collect(),
        trials: appendix::trials(data, &metrics),
        sections: trial::sections(data),
        total_time: findings::total_time(&data.runs),
        configuration: appendix::configuration(data, &groups),
        environment: appendix::environment(data),
        commands: repeat::commands(data),
        definitions: definitions::build(data),
        strategies: &data.strategies,
        masks,
        dark,
        policy: policy(SCRIPT),
        script: SCRIPT,
    };
    Ok(page.render()?)
}
