//! `mae-exp strategies list` and `show`: what each strategy says of itself.

use mae_strategies::{MaskingStrategy, Registry};
use serde_json::{Value as Json, json};

use crate::cli::failure::Failure;
use crate::cli::table;

pub(super) fn list(registry: &Registry, json: bool) -> Result<(), Failure> {
    if json {
        return table::json(&json!({ "strategies": registry.iter().map(describe).collect::<Vec<_>>() }));
    }
    let row = |s: &'static dyn MaskingStrategy| vec![s.id().to_string(), s.summary().to_string()];
    table::print(&["strategy", "hides"], &registry.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn describe(strategy: &'static dyn MaskingStrategy) -> Json {
    let param = |p: &mae_strategies::Param| {
        json!({
            "name": p.name,
            "kind": p.kind.to_string(),
            "default": p.default_value().map(|v| v.to_string()),
            "doc": p.doc,
        })
    };
    let params: Vec<Json> = strategy.params().iter().map(param).collect();
    json!({ "name": strategy.id(), "summary": strategy.summary(), "source": strategy.source(), "params": params })
}

pub(super) fn show(strategy: &'static dyn MaskingStrategy, json: bool) -> Result<(), Failure> {
    if json {
        return table::json(&describe(strategy));
    }
    println!(
        "{}: {}\nsource: {}",
        strategy.id(),
        strategy.summary(),
        strategy.source()
    );
    if strategy.params().is_empty() {
        println!("no parameters of its own; mask.ratio sets the share of hidden patches");
        return Ok(());
    }
    println!();
    let row = |p: &mae_strategies::Param| {
        let default = p.default_value().map_or_else(|| "-".to_string(), |v| v.to_string());
        vec![p.name.to_string(), p.kind.to_string(), default, p.doc.to_string()]
    };
    table::print(
        &["parameter", "kind", "default", ""],
        &strategy.params().iter().map(row).collect::<Vec<_>>(),
    );
    Ok(())
}
