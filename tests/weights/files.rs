//! Files of weights: conversions, what does not fit, and what is refused.

use mae_exp::model::names::Named;

use crate::reference::Case;
use crate::support::Room;

use super::{HEADS, file, inputs, write};

#[test]
fn heads_that_nobody_states_are_asked_for() {
    let room = Room::new();
    let (inputs, weights) = (inputs(&room), file("mae_forward/weights_fb.safetensors"));
    let error = room.refused(&[
        "model",
        "forward",
        "--weights",
        &weights,
        "--inputs",
        &inputs,
        "--outputs",
        "out.safetensors",
    ]);
    for part in ["weights_fb.safetensors", "model.encoder_num_heads", "--set", "--model"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!room.path().join("out.safetensors").exists());
}

#[test]
fn conversions_round_trip_exactly() {
    let room = Room::new();
    let weights = file("mae_forward/weights_fb.safetensors");
    let convert = |from: &str, to: &str, format: &str, more: &[&str]| {
        let mut args = vec!["model", "convert", "--from", from, "--to", to, "--format", format];
        args.extend(more);
        room.ok(&args);
    };
    convert(&weights, "hf", "hf", &HEADS);
    convert("hf", "fb", "fb", &[]);
    convert("fb", "hf2", "hf", &[]);
    convert("hf2", "timm", "timm", &[]);
    convert("timm", "encoder/again.safetensors", "fb", &[]);
    let read = |path: &str| Case::of(&std::fs::read(room.path().join(path)).unwrap()).0;
    let original = Case::read("mae_forward/weights_fb.safetensors").0;
    assert_eq!(read("fb/model.safetensors"), original);
    assert_eq!(read("hf/model.safetensors"), read("hf2/model.safetensors"));
    assert_eq!(
        read("hf/model.safetensors"),
        Case::read("mae_forward/hf_classic/model.safetensors").0
    );
    assert_eq!(
        read("timm/model.safetensors"),
        Case::read("mae_forward/timm_encoder.safetensors").0
    );
    assert_eq!(read("encoder/again.safetensors"), read("timm/model.safetensors"));
    for folder in ["hf", "fb", "timm", "encoder"] {
        assert!(room.path().join(folder).join("config.json").is_file(), "{folder}");
    }
}

#[test]
fn somebody_else_s_configuration_is_not_replaced() {
    let room = Room::new();
    let theirs = room.write("theirs/config.json", "{\"model_type\": \"vit_mae\"}");
    let weights = file("mae_forward/hf_classic");
    let error = room.refused(&[
        "model", "convert", "--from", &weights, "--to", "theirs", "--format", "fb",
    ]);
    assert!(error.contains("config.json"), "{error}");
    assert_eq!(
        std::fs::read_to_string(theirs).unwrap(),
        "{\"model_type\": \"vit_mae\"}"
    );
    assert!(!room.path().join("theirs/model.safetensors").exists());
}

#[test]
fn what_does_not_fit_is_told_in_a_table() {
    let room = Room::new();
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    weights.remove("blocks.1.norm1.weight");
    let token = weights.get_mut("cls_token").unwrap();
    *token = Named {
        shape: vec![1, 1, 39],
        values: vec![0.0; 39],
    };
    weights.insert(
        "head.weight".into(),
        Named {
            shape: vec![2],
            values: vec![0.0; 2],
        },
    );
    write(&room.path().join("w.safetensors"), &weights);
    let mut args = vec![
        "model",
        "convert",
        "--from",
        "w.safetensors",
        "--to",
        "out",
        "--format",
        "fb",
    ];
    args.extend(HEADS);
    let output = room.run(&args);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    for part in [
        "w.safetensors",
        "blocks.1.norm1.weight",
        "[40]",
        "cls_token",
        "[1, 1, 39]",
        "[1, 1, 40]",
        "head.weight",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert!(!room.path().join("out").exists());
}

/// Bytes that are no weights, or not whole, or hostile.
#[test]
fn hostile_files_are_refused() {
    let room = Room::new();
    let good = std::fs::read(file("mae_forward/weights_fb.safetensors")).unwrap();
    let pth = std::fs::read(file("mae_forward/fb_checkpoint-20.pth")).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(room.path().join(name), bytes).unwrap();
    put("half.safetensors", &good[..good.len() / 2]);
    put("half.pth", &pth[..pth.len() / 2]);
    put("empty.safetensors", b"");
    put("text.pth", b"these are notes, not weights");
    put("huge.safetensors", &[&(1u64 << 43).to_le_bytes()[..], b"{}"].concat());
    let claim = br#"{"cls_token":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    put(
        "claim.safetensors",
        &[&(claim.len() as u64).to_le_bytes()[..], claim].concat(),
    );
    let code = b"\x80\x02cposix\nsystem\nX\x0a\x00\x00\x00touch owned\x85R.";
    put("code.pth", code);
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    weights.get_mut("cls_token").unwrap().values[3] = f32::NAN;
    write(&room.path().join("nan.safetensors"), &weights);
    for (name, says) in [
        ("half.safetensors", "half.safetensors"),
        ("half.pth", "half.pth"),
        ("empty.safetensors", "empty.safetensors"),
        ("text.pth", "text.pth"),
        ("huge.safetensors", "header"),
        ("claim.safetensors", "claim.safetensors"),
        ("code.pth", "posix.system"),
        ("nan.safetensors", "cls_token"),
        ("nowhere.pth", "no such file"),
    ] {
        let mut args = vec!["model", "convert", "--from", name, "--to", "out", "--format", "fb"];
        args.extend(HEADS);
        let error = room.refused(&args);
        assert!(error.contains(says), "{name}: {error}");
    }
    assert!(!room.path().join("owned").exists());
}

