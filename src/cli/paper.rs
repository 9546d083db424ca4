//! `mae-exp report --paper`: figures and tables for a paper, as files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::report::ReportData;
use crate::report::paper::{Form, figures, figures_tex, table};

use super::failure::Failure;

/// Writes `figures/`, `tables/` and `figures.tex` below `folder`; returns where they are.
pub(super) fn write(data: &ReportData, folder: &Path, store: &str) -> Result<Vec<PathBuf>, Failure> {
    let (pictures, tables) = (folder.join("figures"), folder.join("tables"));
    let including = folder.join("figures.tex");
    let drawn = figures(data).map_err(anyhow::Error::new)?;
    for figure in &drawn {
        save(&pictures.join(figure.name() + ".svg"), figure.printed.svg.as_bytes())?;
        save(&pictures.join(figure.name() + ".pdf"), &figure.printed.pdf)?;
    }
    for form in Form::ALL {
        let file = tables.join(form.file());
        save(&file, table(data, form, store).as_bytes())?;
    }
    save(&including, figures_tex(&drawn, data).as_bytes())?;
    let pictures = (!drawn.is_empty()).then_some(pictures);
    Ok(pictures.into_iter().chain([tables, including]).collect())
}

fn save(file: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}
