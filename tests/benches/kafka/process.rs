//! What the system knows of a process: its time on a processor, its memory, its threads and descriptors.

use std::fs;
use std::net::TcpListener;

use hinge_tests::metrics;

/// Linux counts a process's time in hundredths of a second for everybody who asks.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds on a processor, all threads together, those that ended too.
#[expect(clippy::cast_precision_loss, reason = "hundredths of seconds of some minutes")]
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = told.rsplit_once(')').map_or("", |(_, tail)| tail).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// Seconds that all processors together were not idle.
#[expect(clippy::cast_precision_loss, reason = "hundredths of seconds since the machine began")]
pub(crate) fn machine_seconds() -> f64 {
    let told = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = told.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // Idle and waiting for the disk are the fourth and the fifth; from the ninth on it is counted again.
    let busy = ticks.iter().enumerate().filter(|(place, _)| ![3, 4].contains(place) && *place < 8);
    busy.map(|(_, ticks)| *ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
}

/// A field of `/proc/PID/status` in its own unit.
fn status(process: u32, field: &str) -> u64 {
    let told = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The most memory that it had so far, in KiB.
pub(crate) fn peak_kibibytes(process: u32) -> u64 {
    status(process, "VmHWM")
}

/// The memory that it has, in KiB.
pub(crate) fn kibibytes(process: u32) -> u64 {
    status(process, "VmRSS")
}

pub(crate) fn threads(process: u32) -> u64 {
    status(process, "Threads")
}

pub(crate) fn descriptors(process: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{process}/fd"));
    open.map_or(0, |open| open.count().try_into().unwrap_or_default())
}

/// Seconds on a processor by the name of the thread.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of some minutes")]
pub(crate) fn cpu_by_thread(process: u32) -> Vec<(String, f64)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let of = |path: std::path::PathBuf| {
        let name = fs::read_to_string(path.join("comm")).ok()?.trim_end().to_owned();
        let spent = fs::read_to_string(path.join("schedstat")).ok()?;
        let nanoseconds: u64 = spent.split_whitespace().next()?.parse().ok()?;
        Some((name, nanoseconds as f64 / 1e9))
    };
    threads.filter_map(|thread| of(thread.ok()?.path())).collect()
}

/// An address on this machine that nobody listens on.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").to_string()
}

/// How many series there are in what was told.
pub(crate) fn series(page: &str) -> u64 {
    let series = page.lines().filter(|line| line.starts_with("hinge_"));
    series.count().try_into().unwrap_or_default()
}

/// What the memory of identities needs, in MiB, if that is told.
pub(crate) fn identity_mebibytes(page: &str) -> Option<u64> {
    metrics::sum(page, "hinge_router_identity_bytes").map(|bytes| bytes >> 20)
}
