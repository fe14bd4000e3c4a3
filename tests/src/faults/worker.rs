//! One `hinge run` of a trial: started, killed and started again under the same name, its ends kept.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::metrics;
use crate::program::{Running, hinge};

/// What it says when it takes a new producer.
const UNCLEAN: &str = "a transaction did not end cleanly";

/// How the process is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The arguments, without the instance and the admin port.
    pub arguments: Vec<String>,
    /// Settings, as environment variables.
    pub environment: Vec<(String, String)>,
}

/// An end of a process that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Of which worker of the stage.
    pub worker: usize,
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// The last that it said.
    pub last_words: String,
    /// Whether it panicked on its way.
    pub panicked: bool,
    /// Whether an armed fail point was to end it.
    pub doomed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Worker {
    /// Its name in the group.
    pub instance: String,
    /// How it is started.
    pub start: Start,
    /// How often it was.
    pub starts: u32,
    /// Whether it stays down for good.
    pub retired: bool,
    /// Whether a fail point is armed that ends it.
    doomed: bool,
    running: Option<Running>,
    /// Down by itself since then.
    down_since: Option<Instant>,
    /// What it said in lives that are over.
    said: Vec<String>,
    admin: u16,
}

impl Worker {
    /// A worker that does not run yet.
    pub fn new(instance: &str, start: Start) -> Self {
        let admin = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let admin = admin.expect("some port is free").port();
        Self {
            instance: instance.to_owned(),
            start,
            starts: 0,
            retired: false,
            doomed: false,
            running: None,
            down_since: None,
            said: Vec::new(),
            admin,
        }
    }

    /// Starts it, with these fail points armed.
    pub fn start_with(&mut self, fail_points: &str) {
        assert!(self.running.is_none(), "`{}` runs already", self.instance);
        let mut command = hinge(&self.start.arguments);
        command.args(["--instance", &self.instance, "--admin", &format!("127.0.0.1:{}", self.admin)]);
        command.envs(self.start.environment.iter().map(|(name, value)| (name, value)));
        command.env_remove("FAILPOINTS");
        if !fail_points.is_empty() {
            command.env("FAILPOINTS", fail_points);
        }
        self.doomed = fail_points.contains("abort");
        self.running = Some(Running::start(&mut command));
        self.starts += 1;
        self.down_since = None;
    }

    /// Starts it as an operator would.
    pub fn start(&mut self) {
        self.start_with("");
    }

    /// Whether it runs, as far as is known.
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Since when it is down without having been asked to.
    pub fn down_since(&self) -> Option<Instant> {
        self.down_since
    }

    /// Notes whether it, which is this worker of the stage, has ended by itself.
    pub fn look(&mut self, worker: usize) -> Option<Ending> {
        let code = self.running.as_mut()?.status()?.code();
        let log = self.bury();
        self.down_since = Some(Instant::now());
        Some(Ending {
            worker,
            code,
            last_words: tail(&log),
            panicked: log.contains("panicked at"),
            doomed: self.doomed && code.is_none(),
        })
    }

    /// The last that it said, in this life or the one before.
    pub fn last_words(&self) -> String {
        tail(
            &self
                .running
                .as_ref()
                .map(Running::log)
                .or_else(|| self.said.last().cloned())
                .unwrap_or_default(),
        )
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if self.running.is_some() {
            self.signal("KILL");
            self.bury();
        }
    }

