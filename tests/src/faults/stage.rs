//! Where a fault happens: a broker of its own, workers, a feed that goes on, somebody who watches.
//!
//! A stage starts and tends what is on it (a worker that ended by itself is started again a second later, as any
//! supervisor would) and can be asked how far the work has come. It owns no fault and no verdict: what it
//! finds wrong goes to [`Stage::complaints`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hinge_domain::Stream;
use hinge_router::input_topic;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::disk::Disk;
use super::feed::{Feed, Place, Records};
use super::judge::Watcher;
use super::relay::Relay;
use super::worker::{Ending, Start, Worker};
use crate::kafka::{Broker, Layout};
use crate::metrics;
use crate::shop::write_policy;
use crate::site::{Site, words};

/// The group of the router.
pub(super) const GROUP: &str = "hinge-router";

/// How often a stage is looked after.
const GLANCE: Duration = Duration::from_millis(25);

/// Inputs of so long have to be moved on before there is progress; otherwise partitions without any would count.
const HEARD: Duration = Duration::from_secs(1);

/// So long after its end a worker is started again.
const BACK_OFF: Duration = Duration::from_secs(1);

/// How a stage is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// About how many records are written.
    pub events: u32,
    /// Records a second; 0 is as many as go.
    pub rate: u32,
    /// Processes.
    pub workers: u8,
    /// Whether they keep their places over a restart.
    pub static_membership: bool,
    /// Which of them are led through the relay.
    pub relayed: Relayed,
    /// Brokers.
    pub nodes: u8,
    /// How long nothing may be heard of one of them until it is taken for gone.
    pub broker_session: Option<Duration>,
    /// Records of a batch, few, so that there are many transactions to fail in.
    pub batch_records: u32,
    /// More settings, as environment variables.
    pub settings: Vec<(String, String)>,
    /// The broker's data lie on a disk of their own of so many MiB.
    pub disk: Option<u32>,
}

/// Whose connections go through the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// Nobody's: there is none.
    Nobody,
    /// Those of the first worker.
    First,
    /// Those of all workers.
    All,
}

/// See the module.
pub struct Stage {
    /// Everything on a broker of our own.
    pub site: Site,
    /// The bad network, where the plan has one.
    pub relay: Option<Relay>,
    /// The processes.
    pub workers: Vec<Worker>,
    /// The world outside.
    pub feed: Feed,
    /// Decides what is left to chance.
    pub rng: Rng,
    /// What the workers decide by.
    pub policy: TempDir,
    /// What is wrong, a sentence each.
    pub complaints: Vec<String>,
    /// What is worth telling, for the verdict.
    pub notes: BTreeMap<String, Json>,
    /// Ends of workers that nobody asked for.
    pub endings: Vec<Ending>,
    /// Workers that are not started again when they end.
    pub left_alone: BTreeSet<usize>,
    /// How it was planned.
    pub plan: Plan,
    /// Reads everything as it becomes visible.
    pub watcher: Option<Watcher>,
    /// Files with what the workers counted, where that can be counted again.
    pub metrics: Vec<PathBuf>,
    /// The broker's disk; behind the broker, so that it goes last.
    pub disk: Option<Disk>,
    observer: RefCell<BaseConsumer>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Stage {
    /// Everything runs when this returns; `None` where there is no Kafka, which has then been told.
    pub fn set(plan: Plan, records: Records) -> Option<Self> {
        let policy = tempfile::tempdir().expect("a temporary folder can be made");
        write_policy(policy.path());
        let relay = (plan.relayed != Relayed::Nobody).then(|| Relay::listen(plan.seed));
        let disk = plan.disk.map(Disk::mount);
        let layout = Layout {
            nodes: plan.nodes,
            proxied: relay.as_ref().map(Relay::address),
            data: disk.as_ref().map(|disk| disk.folder().to_owned()),
            session: plan.broker_session,
            full: false,
        };
        let broker = Broker::with(&layout)?;
        if let Some(relay) = &relay {
            relay.lead_to(broker.upstream());
        }
        let address = broker.address().to_owned();
        let site = Site::on(broker, policy.path(), plan.nodes);
        let watcher = Watcher::start(&address);

        let through = relay.as_ref().map(|relay| relay.address().to_string());
        let start = |number: u8| {
            let relayed = match plan.relayed {
                Relayed::Nobody => false,
                Relayed::First => number == 0,
                Relayed::All => true,
            };
            let brokers = through.as_ref().filter(|_| relayed).unwrap_or(&address);
            let mut arguments = words(&["run", "--start-at", "earliest", "--brokers", brokers, "--policy"]);
            arguments.push(policy.path().display().to_string());
            Start { arguments, environment: plan.environment() }
        };
        let mut workers: Vec<Worker> =
            (0..plan.workers).map(|number| Worker::new(&number.to_string(), start(number))).collect();
        workers.iter_mut().for_each(Worker::start);
        let feed = Feed::start(&address, records, plan.rate);
        let observer = RefCell::new(observer(&address));
        Some(Self {
            site,
            relay,
            workers,
            feed,
            rng: Rng::with_seed(plan.seed),
            policy,
            complaints: Vec::new(),
            notes: BTreeMap::new(),
            endings: Vec::new(),
            left_alone: BTreeSet::new(),
            plan,
            watcher,
            metrics: Vec::new(),
            disk,
            observer,
        })
    }

    /// The broker, to be hurt.
    pub fn broker(&mut self) -> &mut Broker {
        match &mut self.site {
            Site::Broker(broker) => broker,
            Site::Folder(_) => unreachable!("a stage stands on a broker"),
        }
    }

    /// The bad network.
    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("only asked by faults whose plan has a relay")
    }

