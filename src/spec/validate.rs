//! Whether the values of one trial make sense, alone (`range`) and together.
//! Messages quote keys as `{section.key}`; `render` puts value and origin in their place.
//! It must not change a value, nor look at files.

use std::collections::BTreeMap;

use mae_strategies::Registry;

use super::column::{Column, renamed};
use super::error::SpecError;
use super::ramp::END;
use super::range;
use super::render::{quote, render};
use super::trial::{DataKind, DataSpec, LpipsNet, ModelSpec, TrialSpec};

/// Attention is quadratic in the patches; pictures of 224 pixels have 196.
const MOST_PATCHES: usize = 65_536;

/// As many as files of weights are read with.
const MOST_BLOCKS: usize = 1000;

/// ViT-Huge has 0.6 billion; far more than one machine trains.
const MOST_PARAMETERS: u128 = 20_000_000_000;

/// The first thing wrong, quoting keys in braces.
type Verdict = Result<(), String>;

/// Checks one trial.
///
/// # Errors
/// The first value that makes no sense, with its cure.
pub fn validate(trial: &TrialSpec, registry: &Registry) -> Result<(), SpecError> {
    check(trial, registry).map_err(|message| render(&message, &trial.to_config(), &BTreeMap::new()))
}

/// As `validate`, with the message still to be rendered.
pub(super) fn check(trial: &TrialSpec, registry: &Registry) -> Verdict {
    range::check_all(&trial.to_config())?;
    check_model(&trial.model)?;
    check_masks(trial, registry)?;
    check_perceptual(trial)?;
    check_data(&trial.data)
}

/// Whether the pictures are large enough for the network of perceptual distance.
fn check_perceptual(trial: &TrialSpec) -> Verdict {
    let (eval, size) = (&trial.eval, trial.model.img_size);
    let least = eval.lpips_net.least();
    ensure(
        eval.lpips_path().is_none() || size.height.min(size.width) >= least,
        || {
            format!(
                "{{eval.lpips_net}} needs pictures of {least} pixels or more, but {{model.img_size}}: {}",
                if size.height.min(size.width) >= LpipsNet::Vgg.least() {
                    "use vgg"
                } else {
                    "leave eval.lpips_weights out"
                }
            )
        },
    )
}

/// Checks the network alone, whose single values are known to be in range.
pub(super) fn check_model(model: &ModelSpec) -> Verdict {
    for side in [model.img_size.height, model.img_size.width] {
        let patch = model.patch_size;
        ensure(side > 0 && side.is_multiple_of(patch), || {
            let below = side / patch * patch;
            let near = if below == 0 {
                format!("{patch}")
            } else {
                format!("{below} or {}", below + patch)
            };
            format!("{{model.img_size}} is not divisible by {{model.patch_size}}: use {near} for {side}")
        })?;
    }
    check_width(
        "embed_dim",
        model.embed_dim,
        "encoder_num_heads",
        model.encoder_num_heads,
    )?;
    check_width(
        "decoder_embed_dim",
        model.decoder_embed_dim,
        "decoder_num_heads",
        model.decoder_num_heads,
    )?;
    check_size(model)?;
    model.freeze.problem(model).map_or(Ok(()), Err)
}

/// Checks that the network can exist: bounds far above any network anybody trained with this method.
fn check_size(model: &ModelSpec) -> Verdict {
    let patches = model.grid().len();
    ensure(patches <= MOST_PATCHES, || {
        format!(
            "{{model.img_size}} with {{model.patch_size}} makes {patches} patches, more than {MOST_PATCHES}: use larger patches"
        )
    })?;
    ensure(model.blocks() <= MOST_BLOCKS, || {
        format!(
            "{{model.extra_blocks}} with {{model.encoder_depth}} makes {} encoder blocks, more than {MOST_BLOCKS}: use fewer",
            model.blocks()
        )
    })?;
    for (width_key, width, depth_key, depth) in [
        ("embed_dim", model.embed_dim, "encoder_depth", model.blocks()),
        (
            "decoder_embed_dim",
            model.decoder_embed_dim,
            "decoder_depth",
            model.decoder_depth,
        ),
    ] {
        let hidden = model.mlp_width(width);
        ensure(hidden > 0, || {
            format!("{{model.mlp_ratio}} leaves no width to the MLP of {{model.{width_key}}}: use 4.0")
        })?;
        let parameters = parameters(width, hidden, depth, model.patch_values());
        ensure(parameters <= MOST_PARAMETERS, || {
            let (found, most) = (parameters / 1_000_000_000, MOST_PARAMETERS / 1_000_000_000);
            format!(
                "{{model.{width_key}}} with {{model.{depth_key}}} and {{model.mlp_ratio}} makes {found} billion parameters, \
                 more than {most} billion: use fewer or narrower blocks"
            )
        })?;
    }
    Ok(())
}

