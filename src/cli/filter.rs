//! The conditions that every listing of runs takes.

use mae_strategies::Registry;

use crate::store::rows::Status;
use crate::store::{Chosen, Order, RunFilter, Store};

use super::failure::Failure;
use super::outside;

/// Runs named on the command line, chosen by conditions, or both.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ChoiceOption {
    /// Runs or whole sweeps: name, id, unique prefix of an id, or latest (the newest sweep). With conditions, those of them
    /// for which these hold; conditions alone choose among all runs.
    #[arg(value_name = "RUN|SWEEP")]
    which: Vec<String>,
    #[command(flatten)]
    filter: FilterOption,
}

impl ChoiceOption {
    /// The runs that are meant.
    pub(super) fn choose(&self, store: &Store, registry: &Registry) -> Result<Chosen, Failure> {
        if self.filter.is_empty() {
            return match self.which.as_slice() {
                [] => Err(Failure::usage(
                    "no run is named: give runs, sweeps or conditions such as --status failed",
                )),
                words => Ok(store.choose(words)?),
            };
        }
        let mut runs = store.runs(&self.filter.filter(store, registry)?)?;
        if !self.which.is_empty() {
            let named = store.choose(&self.which)?.ids();
            runs.retain(|run| named.contains(&run.id));
        }
        match runs.is_empty() {
            true => Err(Failure::usage("no run is as asked for: see mae-exp runs")),
            // No sweep is chosen as a whole, even when all its runs are.
            false => Ok(Chosen {
                runs,
                sweeps: Vec::new(),
            }),
        }
    }
}

/// Which runs to list, and in which order.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FilterOption {
    /// Only runs of this sweep: name, id, unique prefix of an id, or latest.
    #[arg(long)]
    sweep: Option<String>,
    /// Only runs in this state: queued, running, finished, pruned, failed, diverged, interrupted or crashed.
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only runs with this tag; may be repeated, then all must be there.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only runs whose configuration has this value, such as `mask.ratio=0.75`; may be repeated, then all must hold.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    conditions: Vec<String>,
    /// Only runs started since then: a day (2026-01-31, in UTC), a time (2026-01-31T12:00:00Z), or so long ago (30m, 12h,
    /// 3d, 2w).
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<String>,
    /// Only so many; those started last, unless --sort says otherwise.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Order: `started` (latest first) or a metric such as `knn_accuracy` (highest last value first); with `:asc` behind it
    /// the other way round. Runs without the metric come last. By default by sweep and place in it.
    #[arg(long, value_name = "METRIC|started", allow_hyphen_values = true)]
    sort: Option<String>,
}

impl FilterOption {
    /// Whether there is no condition at all.
    fn is_empty(&self) -> bool {
        let Self {
            sweep,
            status,
            tags,
            conditions,
            since,
            limit,
            sort: _,
        } = self;
        let options = [sweep.is_some(), status.is_some(), since.is_some(), limit.is_some()];
        tags.is_empty() && conditions.is_empty() && !options.contains(&true)
    }

    /// The filter, with its words understood.
    pub(super) fn filter(&self, store: &Store, registry: &Registry) -> Result<RunFilter, Failure> {
        let sweep = self.sweep.as_ref().map(|word| store.find_sweep(word)).transpose()?;
        let condition = |text: &String| crate::spec::condition("--where", text, registry);
        Ok(RunFilter {
            sweep: sweep.map(|sweep| sweep.id),
            status: self.status,
            tags: self.tags.clone(),
            values: self.conditions.iter().map(condition).collect::<Result<_, _>>()?,
            since: self.since.clone(),
            order: self.order(store)?,
            limit: self.limit,
        })
    }

    fn order(&self, store: &Store) -> Result<Order, Failure> {
        let Some(sort) = &self.sort else {
            let latest = Order::Started { ascending: false };
            return Ok(self.limit.map_or(Order::Sweep, |_| latest));
        };
        let (name, direction) = sort.split_once(':').unwrap_or((sort, "desc"));
        let ascending = match direction {
            "asc" => true,
            "desc" => false,
            _ => {
                return Err(Failure::usage(format!(
                    "--sort {sort} is not understood: write {name}:asc or {name}:desc"
                )));
            }
        };
        if name == "started" {
            return Ok(Order::Started { ascending });
        }
        let name = store.find_metric(name)?;
        Ok(Order::Metric { name, ascending })
    }
}

fn status(text: &str) -> Result<Status, String> {
    let words = || Status::ALL.map(Status::as_str).join(", ");
    Status::parse(text).ok_or_else(|| format!("use one of {}", words()))
}

/// A moment as the store writes it.
fn since(text: &str) -> Result<String, String> {
    moment(text, jiff::Timestamp::now())
        .map(outside::written)
        .ok_or_else(|| {
            "give a day (2026-01-31), a time (2026-01-31T12:00:00Z), or so long ago (30m, 12h, 3d, 2w)".into()
        })
}

fn moment(text: &str, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if text.len() == "2026-01-31".len() && text.contains('-') {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: i64 = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    let ago = jiff::SignedDuration::from_secs(seconds.checked_mul(count.into())?);
    now.checked_sub(ago).ok()
}

#[cfg(test)]
mod tests {
    use super::{moment, status};

    #[test]
    fn times_are_in_the_order_of_their_texts() {
        let seconds = ["00", "00.001", "00.12", "00.1234", "00.5", "01"];
        let written: Vec<String> = seconds
            .iter()
            .map(|second| super::since(&format!("2026-03-10T12:00:{second}Z")).unwrap())
            .collect();
        assert!(written.is_sorted(), "{written:?}");
        assert_eq!(written[0], "2026-03-10T12:00:00.000Z");
    }

    #[test]
    fn moments_are_days_times_and_spans() {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let said = |text: &str| moment(text, now).map(|time| time.to_string());
        for (text, time) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12:30:00+02:00", "2026-01-31T10:30:00Z"),
            ("30m", "2026-03-10T11:30:00Z"),
            ("12h", "2026-03-10T00:00:00Z"),
            ("3d", "2026-03-07T12:00:00Z"),
            ("2w", "2026-02-24T12:00:00Z"),
        ] {
            assert_eq!(said(text).as_deref(), Some(time), "{text}");
        }
        for text in [
            "",
            "d",
            "3",
            "-3d",
            "3y",
            "yesterday",
            "2026-13-01",
            "2026-01-31T12:30",
            "4294967295w",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn every_state_can_be_asked_for() {
        assert!(status("pruned").is_ok());
        assert!(status("done").unwrap_err().contains("crashed"));
    }
}