    /// One more worker like the others, connected directly; gives its number.
    pub fn join(&mut self, instance: &str) -> usize {
        let mut start = self.workers[0].start.clone();
        if let Some(at) = start.arguments.iter().position(|argument| argument == "--brokers") {
            start.arguments[at + 1] = self.address();
        }
        let mut worker = Worker::new(instance, start);
        worker.start();
        self.workers.push(worker);
        self.workers.len() - 1
    }

    /// Where the broker is.
    pub fn address(&self) -> String {
        match &self.site {
            Site::Broker(broker) => broker.address().to_owned(),
            Site::Folder(_) => unreachable!("a stage stands on a broker"),
        }
    }

    /// Something is wrong.
    pub fn complain(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("  ! {what}");
        self.complaints.push(what);
    }

    /// Something is worth telling.
    pub fn note(&mut self, name: &str, value: impl Into<Json>) {
        self.notes.insert(name.to_owned(), value.into());
    }

    /// Adds to a list worth telling.
    pub fn note_also(&mut self, name: &str, value: impl Into<Json>) {
        let list = self.notes.entry(name.to_owned()).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(value.into());
        }
    }

    /// How far each partition of the inputs is handled; nothing while the broker does not answer.
    pub fn positions(&self) -> Option<BTreeMap<Place, i64>> {
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in self.feed.ends().into_keys() {
            asked.add_partition(&topic, partition);
        }
        if asked.count() == 0 {
            return Some(BTreeMap::new());
        }
        let answer = self.observer.borrow().committed_offsets(asked, Duration::from_secs(2));
        let Ok(found) = answer else {
            // One whose coordinator hangs asks it again and again; a new one asks where the coordinator is.
            self.observer.replace(observer(&self.address()));
            return None;
        };
        let position = |offset: Offset| match offset {
            Offset::Offset(position) => position,
            _ => 0,
        };
        let found = found.elements();
        if found.iter().any(|element| element.error().is_err()) {
            return None;
        }
        let places = found.iter().map(|it| ((it.topic().to_owned(), it.partition()), position(it.offset())));
        Some(places.collect())
    }

    /// Whether all that was acknowledged so far is handled.
    pub fn is_caught_up(&self) -> bool {
        let ends = self.feed.ends();
        self.positions().is_some_and(|positions| is_behind(&ends, &positions).is_none())
    }

    /// Looks after the workers: whoever ended by itself is noted, and started again a little later.
    pub fn tend(&mut self) {
        for number in 0..self.workers.len() {
            if let Some(ending) = self.workers[number].look(number) {
                eprintln!("  worker {number} ended with {:?}", ending.code);
                self.endings.push(ending);
            }
            let due = self.workers[number].down_since().is_some_and(|since| since.elapsed() >= BACK_OFF);
            if due && !self.left_alone.contains(&number) && !self.workers[number].retired {
                self.workers[number].start();
            }
        }
    }

    /// Tends the stage until `done` says so, and gives how long that took; complains where it takes too long.
    pub fn until(
        &mut self,
        patience: Duration,
        what: &str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Option<Duration> {
        let started = Instant::now();
        loop {
            self.tend();
            if done(self) {
                return Some(started.elapsed());
            }
            if started.elapsed() > patience {
                self.complain(format!("waited {patience:?} in vain: {what}"));
                return None;
            }
            thread::sleep(GLANCE);
        }
    }

    /// Tends the stage for so long.
    pub fn go_on_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.tend();
            thread::sleep(GLANCE.min(time.saturating_sub(started.elapsed())));
        }
    }

    /// Waits until every partition that is behind now, or gets something within a moment, has been moved on, and
    /// gives how long that took.
    pub fn until_progress(&mut self, patience: Duration) -> Option<Duration> {
        let started = Instant::now();
        let (mut ends, mut before) = (self.feed.ends(), None);
        self.until(patience, "every partition that was behind moves on", |stage| {
            let Some(now) = stage.positions() else { return false };
            let before = before.get_or_insert_with(|| now.clone());
            if started.elapsed() < HEARD {
                ends = stage.feed.ends();
                return false;
            }
            ends.iter().all(|(place, end)| {
                let position = before.get(place).copied().unwrap_or_default();
                *end <= position || now.get(place).copied().unwrap_or_default() > position
            })
        })
    }

    /// Waits until all that was acknowledged up to now is handled, and gives how long that took.
    pub fn until_caught_up(&mut self, patience: Duration) -> Option<Duration> {
        let ends = self.feed.ends();
        let mut last = String::new();
        let took = self.until(patience, "all inputs are handled", |stage| {
            let Some(positions) = stage.positions() else { return false };
            let behind = is_behind(&ends, &positions);
            last = behind.clone().unwrap_or_default();
            behind.is_none()
        });
        if took.is_none() {
            self.complain(format!("not handled: {last}"));
        }
        took
    }

    /// How many records the workers have counted as handled.
    pub fn counted(&self) -> u64 {
        let pages = self.workers.iter().filter_map(Worker::metrics);
        pages.filter_map(|page| metrics::sum(&page, "hinge_records_total")).sum()
    }

    /// Keeps what the workers count, for the judge.
    pub fn keep_metrics(&mut self) {
        for worker in &self.workers {
            let path = self.policy.path().with_extension(format!("metrics-{}", worker.instance));
            if let Some(text) = worker.metrics() {
                std::fs::write(&path, text).expect("a temporary file can be written");
                self.metrics.push(path);
            }
        }
    }

    /// The inputs.
    pub fn inputs() -> Vec<String> {
        Stream::ALL.into_iter().map(input_topic).collect()
    }

    /// A duration between the two.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.rng.f64())
    }
}