/// Weights of the matrices of one half of the network, in arithmetic that cannot overflow.
fn parameters(width: usize, hidden: usize, depth: usize, patch_values: usize) -> u128 {
    let [width, hidden, depth, values] = [width, hidden, depth, patch_values].map(|number| number as u128);
    let attention = width.saturating_mul(width).saturating_mul(4);
    let mlp = width.saturating_mul(hidden).saturating_mul(2);
    let blocks = attention.saturating_add(mlp).saturating_mul(depth);
    blocks.saturating_add(width.saturating_mul(values))
}

fn check_width(width_key: &str, width: usize, heads_key: &str, heads: usize) -> Verdict {
    ensure(width.is_multiple_of(4), || {
        let below = (width / 4 * 4).max(4);
        let near = if width < 4 {
            "4".into()
        } else {
            format!("{below} or {}", below + 4)
        };
        format!("{{model.{width_key}}} is not a multiple of 4, which the position table needs: use {near}")
    })?;
    ensure(width.is_multiple_of(heads), || {
        let below = (1..heads).rev().find(|heads| width.is_multiple_of(*heads));
        let above = (heads..=width).find(|heads| width.is_multiple_of(*heads));
        let near = below
            .into_iter()
            .chain(above)
            .map(|heads| heads.to_string())
            .collect::<Vec<_>>()
            .join(" or ");
        format!("{{model.{heads_key}}} does not divide {{model.{width_key}}}: use {near} heads")
    })
}

fn check_masks(trial: &TrialSpec, registry: &Registry) -> Verdict {
    let model = &trial.model;
    let grid = model.grid();
    let mask = &trial.mask;
    let plan = if mask.schedule.is_empty() {
        registry
            .plan(&mask.strategy, grid, mask.ratio, mask.params.clone())
            .map_err(|error| quote(&error))?
    } else {
        mask.check_schedule(registry, grid)?;
        mask.plan(registry, grid, END).map_err(|error| quote(&error))?
    };
    ensure(!plan.needs().regions || mask.regions_path().is_some(), || {
        "{mask.strategy} needs mask.path, a picture of marked regions or a folder of them: --set mask.path=FOLDER"
            .into()
    })?;
    let eval = &trial.eval;
    let plan = registry.plan(&eval.mask_strategy, grid, eval.mask_ratio, BTreeMap::new());
    let plan = plan.map_err(|error| {
        quote(&error)
            .replace("{mask.strategy}", "{eval.mask_strategy}")
            .replace("{mask.ratio}", "{eval.mask_ratio}")
    })?;
    ensure(!plan.needs().regions, || {
        "{eval.mask_strategy} needs a file of marked regions, which evaluation has none of: use random".into()
    })?;
    let mut columns = eval.cross.iter().enumerate();
    columns.try_for_each(|(index, column)| check_cross(index, column, trial, registry))
}

/// Checks a strategy of the cross table, whose masks must be the same for every trial.
fn check_cross(index: usize, column: &Column, trial: &TrialSpec, registry: &Registry) -> Verdict {
    let (name, params) = (column.label(), column.params.clone());
    let plan = registry.plan(&column.strategy, trial.model.grid(), trial.eval.mask_ratio, params);
    let plan = plan.map_err(|error| {
        let text = quote(&error).replace("{mask.ratio}", "{eval.mask_ratio}");
        if column.params.is_empty() {
            format!("{{eval.cross}} names {name}: {text}")
        } else {
            renamed(&text, index)
        }
    })?;
    let needs = plan.needs();
    let asks = [
        (needs.attention, "a teacher's attention"),
        (needs.loss, "a predicted loss"),
        (needs.regions, "marked regions of each picture"),
    ];
    match asks.into_iter().find(|(needed, _)| *needed) {
        None => Ok(()),
        Some((_, what)) => Err(format!(
            "{{eval.cross}} names {name}, which needs {what}: masks of the cross table come from pictures alone, so that they are \
             the same for every trial; leave {name} out"
        )),
    }
}

/// Which keys of `[data]` go together.
fn check_data(data: &DataSpec) -> Verdict {
    let folder = data.kind == DataKind::Folder;
    ensure(
        !folder || data.path.as_ref().is_some_and(|path| !path.is_empty()),
        || "{data.kind} needs data.path: --set data.path=FOLDER".into(),
    )?;
    ensure(folder || data.path.is_none(), || {
        "{data.path} is read only with data.kind = \"folder\", but {data.kind}".into()
    })
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(message()) }
}
