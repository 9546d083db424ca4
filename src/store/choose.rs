//! What several words on a command line mean together, where each may name a run or a whole sweep.

use sqlx::sqlite::SqliteConnection;

use super::error::StoreError;
use super::filter::RunFilter;
use super::rows::RunRow;
use super::select::{self, Candidate};
use super::{Store, gone, read};

/// Runs that were chosen, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chosen {
    /// The runs, in the order of the words, and within a sweep by position.
    pub runs: Vec<RunRow>,
    /// Ids of the sweeps that were named as such.
    pub sweeps: Vec<String>,
}

impl Chosen {
    /// Ids of the runs.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.runs.iter().map(|run| run.id.clone()).collect()
    }
}

/// What one word names.
enum Named<'a> {
    Sweep(&'a str),
    Run(&'a str),
}

impl Store {
    /// The runs that words mean. Each word is a sweep, of which all runs are meant, or else a run: id, `latest` (the newest
    /// sweep), name or label, or unique beginning of an id. A beginning that fits one of each is refused.
    pub fn choose(&self, words: &[String]) -> Result<Chosen, StoreError> {
        self.with(async |conn| choose(conn, words).await)
    }
}

pub(super) async fn choose(conn: &mut SqliteConnection, words: &[String]) -> Result<Chosen, StoreError> {
    let sweeps = read::sweep_candidates(conn).await?;
    let runs = read::run_candidates(conn).await?;
    let mut chosen = Chosen::default();
    for word in words {
        match name(word, &sweeps, &runs)? {
            Named::Sweep(id) => {
                let filter = RunFilter {
                    sweep: Some(id.to_owned()),
                    ..RunFilter::default()
                };
                let all = read::runs(conn, &filter).await?;
                all.into_iter().for_each(|run| chosen.add(run));
                chosen.sweeps.push(id.to_owned());
            }
            Named::Run(id) => chosen.add(read::run(conn, id).await?.ok_or_else(|| gone("run", id))?),
        }
    }
    Ok(chosen)
}

impl Chosen {
    fn add(&mut self, run: RunRow) {
        if self.runs.iter().all(|known| known.id != run.id) {
            self.runs.push(run);
        }
    }
}

fn name<'a>(word: &str, sweeps: &'a [Candidate], runs: &'a [Candidate]) -> Result<Named<'a>, StoreError> {
    if let Some(run) = runs.iter().find(|run| run.id == word) {
        return Ok(Named::Run(&run.id));
    }
    match (select::pick("sweep", word, sweeps), select::pick("run", word, runs)) {
        (Ok(sweep), Ok(run)) if is_beginning(word, sweep, sweeps) && run.starts_with(word) => {
            Err(StoreError::Refused {
                problem: format!("{word} fits sweep {sweep} and run {run}: give more of the id"),
            })
        }
        (Ok(sweep), _) => Ok(Named::Sweep(sweep)),
        (Err(StoreError::Unknown { .. }), Ok(run)) => Ok(Named::Run(run)),
        (Err(StoreError::Unknown { .. }), Err(error @ StoreError::Ambiguous { .. })) => Err(error),
        (Err(StoreError::Unknown { hint, selector, .. }), Err(_)) => Err(StoreError::Unknown {
            what: "run or sweep",
            selector,
            hint,
        }),
        (Err(error), _) => Err(error),
    }
}

/// Whether a sweep was found by a mere beginning of its id.
fn is_beginning(word: &str, id: &str, sweeps: &[Candidate]) -> bool {
    let is_name = |sweep: &Candidate| sweep.id == id && sweep.names.iter().any(|name| name == word);
    word != "latest" && word != id && !sweeps.iter().any(is_name)
}