impl Plan {
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment: Vec<(String, String)> = [
            ("HINGE_ROUTER__BATCH_RECORDS", self.batch_records.to_string()),
            // The troubled shop has more broken records than a partition goes on with.
            ("HINGE_ROUTER__STOP_PERCENT", "100".to_owned()),
            ("HINGE_ROUTER__STOP_IN_A_ROW", "0".to_owned()),
            ("HINGE_STREAM__STATIC_MEMBERSHIP", self.static_membership.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        environment.extend(self.settings.iter().cloned());
        environment
    }
}

/// A sentence on the first partition whose position is before its end.
fn is_behind(ends: &BTreeMap<Place, i64>, positions: &BTreeMap<Place, i64>) -> Option<String> {
    ends.iter().find_map(|(place, end)| {
        let position = positions.get(place).copied().unwrap_or_default();
        (position < *end).then(|| format!("{}/{} is at {position} of {end}", place.0, place.1))
    })
}

fn observer(brokers: &str) -> BaseConsumer {
    let mut config = rdkafka::ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .set("reconnect.backoff.max.ms", "500")
        // What a transaction has not decided yet is not waited for: only what is certain counts.
        .set("isolation.level", "read_uncommitted")
        .set("log_level", "0");
    config.create().expect("the settings above are valid")
}
