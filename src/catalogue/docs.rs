//! The page of all strategies, `docs/strategies.md`, made of what each says of itself and of masks that it draws, so that
//! it cannot drift from the code. A test compares the file with what is written here.

use std::fmt::Write as _;

use mae_strategies::{Error, Grid, Mask, MaskingStrategy, Needs, Param, Plan, Registry};

use super::{Profile, Sampling, Scene, draw, stand_ins};

const GRID: Grid = Grid::new(14, 14);
const RATIO: f64 = 0.75;
/// Masks drawn side by side.
const SHOWN: usize = 3;
/// Masks measured.
const MEASURED: usize = 200;

const OPENING: &str = "# Masking strategies

<!-- Made by `mae-exp strategies docs --out docs/strategies.md`; change the texts in strategies/*.rs. -->

A strategy is chosen with `mask.strategy`; its parameters stand in the same section `[mask]`. Each works on the patch grid,
draws one mask for every picture, and hides exactly the same number of patches in all of them. In the drawings `#` is hidden
and `.` visible; they are of 14x14 patches at `mask.ratio = 0.75`, with default parameters.

`mae-exp strategies show NAME` prints what stands here, `mae-exp strategies preview --out sheet.html` draws all of them on a
photograph, and `mae-exp strategies stats` measures them, with any parameters.

";

const TABLE: &str = "## Side by side

Means over 200 masks of 14x14 patches of 16 pixels, 147 of them hidden where the ratio sets the count. AvgDist is the mean
distance from the centre of a hidden patch to that of the nearest visible one, in pixels. Boundary edges are neighbouring
pairs of which one patch is hidden and one visible; hidden patches that share a side are one region. The last column is the
share of the masks that hide the patch which is hidden least often, and most often.

| strategy | hidden | AvgDist | boundary edges | regions | patches a region | least to most |
|---|---:|---:|---:|---:|---:|---:|
";

/// The page, in Markdown.
///
/// # Errors
/// When there is no photograph for the strategies that look at one, or a strategy cannot draw a mask.
pub fn page(registry: &Registry) -> Result<String, String> {
    let scene = Scene::new(GRID)?;
    let strategies: Vec<Entry> = registry
        .iter()
        .map(|s| Entry::of(s, registry, &scene))
        .collect::<Result<_, _>>()?;
    let mut out = OPENING.to_owned() + TABLE;
    for entry in &strategies {
        out.push_str(&entry.row());
    }
    let looks = strategies.iter().any(|e| !e.notes.is_empty());
    if looks {
        out.push_str("\n\\* What such a strategy needs to know, a photograph stands in for here: see its section.\n");
    }
    for entry in &strategies {
        out.push_str(&entry.section());
    }
    Ok(out)
}

/// A strategy, with masks where it draws any without being told more.
struct Entry {
    strategy: &'static dyn MaskingStrategy,
    drawn: Result<(Profile, Vec<Mask>), Error>,
    needs: Needs,
    notes: Vec<&'static str>,
}

impl Entry {
    fn of(strategy: &'static dyn MaskingStrategy, registry: &Registry, scene: &Scene) -> Result<Self, String> {
        let plan = registry.plan(strategy.id(), GRID, RATIO, Default::default());
        let needs = plan.as_ref().map(Plan::needs).unwrap_or_default();
        let drawn = match plan {
            Ok(plan) => Ok(masks(&plan, scene).map_err(|error| format!("{}: {error}", strategy.id()))?),
            Err(error) => Err(error),
        };
        Ok(Self {
            strategy,
            drawn,
            needs,
            notes: stand_ins(needs),
        })
    }

    fn row(&self) -> String {
        let Ok((profile, _)) = &self.drawn else {
            return String::new();
        };
        let (stats, (least, most)) = (&profile.stats, profile.extremes());
        format!(
            "| [{id}](#{id}){} | {} | {:.1} | {:.0} | {:.1} | {:.1} | {least:.2} to {most:.2} |\n",
            if self.notes.is_empty() { "" } else { "\\*" },
            profile.hidden,
            stats.avg_dist_px,
            stats.boundary_edges,
            stats.regions,
            stats.region_patches,
            id = self.strategy.id(),
        )
    }

    fn section(&self) -> String {
        let strategy = self.strategy;
        let mut out = format!(
            "\n## {}\n\n{}\n\n*Source:* {}.\n",
            strategy.id(),
            strategy.summary(),
            strategy.source()
        );
        let asked = asked(self.needs);
        if !asked.is_empty() {
            let _ = writeln!(out, "\n*Looks at:* {}.", asked.join(", "));
        }
        out.push_str(&parameters(strategy.params()));
        match &self.drawn {
            Ok((_, masks)) => {
                let _ = write!(out, "\n```text\n{}\n```\n", side_by_side(masks));
                for note in &self.notes {
                    let _ = writeln!(out, "\n{note}");
                }
            }
            Err(error) => {
                let _ = writeln!(out, "\nIt draws nothing with default parameters: {error}.");
            }
        }
        out
    }
}

fn masks(plan: &Plan, scene: &Scene) -> Result<(Profile, Vec<Mask>), Error> {
    let sampling = |masks| Sampling {
        seed: 0,
        masks,
        progress: 0.5,
        patch: 16,
    };
    let profile = Profile::of(plan, Some(scene), sampling(MEASURED))?;
    Ok((profile, draw(plan, Some(scene), sampling(SHOWN))?))
}

/// What a strategy must be told about each picture.
fn asked(needs: Needs) -> Vec<&'static str> {
    let all = [
        (needs.pixels, "the picture's pixels"),
        (needs.attention, "a teacher's attention"),
        (needs.loss, "the loss expected of each patch"),
        (needs.regions, "regions marked in a file"),
    ];
    all.into_iter()
        .filter(|(needed, _)| *needed)
        .map(|(_, text)| text)
        .collect()
}

fn parameters(params: &[Param]) -> String {
    if params.is_empty() {
        return "\nNo parameters besides `mask.ratio`.\n".to_owned();
    }
    let mut out = "\n| parameter | takes | default | |\n|---|---|---|---|\n".to_owned();
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    for param in params {
        let default = param
            .default_value()
            .map_or_else(|| "unset".to_owned(), |v| format!("`{v}`"));
        let (name, kind, doc) = (param.name, cell(&param.kind.to_string()), cell(param.doc));
        let _ = writeln!(out, "| `{name}` | {kind} | {default} | {doc} |");
    }
    out
}

/// Drawings of masks of one grid beside each other.
fn side_by_side(masks: &[Mask]) -> String {
    let drawings: Vec<String> = masks.iter().map(Mask::ascii).collect();
    let rows = masks.first().map_or(0, |mask| mask.grid().rows);
    let line = |row: usize| {
        let parts = drawings.iter().map(|d| d.lines().nth(row).unwrap_or_default());
        parts.collect::<Vec<_>>().join("    ")
    };
    (0..rows).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_has_its_section_with_every_parameter() {
        let registry = Registry::builtin();
        let text = page(&registry).unwrap();
        for strategy in registry.iter() {
            let id = strategy.id();
            let section = text
                .split(&format!("\n## {id}\n"))
                .nth(1)
                .unwrap_or_else(|| panic!("{id} is missing"));
            let section = section.split("\n## ").next().unwrap();
            assert!(
                section.contains(strategy.summary()) && section.contains(strategy.source()),
                "{id}"
            );
            for param in strategy.params() {
                assert!(
                    section.contains(&format!("| `{}` |", param.name)),
                    "{id}: {}",
                    param.name
                );
            }
            let drawn = section.contains("```text\n");
            assert!(
                drawn != section.contains("draws nothing with default parameters"),
                "{id}"
            );
        }
        let random = text.lines().find(|line| line.starts_with("| [random]")).unwrap();
        assert!(random.contains("| 147 | 19."), "{random}");
    }

    #[test]
    fn masks_stand_side_by_side() {
        let mask = |first| Mask::from_hidden(Grid::new(2, 2), &[first, true, false, false]);
        assert_eq!(side_by_side(&[mask(true), mask(false)]), "##    .#\n..    ..");
    }
}
