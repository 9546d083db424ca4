//! The page: collects all parts and renders the template.

use askama::Template;

use super::appendix::{self, Configuration, Trial, Trouble};
use super::data::{ReportData, StrategyNote};
use super::figures::{Figure, Sketch};
use super::gallery::{self, Gallery};
use super::groups::Groups;
use super::table::{self, Table};
use super::{ReportError, curves, definitions, findings, format, repeat, swept};
use crate::plot::dark_rules;
use crate::store::rows::SweepRow;

/// Everything the template reads.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    sweep: &'a SweepRow,
    generated_at: String,
    started_at: String,
    version: &'a str,
    findings: Vec<String>,
    table: Table,
    swept: Option<Figure>,
    curves: Option<Figure>,
    across: Option<Gallery>,
    progress: Option<Gallery>,
    troubles: Vec<Trouble>,
    trial_headings: Vec<String>,
    trials: Vec<Trial>,
    total_time: Option<String>,
    configuration: Configuration,
    environment: Vec<(String, String)>,
    commands: Vec<(String, String)>,
    definitions: Vec<(String, String)>,
    strategies: &'a [StrategyNote],
    numbers: Numbers,
    dark: String,
}

/// Numbers of the figures and tables that are present, in their order on the page.
#[derive(Default)]
struct Numbers {
    swept: usize,
    curves: usize,
    across: usize,
    progress: usize,
    troubles: usize,
    trials: usize,
}

impl Numbers {
    fn of(figures: [bool; 4], tables: [bool; 2]) -> Self {
        let nth = |present: &[bool], i: usize| present[..=i].iter().filter(|p| **p).count();
        Self {
            swept: nth(&figures, 0),
            curves: nth(&figures, 1),
            across: nth(&figures, 2),
            progress: nth(&figures, 3),
            troubles: 1 + nth(&tables, 0),
            trials: 1 + nth(&tables, 1),
        }
    }
}

/// The report as one self-contained HTML document.
pub fn html(data: &ReportData) -> Result<String, ReportError> {
    let groups = Groups::of(data);
    let draw = |sketch: Option<Sketch>| sketch.map(|s| s.figure()).transpose();
    let (swept, curves) = (draw(swept::sketch(&groups))?, draw(curves::sketch(&groups))?);
    let (across, progress) = (gallery::across_groups(&groups), gallery::over_training(&groups));
    let troubles = appendix::troubles(data);
    let metrics = appendix::trial_metrics(&groups);
    let figures = [swept.is_some(), curves.is_some(), across.is_some(), progress.is_some()];
    let dark = dark_rules([&swept, &curves].into_iter().flatten().flat_map(Figure::colours));
    let page = Page {
        sweep: &data.sweep,
        generated_at: format::moment(&data.generated_at),
        started_at: format::moment(&data.sweep.created_at),
        version: &data.version,
        findings: findings::build(data, &groups),
        table: table::build(&groups),
        numbers: Numbers::of(figures, [!troubles.is_empty(), true]),
        swept,
        curves,
        across,
        progress,
        troubles,
        trial_headings: metrics.iter().map(|m| m.short_heading()).collect(),
        trials: appendix::trials(data, &metrics),
        total_time: findings::total_time(&data.runs),
        configuration: appendix::configuration(data, &groups),
        environment: appendix::environment(data),
        commands: repeat::commands(data),
        definitions: definitions::build(data),
        strategies: &data.strategies,
        dark,
    };
    Ok(page.render()?)
}
