//! A model made of weights: for use as they are, and to start training from.

use burn::tensor::Device;

use super::error::WeightError;
use super::naming::is_decoder;
use super::read::Weights;
use crate::model::Mae;
use crate::model::names;
use crate::model::position::interpolate;
use crate::spec::trial::ModelSpec;

/// Makes a model of these sizes. A decoder that the weights lack is drawn from the seed; position tables made for another
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
    let fresh = Mae::new(spec, seed, device);
    if !weights.has_decoder() {
        let drawn = names::export(&fresh).into_iter();
        weights.tensors.extend(drawn.filter(|(name, _)| is_decoder(name)));
    }
    let model = names::import(fresh, &weights.tensors).map_err(|error| WeightError::Misfit {
        path: weights.path.clone(),
        why: error.to_string(),
    })?;
    Ok((model, notes))
}

/// Checks that a model of these sizes can be made of the weights; returns notes for the user.
///
/// # Errors
/// A table of what is missing or of another shape.
pub fn check(mut weights: Weights, spec: &ModelSpec) -> Result<Vec<String>, WeightError> {
    prepare(&mut weights, spec)
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
