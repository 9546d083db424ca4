//! Anomaly maps through the command line, on a small set that is made here.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::{Room, experiment, small};

/// A picture of two colours in stripes, with a bright block where it is defective.
fn picture(path: &Path, shift: u32, block: Option<u32>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let at = |x: u32, y: u32| {
        if block.is_some_and(|from| inside(from, x, y)) {
            return image::Rgb([255, 255, 255]);
        }
        let v = 60 + ((x + shift) % 4) as u8 * 10;
        image::Rgb([v, v / 2, 40])
    };
    image::RgbImage::from_fn(16, 16, at).save(path).unwrap();
}

fn inside(from: u32, x: u32, y: u32) -> bool {
    (from..from + 4).contains(&x) && (from..from + 4).contains(&y)
}

fn marks(path: &Path, side: u32, from: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let at = |x, y| image::Luma([if inside(from, x, y) { 255u8 } else { 0 }]);
    image::GrayImage::from_fn(side, side, at).save(path).unwrap();
}

/// A trained run, and a set with four faultless and four defective pictures, all with marks.
fn room() -> Room {
    let room = Room::new();
    room.ok(&small(&[
        "run",
        "model/nano",
        "data/synthetic",
        "train/quick",
        "--set",
        "model.norm_pix_loss=false",
    ]));
    let set = room.path().join("set");
    for i in 0..4 {
        picture(&set.join(format!("test/good/{i}.png")), i, None);
        picture(&set.join(format!("test/spot/{i}.png")), i, Some(2 * i + 1));
        marks(&set.join(format!("ground_truth/spot/{i}_mask.png")), 16, 2 * i + 1);
    }
    room
}

fn eval(room: &Room, more: &[&str]) -> Json {
    let args = [
        "eval",
        "--weights",
        "latest",
        "--task",
        "anomaly",
        "--data",
        "set",
        "--json",
    ];
    room.json(&[&args, more].concat())["evaluations"][0].clone()
}

