//! `sweep --jobs N`: several processes of this program train the trials of one sweep. Each is a `resume` of these runs; they
//! divide them by claims in the store, as processes started by hand do. This one watches them: it tells their lines apart,
//! hands signals on, marks what a killed one leaves behind, and starts another in its place.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mae_strategies::Registry;

use crate::spec::{Budget, Experiment};
use crate::store::rows::{RunRow, Status};
use crate::store::{RunFilter, Store};
use crate::sweep::{Action, Process, Summary, SweepPlan};

use super::failure::Failure;
use super::sweep::{TrainOptions, announce, conclude, planned, stop_on_signal};
use super::{estimate, outside, progress, report};

/// Time between two looks at the processes.
const PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks at what they have done.
const LOOK: Duration = Duration::from_secs(1);
/// A run whose process was killed so often is left alone.
const MOST_CRASHES: usize = 2;

/// Plans an experiment, has `jobs` processes train it, and renders its report.
pub(super) fn train(
    experiment: &Experiment,
    options: &TrainOptions,
    registry: &Registry,
    jobs: usize,
) -> Result<(), Failure> {
    let Some((store, mut plan, _)) = planned(experiment, options)? else {
        return Ok(());
    };
    let stop = stop_on_signal()?;
    announce(
        &plan,
        options,
        estimate::line(&plan, &options.device.resolve()?, registry, jobs),
    );
    plan.record(&store)?;
    let open = |planned: &&crate::sweep::Planned| !matches!(planned.action, Action::Skip(_));
    let runs: Vec<String> = plan
        .trials
        .iter()
        .filter(open)
        .map(|planned| planned.row.id.clone())
        .collect();
    let mut crew = Crew {
        options,
        store: &store,
        sweep: plan.sweep.id.clone(),
        threads: (outside::cores() / jobs).max(1),
        memory_kills: outside::memory_kills(),
        crashes: HashMap::new(),
        workers: Vec::new(),
        started: 0,
        in_vain: 0,
    };
    for _ in 0..jobs.min(runs.len()) {
        crew.start(&runs)?;
    }
    crew.watch(&runs, jobs, &stop)?;
    let summary = summary(&store, &plan, stop.load(Ordering::Relaxed))?;
    let page = report::render(&store, &plan.sweep.id, &options.reports.reports, registry)?;
    conclude(&plan, &summary, Some(&page))
}

/// The processes at work.
struct Crew<'a> {
    options: &'a TrainOptions,
    store: &'a Store,
    sweep: String,
    /// Threads for each process.
    threads: usize,
    memory_kills: Option<u64>,
    crashes: HashMap<String, usize>,
    workers: Vec<Child>,
    started: usize,
    /// Processes that died one after the other without having begun a trial.
    in_vain: usize,
}

impl Drop for Crew<'_> {
    /// However this process comes to its end: nobody is left behind training unseen.
    fn drop(&mut self) {
        for worker in &mut self.workers {
            outside::interrupt(worker.id());
            // One that cannot be waited for is none of ours any more.
            let _ = worker.wait();
        }
    }
}

