//! Forward pass, loss and position tables: latent, predictions and losses of the reference on the same weights, pictures
//! and noise.

use burn::tensor::Tensor;
use mae_exp::model::names;
use mae_exp::model::patch;
use mae_strategies::Grid;

use crate::reference::{Case, close, masks, model, spec, tensor, test_device, values};
use crate::support::fixture;

#[test]
fn forward_and_loss_on_a_square_grid() {
    let (case, device) = (Case::read("mae_forward/case.safetensors"), test_device());
    let weights = Case::read("mae_forward/weights_fb.safetensors").0;
    let images: Tensor<4> = tensor(case.get("images"), &device);
    for (ratio, prefix) in [(0.75, "r075"), (0.6, "r060")] {
        let masks = masks(case.get("noise"), Grid::new(4, 4), ratio);
        for (normalised, loss) in [("true", "loss_norm_pix"), ("false", "loss_raw")] {
            let spec = spec(&[&format!("model.norm_pix_loss={normalised}")]);
            let model = model(&spec, &weights, &device);
            let got = model.loss(images.clone(), &masks).into_scalar::<f32>();
            let want = case.scalar(&format!("{prefix}.{loss}"));
            close(
                &format!("mae_forward {prefix} {loss}"),
                &[got],
                &[want as f32],
                1e-5 * want,
            );
            let latent = model.encode_visible(patch::patchify(images.clone(), 8), &masks);
            close(
                &format!("mae_forward {prefix} latent, {loss}"),
                &values(latent),
                &case.get(&format!("{prefix}.latent")).values,
                5e-5,
            );
            let pred = model.predict(images.clone(), &masks);
            close(
                &format!("mae_forward {prefix} pred, {loss}"),
                &values(pred),
                &case.get(&format!("{prefix}.pred")).values,
                5e-5,
            );
        }
    }
    let model = model(&spec(&[]), &weights, &device);
    close(
        "mae_forward dense latent",
        &values(model.encode(images.clone()).normed),
        &case.get("latent_dense").values,
        5e-5,
    );
    let patches = patch::patchify(images.clone(), 8);
    close("patches", &values(patches.clone()), &case.get("target_raw").values, 0.0);
    close(
        "mae_forward normalised patches",
        &values(patch::normalise(patches.clone())),
        &case.get("target_norm").values,
        5e-5,
    );
    close(
        "mae_forward patches put together",
        &values(patch::unpatchify(patches, 8, 4, 4)),
        &case.get("images").values,
        0.0,
    );
}

#[test]
fn forward_on_a_grid_that_is_not_square() {
    let (case, device) = (Case::read("mae_forward_rect/case.safetensors"), test_device());
    let spec = |normalised: bool| {
        spec(&[
            "model.img_size=[16,36]",
            "model.patch_size=4",
            "model.embed_dim=24",
            "model.encoder_depth=2",
            "model.encoder_num_heads=3",
            "model.decoder_embed_dim=16",
            "model.decoder_depth=1",
            "model.decoder_num_heads=2",
            &format!("model.norm_pix_loss={normalised}"),
        ])
    };
    let images: Tensor<4> = tensor(case.get("images"), &device);
    let masks = masks(case.get("noise"), Grid::new(4, 9), 0.75);
    for (normalised, loss) in [(true, "loss_norm_pix"), (false, "loss_raw")] {
        let model = model(&spec(normalised), &case.under("weight."), &device);
        let got = model.loss(images.clone(), &masks).into_scalar::<f32>();
        close(
            &format!("mae_forward_rect {loss}"),
            &[got],
            &[case.scalar(loss) as f32],
            1e-5 * case.scalar(loss),
        );
        close(
            &format!("mae_forward_rect pred, {loss}"),
            &values(model.predict(images.clone(), &masks)),
            &case.get("pred").values,
            5e-5,
        );
        close(
            &format!("mae_forward_rect dense latent, {loss}"),
            &values(model.encode(images.clone()).normed),
            &case.get("latent_dense").values,
            5e-5,
        );
    }
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
    let latent = model.encode_visible(patch::patchify(tensor(case.get("images"), &device), 8), &masks);
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
