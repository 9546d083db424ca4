//! Parts by name: what is read, how it is spelled, and which parameters it holds.

use super::*;

fn model(encoder: usize, extra: usize, decoder: usize) -> ModelSpec {
    ModelSpec {
        encoder_depth: encoder,
        extra_blocks: extra,
        decoder_depth: decoder,
        ..crate::spec::model_part("nano").unwrap()
    }
}

/// A parameter of every kind.
const NAMES: [&str; 13] = [
    "cls_token",
    "patch_embed.proj.weight",
    "blocks.0.norm1.weight",
    "blocks.1.attn.qkv.weight",
    "blocks.2.mlp.fc2.bias",
    "blocks.3.attn.proj.weight",
    "norm.weight",
    "decoder_embed.bias",
    "mask_token",
    "decoder_blocks.0.norm1.weight",
    "decoder_cross_blocks.1.attn.kv.weight",
    "decoder_norm.weight",
    "decoder_pred.bias",
];

fn held(text: &str, model: &ModelSpec) -> Vec<usize> {
    let freeze = Freeze::parse(text).unwrap();
    let held = NAMES.iter().enumerate().filter(|(_, name)| freeze.holds(name, model));
    held.map(|(at, _)| at).collect()
}

#[test]
fn parts_hold_what_the_documentation_says() {
    let plain = model(3, 0, 2);
    assert_eq!(held("", &plain), [0usize; 0]);
    assert_eq!(held("encoder", &plain), [0, 1, 2, 3, 4, 6]);
    assert_eq!(held("patch_embed", &plain), [0, 1]);
    assert_eq!(held("encoder[0..2]", &plain), [2, 3]);
    assert_eq!(held("encoder[1..]", &plain), [3, 4]);
    assert_eq!(held("norm", &plain), [6]);
    assert_eq!(held("decoder", &plain), [7, 8, 9, 10, 11, 12]);
    assert_eq!(held("decoder[..1]", &plain), [9]);
    assert_eq!(
        held("patch_embed, encoder[..2], decoder[1..2]", &plain),
        [0, 1, 2, 3, 10]
    );
    // With extra blocks the final norm follows them, and they are in no part.
    let grown = model(3, 1, 2);
    assert_eq!(held("encoder", &grown), [0, 1, 2, 3, 4]);
    assert_eq!(held("encoder[1..]", &grown), [3, 4]);
    assert_eq!(held("encoder, norm", &grown), [0, 1, 2, 3, 4, 6]);
}

#[test]
fn there_is_one_spelling() {
    for (text, want) in [
        ("", ""),
        (" , ", ""),
        ("encoder[..8]", "encoder[0..8]"),
        ("encoder[ 4 .. ]", "encoder[4..]"),
        ("decoder,encoder , decoder", "encoder, decoder"),
        ("encoder[0..2],patch_embed", "patch_embed, encoder[0..2]"),
    ] {
        let freeze = Freeze::parse(text).unwrap();
        assert_eq!(freeze.to_string(), want, "{text}");
        assert_eq!(freeze.is_empty(), want.is_empty());
        assert_eq!(Freeze::parse(want).unwrap(), freeze);
        let json = serde_json::to_string(&freeze).unwrap();
        assert_eq!(serde_json::from_str::<Freeze>(&json).unwrap(), freeze);
    }
}

#[test]
fn what_is_no_part_is_named_with_its_cure() {
    for (text, part) in [
        ("encodr", "did you mean encoder?"),
        ("everything", "parts are encoder, encoder[0..2]"),
        ("encoder[2]", "encoder[0..2]"),
        ("encoder[2..2]", "names no blocks"),
        ("encoder[3..1]", "names no blocks"),
        ("decoder[a..b]", "decoder[0..2] for the first two"),
        ("norm[0..1]", "there is no part"),
    ] {
        let error = Freeze::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn blocks_beyond_the_depth_and_everything_at_once_are_problems() {
    let problem = |text: &str, model: &ModelSpec| Freeze::parse(text).unwrap().problem(model);
    let (plain, grown) = (model(3, 0, 2), model(3, 1, 2));
    for text in [
        "",
        "encoder",
        "encoder[0..3]",
        "encoder[2..]",
        "decoder",
        "encoder[..3], decoder",
    ] {
        assert_eq!(problem(text, &plain), None, "{text}");
    }
    for text in ["encoder[0..4]", "encoder[3..]", "decoder[1..3]"] {
        assert!(
            problem(text, &plain).is_some_and(|text| text.contains("does not have")),
            "{text}"
        );
        assert!(problem(text, &grown).is_some(), "extra blocks are not counted: {text}");
    }
    for text in ["encoder, decoder", "patch_embed, encoder[0..3], norm, decoder"] {
        assert!(
            problem(text, &plain).is_some_and(|text| text.contains("nothing to train")),
            "{text}"
        );
        assert_eq!(problem(text, &grown), None, "extra blocks are left");
    }
}