impl Crew<'_> {
    /// Starts a process for these runs.
    fn start(&mut self, runs: &[String]) -> Result<(), Failure> {
        self.started += 1;
        let TrainOptions {
            device, store, retry, ..
        } = self.options;
        let states: Vec<&str> = retry.iter().flatten().map(|status| status.as_str()).collect();
        let states = if states.is_empty() {
            "none".to_string()
        } else {
            states.join(",")
        };
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("resume")
            .args(runs)
            .args([
                "--worker",
                "--device",
                &device.device,
                "--store",
                &store.store,
                "--retry",
                &states,
            ])
            // It ends with this process, by whatever that ends: see `stop_with_parent`.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
            if std::env::var_os(name).is_none() {
                command.env(name, self.threads.to_string());
            }
        }
        // Signals of the terminal reach this process alone, which hands them on once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut worker = command.spawn()?;
        let (number, lines) = (self.started, worker.stderr.take());
        let tell = move || {
            let lines = lines
                .map(BufReader::new)
                .into_iter()
                .flat_map(|reader| reader.split(b'\n'));
            lines
                .map_while(Result::ok)
                .for_each(|line| eprintln!("{number}: {}", String::from_utf8_lossy(&line)));
        };
        std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(tell)?;
        self.workers.push(worker);
        Ok(())
    }

    /// Waits until all have ended.
    fn watch(&mut self, runs: &[String], jobs: usize, stop: &AtomicBool) -> Result<(), Failure> {
        let (begun, mut looked) = (Instant::now(), Instant::now());
        let (mut told, mut handed_on) = (0, false);
        while !self.workers.is_empty() {
            std::thread::sleep(PAUSE);
            if stop.load(Ordering::Relaxed) && !handed_on {
                handed_on = true;
                self.workers.iter().for_each(|worker| outside::interrupt(worker.id()));
            }
            let mut ended = Vec::new();
            self.workers.retain_mut(|worker| match worker.try_wait() {
                Ok(Some(status)) => {
                    ended.push((worker.id(), status));
                    false
                }
                _ => true,
            });
            for (pid, status) in ended {
                if !self.bury(pid, status)? || handed_on {
                    continue;
                }
                let left = self.left(runs)?;
                if self.in_vain > jobs {
                    return Err(Failure::Failed(anyhow::anyhow!(
                        "{jobs} processes in a row died before they began a trial: see what they said above"
                    )));
                }
                if !left.is_empty() {
                    self.start(&left)?;
                }
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                told = self.tell_progress(runs, begun, told)?;
            }
        }
        Ok(())
    }

    /// Marks the runs that a process left behind; whether it came to a violent end.
    fn bury(&mut self, pid: u32, status: ExitStatus) -> Result<bool, Failure> {
        let violence = self.violence(status);
        if let Some(why) = &violence {
            eprintln!("worker {pid} {why}");
        }
        let mut marked = 0;
        for run in self.rows()?.iter().filter(|run| run.status == Status::Running) {
            let own = run.environment["pid"].as_u64() == Some(pid.into());
            if !own || !matches!(outside::process(&run.environment), Process::Gone(_)) {
                continue;
            }
            let fence = self.store.lease(&run.id)?.map(|lease| lease.fence);
            let why = violence
                .as_ref()
                .map_or_else(|| format!("ended by {status}"), Clone::clone);
            self.store
                .mark_crashed(run, fence, &outside::now(), &format!("its process {why}"))?;
            *self.crashes.entry(run.id.clone()).or_default() += 1;
            marked += 1;
        }
        self.in_vain = if violence.is_some() && marked == 0 {
            self.in_vain + 1
        } else {
            0
        };
        Ok(violence.is_some())
    }

    /// How a process came to its end, where it was not by itself.
    fn violence(&self, status: ExitStatus) -> Option<String> {
        if matches!(status.code(), Some(0 | 1 | 2 | 130)) {
            return None;
        }
        let memory = outside::memory_kills()
            .zip(self.memory_kills)
            .is_some_and(|(now, then)| now > then);
        let cure = match memory {
            true => " (the system killed processes for want of memory: lower train.batch_size or --jobs)",
            false => "",
        };
        Some(format!("ended by {status}{cure}"))
    }

    /// Runs that can still be trained.
    fn left(&self, runs: &[String]) -> Result<Vec<String>, Failure> {
        let wanted = |run: &RunRow| match run.status {
            Status::Queued => true,
            Status::Crashed => self.crashes.get(&run.id).is_none_or(|crashes| *crashes < MOST_CRASHES),
            _ => false,
        };
        let rows = self
            .rows()?
            .into_iter()
            .filter(|run| runs.contains(&run.id) && wanted(run));
        Ok(rows.map(|run| run.id).collect())
    }

    /// Says how many trials are over and how long the others may take, whenever that changes.
    fn tell_progress(&self, runs: &[String], begun: Instant, told: usize) -> Result<usize, Failure> {
        let over = self
            .rows()?
            .into_iter()
            .filter(|run| runs.contains(&run.id) && run.status.is_over())
            .count();
        if over > told && over < runs.len() {
            let left = begun.elapsed().mul_f64((runs.len() - over) as f64 / over as f64);
            eprintln!(
                "{over} of {} trials are over, about {} left",
                runs.len(),
                progress::clock(left)
            );
        }
        Ok(over)
    }

    fn rows(&self) -> Result<Vec<RunRow>, Failure> {
        Ok(self.store.runs(&RunFilter {
            sweep: Some(self.sweep.clone()),
            ..RunFilter::default()
        })?)
    }
}

/// What has become of the trials of a plan, from the store.
fn summary(store: &Store, plan: &SweepPlan, stopped: bool) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let mut left = 0;
    for planned in &plan.trials {
        if matches!(planned.action, Action::Skip(_)) {
            summary.skipped += 1;
            continue;
        }
        match store.run(&planned.row.id)?.map(|run| run.status) {
            Some(Status::Queued | Status::Interrupted | Status::Crashed) => left += 1,
            // Another process has it.
            Some(Status::Running) => summary.skipped += 1,
            Some(status) => summary.count(status),
            None => summary.lost += 1,
        }
    }
    if left > 0 && !stopped {
        let Budget { max_trials, max_hours } = &plan.budget;
        let trials = max_trials.map(|most| format!("max_trials = {most} trials have been trained; raise it to go on"));
        let hours = max_hours.map(|hours| format!("max_hours = {hours} are used up; sweep again to go on"));
        summary.budget = trials.or(hours);
    }
    summary.interrupted = left > 0 && stopped;
    if left > 0 && !stopped && summary.budget.is_none() {
        summary.failed += left;
    }
    Ok(summary)
}
