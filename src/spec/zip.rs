//! `zip`: listed keys whose values move together, the first with the first, the second with the second.
//! It must not touch cases, draws or keys under a condition.

use serde_json::Value;

use super::error::{SpecError, did_you_mean};
use super::factor::{Choice, Factor};

/// Joins the factors that `zip` names, each group at the place of its first member in the file.
pub(super) fn join(factors: &mut Vec<Factor>, zip: &Value, file: &str) -> Result<(), SpecError> {
    let expected = "a list of lists of two keys or more, such as [[\"train.epochs\", \"train.blr\"]]";
    let wrong = || SpecError::wrong_type("zip", file, expected, zip);
    for group in zip.as_array().filter(|groups| !groups.is_empty()).ok_or_else(wrong)? {
        let names = group.as_array().filter(|names| names.len() > 1).ok_or_else(wrong)?;
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        one(factors, &names.ok_or_else(wrong)?, file)?;
    }
    Ok(())
}

fn one(factors: &mut Vec<Factor>, names: &[&str], file: &str) -> Result<(), SpecError> {
    let refuse = |text: String| Err(SpecError::Invalid(format!("zip in {file} names {text}")));
    let mut places = Vec::new();
    for name in names {
        let Some(at) = factors
            .iter()
            .position(|factor| factor.keys.iter().any(|key| key == name))
        else {
            let keys = factors.iter().flat_map(|factor| &factor.keys).map(String::as_str);
            let near = did_you_mean(name, keys);
            let cure = if near.is_empty() {
                ": give it a list under [sweep]".into()
            } else {
                near
            };
            return refuse(format!("{name}, which is not swept{cure}"));
        };
        let factor = &factors[at];
        if places.contains(&at) || factor.keys.len() > 1 {
            return refuse(format!("{name} twice: keep one"));
        }
        if factor.drawn {
            return refuse(format!(
                "{name}, which is drawn: drawn keys are one point already, leave it out"
            ));
        }
        if factor.when.keys().next().is_some() {
            return refuse(format!("{name}, which has a condition: write [[sweep.cases]] instead"));
        }
        if *name == "case" {
            return refuse(format!("{name}: add the keys to the cases instead"));
        }
        places.push(at);
    }
    let lengths: Vec<usize> = places.iter().map(|at| factors[*at].choices.len()).collect();
    if lengths.iter().any(|length| *length != lengths[0]) {
        let counted = names
            .iter()
            .zip(&lengths)
            .map(|(name, length)| format!("{name} {length}"));
        let counted = counted.collect::<Vec<_>>().join(", ");
        return Err(SpecError::Invalid(format!(
            "zip in {file} needs lists of one length, found {counted}: give each as many values"
        )));
    }
    merge(factors, &places);
    Ok(())
}

/// One factor of several, at the first place of them.
fn merge(factors: &mut Vec<Factor>, places: &[usize]) {
    let at = places.iter().copied().min().unwrap_or_default();
    let joined = |index: usize| Choice {
        values: places
            .iter()
            .flat_map(|place| factors[*place].choices[index].values.clone())
            .collect(),
        layers: places
            .iter()
            .flat_map(|place| factors[*place].choices[index].layers.clone())
            .collect(),
    };
    let choices = (0..factors[at].choices.len()).map(joined).collect();
    factors[at].keys = places.iter().flat_map(|place| factors[*place].keys.clone()).collect();
    factors[at].choices = choices;
    let mut gone: Vec<usize> = places.iter().copied().filter(|place| *place != at).collect();
    gone.sort_unstable();
    gone.into_iter().rev().for_each(|place| _ = factors.remove(place));
}
