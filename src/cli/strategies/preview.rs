//! `mae-exp strategies preview`: masks as text, as JSON, or on a photograph.

use std::path::PathBuf;

use mae_strategies::{Mask, Plan, Registry};
use serde_json::json;

use super::{Asked, Format, format, listed};
use crate::catalogue::{Exhibit, Sampling, Sheet, draw, stand_ins};
use crate::cli::failure::Failure;
use crate::cli::files;

/// Masks of each strategy on a sheet.
const ON_SHEET: usize = 4;

/// Arguments of `strategies preview`.
#[derive(Debug, clap::Args)]
pub(super) struct Preview {
    #[command(flatten)]
    asked: Asked,
    /// Masks of each strategy [default: 1, or 4 with --out].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    samples: Option<u64>,
    /// Draw the masks on a photograph, as FILE.svg or FILE.html.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON document: a list under `previews`, and of one strategy its keys at the top as well.
    #[arg(long)]
    json: bool,
}

impl Preview {
    fn sampling(&self) -> Sampling {
        let usual = if self.out.is_some() { ON_SHEET } else { 1 };
        Sampling {
            seed: self.asked.seed,
            masks: self.samples.map_or(usual, |samples| samples as usize),
            progress: self.asked.progress,
            patch: 1,
        }
    }
}

pub(super) fn run(args: &Preview, registry: &Registry, json: bool) -> Result<(), Failure> {
    let json = json || args.json;
    let as_file = args
        .out
        .as_deref()
        .map(|out| Ok::<_, Failure>((out, format(out)?)))
        .transpose()?;
    let plans = args.asked.plans(registry)?;
    let scene = args.asked.scene(&plans)?;
    let masks: Vec<Vec<Mask>> = plans
        .iter()
        .map(|plan| draw(plan, scene.as_ref(), args.sampling()))
        .collect::<Result<_, _>>()?;
    match as_file {
        Some((out, format)) => {
            files::write(out, on_photograph(args, &plans, &masks, &format)?.as_bytes())?;
            if !json {
                println!("{}", out.display());
            }
        }
        None if !json => as_text(args, &plans, &masks),
        None => {}
    }
    if json { as_json(args, &plans, &masks) } else { Ok(()) }
}

fn as_text(args: &Preview, plans: &[Plan], masks: &[Vec<Mask>]) {
    for (plan, masks) in plans.iter().zip(masks) {
        let (name, patches) = (plan.strategy().id(), args.asked.grid.len());
        println!("{name}: {} of {patches} patches hidden", plan.hidden());
        stand_ins(plan.needs()).iter().for_each(|note| println!("{note}"));
        for mask in masks {
            println!("{}", mask.ascii().trim_end());
            println!();
        }
    }
}

fn as_json(args: &Preview, plans: &[Plan], masks: &[Vec<Mask>]) -> Result<(), Failure> {
    let document = |(plan, masks): (&Plan, &Vec<Mask>)| {
        json!({
            "strategy": plan.strategy().id(),
            "grid": [args.asked.grid.rows, args.asked.grid.cols],
            "hidden": plan.hidden(),
            "stand_ins": stand_ins(plan.needs()),
            "masks": masks.iter().map(Mask::bits).collect::<Vec<_>>(),
        })
    };
    listed("previews", plans.iter().zip(masks).map(document).collect())
}

fn on_photograph(args: &Preview, plans: &[Plan], masks: &[Vec<Mask>], format: &Format) -> Result<String, Failure> {
    let scene = args.asked.photograph()?;
    let exhibit = |(plan, masks): (&Plan, &Vec<Mask>)| Exhibit {
        name: plan.strategy().id().into(),
        summary: plan.strategy().summary().into(),
        masks: masks.clone(),
        stand_ins: stand_ins(plan.needs()),
    };
    let sheet = Sheet {
        scene: &scene,
        grid: args.asked.grid,
        how: args.asked.how(args.sampling().masks),
        exhibits: plans.iter().zip(masks).map(exhibit).collect(),
    };
    let drawn = match format {
        Format::Svg => sheet.svg(),
        Format::Html => sheet.html(),
    };
    Ok(drawn.map_err(anyhow::Error::new)?)
}
