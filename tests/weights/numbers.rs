//! The reference's numbers on the command line, from every kind of file.

use crate::reference::{Case, Worst, close};
use crate::support::Room;

use super::{HEADS, file, forward, inputs, write};

#[test]
fn forward_gives_the_reference_s_numbers_from_every_kind_of_file() {
    let want = Case::read("mae_forward/case.safetensors");
    for (weights, heads) in [
        ("mae_forward/weights_fb.safetensors", true),
        ("mae_forward/fb_checkpoint-20.pth", true),
        ("mae_forward/hf_classic", false),
        ("mae_forward/hf_v5_saved", false),
        ("mae_forward/hf_classic/model.safetensors", false),
    ] {
        let room = Room::new();
        let name = |part: &str| format!("model forward {} {part}", weights.trim_start_matches("mae_forward/"));
        let parts = ["latent", "pred", "mask", "ids_restore", "loss_norm_pix", "loss_raw"];
        let mut worst = parts.map(|part| Worst::of(&name(part)));
        for (ratio, prefix) in [("0.75", "r075"), ("0.6", "r060")] {
            for (loss, normalised) in [("loss_norm_pix", "true"), ("loss_raw", "false")] {
                let ratio = format!("mask.ratio={ratio}");
                let normalised = format!("model.norm_pix_loss={normalised}");
                let mut more = vec!["--set", &ratio, "--set", &normalised];
                more.extend(HEADS.iter().filter(|_| heads));
                let got = forward(&room, &file(weights), &more);
                for (part, worst) in parts.iter().zip(&mut worst) {
                    let (want, got) = (
                        want.get(&format!("{prefix}.{part}")),
                        match *part {
                            part if part == loss => got.get("loss"),
                            "loss_norm_pix" | "loss_raw" => continue,
                            part => got.get(part),
                        },
                    );
                    assert_eq!(got.shape, want.shape, "{weights} {part}");
                    let tolerance = match *part {
                        "latent" | "pred" => 5e-5,
                        "mask" | "ids_restore" => 0.0,
                        _ => 1e-5 * f64::from(want.values[0]),
                    };
                    worst.add(prefix, &got.values, &want.values, tolerance);
                }
            }
        }
        worst.into_iter().for_each(Worst::done);
    }
}

#[test]
fn forward_takes_pictures_that_are_not_square() {
    let case = Case::read("mae_forward_rect/case.safetensors");
    let room = Room::new();
    write(&room.path().join("w.safetensors"), &case.under("weight."));
    let kept = case
        .0
        .iter()
        .filter(|(name, _)| ["images", "noise"].contains(&name.as_str()));
    write(
        &room.path().join("in.safetensors"),
        &kept.map(|(k, v)| (k.clone(), v.clone())).collect(),
    );
    let heads = [
        "--set",
        "model.encoder_num_heads=3",
        "--set",
        "model.decoder_num_heads=2",
    ];
    let mut args = vec![
        "model",
        "forward",
        "--weights",
        "w.safetensors",
        "--inputs",
        "in.safetensors",
    ];
    args.extend(["--outputs", "out.safetensors"].iter().chain(&heads));
    room.ok(&args);
    let got = Case::of(&std::fs::read(room.path().join("out.safetensors")).unwrap());
    close(
        "model forward rect pred",
        &got.get("pred").values,
        &case.get("pred").values,
        5e-5,
    );
    let want = case.get("loss_norm_pix");
    close(
        "model forward rect loss",
        &got.get("loss").values,
        &want.values,
        1e-5 * f64::from(want.values[0]),
    );
}

#[test]
fn an_encoder_alone_gives_its_latent() {
    let want = Case::read("mae_forward/case.safetensors");
    for weights in [
        "mae_forward/fb_encoder_only.pth",
        "mae_forward/timm_encoder.safetensors",
    ] {
        let room = Room::new();
        let got = forward(&room, &file(weights), &HEADS[..2]);
        assert!(!got.0.contains_key("pred") && !got.0.contains_key("loss"));
        close(
            &format!("model forward {weights} latent"),
            &got.get("latent").values,
            &want.get("r075.latent").values,
            5e-5,
        );
    }
}

/// Dense tokens of the reference, read as features of the same pixels.
#[test]
fn features_of_given_pixels_are_the_reference_s() {
    let (room, want) = (Room::new(), Case::read("mae_forward/case.safetensors"));
    let (inputs, weights) = (inputs(&room), file("mae_forward/fb_encoder_only.pth"));
    let dense = want.get("latent_dense");
    for (feature, pick) in [("cls_norm", 0..1), ("mean_norm", 1..17)] {
        let mut args = vec![
            "model",
            "features",
            "--weights",
            &weights,
            "--inputs",
            &inputs,
            "--out",
            "f.safetensors",
        ];
        args.extend(["--feature", feature].iter().chain(&HEADS[..2]));
        room.ok(&args);
        let got = Case::of(&std::fs::read(room.path().join("f.safetensors")).unwrap());
        let want: Vec<f32> = (0..3 * 40)
            .map(|at| {
                let (n, d) = (at / 40, at % 40);
                let tokens = pick.clone().map(|t| dense.values[(n * 17 + t) * 40 + d]);
                tokens.sum::<f32>() / pick.len() as f32
            })
            .collect();
        close(
            &format!("model features {feature}"),
            &got.get("features").values,
            &want,
            5e-5,
        );
    }
}
