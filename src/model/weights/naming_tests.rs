//! Tests of the translation of names, and the tensors that other files' tests share.

use proptest::prelude::*;

use super::*;

/// Tensors of a fixture under `tests/fixtures/mae_forward`.
pub(crate) fn fixture(file: &str) -> BTreeMap<String, Named> {
    let path = format!("{}/tests/fixtures/mae_forward/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let value = |four: &[u8]| f32::from_le_bytes(four.try_into().unwrap());
    let named = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let values = view.data().chunks_exact(4).map(value).collect();
        let shape = view.shape().to_vec();
        (name, Named { shape, values })
    };
    file.tensors().into_iter().map(named).collect()
}

/// Tensors of a complete model, every value different.
pub(crate) fn model(depth: usize, decoder: Option<usize>) -> BTreeMap<String, Named> {
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    let mut add = |name: &str, shape: &[usize]| shapes.push((name.to_string(), shape.to_vec()));
    add("cls_token", &[1, 1, 4]);
    add("pos_embed", &[1, 5, 4]);
    add("patch_embed.proj.weight", &[4, 1, 2, 2]);
    add("patch_embed.proj.bias", &[4]);
    add("norm.weight", &[4]);
    add("norm.bias", &[4]);
    let stacks = [("blocks", depth, 4), ("decoder_blocks", decoder.unwrap_or(0), 2)];
    for (stack, depth, d) in stacks {
        for i in 0..depth {
            for (layer, rows, columns) in [
                ("attn.qkv", 3 * d, d),
                ("attn.proj", d, d),
                ("mlp.fc1", 3 * d, d),
                ("mlp.fc2", d, 3 * d),
            ] {
                add(&format!("{stack}.{i}.{layer}.weight"), &[rows, columns]);
                add(&format!("{stack}.{i}.{layer}.bias"), &[rows]);
            }
            for layer in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"] {
                add(&format!("{stack}.{i}.{layer}"), &[d]);
            }
        }
    }
    if decoder.is_some() {
        add("mask_token", &[1, 1, 2]);
        add("decoder_pos_embed", &[1, 5, 2]);
        add("decoder_embed.weight", &[2, 4]);
        add("decoder_embed.bias", &[2]);
        add("decoder_norm.weight", &[2]);
        add("decoder_norm.bias", &[2]);
        add("decoder_pred.weight", &[4, 2]);
        add("decoder_pred.bias", &[4]);
    }
    let mut next = 0.0;
    let mut fill = |(name, shape): (String, Vec<usize>)| {
        let values = (0..shape.iter().product::<usize>()).map(|_| {
            next += 1.0;
            next
        });
        let values = values.collect();
        (name, Named { shape, values })
    };
    shapes.into_iter().map(&mut fill).collect()
}

fn encoder(tensors: &BTreeMap<String, Named>) -> BTreeMap<String, Named> {
    from_official(tensors, Naming::Timm)
}

fn renamed(tensors: BTreeMap<String, Named>, rename: impl Fn(&str) -> String) -> BTreeMap<String, Named> {
    tensors
        .into_iter()
        .map(|(name, tensor)| (rename(&name), tensor))
        .collect()
}

#[test]
fn all_fixtures_are_the_same_model() {
    let reference = fixture("weights_fb.safetensors");
    assert_eq!(reference.len(), 74);
    for (file, naming) in [
        ("weights_fb.safetensors", Naming::Fb),
        ("hf_classic/model.safetensors", Naming::Hf),
        ("hf_v5_saved/model.safetensors", Naming::Hf),
    ] {
        assert_eq!(
            to_official(fixture(file)).unwrap(),
            (naming, reference.clone()),
            "{file}"
        );
    }
    let (naming, timm) = to_official(fixture("timm_encoder.safetensors")).unwrap();
    assert_eq!((naming, &timm), (Naming::Fb, &encoder(&reference)));
    assert_eq!(timm.len(), 42);
}

#[test]
fn classic_names_are_written() {
    let reference = fixture("weights_fb.safetensors");
    let written = from_official(&reference, Naming::Hf);
    assert!(written == fixture("hf_classic/model.safetensors"));
    let alone = from_official(&encoder(&reference), Naming::Hf);
    assert!(alone.contains_key("encoder.layer.2.attention.attention.key.bias"));
    assert!(alone.keys().all(|name| written.contains_key(&format!("vit.{name}"))));
}

#[test]
fn names_of_version_5_in_memory_are_read() {
    let new = |name: &str| {
        name.replace("encoder.layer.", "layers.")
            .replace("attention.attention.query", "attention.q_proj")
            .replace("attention.attention.key", "attention.k_proj")
            .replace("attention.attention.value", "attention.v_proj")
            .replace("attention.output.dense", "attention.o_proj")
            .replace("intermediate.dense", "mlp.fc1")
            .replace("output.dense", "mlp.fc2")
    };
    let tensors = renamed(fixture("hf_classic/model.safetensors"), new);
    assert!(tensors.contains_key("vit.layers.0.attention.o_proj.bias"));
    assert_eq!(to_official(tensors).unwrap().1, fixture("weights_fb.safetensors"));
}

#[test]
fn wrappers_come_off_only_where_all_wear_them() {
    let tensors = model(2, Some(1));
    for prefix in ["module.", "module._orig_mod.", "model.encoder.", "backbone."] {
        let wrapped = renamed(tensors.clone(), |name| format!("{prefix}{name}"));
        assert_eq!(to_official(wrapped).unwrap(), (Naming::Fb, tensors.clone()), "{prefix}");
        let hf = from_official(&tensors, Naming::Hf);
        let wrapped = renamed(hf, |name| format!("{prefix}{name}"));
        assert_eq!(to_official(wrapped).unwrap(), (Naming::Hf, tensors.clone()), "{prefix}");
    }
    let mut half = renamed(tensors, |name| format!("module.{name}"));
    half.insert(
        "step".to_string(),
        Named {
            shape: vec![],
            values: vec![1.0],
        },
    );
    let error = to_official(half).unwrap_err();
    assert!(error.contains("module.blocks.0.attn.proj.bias"), "{error}");
}

