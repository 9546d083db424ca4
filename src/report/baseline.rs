//! The untrained network, patch means and chance, drawn into a figure that compares trained ones.

use super::figures::lower;
use super::format;
use super::groups::{Group, Groups};
use super::metrics::{EVAL_MSE, Metric};
use crate::plot::{Layer, On, Plot, Reference, Rgb};

/// Adds the baselines; returns what the caption must say about them.
pub(super) fn references(groups: &Groups, metric: &Metric, plot: &mut Plot) -> String {
    let on = if groups.axis().is_some() { On::Y } else { On::X };
    let mut said = String::new();
    if groups.baseline_varies() {
        let points: Vec<(f64, f64)> = groups
            .all
            .iter()
            .enumerate()
            .filter_map(|(i, g)| baseline_dot(groups, g, i, metric))
            .collect();
        if !points.is_empty()
            && within_reach(
                groups,
                metric,
                &points
                    .iter()
                    .map(|p| if on == On::Y { p.1 } else { p.0 })
                    .collect::<Vec<_>>(),
            )
        {
            plot.layers.insert(
                0,
                Layer::Dots {
                    points,
                    colour: Rgb::GREY,
                    radius: 3.2,
                    filled: false,
                    opacity: 1.0,
                },
            );
            said = format!(
                " Open grey circles: {} of the same {} network.",
                lower(metric.title),
                groups.start
            );
        }
    } else if let Some(mean) = groups.untrained(metric).mean.map(|m| m * metric.factor) {
        if within_reach(groups, metric, &[mean]) {
            plot.references.push(Reference {
                value: mean,
                label: groups.start.to_owned(),
                on,
            });
        } else {
            said = format!(
                " The {} network ({} {}) lies outside the axes.",
                groups.start,
                metric.title,
                format::fixed(mean, metric.decimals)
            );
        }
    }
    if let (true, Some(fill)) = (metric.name == EVAL_MSE.name, groups.mean_fill()) {
        if within_reach(groups, metric, &[fill]) {
            plot.references.push(Reference {
                value: fill,
                label: "patch means".to_owned(),
                on,
            });
            said.push_str(" Patch means: every hidden patch filled with its own mean.");
        } else {
            said.push_str(&format!(
                " Filling every hidden patch with its own mean ({} {}) lies outside the axes.",
                metric.title,
                format::fixed(fill, metric.decimals_for(std::iter::once(fill)))
            ));
        }
    }
    if let (Some(_), Some(chance)) = (metric.chance(), groups.chance()) {
        plot.references.push(Reference {
            value: chance * metric.factor,
            label: "chance".to_owned(),
            on,
        });
    }
    said
}

fn baseline_dot(groups: &Groups, group: &Group, index: usize, metric: &Metric) -> Option<(f64, f64)> {
    let value = group.untrained(metric).mean? * metric.factor;
    Some(match groups.axis() {
        Some(axis) => (group.point[axis].as_f64()?, value),
        None => (value, (groups.all.len() - 1 - index) as f64),
    })
}

/// Whether baselines can be drawn without flattening the values: always for accuracies, else within twice their span.
fn within_reach(groups: &Groups, metric: &Metric, baselines: &[f64]) -> bool {
    let values: Vec<f64> = groups
        .all
        .iter()
        .flat_map(|g| g.values(metric.name))
        .map(|v| v.1 * metric.factor)
        .filter(|v| v.is_finite())
        .collect();
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let reach = 2.0 * (high - low);
    metric.unit == "%" || baselines.iter().all(|b| *b >= low - reach && *b <= high + reach)
}
