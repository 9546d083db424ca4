//! A model made of weights: for use as they are, and to start training from.

use burn::tensor::Device;

use super::error::WeightError;
use super::naming::is_decoder;
use super::read::Weights;
use super::sizes::DecoderSizes;
use crate::model::Mae;
use crate::model::names;
use crate::model::position::interpolate;
use crate::spec::trial::{Decoder, ModelSpec};

/// Makes a model of these sizes, for use as it is. A decoder that the weights lack is drawn from the seed; position tables made for another
/// picture size are interpolated (bicubic, as the reference's fine-tuning does). Returns notes for the user as well.
///
/// # Errors
/// A table of what is missing or of another shape.
pub fn build(
    mut weights: Weights,
    spec: &ModelSpec,
    seed: u64,
    device: &Device,
) -> Result<(Mae, Vec<String>), WeightError> {
    let notes = prepare(&mut weights, spec)?;
    Ok((assemble(weights, spec, seed, device)?, notes))
}

/// Makes a model of these sizes to train further. As [`build`], and what the weights do not have may begin anew: extra blocks
/// after those of the weights, and a decoder of another depth, width or kind than theirs.
///
/// # Errors
/// A table of what is missing or of another shape.
pub fn start(
    mut weights: Weights,
    spec: &ModelSpec,
    seed: u64,
    device: &Device,
) -> Result<(Mae, Vec<String>), WeightError> {
    let notes = prepare_start(&mut weights, spec)?;
    Ok((assemble(weights, spec, seed, device)?, notes))
}

/// Checks that a model of these sizes can start from the weights; returns notes for the user.
///
/// # Errors
/// A table of what is missing or of another shape.
pub fn check_start(mut weights: Weights, spec: &ModelSpec) -> Result<Vec<String>, WeightError> {
    prepare_start(&mut weights, spec)
}

/// The model of tensors that are known to fit, completed by drawn ones.
fn assemble(weights: Weights, spec: &ModelSpec, seed: u64, device: &Device) -> Result<Mae, WeightError> {
    let fresh = Mae::new(spec, seed, device);
    let mut tensors = names::export(&fresh);
    tensors.extend(weights.tensors);
    names::import(fresh, &tensors).map_err(|error| WeightError::Misfit {
        path: weights.path,
        why: error.to_string(),
    })
}

/// As [`prepare`], with what begins anew taken out of the weights or not asked of them.
fn prepare_start(weights: &mut Weights, spec: &ModelSpec) -> Result<Vec<String>, WeightError> {
    let mut begun: Vec<String> = fresh_decoder(weights, spec).into_iter().collect();
    let mut asked = spec.clone();
    let (depth, extra) = (spec.encoder_depth, spec.extra_blocks);
    if extra > 0 && weights.sizes.encoder_depth == depth {
        asked.extra_blocks = 0;
        begun.push(format!(
            "{} after its {depth} blocks: new, adding nothing at first",
            blocks(extra)
        ));
    } else if extra > 0 && weights.sizes.encoder_depth == spec.blocks() {
        let all = spec.blocks();
        begun.push(format!(
            "the last {extra} of its {all} blocks are taken for model.extra_blocks"
        ));
    }
    begun.extend(prepare(weights, &asked)?);
    Ok(begun)
}

fn blocks(count: usize) -> String {
    match count {
        1 => "1 extra block".into(),
        _ => format!("{count} extra blocks"),
    }
}

/// Takes a decoder of other sizes out of the weights; returns a note where the decoder begins anew.
fn fresh_decoder(weights: &mut Weights, spec: &ModelSpec) -> Option<String> {
    let Some(found) = weights.sizes.decoder.clone() else {
        return Some("it has no decoder: the decoder is drawn from the seed".into());
    };
    let hidden = spec.mlp_width(spec.decoder_embed_dim);
    let wanted = DecoderSizes {
        embed_dim: spec.decoder_embed_dim,
        depth: spec.decoder_depth,
        mlp_hidden: hidden,
        cross: spec.decoder == Decoder::CrossAttention,
    };
    if found == wanted {
        return None;
    }
    weights.tensors.retain(|name, _| !is_decoder(name));
    weights.sizes.decoder = None;
    let said = |decoder: &DecoderSizes| {
        let kind = if decoder.cross { " that read" } else { "" };
        format!("{} of width {}{kind}", plural(decoder.depth), decoder.embed_dim)
    };
    Some(format!(
        "its decoder ({}) is left out: one of {} is drawn from the seed",
        said(&found),
        said(&wanted)
    ))
}

fn plural(count: usize) -> String {
    match count {
        1 => "1 block".into(),
        _ => format!("{count} blocks"),
    }
}

fn prepare(weights: &mut Weights, spec: &ModelSpec) -> Result<Vec<String>, WeightError> {
    let mut notes = std::mem::take(&mut weights.notes);
    notes.extend(resize(weights, spec)?);
    notes.extend(weights.fit(spec)?);
    must_have_heads(weights, spec)?;
    if let Some(eps) = weights.facts.norm_eps
        && eps != spec.norm_eps
    {
        let now = spec.norm_eps;
        notes.push(format!(
            "the weights were trained with LayerNorm epsilon {eps:e}, model.norm_eps = {now:e} is used"
        ));
    }
    Ok(notes)
}

/// Another number of heads fits every shape and gives other numbers.
fn must_have_heads(weights: &Weights, spec: &ModelSpec) -> Result<(), WeightError> {
    let decoder = weights.facts.decoder_num_heads.filter(|_| weights.has_decoder());
    for (key, stated, asked) in [
        (
            "encoder_num_heads",
            weights.facts.encoder_num_heads,
            spec.encoder_num_heads,
        ),
        ("decoder_num_heads", decoder, spec.decoder_num_heads),
    ] {
        if let Some(stated) = stated.filter(|stated| *stated != asked) {
            return Err(WeightError::Misfit {
                path: weights.path.clone(),
                why: format!("they state {stated} heads, model.{key} is {asked}: set model.{key} = {stated}"),
            });
        }
    }
    Ok(())
}

/// Gives the position tables the model's grid; returns a note when they had another.
fn resize(weights: &mut Weights, spec: &ModelSpec) -> Result<Option<String>, WeightError> {
    let to = (spec.grid().rows, spec.grid().cols);
    let from = weights.grid(to);
    let mut note = None;
    for name in ["pos_embed", "decoder_pos_embed"] {
        let Some(table) = weights.tensors.get_mut(name) else {
            continue;
        };
        let [1, rows, width] = table.shape[..] else { continue };
        if from == Some(to) && rows == 1 + spec.grid().len() {
            continue;
        }
        let from = from.filter(|(r, c)| 1 + r * c == rows).ok_or_else(|| WeightError::Misfit {
            path: weights.path.clone(),
            why: format!(
                "{name} has {} patches, which are neither a square grid nor that of model.img_size = {}: set model.img_size \
                 to the size of the pictures that the weights were trained on",
                rows.saturating_sub(1),
                spec.img_size
            ),
        })?;
        table.values = interpolate(&table.values, width, from, to);
        table.shape = vec![1, 1 + to.0 * to.1, width];
        let ((r, c), (to_r, to_c)) = (from, to);
        note = Some(format!(
            "position tables interpolated from {r}x{c} to {to_r}x{to_c} patches"
        ));
    }
    Ok(note)
}
