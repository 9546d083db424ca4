//! The `config.json` that goes beside exported weights, in the words of the program that is to read them. It says only
//! what the model is; no path and no setting of a run gets into it.

use serde_json::{Map, Value, json};

use super::config::{EPSILON, GENERATED_BY, KNOWN, Known, MASK_RATIO, OURS, REFERENCE_EPSILON};
use super::naming::Naming;
use crate::spec::trial::{Decoder, ImgSize, ModelSpec};

/// Contents of `config.json` for a model: of all of it (`full`) or of its encoder. timm's is always the encoder's.
///
/// # Errors
/// When the other program has no such model: transformers' ViTMAE takes square pictures only.
pub(super) fn config_json(naming: Naming, spec: &ModelSpec, full: bool, mask_ratio: f64) -> Result<Value, String> {
    match naming {
        Naming::Fb => Ok(ours(spec, full, mask_ratio)),
        Naming::Timm => Ok(timm(spec)),
        Naming::Hf => hugging_face(spec, full, mask_ratio),
    }
}

/// What to tell someone who exports this model, beyond the configuration: a setting that the other program's
/// configuration cannot carry.
#[must_use]
pub fn caveat(naming: Naming, spec: &ModelSpec) -> Option<String> {
    let eps = spec.norm_eps;
    (naming == Naming::Timm && !is_reference(eps)).then(|| {
        format!(
            "timm's models have a LayerNorm epsilon of {REFERENCE_EPSILON:e}, this one has {eps:e}: build it with \
             norm_layer=partial(torch.nn.LayerNorm, eps={eps:e}) to get the same numbers"
        )
    })
}

fn ours(spec: &ModelSpec, full: bool, mask_ratio: f64) -> Value {
    json!({ GENERATED_BY: OURS, "format": OURS, "model": section(spec, full), MASK_RATIO: mask_ratio })
}

