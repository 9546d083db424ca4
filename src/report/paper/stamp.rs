//! What a table says about itself: program, store, sweeps, a digest of the numbers, and the trials of every row; one line
//! of JSON inside a comment, so that a committed table can be checked against the store.

use serde::{Deserialize, Serialize};

use super::super::data::ReportData;
use super::super::groups::Groups;

/// What the comment of a stamp opens with: that of the table, and that of paired differences.
pub(super) const OPENINGS: [&str; 2] = ["mae-exp table ", "mae-exp differences "];

/// What a table was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Version of the program that wrote it.
    pub program: String,
    /// The store it was made from, as it was named.
    pub store: String,
    /// Ids of its sweeps.
    pub sweeps: Vec<String>,
    /// Digest of state and last values of every trial, of all digits.
    pub numbers: String,
    /// Ids of the finished trials of each row, in the order of the rows.
    pub rows: Vec<Vec<String>>,
}

impl Stamp {
    /// The stamp of a table of `data`.
    pub(super) fn of(data: &ReportData, store: &str) -> Self {
        let groups = Groups::of(data);
        let counted = |group: &super::super::groups::Group| {
            let runs = group.runs.iter().filter(|r| r.finished());
            runs.map(|r| r.run.id.clone()).collect()
        };
        Self {
            program: format!("mae-exp {}", data.version),
            store: store.to_owned(),
            sweeps: sweeps(data),
            numbers: digest(data),
            rows: groups.all.iter().map(counted).collect(),
        }
    }

    /// The stamp as one line that may stand in a comment of LaTeX and of HTML.
    pub(super) fn line(&self, opening: &str) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!(
            "{opening}{}",
            commented(&json.replace("--", "-\\u002d").replace('>', "\\u003e"))
        )
    }

    /// The stamp at the beginning of `text`, where that begins with one of [`OPENINGS`].
    pub(super) fn read(text: &str) -> Option<Self> {
        let json = OPENINGS.iter().find_map(|o| text.strip_prefix(o))?;
        serde_json::Deserializer::from_str(json).into_iter().next()?.ok()
    }
}

/// Ids of the sweeps of a report; joined ones have theirs in one.
pub(super) fn sweeps(data: &ReportData) -> Vec<String> {
    data.sweep
        .id
        .split(super::super::join::AND)
        .map(str::to_owned)
        .collect()
}

/// Which sweep and which trials something is made of, in words.
pub(super) fn sources(data: &ReportData) -> String {
    let trials: Vec<&str> = data.runs.iter().map(|r| r.run.id.as_str()).collect();
    format!(
        "mae-exp {}; sweep {} ({}); trials: {}",
        data.version,
        data.sweep.name,
        data.sweep.id,
        trials.join(" ")
    )
}

/// Text that does not end the comment that it stands in.
pub(super) fn commented(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Every trial with its state and its last values, whatever their order in the store.
fn digest(data: &ReportData) -> String {
    let mut said: Vec<String> = vec![];
    for run in &data.runs {
        said.push(format!("{}\t{}", run.run.id, run.run.status.as_str()));
        let mut names: Vec<&str> = run.metrics.iter().map(|m| m.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let values = names.into_iter().filter_map(|n| Some((n, run.last(n)?)));
        said.extend(values.map(|(n, v)| format!("{}\t{n}\t{:016x}", run.run.id, v.to_bits())));
    }
    said.sort_unstable();
    blake3::hash(said.join("\n").as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::ratios;
    use super::*;

    #[test]
    fn stamps_are_read_back_from_any_comment() {
        let mut data = ratios(0.1);
        data.runs[0].run.id = "a--><script>\n%".into();
        let stamp = Stamp::of(&data, "runs/my--store>.db");
        let line = stamp.line(OPENINGS[0]);
        assert!(
            !line.contains("--") && !line.contains('>') && !line.contains('\n'),
            "{line}"
        );
        assert_eq!(Stamp::read(&format!("{line} -->\n| a |")), Some(stamp.clone()));
        assert_eq!(stamp.rows.len(), 2);
        assert_eq!(stamp.rows[1], ["run3", "run4", "run5"]);
        assert_eq!(Stamp::read("mae-exp table of contents"), None);
    }

    #[test]
    fn the_digest_sees_the_last_digit_and_not_the_order() {
        let data = ratios(0.1);
        let mut turned = data.clone();
        turned.runs.reverse();
        assert_eq!(digest(&data), digest(&turned));
        let point = turned.runs[0].metrics.last_mut().unwrap();
        point.value = f64::from_bits(point.value.to_bits() + 1);
        assert_ne!(digest(&data), digest(&turned));
        turned.runs.pop();
        assert_ne!(digest(&data), digest(&turned));
    }
}