#[test]
fn tensors_of_others_stay_and_are_not_exported() {
    let mut tensors = model(1, Some(1));
    let head = Named {
        shape: vec![1],
        values: vec![7.0],
    };
    for name in [
        "head.weight",
        "fc_norm.bias",
        "normal",
        "bn.num_batches_tracked",
        "vit.pooler.dense.bias",
    ] {
        assert!(!is_official(name));
        tensors.insert(name.to_string(), head.clone());
    }
    assert_eq!(to_official(tensors.clone()).unwrap(), (Naming::Fb, tensors.clone()));
    assert_eq!(
        from_official(&tensors, Naming::Hf),
        from_official(&model(1, Some(1)), Naming::Hf)
    );
    let mut hf = from_official(&tensors, Naming::Hf);
    hf.insert("vit.pooler.dense.bias".to_string(), head.clone());
    assert_eq!(to_official(hf).unwrap().1["vit.pooler.dense.bias"], head);
    assert_eq!(
        from_official(&tensors, Naming::Timm),
        from_official(&model(1, None), Naming::Timm)
    );
}

#[test]
fn other_models_are_refused_by_name() {
    let conv = Named {
        shape: vec![1],
        values: vec![1.0],
    };
    let tensors = BTreeMap::from([("conv1.weight".to_string(), conv)]);
    let error = to_official(tensors).unwrap_err();
    assert!(
        error.contains("conv1.weight") && error.contains("patch_embed.proj.weight"),
        "{error}"
    );
    assert!(
        to_official(BTreeMap::new())
            .unwrap_err()
            .contains("none of its 0 tensors")
    );
}

#[test]
fn a_stack_without_any_bias_gets_zeros_and_a_gap_does_not() {
    let mut tensors = model(2, Some(1));
    tensors.remove("blocks.1.attn.qkv.bias");
    assert_eq!(to_official(tensors.clone()).unwrap().1, tensors);
    tensors.remove("blocks.0.attn.qkv.bias");
    let official = to_official(tensors.clone()).unwrap().1;
    let zeros = Named {
        shape: vec![12],
        values: vec![0.0; 12],
    };
    assert_eq!(official["blocks.0.attn.qkv.bias"], zeros);
    assert_eq!(official["blocks.1.attn.qkv.bias"], zeros);
    assert_eq!(
        official["decoder_blocks.0.attn.qkv.bias"],
        model(2, Some(1))["decoder_blocks.0.attn.qkv.bias"]
    );
    let hf = from_official(&tensors, Naming::Hf);
    assert_eq!(to_official(hf).unwrap().1, official);
    tensors.insert(
        "blocks.0.attn.q_bias".to_string(),
        Named {
            shape: vec![4],
            values: vec![1.0; 4],
        },
    );
    assert!(!to_official(tensors).unwrap().1.contains_key("blocks.0.attn.qkv.bias"));
}

#[test]
fn leading_ones_are_made_official_and_nothing_else_is() {
    let mut tensors = model(1, Some(1));
    let official = tensors.clone();
    tensors.get_mut("cls_token").unwrap().shape = vec![4];
    tensors.get_mut("mask_token").unwrap().shape = vec![1, 1, 1, 2];
    tensors.get_mut("pos_embed").unwrap().shape = vec![5, 4];
    assert_eq!(to_official(tensors.clone()).unwrap().1, official);
    tensors.get_mut("pos_embed").unwrap().shape = vec![5, 1, 4];
    tensors.get_mut("cls_token").unwrap().shape = vec![];
    let left = to_official(tensors).unwrap().1;
    assert_eq!(
        (&left["pos_embed"].shape, &left["cls_token"].shape),
        (&vec![5, 1, 4], &vec![])
    );
}

/// Names that are nearly right, in every naming.
fn odd_name() -> impl Strategy<Value = String> {
    let start = "(vit\\.|module\\.|decoder\\.)?(layers|encoder\\.layer|blocks|decoder_layers)";
    let layer = "(attention\\.q_proj|attn\\.qkv|mlp\\.fc1|output)(\\.weight|\\.bias|\\.)?";
    (start, "\\.[0-9x]{1,3}\\.", layer).prop_map(|(start, number, layer)| format!("{start}{number}{layer}"))
}

proptest! {
    #[test]
    fn round_trips_are_exact(depth in 1..12_usize, decoder in proptest::option::of(0..12_usize)) {
        let tensors = model(depth, decoder);
        for naming in [Naming::Fb, Naming::Hf] {
            prop_assert_eq!(&to_official(from_official(&tensors, naming)).unwrap().1, &tensors);
        }
        let timm = to_official(from_official(&tensors, Naming::Timm)).unwrap().1;
        prop_assert_eq!(timm, model(depth, None));
    }

    #[test]
    fn nothing_is_lost_or_panics(names in proptest::collection::btree_map(
        odd_name(), proptest::collection::vec(0..5_usize, 0..3), 0..6,
    )) {
        let named = |shape: Vec<usize>| Named { values: vec![1.0; shape.iter().product()], shape };
        let tensors: BTreeMap<_, _> = names.into_iter().map(|(name, shape)| (name, named(shape))).collect();
        let count = tensors.len();
        if let Ok((_, official)) = to_official(tensors) {
            prop_assert!(official.len() >= count);
            prop_assert!(from_official(&official, Naming::Hf).len() <= 3 * official.len());
        }
    }
}
