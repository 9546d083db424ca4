//! Position tables and their interpolation against the reference's.

use mae_exp::model::position::{interpolate, sin_cos};

use crate::reference::{Case, close};

#[test]
fn interpolation_of_position_tables() {
    let case = Case::read("pos_embed/case.safetensors");
    for (name, from, to) in [
        ("interp_14x14_to_16x16", (14, 14), (16, 16)),
        ("interp_7x7_to_5x5", (7, 7), (5, 5)),
    ] {
        let got = interpolate(&case.get(&format!("{name}.in")).values, 24, from, to);
        close(
            &format!("pos_embed {name}"),
            &got,
            &case.get(&format!("{name}.out")).values,
            1e-5,
        );
    }
}

#[test]
fn positions() {
    let case = Case::read("pos_embed/case.safetensors");
    for (name, rows, cols, width) in [
        ("sincos_d64_h7_w7", 7, 7, 64),
        ("sincos_d96_h4_w9", 4, 9, 96),
        ("sincos_d768_h14_w14_first30", 14, 14, 768),
    ] {
        let (want, got) = (&case.get(name).values, sin_cos(rows, cols, width));
        close(&format!("pos_embed {name}"), &got[..want.len()], want, 1e-6);
    }
}
