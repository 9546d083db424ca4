//! Histograms of oriented gradients against the reference: cells, and the target of every patch.

use mae_exp::model::hog::{self, HogError};

use crate::reference::{Case, Worst};

const PICTURES: [&str; 4] = ["rand32", "rand64", "struct64", "rect"];

fn size(shape: &[usize]) -> [usize; 3] {
    [shape[1], shape[2], shape[3]]
}

#[test]
fn histograms() {
    let case = Case::read("hog/case.safetensors");
    let (mut cells, mut target) = (Worst::of("hog cells, 4 pictures"), Worst::of("hog target, 4 pictures"));
    for name in PICTURES {
        let image = case.get(&format!("{name}.image"));
        let wanted = |what: &str| &case.get(&format!("{name}.{what}")).values;
        let got = hog::cells(&image.values, size(&image.shape)).unwrap();
        cells.add(name, &got, wanted("cells"), 1e-5);
        let got = hog::target(&image.values, size(&image.shape), 16).unwrap();
        target.add(name, &got, wanted("target"), 1e-5);
    }
    cells.done();
    target.done();
}

#[test]
fn a_patch_over_the_whole_picture_has_the_cells_as_they_are() {
    let case = Case::read("hog/case.safetensors");
    let image = &case.get("rand32.image").values;
    let whole = hog::target(image, [3, 32, 32], 32).unwrap();
    assert_eq!(whole, hog::cells(image, [3, 32, 32]).unwrap());
}

#[test]
fn a_constant_picture_has_no_directions() {
    assert_eq!(hog::cells(&[0.3; 256], [1, 16, 16]), Ok(vec![0.0; 36]));
}

#[test]
fn sizes_that_do_not_go_with_the_histograms_are_refused() {
    let pixels = [0.0; 3 * 32 * 48];
    let wrong = [
        (
            hog::target(&pixels, [3, 32, 32], 16),
            HogError::Values {
                found: 4608,
                wanted: 3072,
            },
        ),
        (
            hog::target(&pixels, [3, 24, 64], 8),
            HogError::Size { rows: 24, columns: 64 },
        ),
        (hog::target(&pixels, [3, 32, 48], 14), HogError::Patch(14)),
        (hog::target(&pixels, [3, 32, 48], 32), HogError::Patch(32)),
        (hog::target(&pixels, [3, 32, 48], 0), HogError::Patch(0)),
    ];
    for (got, want) in wrong {
        assert_eq!(got, Err(want));
    }
}
