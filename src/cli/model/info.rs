//! `mae-exp model info`: parameter counts and cost of a model.

use serde_json::{Value as Json, json};

use crate::model::ModelInfo;
use crate::spec::{model_part, parts};

use crate::cli::failure::Failure;
use crate::cli::table;

/// Arguments of `model info`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model part: a name such as base, or a file.
    part: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { part, json } = args;
    let Some(part) = part else { return all(json) };
    let info = ModelInfo::new(&model_part(&part)?);
    if json {
        return table::json(&json!(info));
    }
    let ModelInfo {
        encoder_params,
        total_params,
        trainable_params,
        grid,
        patch_values,
        gmacs,
        ..
    } = &info;
    println!("{}", info.variant);
    println!("  encoder parameters    {:>15}", grouped(*encoder_params));
    println!("  total parameters      {:>15}", grouped(*total_params));
    println!("  trainable parameters  {:>15}", grouped(*trainable_params));
    println!(
        "  patches               {} x {} = {}, {patch_values} values each",
        grid[0],
        grid[1],
        grid[0] * grid[1]
    );
    println!(
        "  GMAC a picture        {} encoder, {} encoder at 75 % hidden, {} decoder, {} at 75 % with decoder",
        table::number(gmacs.encoder_full),
        table::number(gmacs.encoder_at_75),
        table::number(gmacs.decoder),
        table::number(gmacs.total_at_75)
    );
    println!("  (counts include the fixed position tables; trainable ones do not)");
    Ok(())
}

fn all(json: bool) -> Result<(), Failure> {
    let names: Vec<String> = parts()
        .into_iter()
        .filter_map(|part| part.name.strip_prefix("model/").map(str::to_string))
        .collect();
    let mut infos = names
        .iter()
        .map(|name| Ok(ModelInfo::new(&model_part(name)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    infos.sort_by_key(|info| info.total_params);
    if json {
        return table::json(&json!({ "models": infos.iter().map(|i| json!(i)).collect::<Vec<Json>>() }));
    }
    let row = |i: &ModelInfo| {
        vec![
            i.variant.clone(),
            grouped(i.encoder_params),
            grouped(i.total_params),
            grouped(i.trainable_params),
            table::number(i.gmacs.total_at_75),
        ]
    };
    let rows: Vec<Vec<String>> = infos.iter().map(row).collect();
    table::print(&["model", "encoder", "total", "trainable", "GMAC at 75 %"], &rows);
    Ok(())
}

/// Digits in groups of three.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let head = digits.len() % 3;
    let mut groups: Vec<&str> = if head > 0 { vec![&digits[..head]] } else { Vec::new() };
    groups.extend((head..digits.len()).step_by(3).map(|i| &digits[i..i + 3]));
    groups.join(",")
}
