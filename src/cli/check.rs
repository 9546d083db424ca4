//! `mae-exp report --check FILE…`: whether committed tables still match the store. What differs goes to standard output, and
//! the exit code is 1 where anything does.

use std::fs;
use std::path::{Path, PathBuf};

use mae_strategies::Registry;

use crate::report::paper::{Claim, claims};
use crate::store::Store;

use super::failure::Failure;
use super::report::gather_all;

/// Differences told for one table; more are counted.
const MOST: usize = 40;

pub(super) fn run(files: &[PathBuf], store: &Store, registry: &Registry) -> Result<(), Failure> {
    let (mut tables, mut old) = (0, 0);
    for file in files {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
        let found = claims(&text).map_err(|error| unreadable(file, &error))?;
        for (i, claim) in found.iter().enumerate() {
            let name = if found.len() > 1 {
                format!("{} (table {})", file.display(), i + 1)
            } else {
                file.display().to_string()
            };
            let said = compare(claim, file, store, registry)?;
            tables += 1;
            old += usize::from(!said.is_empty());
            tell(&name, &said, store);
        }
    }
    if old > 0 {
        let of = anyhow::anyhow!("{old} of {tables} tables no longer match {}", store.path().display());
        return Err(of.into());
    }
    Ok(())
}

fn unreadable(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(format!("cannot check {}: {error}", file.display()))
}

fn tell(name: &str, said: &[String], store: &Store) {
    if said.is_empty() {
        println!("{name}: matches {}", store.path().display());
    }
    for line in said.iter().take(MOST) {
        println!("{name}: {line}");
    }
    if said.len() > MOST {
        println!("{name}: and {} more", said.len() - MOST);
    }
}

/// What differs, in words.
fn compare(claim: &Claim, file: &Path, store: &Store, registry: &Registry) -> Result<Vec<String>, Failure> {
    let (sweeps, mut said) = sweeps(claim, store)?;
    if sweeps.is_empty() {
        said.extend(said.is_empty().then(|| "it names no trial or sweep".to_owned()));
        return Ok(said);
    }
    let data = gather_all(store, &sweeps, registry)?;
    let differences = claim.differences(&data).map_err(|error| unreadable(file, &error))?;
    said.extend(differences.iter().map(ToString::to_string));
    Ok(said)
}

/// The sweeps that a table is made of, and what is to be said of those that the store does not have.
fn sweeps(claim: &Claim, store: &Store) -> Result<(Vec<String>, Vec<String>), Failure> {
    let mut found: Vec<String> = Vec::new();
    let Some(stamp) = &claim.stamp else {
        for trial in &claim.trials {
            if let Some(run) = store.run(trial)?
                && !found.contains(&run.sweep_id)
            {
                found.push(run.sweep_id);
            }
        }
        let none = found.is_empty().then(|| "the store has none of its trials".to_owned());
        return Ok((found, none.into_iter().collect()));
    };
    let known = store.sweeps()?;
    for id in &stamp.sweeps {
        if !known.iter().any(|s| s.id == *id) {
            let cure = format!(
                "sweep {id} is not in the store; the table was made from {}",
                stamp.store
            );
            return Ok((Vec::new(), vec![format!("{cure}, which --store may name")]));
        }
        found.push(id.clone());
    }
    Ok((found, Vec::new()))
}
