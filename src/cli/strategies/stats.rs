//! `mae-exp strategies stats`: the masks of every strategy in numbers, and how fast they are drawn.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mae_strategies::{MaskContext, Plan, Registry};
use serde_json::{Value as Json, json};

use super::{Asked, Format, format, listed};
use crate::catalogue::{Profile, Sampling, Scene, charts_html, charts_svg};
use crate::cli::failure::Failure;
use crate::cli::{files, table};
use crate::seed::{Purpose, rng};

/// Rounds of which the median tells the speed.
const ROUNDS: usize = 7;
/// How long a round lasts at least.
const ROUND: Duration = Duration::from_millis(15);

/// Arguments of `strategies stats`.
#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    #[command(flatten)]
    asked: Asked,
    /// Masks measured of each strategy.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    samples: u64,
    /// Side of a patch in pixels, for distances.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..))]
    patch: u64,
    /// Draw the maps and numbers, as FILE.svg or FILE.html.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON document: a list under `stats`, and of one strategy its keys at the top as well.
    #[arg(long)]
    json: bool,
}

/// A strategy measured.
struct Measured {
    profile: Profile,
    /// Masks a second on one thread.
    rate: f64,
}

pub(super) fn run(args: &Stats, registry: &Registry, json: bool) -> Result<(), Failure> {
    let as_file = args
        .out
        .as_deref()
        .map(|out| Ok::<_, Failure>((out, format(out)?)))
        .transpose()?;
    let plans = args.asked.plans(registry)?;
    let scene = args.asked.scene(&plans)?;
    let measured: Vec<Measured> = plans
        .iter()
        .map(|plan| measure(args, plan, scene.as_ref()))
        .collect::<Result<_, _>>()?;
    if let Some((out, format)) = as_file {
        files::write(out, drawing(args, &measured, &format)?.as_bytes())?;
    }
    if json || args.json {
        return as_json(args, &measured);
    }
    as_text(&measured);
    if let Some(out) = &args.out {
        println!("{}", out.display());
    }
    Ok(())
}

fn measure(args: &Stats, plan: &Plan, scene: Option<&Scene>) -> Result<Measured, mae_strategies::Error> {
    let sampling = Sampling {
        seed: args.asked.seed,
        masks: args.samples as usize,
        progress: args.asked.progress,
        patch: args.patch as usize,
    };
    Ok(Measured {
        profile: Profile::of(plan, scene, sampling)?,
        rate: rate(plan, scene, (args.asked.seed, args.asked.progress), ROUND)?,
    })
}

/// Masks a second, each from a generator of its own as in training: the median of several rounds on this thread, each of which
/// lasts `round` at least.
///
/// # Errors
/// When the strategy cannot draw a mask.
pub(in crate::cli) fn rate(
    plan: &Plan,
    scene: Option<&Scene>,
    (seed, progress): (u64, f64),
    round: Duration,
) -> Result<f64, mae_strategies::Error> {
    let blank = MaskContext::default().at(progress);
    let context = scene.map_or(blank, |scene| scene.context(progress));
    let mut rates = Vec::with_capacity(ROUNDS);
    for number in 0..ROUNDS as u64 {
        let begun = Instant::now();
        let mut drawn = 0;
        while begun.elapsed() < round {
            for _ in 0..8 {
                black_box(plan.sample(&context, &mut rng(seed, Purpose::Bench, number, drawn))?);
                drawn += 1;
            }
        }
        rates.push(drawn as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[ROUNDS / 2])
}

fn drawing(args: &Stats, measured: &[Measured], format: &Format) -> Result<String, Failure> {
    let profiles: Vec<Profile> = measured.iter().map(|m| m.profile.clone()).collect();
    let rates: Vec<f64> = measured.iter().map(|m| m.rate).collect();
    let how = args.asked.how(args.samples as usize);
    let drawn = match format {
        Format::Svg => charts_svg(&profiles, &rates),
        Format::Html => charts_html(&profiles, &rates, &how),
    };
    Ok(drawn.map_err(anyhow::Error::new)?)
}

fn as_text(measured: &[Measured]) {
    let row = |m: &Measured| {
        let (stats, (least, most)) = (&m.profile.stats, m.profile.extremes());
        vec![
            m.profile.name.clone(),
            m.profile.hidden.to_string(),
            format!("{:.1}", stats.avg_dist_px),
            format!("{:.1}", stats.boundary_edges),
            format!("{:.1}", stats.regions),
            format!("{:.1}", stats.region_patches),
            format!("{least:.3}"),
            format!("{most:.3}"),
            format!("{:.0}", m.rate),
        ]
    };
    let heads = [
        "strategy",
        "hidden",
        "AvgDist px",
        "boundary edges",
        "regions",
        "patches a region",
        "hidden least",
        "most",
        "masks/s",
    ];
    table::print(&heads, &measured.iter().map(row).collect::<Vec<_>>());
    for m in measured {
        let name = &m.profile.name;
        m.profile.stand_ins.iter().for_each(|note| println!("{name}: {note}"));
    }
}

fn as_json(args: &Stats, measured: &[Measured]) -> Result<(), Failure> {
    let document = |m: &Measured| -> Json {
        let (stats, (least, most)) = (&m.profile.stats, m.profile.extremes());
        json!({
            "strategy": m.profile.name,
            "grid": [args.asked.grid.rows, args.asked.grid.cols],
            "ratio": args.asked.ratio,
            "patch_px": args.patch,
            "samples": args.samples,
            "seed": args.asked.seed,
            "progress": args.asked.progress,
            "hidden": m.profile.hidden,
            "avg_dist_px": stats.avg_dist_px,
            "boundary_edges": stats.boundary_edges,
            "regions": stats.regions,
            "region_size": stats.region_patches,
            "largest_region": stats.largest_region,
            "marginal_min": least,
            "marginal_max": most,
            "unevenness": stats.unevenness(),
            "marginal": stats.marginal,
            "masks_per_s": m.rate,
            "stand_ins": m.profile.stand_ins,
        })
    };
    listed("stats", measured.iter().map(document).collect())
}
