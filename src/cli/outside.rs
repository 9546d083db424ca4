//! The world outside: clock, ids, processes, and the environment recorded with every run.

use std::process::Command;

use crate::store::rows::{RunRow, Status};
use crate::sweep::Process;
use serde_json::{Value as Json, json};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Now, RFC 3339 in UTC to the millisecond.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now().round(jiff::Unit::Millisecond);
    now.expect("the present is within the calendar").to_string()
}

/// A new random id: ten characters without vowels, so that a prefix of a few selects it.
pub(super) fn new_id() -> String {
    const ALPHABET: &[u8; 28] = b"0123456789bcdfghjkmnpqrstvwx";
    let mut bytes = [0u8; 10];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(*b) % 28]))
        .collect()
}

/// Seconds by which the start of one process may seem to differ: it is counted from the machine's start, whose time the
/// system works out anew as its clock is adjusted.
const CLOCK_SLACK: u64 = 5;

/// What has become of the process that recorded an environment: number, start and machine must all agree.
pub(super) fn process(environment: &Json) -> Process {
    let host = System::host_name().ok();
    if let Some(other) = environment["host"].as_str()
        && host.as_deref() != Some(other)
    {
        return Process::Elsewhere(other.to_string());
    }
    let Some(pid) = environment["pid"].as_u64() else {
        return Process::Gone;
    };
    let started = u32::try_from(pid).ok().and_then(start_time);
    let recorded = environment["process_started"].as_u64();
    let same = started
        .zip(recorded)
        .is_some_and(|(now, then)| now.abs_diff(then) <= CLOCK_SLACK);
    if same && pid != u64::from(std::process::id()) {
        Process::Alive(pid)
    } else {
        Process::Gone
    }
}

/// Where a run is being trained, as far as is known: `by process 123` or `on` another machine; nothing when it is not.
pub(super) fn training(run: &RunRow) -> Option<String> {
    if run.status != Status::Running {
        return None;
    }
    match process(&run.environment) {
        Process::Alive(pid) => Some(format!("by process {pid}")),
        Process::Elsewhere(host) => Some(format!("on {host}")),
        Process::Gone => None,
    }
}

/// When a process of this machine started, in seconds since 1970; nothing when there is none of that number.
fn start_time(pid: u32) -> Option<u64> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    system.process(pid).map(sysinfo::Process::start_time)
}

/// Versions, revision, hardware and device: a flat object.
pub(super) fn environment(device: &str) -> Json {
    let (cpu, memory) = hardware().unwrap_or_default();
    let revision = git(&["rev-parse", "HEAD"]);
    let dirty = revision
        .as_ref()
        .and_then(|_| git(&["status", "--porcelain"]))
        .map(|text| !text.is_empty());
    json!({
        "mae_exp": env!("CARGO_PKG_VERSION"),
        "burn": env!("PINNED_BURN_VERSION"),
        "back_ends": crate::model::device::compiled().join(", "),
        "device": device,
        "threads": rayon::current_num_threads(),
        "git_revision": revision,
        "git_dirty": dirty,
        "os": System::long_os_version().ok(),
        "arch": std::env::consts::ARCH,
        "cpu": cpu,
        "cpu_cores": System::physical_core_count().ok(),
        "memory_bytes": memory,
        "host": System::host_name().ok(),
        "pid": std::process::id(),
        "process_started": start_time(std::process::id()),
        "command": std::env::args().map(|arg| quoted(&arg)).collect::<Vec<_>>().join(" "),
    })
}

/// Name of the processor, and main memory in bytes.
fn hardware() -> Option<(String, u64)> {
    let mut system = System::new().ok()?;
    system.refresh_cpu_all();
    system.refresh_memory();
    let cpu = system
        .cpus()
        .first()
        .map_or_else(String::new, |cpu| cpu.brand().trim().to_string());
    Some((cpu, system.total_memory()))
}

/// An argument as a shell reads it back.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_string()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

/// Output of git in the working directory; nothing when there is no git or no repository.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Largest resident memory of this process so far, in bytes (Linux; elsewhere unknown).
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
