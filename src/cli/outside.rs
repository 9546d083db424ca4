//! The world outside: clock, ids, processes, and the environment recorded with every run.

use std::process::Command;

use crate::store::rows::{RunRow, Status};
use crate::store::{Store, StoreError};
use crate::sweep::Process;
use crate::sweep::policy::{Holder, holder};
use serde_json::{Value as Json, json};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

/// Now, RFC 3339 in UTC to the millisecond.
pub(super) fn now() -> String {
    written(jiff::Timestamp::now())
}

/// A time as the store has it: always with three decimals, so that times are in the order of their texts.
pub(super) fn written(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
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

/// A new secret: thirty characters that nobody can guess.
pub(super) fn new_token() -> String {
    [new_id(), new_id(), new_id()].concat()
}

/// Name of this machine, where the system tells.
pub(super) fn host() -> Option<String> {
    System::host_name().ok().filter(|name| !name.is_empty())
}

/// Seconds by which the start of one process may seem to differ: it is counted from the machine's start, whose time the
/// system works out anew as its clock is adjusted.
const CLOCK_SLACK: u64 = 5;

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What has become of the process that recorded an environment: number, start and machine must all agree.
pub(super) fn process(environment: &Json) -> Process {
    let same = |key: &str, now: Option<String>| match (environment[key].as_str(), now) {
        (Some(then), Some(now)) => then == now,
        _ => true,
    };
    let host = || environment["host"].as_str().unwrap_or("another machine").to_string();
    if !same("host", System::host_name().ok())
        || !same("machine", machine())
        || !same("pid_namespace", pid_namespace()) && same("boot_id", boot_id())
    {
        return Process::Elsewhere(host());
    }
    if !same("boot_id", boot_id()) {
        return Process::Gone("the machine was restarted".into());
    }
    let pid = environment["pid"].as_u64();
    let number = pid.and_then(|pid| u32::try_from(pid).ok());
    let same = match (environment["process_ticks"].as_u64(), number.and_then(ticks)) {
        (Some(then), now) => now == Some(then),
        (None, _) => number
            .and_then(start_time)
            .zip(environment["process_started"].as_u64())
            .is_some_and(|(now, then)| now.abs_diff(then) <= CLOCK_SLACK),
    };
    match pid {
        Some(pid) if same && pid != u64::from(std::process::id()) => Process::Alive(pid),
        _ => Process::Gone(gone(environment)),
    }
}

/// Why a process of this machine is no longer there, as far as can be told.
fn gone(environment: &Json) -> String {
    let killed = |then: u64| memory_kills().is_some_and(|now| now > then);
    match environment["memory_kills"].as_u64() {
        Some(then) if killed(then) => {
            "its process is gone, and the system has killed processes for want of memory since: \
             lower train.batch_size or --jobs"
                .into()
        }
        _ => "its process is gone: killed, or the machine failed".into(),
    }
}

/// Differs after every start of the machine (Linux; elsewhere unknown).
fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_string())
}

/// Tells machines of the same name apart: a hash of the number that the system was given when it was installed, which
/// itself is nobody's business (Linux; elsewhere unknown).
fn machine() -> Option<String> {
    let number = std::fs::read_to_string("/etc/machine-id").ok()?;
    let number = number.trim();
    let hash = || blake3::hash(format!("mae-exp {number}").as_bytes()).to_hex();
    (!number.is_empty()).then(|| hash()[..16].to_string())
}

/// Where process numbers are counted from: containers of one machine count apart (Linux; elsewhere unknown).
fn pid_namespace() -> Option<String> {
    let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// How many processes the system has killed because memory was full, since its start (Linux; elsewhere unknown).
pub(super) fn memory_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

/// Free space on the disk that holds a file, in bytes; unknown where the system does not tell.
pub(super) fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let holding = (&disks).into_iter().filter(|disk| path.starts_with(disk.mount_point()));
    let nearest = holding.max_by_key(|disk| disk.mount_point().as_os_str().len())?;
    Some(nearest.available_space())
}

/// Asks a process to stop, as Ctrl-C does.
pub(super) fn interrupt(pid: u32) {
    let pid = Pid::from_u32(pid);
    let Ok(mut system) = System::new() else { return };
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    // One that has just ended needs no asking.
    let _ = system.process(pid).map(|process| process.kill_with(Signal::Interrupt));
}

/// Threads that the machine runs at once.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

thread_local! {
    /// Backtrace of this thread's last panic.
    static TRACE: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Has every panic leave its place and backtrace for [`trace`], beside what it prints.
pub(super) fn keep_traces() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let trace = format!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        TRACE.with(|kept| *kept.borrow_mut() = trace);
        before(panic);
    }));
}

/// Backtrace of this thread's last panic; it is forgotten then.
pub(super) fn trace() -> String {
    TRACE.with(std::cell::RefCell::take)
}

/// Where a run is being trained, as far as is known: `by process 123` or `on` another machine; nothing when it is not.
///
/// # Errors
/// When its lease cannot be read.
pub(super) fn training(store: &Store, run: &RunRow) -> Result<Option<String>, StoreError> {
    if run.status != Status::Running {
        return Ok(None);
    }
    match holder(process(&run.environment), store.lease(&run.id)?.as_ref(), now_ms()) {
        Holder::Lives(place) => Ok(Some(place)),
        Holder::Gone(_) => Ok(None),
    }
}

/// When a process of this machine started, counted from the machine's own start, which no clock moves; nothing when there is
/// none of that number, or when it has ended and only waits to be taken note of (Linux; elsewhere unknown).
fn ticks(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything; state and start are fields 3 and 22 of the whole line.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let dead = matches!(*fields.first()?, "Z" | "X" | "x");
    fields.get(19)?.parse().ok().filter(|_| !dead)
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
        "process_ticks": ticks(std::process::id()),
        "boot_id": boot_id(),
        "machine": machine(),
        "pid_namespace": pid_namespace(),
        "memory_kills": memory_kills(),
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
