//! What is kept of anomaly maps beside a run, for the report of its sweep: a few pictures, the same for every model that judges
//! the set. The folder of `--out` has all of them.

use crate::cli::failure::Failure;
use crate::data::Picture;
use crate::data::inspection::Kind;
use crate::eval::anomaly::draw::overlay;
use crate::store::rows;

use super::anomaly::{Found, Judged};
use super::anomaly_files::{encoded, scale};

/// How many pictures of each kind, evenly chosen by name.
const KEPT: [(Kind, usize); 2] = [(Kind::Defective, 4), (Kind::Good, 2)];

/// Pictures and their maps laid over them; none where there is no figure that they belong to.
pub(super) fn kept(found: &Found) -> Result<Vec<rows::Picture>, Failure> {
    if found.auroc.is_none() {
        return Ok(Vec::new());
    }
    let top = scale(found);
    let mut kept = Vec::new();
    for (item, one) in KEPT
        .iter()
        .flat_map(|(kind, most)| chosen(found, *kind, *most))
        .enumerate()
    {
        let over = overlay(&one.picture, &one.map, top, one.marked.as_deref());
        kept.push(row(item, one, "original", &one.picture)?);
        kept.push(row(item, one, "overlay", &over)?);
    }
    Ok(kept)
}

fn chosen(found: &Found, kind: Kind, most: usize) -> Vec<&Judged> {
    let all: Vec<&Judged> = found.judged.iter().filter(|one| one.known.kind == kind).collect();
    let wanted = most.min(all.len());
    (0..wanted).map(|i| all[i * all.len() / wanted]).collect()
}

fn row(item: usize, one: &Judged, kind: &str, picture: &Picture) -> Result<rows::Picture, Failure> {
    Ok(rows::Picture {
        kind: kind.into(),
        item: item as i64,
        caption: one.known.name.clone(),
        epoch: 0.0,
        width: picture.width as i64,
        height: picture.height as i64,
        png: encoded(picture)?,
    })
}
