//! Random masks from given noise, and the vote of nearest neighbours.

use mae_exp::eval::knn;
use mae_strategies::{Grid, keep_count, random};

use crate::reference::{Case, Worst, close};
use crate::support::fixture;

#[test]
fn random_masks_from_given_noise() {
    let case = Case::read("masks/case.safetensors");
    for (prefix, grid, ratio) in [
        ("L196_r0750", (14, 14), 0.75),
        ("L100_r0800", (10, 10), 0.8),
        ("L36_r0500", (4, 9), 0.5),
    ] {
        let grid = Grid::new(grid.0, grid.1);
        let rows = |name: &str| case.get(&format!("{prefix}.{name}"));
        let visible = keep_count(grid.len(), ratio);
        for name in ["ids_keep", "ids_restore", "mask"] {
            let got = rows("noise").values.chunks(grid.len()).flat_map(|noise| {
                let mask = random::from_noise(grid, noise, visible);
                let ids = |ids: &[u32]| ids.iter().map(|i| *i as f32).collect::<Vec<f32>>();
                match name {
                    "ids_keep" => ids(mask.ids_keep()),
                    "ids_restore" => ids(&mask.ids_restore()),
                    _ => mask.bits().into_iter().map(f32::from).collect(),
                }
            });
            let got: Vec<f32> = got.collect();
            close(&format!("masks {prefix} {name}"), &got, &rows(name).values, 0.0);
        }
    }
}

/// The floor of the floating-point product, traps included.
#[test]
fn numbers_of_kept_patches() {
    let table = String::from_utf8(fixture("masks/len_keep.csv")).unwrap();
    let mut checked = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(keep_count(cells[0] as usize, cells[1]), cells[2] as usize, "{line}");
        checked += 1;
    }
    assert!(checked > 20, "{checked} lines");
}

#[test]
fn nearest_neighbours() {
    let case = Case::read("knn/case.safetensors");
    let labels = |name: &str| -> Vec<usize> { case.get(name).values.iter().map(|l| *l as usize).collect() };
    let train = labels("train_labels");
    let bank = knn::Labelled {
        features: &case.get("train").values,
        labels: &train,
        width: 16,
    };
    let votes = knn::votes(bank, &case.get("test").values, 6, 20, 0.07);
    let classes: Vec<f32> = votes.iter().map(|vote| vote.class as f32).collect();
    close("knn predictions", &classes, &case.get("k20_t0.07.pred").values, 0.0);
    let neighbours: Vec<f32> = votes
        .iter()
        .flat_map(|vote| &vote.neighbours)
        .map(|n| *n as f32)
        .collect();
    close(
        "knn neighbours",
        &neighbours,
        &case.get("k20_t0.07.neighbours").values,
        0.0,
    );
    let mut scores = Worst::of("knn scores").rule("rel 1e-4");
    let wanted = &case.get("k20_t0.07.scores").values;
    for (i, (got, want)) in votes.iter().flat_map(|vote| &vote.scores).zip(wanted).enumerate() {
        scores.add(
            &format!("score {i}"),
            &[*got as f32],
            &[*want],
            1e-4 * f64::from(*want).max(1e-6),
        );
    }
    scores.done();
    let test = labels("test_labels");
    let queries = knn::Labelled {
        features: &case.get("test").values,
        labels: &test,
        width: 16,
    };
    assert!((knn::accuracy(bank, queries, 6, 20, 0.07) - 0.775).abs() < 1e-12);
}
