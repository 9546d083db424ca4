//! Which row a word on the command line means: a full id, `latest`, a name (the newest of that name) or a unique
//! beginning of an id, tried in that order. Pure: the candidates come in, newest first.

use super::error::StoreError;

/// A row that can be selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its id.
    pub(super) id: String,
    /// Names it goes by.
    pub(super) names: Vec<String>,
    /// What to show beside the id where several fit.
    pub(super) note: String,
}

/// Candidates named in a message.
const SHOWN: usize = 5;
/// Likeness (Jaro-Winkler, 0 to 1) from which a name is worth suggesting.
const NEAR: f64 = 0.75;

/// The candidate a selector means.
pub(super) fn pick<'a>(what: &'static str, selector: &str, all: &'a [Candidate]) -> Result<&'a str, StoreError> {
    if all.is_empty() || selector.is_empty() {
        return Err(unknown(what, selector, all));
    }
    let exact = all.iter().find(|one| one.id == selector);
    let latest = || all.first().filter(|_| selector == "latest");
    let named = || all.iter().find(|one| one.names.iter().any(|name| name == selector));
    if let Some(one) = exact.or_else(latest).or_else(named) {
        return Ok(&one.id);
    }
    let fitting: Vec<&Candidate> = all.iter().filter(|one| one.id.starts_with(selector)).collect();
    match fitting.as_slice() {
        [one] => Ok(&one.id),
        [] => Err(unknown(what, selector, all)),
        several => Err(ambiguous(what, selector, several)),
    }
}

fn ambiguous(what: &'static str, selector: &str, fitting: &[&Candidate]) -> StoreError {
    let mut shown: Vec<String> = fitting
        .iter()
        .take(SHOWN)
        .map(|one| format!("{} ({})", one.id, one.note))
        .collect();
    if fitting.len() > SHOWN {
        shown.push("…".to_owned());
    }
    StoreError::Ambiguous {
        what,
        selector: selector.to_owned(),
        count: fitting.len(),
        candidates: shown.join(", "),
    }
}

fn unknown(what: &'static str, selector: &str, all: &[Candidate]) -> StoreError {
    let near = nearest(selector, all);
    let hint = if all.is_empty() {
        "the store is empty, run `mae-exp sweep FILE` first".to_owned()
    } else if near.is_empty() {
        "`mae-exp runs` lists what there is".to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    StoreError::Unknown {
        what,
        selector: if selector.is_empty() { "\"\"" } else { selector }.to_owned(),
        hint,
    }
}

/// Up to three ids or names that look like the selector, likest first.
fn nearest<'a>(selector: &str, all: &'a [Candidate]) -> Vec<&'a str> {
    let words = all.iter().flat_map(|one| one.names.iter().chain([&one.id]));
    let mut scored: Vec<(f64, &str)> = words
        .map(|word| (strsim::jaro_winkler(selector, word), word.as_str()))
        .filter(|(score, _)| *score >= NEAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, word)| *word);
    scored.into_iter().take(3).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, name: &str) -> Candidate {
        Candidate {
            id: id.into(),
            names: vec![name.into()],
            note: name.into(),
        }
    }

    fn some() -> Vec<Candidate> {
        vec![
            candidate("k3f9a1", "mask_ratio"),
            candidate("k3x000", "strategies"),
            candidate("b2c444", "mask_ratio"),
        ]
    }

    #[test]
    fn every_way_to_select() {
        let all = some();
        for (selector, id) in [
            ("b2c444", "b2c444"),
            ("latest", "k3f9a1"),
            ("mask_ratio", "k3f9a1"),
            ("strategies", "k3x000"),
            ("b", "b2c444"),
            ("k3f", "k3f9a1"),
        ] {
            assert_eq!(pick("sweep", selector, &all).unwrap(), id, "{selector}");
        }
    }

    #[test]
    fn a_prefix_that_is_also_a_full_id_is_that_id() {
        let all = [candidate("ab", "x"), candidate("abc", "y")];
        assert_eq!(pick("run", "ab", &all).unwrap(), "ab");
    }

    #[test]
    fn several_are_listed() {
        let error = pick("sweep", "k3", &some()).unwrap_err().to_string();
        assert_eq!(
            error,
            "k3 fits 2 sweeps: give more of the id: k3f9a1 (mask_ratio), k3x000 (strategies)"
        );
    }

    #[test]
    fn a_miss_suggests() {
        let error = |selector| pick("sweep", selector, &some()).unwrap_err().to_string();
        assert_eq!(
            error("mask_rato"),
            "no sweep called mask_rato: did you mean mask_ratio?"
        );
        assert_eq!(error("zzz"), "no sweep called zzz: `mae-exp runs` lists what there is");
        assert_eq!(error(""), "no sweep called \"\": `mae-exp runs` lists what there is");
        let none = pick("run", "latest", &[]).unwrap_err().to_string();
        assert_eq!(
            none,
            "no run called latest: the store is empty, run `mae-exp sweep FILE` first"
        );
    }
}
