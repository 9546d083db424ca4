//! The masks of a sweep's trials, drawn again from their recorded configuration and measured, for the report. As at the end
//! of training; where a strategy looks at pictures, at the built-in photograph. How fast they are drawn is measured here and now,
//! because training has no clock.

use std::time::Duration;

use mae_strategies::{Grid, Registry};

use super::strategies::stats::rate;
use crate::catalogue::{Profile, Sampling, Scene};
use crate::report::RunReport;
use crate::spec::TrialSpec;
use crate::spec::ramp::END;
use crate::spec::trial::MaskSpec;

/// Masks drawn of each configuration.
const SAMPLES: usize = 300;
/// Configurations measured at most: a search may have one for every trial.
const MOST: usize = 32;
/// A round in which it is measured how fast masks are drawn: all configurations together take a quarter of a second.
const ROUND: Duration = Duration::from_millis(1);

/// What a trial's masks follow from.
#[derive(PartialEq)]
struct Setting {
    mask: MaskSpec,
    grid: Grid,
    patch: usize,
}

/// Every masking configuration of the runs, in their order; those that cannot be had any more are left out.
pub(super) fn measured(runs: &[RunReport], registry: &Registry) -> Vec<Profile> {
    let mut settings: Vec<Setting> = Vec::new();
    for spec in runs.iter().filter_map(|r| TrialSpec::from_config(&r.run.config).ok()) {
        let setting = Setting {
            grid: spec.model.grid(),
            patch: spec.model.patch_size,
            mask: spec.mask,
        };
        if settings.len() < MOST && !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    let profile = |setting: &Setting| {
        Some(Profile {
            name: name(setting, &settings),
            ..measure(setting, registry)?
        })
    };
    settings.iter().filter_map(profile).collect()
}

fn measure(setting: &Setting, registry: &Registry) -> Option<Profile> {
    let plan = setting.mask.plan(registry, setting.grid, END).ok()?;
    let looks = plan.needs() != Default::default();
    let scene = if looks {
        Some(Scene::new(setting.grid).ok()?)
    } else {
        None
    };
    let sampling = Sampling {
        seed: 0,
        masks: SAMPLES,
        progress: END,
        patch: setting.patch,
    };
    Some(Profile {
        rate: rate(&plan, scene.as_ref(), (sampling.seed, END), ROUND).ok(),
        ..Profile::of(&plan, scene.as_ref(), sampling).ok()?
    })
}

/// The strategy, and what tells the setting from the others.
fn name(setting: &Setting, all: &[Setting]) -> String {
    let mask = &setting.mask;
    let mut parts = vec![mask.strategy.clone()];
    if all.iter().any(|other| other.mask.ratio_at(END) != mask.ratio_at(END)) {
        parts.push(format!("ratio {}", mask.ratio_at(END)));
    }
    let namesakes = || all.iter().filter(|other| other.mask.strategy == mask.strategy);
    if namesakes().any(|other| other.mask.params != mask.params) {
        let short = |text: String| text.chars().take(24).collect::<String>();
        parts.extend(
            mask.params
                .iter()
                .map(|(key, value)| format!("{key} {}", short(value.to_string()))),
        );
    }
    if all.iter().any(|other| other.grid != setting.grid) {
        parts.push(setting.grid.to_string());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn setting(strategy: &str, ratio: f64, params: &[(&str, bool)]) -> Setting {
        let params = params.iter().map(|(key, value)| ((*key).to_owned(), (*value).into()));
        Setting {
            mask: MaskSpec {
                strategy: strategy.into(),
                ratio,
                params: params.collect(),
                schedule: BTreeMap::new(),
            },
            grid: Grid::new(6, 6),
            patch: 8,
        }
    }

    #[test]
    fn names_say_what_differs_and_no_more() {
        let of = |all: &[Setting]| all.iter().map(|one| name(one, all)).collect::<Vec<_>>();
        let alike = [
            setting("random", 0.75, &[]),
            setting("block", 0.75, &[("flipped", true)]),
        ];
        assert_eq!(of(&alike), ["random", "block"]);
        let ratios = [setting("random", 0.5, &[]), setting("random", 0.75, &[])];
        assert_eq!(of(&ratios), ["random, ratio 0.5", "random, ratio 0.75"]);
        let params = [
            setting("block", 0.75, &[]),
            setting("block", 0.75, &[("flipped", true)]),
        ];
        assert_eq!(of(&params), ["block", "block, flipped true"]);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let registry = Registry::builtin();
        let drawn = measure(&setting("random", 0.75, &[]), &registry).unwrap();
        assert_eq!((drawn.hidden, drawn.stats.masks), (27, SAMPLES));
        assert!(drawn.rate.is_some_and(|rate| rate > 100.0), "{:?}", drawn.rate);
        assert_eq!(measure(&setting("no_such_strategy", 0.75, &[]), &registry), None);
    }
}