/// Tensors that change what the network computes are not left out in silence.
#[test]
fn deeper_models_and_lost_blocks_are_refused() {
    let room = Room::new();
    let weights = file("mae_forward/weights_fb.safetensors");
    let convert = |from: &str, more: &[&str]| {
        let args = ["model", "convert", "--from", from, "--to", "out", "--format", "fb"];
        let output = room.run(&[&args[..], &HEADS, more].concat());
        assert_eq!(output.status.code(), Some(2), "{from}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = convert(&weights, &["--set", "model.encoder_depth=2"]);
    assert!(
        error.contains("blocks.2.attn.proj.bias") && error.contains("deeper"),
        "{error}"
    );
    let mut scaled = Case::read("mae_forward/weights_fb.safetensors").0;
    let scale = Named {
        shape: vec![40],
        values: vec![0.1; 40],
    };
    scaled.insert("blocks.0.ls1.gamma".into(), scale);
    write(&room.path().join("scaled.safetensors"), &scaled);
    assert!(convert("scaled.safetensors", &[]).contains("blocks.0.ls1.gamma"));
    let mut cut = Case::read("mae_forward/hf_classic/model.safetensors").0;
    cut.retain(|name, _| !name.contains("encoder.layer.2."));
    std::fs::create_dir(room.path().join("cut")).unwrap();
    write(&room.path().join("cut/model.safetensors"), &cut);
    std::fs::copy(
        file("mae_forward/hf_classic/config.json"),
        room.path().join("cut/config.json"),
    )
    .unwrap();
    let error = convert("cut", &[]);
    assert!(
        error.contains("encoder_depth is 3") && error.contains("partial"),
        "{error}"
    );
    assert!(!room.path().join("out").exists());
}

#[test]
fn the_mask_ratio_goes_with_the_weights() {
    let room = Room::new();
    let weights = file("mae_forward/weights_fb.safetensors");
    let args = [
        "model",
        "convert",
        "--from",
        &weights,
        "--to",
        "hf",
        "--format",
        "hf",
        "--set",
        "mask.ratio=0.6",
    ];
    room.ok(&[&args[..], &HEADS].concat());
    let config = std::fs::read_to_string(room.path().join("hf/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["mask_ratio"], 0.6);
    let got = super::forward(&room, "hf", &[]);
    let want = Case::read("mae_forward/case.safetensors");
    assert_eq!(got.get("mask").values, want.get("r060.mask").values);
}

#[test]
fn partial_and_foreign_files_are_told_in_a_table() {
    let room = Room::new();
    let told = |name: &str, tensors: &std::collections::BTreeMap<String, Named>| {
        write(&room.path().join(name), tensors);
        let args = ["model", "convert", "--from", name, "--to", "out", "--format", "fb"];
        let output = room.run(&[&args[..], &HEADS].concat());
        assert_eq!(output.status.code(), Some(2), "{name}");
        String::from_utf8(output.stderr).unwrap()
    };
    let mut gap = Case::read("mae_forward/weights_fb.safetensors").0;
    gap.retain(|name, _| !name.starts_with("blocks.1."));
    let error = told("gap.safetensors", &gap);
    assert!(
        error.contains("12 tensors missing") && error.contains("blocks.1.norm1.weight"),
        "{error}"
    );
    let tensor = Named {
        shape: vec![2, 2],
        values: vec![0.0; 4],
    };
    let mut foreign = std::collections::BTreeMap::from([("conv1.weight".to_string(), tensor.clone())]);
    let error = told("foreign.safetensors", &foreign);
    for part in ["none of its 1 tensors", "conv1.weight", "another kind of model"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    foreign.insert("cls_token".into(), tensor);
    let error = told("some.safetensors", &foreign);
    for part in ["missing     patch_embed.proj.weight", "unexpected  conv1.weight"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_tensor_of_another_rank_is_refused() {
    let room = Room::new();
    let mut weights = Case::read("mae_forward/weights_fb.safetensors").0;
    weights.get_mut("patch_embed.proj.weight").unwrap().shape = vec![40, 192];
    write(&room.path().join("rank.safetensors"), &weights);
    let args = [
        "model",
        "convert",
        "--from",
        "rank.safetensors",
        "--to",
        "out",
        "--format",
        "fb",
    ];
    let output = room.run(&[&args[..], &HEADS].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error.contains("patch_embed.proj.weight") && error.contains("[40, 192]"),
        "{error}"
    );
}
