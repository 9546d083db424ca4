//! The files that ship with the project: every experiment resolves, every configuration key is commented.

use crate::support::{Room, project};

fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(project().join(folder))
        .unwrap()
        .map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

#[test]
fn every_experiment_resolves_anywhere() {
    let room = Room::new();
    let shipped = files("experiments");
    assert!(shipped.len() >= 3);
    for file in shipped {
        let document = room.json(&["config", file.to_str().unwrap(), "--json"]);
        assert!(!document["trials"].as_array().unwrap().is_empty(), "{}", file.display());
    }
}

#[test]
fn the_first_experiment_is_five_ratios_by_three_seeds() {
    let room = Room::new();
    let file = project().join("experiments/mask_ratio.toml");
    let document = room.json(&["config", file.to_str().unwrap(), "--json"]);
    assert_eq!(document["trials"].as_array().unwrap().len(), 15);
}

#[test]
fn every_key_of_every_part_is_commented() {
    for folder in ["configs/model", "configs/data", "configs/train"] {
        for file in files(folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with('#'), "{} opens with what it is", file.display());
            for line in text.lines().filter(|line| line.contains('=') && !line.starts_with('#')) {
                let named = line.starts_with("variant") || line.starts_with("kind");
                assert!(
                    named || line.contains('#'),
                    "{}: {line:?} has no comment",
                    file.display()
                );
            }
        }
    }
}
