//! What a `config.json` tells, and what is refused.

use super::*;

fn error(text: &str) -> String {
    facts_from_config(text).unwrap_err().to_string()
}

#[test]
fn a_flat_table_and_what_is_foreign() {
    let facts = facts_from_config(r#"{"num_heads": 5, "decoder_num_heads": 3, "image_size": [16, 36]}"#).unwrap();
    assert_eq!((facts.encoder_num_heads, facts.decoder_num_heads), (Some(5), Some(3)));
    assert_eq!(facts.img_size, Some(ImgSize { height: 16, width: 36 }));
    let foreign = |text: &str| matches!(facts_from_config(text), Err(ConfigError::Foreign(_)));
    assert!(foreign(r#"{"colour": 1}"#) && foreign(r#"{"format": "onnx"}"#));
    assert!(!foreign("{") && !foreign(r#"{"model_type": "vit_mae", "hidden_act": "relu"}"#));
}

#[test]
fn hugging_faces_fixture_and_its_defaults() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/mae_forward/hf_classic/config.json"
    );
    let facts = facts_from_config(&std::fs::read_to_string(path).unwrap()).unwrap();
    let expected = Facts {
        variant: None,
        img_size: Some(square(32)),
        encoder_num_heads: Some(5),
        decoder_num_heads: Some(3),
        norm_eps: Some(1e-6),
        norm_pix_loss: Some(false),
        mask_ratio: Some(0.75),
        stated: Stated {
            in_chans: Some(3),
            patch_size: Some(8),
            embed_dim: Some(40),
            encoder_depth: Some(3),
            decoder_embed_dim: Some(24),
            decoder_depth: Some(2),
        },
    };
    assert_eq!(facts, expected);
    let text = r#"{"model_type": "vit_mae", "image_size": [96, 64], "norm_pix_loss": true}"#;
    let facts = facts_from_config(text).unwrap();
    let expected = Facts {
        img_size: Some(ImgSize { height: 96, width: 64 }),
        encoder_num_heads: Some(12),
        decoder_num_heads: Some(16),
        norm_eps: Some(1e-12),
        norm_pix_loss: Some(true),
        variant: None,
        mask_ratio: Some(0.75),
        stated: Stated::default(),
    };
    assert_eq!(facts, expected);
}

#[test]
fn timms_names_and_arguments() {
    let read = |text: &str| facts_from_config(text).unwrap();
    for (name, variant, heads, side) in [
        ("vit_tiny_patch16_224", "tiny", 3, 224),
        ("vit_small_patch8_224", "small", 6, 224),
        ("vit_base_patch16_384", "base", 12, 384),
        ("vit_large_patch16_224.mae", "large", 16, 224),
        ("vit_huge_patch14_224", "huge", 16, 224),
    ] {
        let facts = read(&format!(r#"{{"architecture": "{name}"}}"#));
        assert_eq!(facts.variant.as_deref(), Some(variant));
        assert_eq!((facts.encoder_num_heads, facts.decoder_num_heads), (Some(heads), None));
        assert_eq!((facts.img_size, facts.norm_eps), (Some(square(side)), Some(1e-6)));
    }
    let facts = read(
        r#"{"architecture": "vit_base_patch16_224", "model_args": {"num_heads": 5},
            "pretrained_cfg": {"input_size": [3, 32, 64]}}"#,
    );
    assert_eq!((facts.variant, facts.encoder_num_heads), (None, Some(5)));
    assert_eq!(facts.img_size, Some(ImgSize { height: 32, width: 64 }));
    let facts = read(
        r#"{"architecture": "vit_b", "model_args": {"num_heads": 5, "img_size": 48},
            "pretrained_cfg": {"input_size": [3, 32, 64]}, "_layer_norm_eps": 1e-12}"#,
    );
    assert_eq!((facts.img_size, facts.norm_eps), (Some(square(48)), Some(1e-12)));
}

#[test]
fn others_are_refused_with_what_was_seen() {
    for (text, says) in [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (r#"{"model_type": "beit"}"#, "`beit`"),
        (r#"{"format": "onnx"}"#, "`onnx`"),
        (r#"{"format": "mae-exp"}"#, "`model`"),
        (r#"{"colour": 1, "taste": 2}"#, "[colour, taste]"),
        (r#"{"architecture": "resnet50"}"#, "`resnet50`"),
        (
            r#"{"architecture": "vit_base_patch16_clip_224"}"#,
            "`vit_base_patch16_clip_224`",
        ),
        (
            r#"{"architecture": "vit_tiny_patch16_224", "model_args": {"act_layer": "relu"}}"#,
            "`act_layer`",
        ),
        (
            r#"{"architecture": "vit_tiny_patch16_224", "model_args": {"class_token": false}}"#,
            "class token",
        ),
        (r#"{"model_type": "vit_mae", "hidden_act": "relu"}"#, "`relu`"),
        (
            r#"{"model_type": "vit_mae", "num_attention_heads": 0}"#,
            "num_attention_heads is 0",
        ),
        (
            r#"{"model_type": "vit_mae", "num_attention_heads": 1e300}"#,
            "a whole number",
        ),
        (
            r#"{"model_type": "vit_mae", "num_attention_heads": "12"}"#,
            "a whole number",
        ),
        (
            r#"{"model_type": "vit_mae", "image_size": [1, 2, 3]}"#,
            "[height, width]",
        ),
        (
            r#"{"model_type": "vit_mae", "image_size": 18446744073709551615}"#,
            "number of pixels",
        ),
        (r#"{"model_type": "vit_mae", "layer_norm_eps": -1.0}"#, "above 0"),
        (r#"{"model_type": "vit_mae", "norm_pix_loss": 1}"#, "true or false"),
    ] {
        let error = error(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}