/// The `[model]` section of a model as it stands: extra blocks are blocks like the others, and what a trial started from and
/// left as it was is not said. Of an encoder alone without what concerns the decoder.
#[must_use]
pub fn section(spec: &ModelSpec, full: bool) -> Map<String, Value> {
    let whole = ModelSpec {
        encoder_depth: spec.blocks(),
        ..spec.clone()
    };
    let model = serde_json::to_value(whole).expect("a model section is plain data");
    let plain = spec.decoder == Decoder::SelfAttention;
    let stays = |key: &str| match key {
        "init" | "freeze" | "extra_blocks" => false,
        // As every published model, and as files were written before there was another.
        "decoder" => full && !plain,
        _ => full || !(key.starts_with("decoder_") || key == "norm_pix_loss"),
    };
    let keys = model.as_object().into_iter().flatten();
    keys.filter(|(key, _)| stays(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Every key of transformers' `ViTMAEConfig` that bears on the numbers.
fn hugging_face(spec: &ModelSpec, full: bool, mask_ratio: f64) -> Result<Value, String> {
    let ImgSize { height, width } = spec.img_size;
    if height != width {
        return Err(format!(
            "transformers' ViTMAE takes square pictures only, this model's are {}; export it as fb or timm",
            spec.img_size
        ));
    }
    if full && spec.decoder == Decoder::CrossAttention {
        return Err(
            "transformers' ViTMAE has no decoder that reads (model.decoder = \"cross\"); export it as fb, or its encoder as timm"
                .into(),
        );
    }
    Ok(json!({
        GENERATED_BY: OURS,
        "architectures": [if full { "ViTMAEForPreTraining" } else { "ViTMAEModel" }],
        "model_type": "vit_mae",
        "attention_probs_dropout_prob": 0.0,
        "decoder_hidden_size": spec.decoder_embed_dim,
        "decoder_intermediate_size": spec.mlp_width(spec.decoder_embed_dim),
        "decoder_num_attention_heads": spec.decoder_num_heads,
        "decoder_num_hidden_layers": spec.decoder_depth,
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": spec.embed_dim,
        "image_size": height,
        "initializer_range": 0.02,
        "intermediate_size": spec.mlp_width(spec.embed_dim),
        "layer_norm_eps": spec.norm_eps,
        MASK_RATIO: mask_ratio,
        "norm_pix_loss": spec.norm_pix_loss,
        "num_attention_heads": spec.encoder_num_heads,
        "num_channels": spec.in_chans,
        "num_hidden_layers": spec.blocks(),
        "patch_size": spec.patch_size,
        "qkv_bias": true,
    }))
}

/// The plain architecture where timm has just this model, else the nearest one with every argument given.
/// Means and deviations of pixels are the data's business and not in it; timm takes those of ImageNet.
fn timm(spec: &ModelSpec) -> Value {
    let ImgSize { height, width } = spec.img_size;
    let (known, exact) = nearest(spec);
    let patch = if exact { spec.patch_size } else { known.patches[0] };
    let mut config = json!({
        GENERATED_BY: OURS,
        "architecture": format!("vit_{}_patch{patch}_224", known.size),
        "num_classes": 0,
        "num_features": spec.embed_dim,
        "global_pool": "token",
        "pretrained_cfg": {
            "input_size": [spec.in_chans, height, width],
            "fixed_input_size": true,
            "interpolation": "bicubic",
            "num_classes": 0,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    });
    if !exact {
        config["model_args"] = arguments(spec);
    }
    if !is_reference(spec.norm_eps) {
        config[EPSILON] = json!(spec.norm_eps);
    }
    config
}

fn arguments(spec: &ModelSpec) -> Value {
    let ImgSize { height, width } = spec.img_size;
    json!({
        "img_size": [height, width],
        "patch_size": spec.patch_size,
        "in_chans": spec.in_chans,
        "embed_dim": spec.embed_dim,
        "depth": spec.blocks(),
        "num_heads": spec.encoder_num_heads,
        "mlp_ratio": spec.mlp_ratio,
        "class_token": true,
        "num_classes": 0,
        "global_pool": "token",
    })
}

/// timm's architecture that is nearest in width, then depth, and whether it is the very model.
fn nearest(spec: &ModelSpec) -> (&'static Known, bool) {
    let far = |known: &&Known| {
        let (width, depth) = (
            known.embed_dim.abs_diff(spec.embed_dim),
            known.depth.abs_diff(spec.blocks()),
        );
        (width, depth)
    };
    let known = KNOWN
        .iter()
        .min_by_key(far)
        .expect("the table of architectures is not empty");
    let pixels = (spec.img_size.height, spec.img_size.width, spec.in_chans) == (224, 224, 3);
    let blocks = far(&known) == (0, 0) && known.num_heads == spec.encoder_num_heads;
    let mlp = (spec.mlp_ratio - 4.0).abs() < f64::EPSILON && known.patches.contains(&spec.patch_size);
    (known, pixels && blocks && mlp)
}

fn is_reference(eps: f64) -> bool {
    (eps - REFERENCE_EPSILON).abs() < REFERENCE_EPSILON * 1e-9
}

#[cfg(test)]
mod tests {
    use super::super::config::facts_from_config;
    use super::super::facts::{Facts, Stated};
    use super::*;

    fn spec(side: [usize; 2], patch_size: usize, [embed_dim, depth, heads]: [usize; 3]) -> ModelSpec {
        ModelSpec {
            variant: "own".to_string(),
            img_size: ImgSize {
                height: side[0],
                width: side[1],
            },
            patch_size,
            in_chans: 3,
            embed_dim,
            encoder_depth: depth,
            encoder_num_heads: heads,
            decoder_embed_dim: 24,
            decoder_depth: 2,
            decoder_num_heads: 3,
            decoder: Decoder::SelfAttention,
            mlp_ratio: 4.0,
            norm_pix_loss: true,
            norm_eps: 1e-6,
            init: Some("/home/someone/weights.pth".to_string()),
            freeze: Default::default(),
            extra_blocks: 0,
        }
    }

    fn facts(naming: Naming, spec: &ModelSpec, full: bool) -> Facts {
        facts_from_config(&config_json(naming, spec, full, 0.75).unwrap().to_string()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for eps in [1e-6, 1e-12] {
            let mut spec = spec([32, 48], 8, [40, 3, 5]);
            spec.norm_eps = eps;
            let all = Facts {
                variant: Some("own".to_string()),
                img_size: Some(spec.img_size),
                encoder_num_heads: Some(5),
                decoder_num_heads: Some(3),
                norm_eps: Some(eps),
                norm_pix_loss: Some(true),
                mask_ratio: Some(0.75),
                stated: Stated {
                    in_chans: Some(3),
                    patch_size: Some(8),
                    embed_dim: Some(40),
                    encoder_depth: Some(3),
                    decoder_embed_dim: Some(spec.decoder_embed_dim),
                    decoder_depth: Some(spec.decoder_depth),
                },
            };
            assert_eq!(facts(Naming::Fb, &spec, true), all);
            let encoder = Facts {
                decoder_num_heads: None,
                norm_pix_loss: None,
                stated: Stated {
                    decoder_embed_dim: None,
                    decoder_depth: None,
                    ..all.stated
                },
                ..all.clone()
            };
            assert_eq!(facts(Naming::Fb, &spec, false), encoder);
            assert_eq!(
                facts(Naming::Timm, &spec, false),
                Facts {
                    variant: None,
                    mask_ratio: None,
                    ..encoder
                }
            );
            spec.img_size.width = 32;
            let square = Facts {
                variant: None,
                img_size: Some(spec.img_size),
                ..all
            };
            assert_eq!(facts(Naming::Hf, &spec, true), square);
        }
    }

    #[test]
    fn hugging_faces_is_the_fixtures_but_for_what_differs() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/mae_forward/hf_v5_saved/config.json"
        );
        let mut fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut written = config_json(Naming::Hf, &spec([32, 32], 8, [40, 3, 5]), true, 0.75).unwrap();
        assert_eq!(written[GENERATED_BY], OURS);
        written.as_object_mut().unwrap().remove(GENERATED_BY);
        fixture.as_object_mut().unwrap().remove("transformers_version");
        fixture["norm_pix_loss"] = json!(true);
        assert_eq!(written, fixture);
        let alone = config_json(Naming::Hf, &spec([32, 32], 8, [40, 3, 5]), false, 0.75).unwrap();
        assert_eq!(alone["architectures"], json!(["ViTMAEModel"]));
    }

    #[test]
    fn transformers_takes_square_pictures_only() {
        let error = config_json(Naming::Hf, &spec([32, 64], 8, [40, 3, 5]), true, 0.75).unwrap_err();
        assert!(error.contains("32x64") && error.contains("square"), "{error}");
    }

    #[test]
    fn timm_gets_the_plain_architecture_where_it_has_one() {
        for (patch, sizes, name) in [
            (16, [192, 12, 3], "vit_tiny_patch16_224"),
            (16, [768, 12, 12], "vit_base_patch16_224"),
            (8, [384, 12, 6], "vit_small_patch8_224"),
            (16, [1024, 24, 16], "vit_large_patch16_224"),
            (14, [1280, 32, 16], "vit_huge_patch14_224"),
        ] {
            let config = config_json(Naming::Timm, &spec([224, 224], patch, sizes), true, 0.75).unwrap();
            assert_eq!(
                (config["architecture"].as_str(), config.get("model_args")),
                (Some(name), None)
            );
        }
        let spec = spec([96, 128], 8, [768, 12, 6]);
        let config = config_json(Naming::Timm, &spec, true, 0.75).unwrap();
        assert_eq!(config["architecture"], "vit_base_patch16_224");
        let args = &config["model_args"];
        assert_eq!((&args["num_heads"], &args["patch_size"]), (&json!(6), &json!(8)));
        assert_eq!(args["img_size"], json!([96, 128]));
    }

    #[test]
    fn an_epsilon_that_timm_cannot_be_told_is_a_caveat() {
        let mut spec = spec([32, 32], 8, [40, 3, 5]);
        assert_eq!(caveat(Naming::Timm, &spec), None);
        spec.norm_eps = 1e-12;
        assert!(caveat(Naming::Timm, &spec).unwrap().contains("eps=1e-12"));
        assert_eq!(caveat(Naming::Hf, &spec), None);
    }

    #[test]
    fn no_path_of_this_machine_gets_out() {
        for naming in [Naming::Fb, Naming::Timm, Naming::Hf] {
            let text = config_json(naming, &spec([32, 32], 8, [40, 3, 5]), true, 0.75)
                .unwrap()
                .to_string();
            assert!(!text.contains("someone"), "{text}");
        }
    }
}