#[test]
fn bright_spots_on_stripes_are_found_and_shown() {
    let room = room();
    let found = eval(&room, &["--out", "maps"]);
    assert_eq!(found["anomaly_auroc"], 1.0, "{found}");
    assert!(found["anomaly_pixel_auroc"].as_f64().unwrap() > 0.9, "{found}");
    assert_eq!(found["notes"], serde_json::json!([]));
    let protocol = &found["protocol"];
    assert_eq!((&protocol["folds"], &protocol["repeats"]), (&4.into(), &4.into()));
    assert_eq!(protocol["sigma"], 1.0, "a quarter of a patch of 4");
    for key in ["weights_digest", "data_digest", "mae_exp", "score"] {
        assert!(protocol[key].is_string(), "{key}");
    }
    let maps = room.path().join("maps");
    let page = std::fs::read_to_string(maps.join("index.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 8 * 3);
    assert!(page.contains("AUROC over pictures 1.000") && page.contains("true positive rate"));
    let csv = std::fs::read_to_string(maps.join("scores.csv")).unwrap();
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("path,label,score\ntest/good/0.png,good,"));
    let sheet = image::open(maps.join("maps/test/spot/2.png")).unwrap();
    assert!(sheet.width() > 3 * 224, "three panels side by side");
    // The same again, to the last digit, and whatever else is in the folder.
    let again = eval(&room, &["--out", "maps"]);
    assert_eq!(again, found);
    std::fs::remove_file(room.path().join("set/test/good/0.png")).unwrap();
    let fewer = eval(&room, &[]);
    assert_eq!(fewer["pictures"][0], found["pictures"][1]);
    assert_ne!(fewer["protocol"]["data_digest"], protocol["data_digest"]);
}

#[test]
fn what_is_missing_is_named_and_left_out() {
    let room = room();
    let set = room.path().join("set");
    std::fs::write(set.join("test/good/torn.png"), b"not a picture").unwrap();
    std::fs::remove_file(set.join("ground_truth/spot/0_mask.png")).unwrap();
    marks(&set.join("ground_truth/spot/1_mask.png"), 12, 3);
    let found = eval(&room, &[]);
    let notes = found["notes"].to_string();
    for part in [
        "test/good/torn.png left out",
        "test/spot/0.png has no marks",
        "12x12 pixels, but the picture 16x16",
    ] {
        assert!(notes.contains(part), "{part} is not in {notes}");
    }
    assert_eq!(found["pictures"].as_array().unwrap().len(), 8);
    assert!(found["anomaly_pixel_auroc"].is_f64(), "of the two that are left");
    std::fs::remove_dir_all(set.join("test/good")).unwrap();
    let found = eval(&room, &["--out", "maps"]);
    assert!(found["anomaly_auroc"].is_null() && found["notes"].to_string().contains("no faultless pictures"));
    let page = std::fs::read_to_string(room.path().join("maps/index.html")).unwrap();
    assert!(
        page.contains("no faultless pictures"),
        "what is missing stands on the page"
    );
    // A plain folder gives maps alone.
    std::fs::remove_dir_all(set.join("ground_truth")).unwrap();
    let found = eval(&room, &[]);
    assert!(found["notes"].to_string().contains("no picture has a label"));
    assert_eq!(found["pictures"][0]["kind"], "unlabelled");
}

#[test]
fn every_trial_of_a_sweep_is_judged_and_its_report_has_areas_and_maps() {
    let room = room();
    room.write("x.toml", &experiment(2));
    let colours = "data.mean=[0.4,0.4,0.3]";
    room.ok(&small(&[
        "sweep",
        "x.toml",
        "--set",
        "model.norm_pix_loss=false",
        "--set",
        colours,
    ]));
    let found = room.json(&[
        "eval", "tiny", "--task", "anomaly", "--data", "set", "--out", "maps", "--json",
    ]);
    let found = found["evaluations"].as_array().unwrap();
    assert_eq!(found.len(), 4);
    for one in found {
        let run = one["run"].as_str().unwrap();
        assert!(one["name"].as_str().unwrap().contains(run));
        assert!(room.path().join("maps").join(run).join("index.html").is_file());
    }
    room.ok(&["report", "tiny"]);
    let page = std::fs::read_to_string(room.path().join("reports/tiny/index.html")).unwrap();
    let later = page.split("<h2>Later evaluations</h2>").nth(1).unwrap();
    for part in [
        "AUROC, pictures",
        "AUROC, pixels",
        "folds = 4",
        "<td>2</td>",
        "mean = [0.4, 0.4, 0.3]",
    ] {
        assert!(later.contains(part), "{part}: {later}");
    }
    assert_eq!(
        later.matches("<dt>Anomaly maps</dt>").count(),
        1,
        "judged alike: {later}"
    );
    // Four defective pictures and two faultless ones under both points, each with the picture itself.
    let alts: Vec<&str> = later.split(" alt=\"test/").skip(1).collect();
    let maps = alts
        .iter()
        .filter(|alt| alt.split('"').next().unwrap().contains("anomaly map, 0."));
    assert_eq!((alts.len(), maps.count()), (18, 12), "{later}");
    let numbers: Vec<usize> = page
        .split("<b>Figure ")
        .skip(1)
        .map(|rest| rest.split('.').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    room.ok(&["report", "tiny", "--paper"]);
    let figures = room.path().join("reports/tiny/figures");
    assert!(
        std::fs::read_dir(&figures).unwrap().any(|file| file
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("anomaly_maps-")),
        "a figure for papers"
    );
}

#[test]
fn wrong_usage_is_refused_in_a_line() {
    let room = room();
    let eval = |data: &str, more: &[&str]| {
        let args = ["eval", "--weights", "latest", "--task", "anomaly", "--data", data];
        room.refused(&[&args, more].concat())
    };
    assert!(eval("nowhere", &[]).contains("no such folder"));
    assert!(eval("set", &["--folds", "17"]).contains("more than the 16 patches"));
    std::fs::create_dir_all(room.path().join("empty")).unwrap();
    assert!(eval("empty", &[]).contains("none there"));
}
