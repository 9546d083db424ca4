//! Forward pass, loss and position tables: latent, predictions and losses of the reference on the same weights, pictures
//! and noise.

use burn::tensor::Tensor;
use mae_exp::model::{Mae, names, patch};
use mae_strategies::Grid;

use crate::reference::{Case, Worst, close, masks, model, spec, tensor, test_device, values};
use crate::support::fixture;

/// Compares latent, predictions and both losses under each ratio, by `loss`, `predict` and `encode_visible` and by the one
/// pass of `forward`; `of` makes the model for normalised or raw targets.
fn compare(name: &str, case: &Case, ratios: &[(f64, &str)], grid: Grid, of: impl Fn(bool) -> Mae) {
    let images: Tensor<4> = tensor(case.get("images"), &test_device());
    let parts = ["latent", "pred", "loss_norm_pix", "loss_raw"];
    let [mut latents, mut preds, mut normalised, mut raw] = parts.map(|part| Worst::of(&format!("{name} {part}")));
    for (ratio, prefix) in ratios {
        let masks = masks(case.get("noise"), grid, *ratio);
        let want = |part: &str| case.get(&format!("{prefix}{part}"));
        for (normalise, losses, loss) in [(true, &mut normalised, "loss_norm_pix"), (false, &mut raw, "loss_raw")] {
            let model = of(normalise);
            let whole = model.forward(images.clone(), &masks);
            let apart = model.encode_visible(images.clone(), &masks);
            for (way, latent, pred, got) in [
                ("in one pass", whole.latent, whole.pred, whole.loss),
                (
                    "apart",
                    apart,
                    model.predict(images.clone(), &masks),
                    model.loss(images.clone(), &masks),
                ),
            ] {
                let part = format!("{prefix}{loss} {way}");
                latents.add(&part, &values(latent), &want("latent").values, 5e-5);
                preds.add(&part, &values(pred), &want("pred").values, 5e-5);
                losses.add(
                    &part,
                    &values(got),
                    &want(loss).values,
                    1e-5 * f64::from(want(loss).values[0]),
                );
            }
        }
    }
    [latents, preds, normalised, raw].into_iter().for_each(Worst::done);
    let dense = of(true).encode(images).normed;
    close(
        &format!("{name} dense latent"),
        &values(dense),
        &case.get("latent_dense").values,
        5e-5,
    );
}

#[test]
fn forward_and_loss_on_a_square_grid() {
    let (case, device) = (Case::read("mae_forward/case.safetensors"), test_device());
    let weights = Case::read("mae_forward/weights_fb.safetensors").0;
    let of = |normalise: bool| model(&spec(&[&format!("model.norm_pix_loss={normalise}")]), &weights, &device);
    compare(
        "mae_forward",
        &case,
        &[(0.75, "r075."), (0.6, "r060.")],
        Grid::new(4, 4),
        of,
    );
    let images: Tensor<4> = tensor(case.get("images"), &device);
    let patches = patch::patchify(images, 8);
    close(
        "mae_forward patches",
        &values(patches.clone()),
        &case.get("target_raw").values,
        0.0,
    );
    let normalised = patch::normalise(patches.clone());
    close(
        "mae_forward normalised patches",
        &values(normalised),
        &case.get("target_norm").values,
        5e-5,
    );
    let together = patch::unpatchify(patches, 8, 4, 4);
    close(
        "mae_forward patches put together",
        &values(together),
        &case.get("images").values,
        0.0,
    );
}

#[test]
fn forward_on_a_grid_that_is_not_square() {
    let (case, device) = (Case::read("mae_forward_rect/case.safetensors"), test_device());
    let of = |normalise: bool| {
        let spec = spec(&[
            "model.img_size=[16,36]",
            "model.patch_size=4",
            "model.embed_dim=24",
            "model.encoder_depth=2",
            "model.encoder_num_heads=3",
            "model.decoder_embed_dim=16",
            "model.decoder_depth=1",
            "model.decoder_num_heads=2",
            &format!("model.norm_pix_loss={normalise}"),
        ]);
        model(&spec, &case.under("weight."), &device)
    };
    compare("mae_forward_rect", &case, &[(0.75, "")], Grid::new(4, 9), of);
}

#[test]
fn layer_norm_s_epsilon() {
    let (case, device) = (Case::read("mae_forward/case.safetensors"), test_device());
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    let manifest: serde_json::Value = serde_json::from_slice(&fixture("mae_forward/manifest.json")).unwrap();
    let scale = manifest["eps_probe"]["scale"].as_f64().unwrap() as f32;
    for name in manifest["eps_probe"]["scaled_tensors"].as_array().unwrap() {
        weights
            .get_mut(name.as_str().unwrap())
            .unwrap()
            .values
            .iter_mut()
            .for_each(|v| *v *= scale);
    }
    let model = model(&spec(&[]), &weights, &device);
    let masks = masks(case.get("noise"), Grid::new(4, 4), 0.75);
    let latent = model.encode_visible(tensor(case.get("images"), &device), &masks);
    close(
        "mae_forward eps probe",
        &values(latent),
        &case.get("eps_probe.latent_eps1e-6").values,
        5e-5,
    );
}

#[test]
fn export_inverts_import() {
    let weights = Case::read("mae_forward/weights_fb.safetensors").0;
    let exported = names::export(&model(&spec(&[]), &weights, &test_device()));
    assert!(!exported.is_empty());
    for (name, tensor) in exported {
        assert_eq!(tensor, weights[&name], "{name}");
    }
}
