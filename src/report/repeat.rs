//! Commands that repeat a sweep, go on with it and read its data.

use super::data::{ReportData, RunReport};
use super::format;
use super::join::AND;

/// What each command is for, and the command.
pub(super) fn commands(data: &ReportData) -> Vec<(String, String)> {
    if data.sweep.id.contains(AND) {
        return joined(data);
    }
    let sweep = &data.sweep;
    let again = match recorded(data) {
        Some(command) => ("the command that trained it".to_owned(), command),
        None => (
            "run it again, or what is missing of it".to_owned(),
            format!("mae-exp sweep {}", shell(&sweep.file)),
        ),
    };
    let on = (
        "go on with what is missing of it, with the configuration shown here".to_owned(),
        format!("mae-exp resume {}", shell(&sweep.id)),
    );
    let table = (
        "the table for a paper".to_owned(),
        format!("mae-exp export {} --format latex", shell(&sweep.name)),
    );
    let sql = sweep.name.replace('\'', "''").replace('"', "\\\"");
    let ask = (
        "ask the store".to_owned(),
        format!(
            "sqlite3 runs/mae-exp.db \"SELECT label, value FROM last_metrics \
             WHERE sweep = '{sql}' AND name = 'knn_accuracy' ORDER BY value DESC\""
        ),
    );
    vec![again, on, table, ask]
}

/// Commands of joined sweeps: what is said of one is said of each.
fn joined(data: &ReportData) -> Vec<(String, String)> {
    let ids: Vec<String> = data.sweep.id.split(AND).map(shell).collect();
    let on = |id: &String| {
        let why = "go on with what is missing of a sweep, with the configuration in the store";
        (why.to_owned(), format!("mae-exp resume {id}"))
    };
    let all = ids.join(" ");
    let page = ("this page again".to_owned(), format!("mae-exp report {all}"));
    let table = (
        "the table for a paper".to_owned(),
        format!("mae-exp export {all} --format latex"),
    );
    ids.iter().map(on).chain([page, table]).collect()
}

/// The command line of the first trial that has one, with the environment variables that configured it. A command that
/// only went on with the sweep counts where there is no other.
fn recorded(data: &ReportData) -> Option<String> {
    let lines = || {
        data.runs
            .iter()
            .filter_map(|r| Some((r, program_bare(r.run.environment.get("command")?.as_str()?)?)))
    };
    let (run, line) = lines()
        .find(|(_, line)| !line.starts_with("mae-exp resume "))
        .or_else(|| lines().next())?;
    Some(variables(run).into_iter().chain([line]).collect::<Vec<_>>().join(" "))
}

/// Commands about one trial: everything recorded about it, and the command that trained it.
pub(super) fn trial(run: &RunReport) -> Vec<String> {
    let line = run
        .run
        .environment
        .get("command")
        .and_then(|c| program_bare(c.as_str()?));
    let trained = line.map(|line| variables(run).into_iter().chain([line]).collect::<Vec<_>>().join(" "));
    std::iter::once(format!("mae-exp show {}", shell(&run.run.id)))
        .chain(trained)
        .collect()
}

/// The command line with its program reduced from a path to `mae-exp`.
fn program_bare(line: &str) -> Option<String> {
    let line = line.trim();
    let named = ["mae-exp.exe ", "mae-exp "].iter().find_map(|name| {
        let (before, after) = line.split_once(name)?;
        (before.is_empty() || before.ends_with(['/', '\\'])).then_some(after)
    });
    let arguments = named.or_else(|| line.split_once(' ').map(|l| l.1))?;
    Some(format!("mae-exp {arguments}"))
}

/// Environment variables that gave this run a value, as assignments.
fn variables(run: &RunReport) -> Vec<String> {
    let given = |(key, value): (String, &serde_json::Value)| {
        let variable = run.run.origins.get(&key)?.as_str()?.strip_prefix("environment ")?;
        Some(format!("{variable}={}", shell(&format::value(value))))
    };
    run.settings().into_iter().filter_map(given).collect()
}

/// A word for the shell, quoted where needed.
fn shell(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/+".contains(c));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ratios, report, run};
    use super::*;

    fn first(data: &ReportData) -> String {
        commands(data)[0].1.clone()
    }

    #[test]
    fn the_recorded_command_is_shown_as_it_was_given() {
        let mut only = run(0, json!({}), 0, &[]);
        only.run.environment =
            json!({"command": "/opt/bin/mae-exp run model/nano data/photos --set train.epochs=3 --device cuda"});
        only.run.origins =
            json!({"train.epochs": "--set", "eval.knn_k": "environment MAE_EXP_EVAL__KNN_K", "seed": "sweep"});
        let mut data = report(json!([]), vec![only]);
        data.sweep.file = "model/nano data/photos".into();
        assert_eq!(
            first(&data),
            "MAE_EXP_EVAL__KNN_K=20 mae-exp run model/nano data/photos --set train.epochs=3 --device cuda"
        );
        let all = commands(&data);
        assert_eq!(all[1].1, "mae-exp resume s1");
        assert!(all.iter().all(|c| !c.1.contains("mae-exp sweep")), "{all:?}");
    }

    #[test]
    fn a_command_that_started_the_sweep_comes_before_one_that_went_on() {
        let mut data = ratios(0.1);
        assert_eq!(first(&data), "mae-exp sweep experiments/test.toml", "none recorded");
        data.runs[1].run.environment = json!({"command": "mae-exp resume s1"});
        assert_eq!(first(&data), "mae-exp resume s1");
        data.runs[2].run.environment = json!({"command": "target/release/mae-exp sweep experiments/test.toml"});
        assert_eq!(first(&data), "mae-exp sweep experiments/test.toml");
    }

    #[test]
    fn programs_are_bare_whatever_their_path() {
        assert_eq!(
            program_bare("/my tools/mae-exp run a.toml").unwrap(),
            "mae-exp run a.toml"
        );
        assert_eq!(
            program_bare("C:\\bin\\mae-exp.exe sweep a.toml").unwrap(),
            "mae-exp sweep a.toml"
        );
        assert_eq!(program_bare("./renamed run a.toml").unwrap(), "mae-exp run a.toml");
        assert_eq!(program_bare("mae-exp"), None);
    }
}