    /// Asks it to end and gives how it did and how long that took.
    pub fn end(&mut self, patience: Duration) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.ask_to_end();
        self.ended(asked, patience)
    }

    /// Asks it to end and does not wait.
    pub fn ask_to_end(&mut self) {
        self.signal("TERM");
    }

    /// Waits for the end that was asked for. What takes longer than `patience` is killed and has no code.
    pub fn ended(&mut self, asked: Instant, patience: Duration) -> (Option<i32>, Duration) {
        let Some(running) = self.running.as_mut() else { return (None, Duration::ZERO) };
        let code = loop {
            if let Some(status) = running.status() {
                break status.code();
            }
            if asked.elapsed() > patience {
                self.kill();
                return (None, asked.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = asked.elapsed();
        self.bury();
        (code, took)
    }

    /// Sends it a signal, if it runs.
    pub fn signal(&self, name: &str) {
        if let Some(running) = &self.running {
            running.signal(name);
        }
    }

    /// All that it said, in this life and in those before.
    pub fn log(&self) -> String {
        let mut log = self.said.concat();
        log.extend(self.running.as_ref().map(Running::log));
        log
    }

    /// What it said in this life.
    pub fn log_now(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    /// How often it took a new producer, because it could not know how a transaction had ended.
    pub fn renewed(&self) -> usize {
        self.log().matches(UNCLEAN).count()
    }

    /// Whether it has partitions, or had some.
    pub fn is_at_work(&self) -> bool {
        self.log_now().contains("waiting for events")
    }

    /// Its metrics, as it shows them.
    pub fn metrics(&self) -> Option<String> {
        metrics::page(&format!("127.0.0.1:{}", self.admin)).ok()
    }

    /// What it counted of its own troubles and did not say in this life, or said and did not count.
    pub fn miscounted(&self) -> Option<String> {
        self.running.as_ref()?;
        let Some(page) = self.metrics() else {
            return Some(format!("worker {} tells no metrics", self.instance));
        };
        let said = self.log_now();
        let count = |name| metrics::sum(&page, name).unwrap_or_default();
        let restarts = count("hinge_router_worker_restarts_total");
        let uncertain = count("hinge_router_transactions_uncertain_total");
        let said_of = |words| said.matches(words).count() as u64;
        let (restarted, renewed) = (said_of("a worker cannot go on for now"), said_of(UNCLEAN));
        // What happened last before a worker was started again is not counted any more.
        let is_right = restarts == restarted && (uncertain == renewed || restarts > 0 && uncertain < renewed);
        (!is_right).then(|| {
            format!(
                "worker {}: {restarted} restarts and {renewed} uncertain transactions were told, {restarts} and \
                 {uncertain} counted",
                self.instance
            )
        })
    }

    /// Whether it is stopped by SIGSTOP.
    pub fn is_stopped(&self) -> bool {
        self.status("State:").is_some_and(|state| state.starts_with('T'))
    }

    /// Open descriptors, threads and resident KiB.
    pub fn sizes(&self) -> Json {
        let count =
            |name: &str| self.proc(name).and_then(|path| fs::read_dir(path).ok()).map(Iterator::count);
        json!({
            "descriptors": count("fd"),
            "threads": count("task"),
            "resident_kib": self.resident_kib(),
            "most_resident_kib": self.most_resident_kib(),
        })
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        self.proc("fd").and_then(|path| fs::read_dir(path).ok()).map_or(0, Iterator::count)
    }

    /// Resident memory.
    pub fn resident_kib(&self) -> Option<u64> {
        self.status("VmRSS:").and_then(|text| text.split(' ').next().and_then(|number| number.parse().ok()))
    }

    /// The most that was ever resident in this life.
    pub fn most_resident_kib(&self) -> Option<u64> {
        self.status("VmHWM:").and_then(|text| text.split(' ').next().and_then(|number| number.parse().ok()))
    }

    fn status(&self, field: &str) -> Option<String> {
        let status = fs::read_to_string(self.proc("status")?).ok()?;
        status.lines().find_map(|line| line.strip_prefix(field)).map(|text| text.trim().to_owned())
    }

    fn proc(&self, name: &str) -> Option<PathBuf> {
        self.running.as_ref().map(|running| PathBuf::from(format!("/proc/{}/{name}", running.id())))
    }

    /// Waits for a process that ends, and keeps what it said.
    fn bury(&mut self) -> String {
        let log = self.running.take().map(|running| running.ended().log).unwrap_or_default();
        self.said.push(log.clone());
        log
    }
}

/// The last few lines.
fn tail(log: &str) -> String {
    let tail: Vec<&str> = log.lines().rev().filter(|line| !line.contains("has a warning")).take(6).collect();
    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
}
