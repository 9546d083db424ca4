//! `mae-exp report --watch`: the page as a file that follows its sweep, for those who look at it without a server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mae_strategies::Registry;

use crate::report::html;
use crate::serve::watched;
use crate::store::rows::Status;
use crate::store::{RunFilter, Store};

use super::failure::Failure;
use super::{files, outside, progress, report};

/// Time between two looks at the store.
const PAUSE: Duration = Duration::from_secs(1);
/// How many times as long as a page took to write none is written after it, so that watching takes little from training.
const REST: u32 = 10;
/// How long no trial may be in training, with some left, before the sweep is taken for stopped.
const QUIET: Duration = Duration::from_secs(30);

/// What a look at the store shows.
struct Look {
    sign: String,
    /// Trials that are not over.
    open: u64,
    /// Whether one of them is being trained.
    trains: bool,
}

/// Writes the page of a sweep until the sweep has ended, or Ctrl-C; the last one is as `mae-exp report` writes it.
pub(super) fn run(target: &str, sweep: &str, folder: &Path, registry: &Registry) -> Result<(), Failure> {
    let stop = stop_on_signal()?;
    let page = folder.join("index.html");
    files::folder(folder)?;
    let (mut written, mut due, mut trained) = (String::new(), Instant::now(), Instant::now());
    loop {
        let begun = Instant::now();
        let look = look(target, sweep)?;
        if look.trains {
            trained = begun;
        }
        let ended = look.open == 0 || trained.elapsed() > QUIET;
        if ended || stop.load(Ordering::Relaxed) {
            files::write(&page, build(target, sweep, registry)?.as_bytes())?;
            println!("{}", page.display());
            progress::tell(&last_words(ended, &look, sweep));
            return Ok(());
        }
        if look.sign != written && begun >= due {
            files::write(&page, watched(&build(target, sweep, registry)?).as_bytes())?;
            if written.is_empty() {
                progress::tell(&format!("{} follows its sweep; Ctrl-C ends that", page.display()));
            }
            written = look.sign;
            due = Instant::now() + begun.elapsed() * REST;
        }
        wait(&stop);
    }
}

fn last_words(ended: bool, look: &Look, sweep: &str) -> String {
    match look.open {
        0 => "the sweep has ended; this is its report".into(),
        open if ended => format!(
            "no trial is being trained and {open} are left: go on with mae-exp resume {sweep}; this is the report so far"
        ),
        _ => "this is the report so far".into(),
    }
}

fn look(target: &str, sweep: &str) -> Result<Look, Failure> {
    let store = Store::open_reading(target)?;
    store.at_one_moment(|store| {
        let row = store.find_sweep(sweep)?;
        let tally = store.tallies()?.remove(&row.id).unwrap_or_default();
        let count = |state: Status| tally.get(state.as_str()).copied().unwrap_or(0);
        let running = RunFilter {
            sweep: Some(row.id.clone()),
            status: Some(Status::Running),
            ..RunFilter::default()
        };
        let mut trains = false;
        for run in store.runs(&running)? {
            trains |= outside::training(store, &run)?.is_some();
        }
        Ok(Look {
            sign: store.sign(&row.id)?,
            open: count(Status::Running) + count(Status::Queued),
            trains,
        })
    })
}

fn build(target: &str, sweep: &str, registry: &Registry) -> Result<String, Failure> {
    let store = Store::open_reading(target)?;
    let data = store.at_one_moment(|store| report::gather(store, sweep, registry))?;
    Ok(html(&data).map_err(anyhow::Error::new)?)
}

/// Sleeps until the next look, or until it is asked to stop.
fn wait(stop: &AtomicBool) {
    let until = Instant::now() + PAUSE;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE / 20);
    }
}

/// The first Ctrl-C (or SIGTERM) ends the watching, with the report written; a second one ends the process at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    Ok(set.map(|()| stop).context("watch for Ctrl-C")?)
}
