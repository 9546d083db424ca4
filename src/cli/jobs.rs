//! `sweep --jobs N`: several processes of this program train the trials of one sweep. Each is a `resume` of these runs; they
//! divide them by claims in the store, as processes started by hand do. This one watches them: it tells their lines apart,
//! hands signals on, marks what a killed one leaves behind, and starts another in its place.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mae_strategies::Registry;

use crate::spec::Experiment;
use crate::store::rows::Status;
use crate::store::{Listed, RunFilter, Store};
use crate::sweep::crash::{self, Found};
use crate::sweep::{Planned, Process, Summary, SweepPlan, budget};

use super::failure::Failure;
use super::sweep::{TrainOptions, announce, conclude, planned, stop_on_signal};
use super::{outside, progress, report};

/// Time between two looks at the processes.
const PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks at what they have done.
const LOOK: Duration = Duration::from_secs(1);

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
    plan.record(&store)?;
    let open = plan.trials.iter().filter(|planned| planned.action.is_open());
    let runs: Vec<String> = open.map(|planned: &Planned| planned.row.id.clone()).collect();
    let mut crew = Crew {
        options,
        store: &store,
        sweep: plan.sweep.id.clone(),
        threads: (outside::cores() / jobs).max(1),
        until: budget::deadline(&plan.budget, outside::now_ms()),
        memory_kills: outside::memory_kills(),
        workers: Vec::new(),
        started: 0,
        in_vain: 0,
    };
    announce(&plan, options, crew.estimate(&runs, jobs));
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
    /// When the sweep's time is over, in milliseconds since 1970.
    until: Option<i64>,
    memory_kills: Option<u64>,
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
    /// How long these runs may take: timed by a process of its own, so that none of the device's memory stays taken here.
    fn estimate(&self, runs: &[String], jobs: usize) -> Option<String> {
        let mut command = self.command(runs).ok()?;
        command.args(["--estimate", &jobs.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // What goes wrong here goes wrong in the workers as well, which tell of it.
        let output = command.stderr(Stdio::null()).output().ok()?;
        let line = String::from_utf8(output.stdout).ok()?.trim().to_string();
        (!line.is_empty()).then_some(line)
    }

    /// This program, to train these runs.
    fn command(&self, runs: &[String]) -> Result<Command, Failure> {
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
        command.arg("resume").args(runs).arg("--worker");
        if let Some(until) = self.until {
            command.args(["--until", &until.to_string()]);
        }
        command.args(["--device", &device.device, "--store", &store.store, "--retry", &states]);
        for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
            if std::env::var_os(name).is_none() {
                command.env(name, self.threads.to_string());
            }
        }
        // Signals of the terminal reach this process alone, which hands them on once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(command)
    }

    /// Starts a process for these runs. It ends with this one, by whatever that ends: see `stop_with_parent`.
    fn start(&mut self, runs: &[String]) -> Result<(), Failure> {
        self.started += 1;
        let mut command = self.command(runs)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut worker = command.spawn()?;
        let (number, lines) = (self.started, worker.stderr.take());
        let tell = move || {
            let lines = lines
                .map(BufReader::new)
                .into_iter()
                .flat_map(|reader| reader.split(b'\n'));
            lines
                .map_while(Result::ok)
                .for_each(|line| progress::tell(&format!("{number}: {}", String::from_utf8_lossy(&line))));
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
            progress::tell(&format!("worker {pid} {why}"));
        }
        let running = RunFilter {
            status: Some(Status::Running),
            ..self.filter()
        };
        let mut marked = 0;
        for run in self.store.runs(&running)? {
            let own = run.environment["pid"].as_u64() == Some(pid.into());
            if !own || !matches!(outside::process(&run.environment), Process::Gone(_)) {
                continue;
            }
            let ended = violence
                .as_ref()
                .map_or_else(|| format!("ended by {status}"), Clone::clone);
            let gone = Process::Gone(format!("its process {ended}"));
            let found = crash::look(self.store, &run, gone, (&outside::now(), outside::now_ms()))?;
            marked += usize::from(matches!(found, Found::Crashed(_)));
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
        let mut left = Vec::new();
        for run in self.rows()? {
            let wanted = match Status::parse(&run.status) {
                Some(Status::Queued) => true,
                Some(Status::Crashed) => !crash::often(self.store, &run.id)?,
                _ => false,
            };
            if wanted && runs.contains(&run.id) {
                left.push(run.id);
            }
        }
        Ok(left)
    }

    /// Says how many trials are over and how long the others may take, whenever that changes.
    fn tell_progress(&self, runs: &[String], begun: Instant, told: usize) -> Result<usize, Failure> {
        let over = self
            .rows()?
            .into_iter()
            .filter(|run| runs.contains(&run.id) && Status::parse(&run.status).is_some_and(Status::is_over))
            .count();
        if over > told && over < runs.len() {
            let left = begun.elapsed().mul_f64((runs.len() - over) as f64 / over as f64);
            progress::tell(&format!(
                "{over} of {} trials are over, about {} left",
                runs.len(),
                progress::clock(left)
            ));
        }
        Ok(over)
    }

    fn rows(&self) -> Result<Vec<Listed>, Failure> {
        Ok(self.store.list(&self.filter(), &[])?)
    }

    fn filter(&self) -> RunFilter {
        RunFilter {
            sweep: Some(self.sweep.clone()),
            ..RunFilter::default()
        }
    }
}

/// What has become of the trials of a plan, from the store.
fn summary(store: &Store, plan: &SweepPlan, stopped: bool) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let mut left = 0;
    for planned in &plan.trials {
        if !planned.action.is_open() {
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
        summary.budget = budget::trials_used(&plan.budget).or_else(|| budget::hours_used(&plan.budget));
    }
    summary.interrupted = left > 0 && stopped;
    if left > 0 && !stopped && summary.budget.is_none() {
        summary.failed += left;
    }
    Ok(summary)
}
