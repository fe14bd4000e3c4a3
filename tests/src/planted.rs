//! The real program with a bug planted into it, on a broker of its own: the checker has to find each of them.
//!
//! A checker that finds nothing has only said something if it would have found what is there. So each of the
//! [`PLANTS`] is switched on by a fail point (`FAILPOINTS`, which release builds lack), `hinge run` works through
//! the troubled shop with it, and `hinge-checker` judges what it left. The [`CONTROLS`] are the same without a
//! plant, some of them under what the plants need to show, such as a delivery that fails: there nothing may be found.
//!
//! Owns no opinion about what is right or wrong: that is the checker's.

mod command;
mod feed;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::{Value as Json, json};

use crate::kafka::Broker;
use crate::metrics;
use crate::program::{Running, find, hinge, program, run};
use crate::shop::{Plan, write_policy};
use crate::site::words;

pub use command::command;
pub use table::{CONTROLS, PLANTS, named};

use feed::Fed;

/// The group whose positions are those of the router.
const GROUP: &str = "hinge-router";

/// Longer than the work takes, or any step of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long positions may be ahead of what was counted with them.
const COUNTING: Duration = Duration::from_secs(5);

/// Records in a batch: so few that there are many transactions, each with several dead letters.
const BATCH_RECORDS: &str = "200";

/// A bug, and what shows that it was there; or none, and what must not show anything.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// Its name; of a bug also that of its fail point.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub sentence: &'static str,
    /// The points that are armed all the time, in the syntax of the crate `fail`.
    points: &'static str,
    /// What a first process ends of before the work is done.
    deadly: Option<Deadly>,
    /// How many workers a process has.
    workers: u8,
    /// How many orders the shop has.
    orders: u32,
    /// The kinds of violations that have to be found, each of them; none for a control, where nothing may be.
    pub must: &'static [&'static str],
}

/// Points that are armed in a first process only, which ends of them.
#[derive(Clone, Copy, Debug)]
struct Deadly {
    points: &'static str,
    /// With which code; `None` by a signal, as `kill -9` does it.
    exit: Option<i32>,
}

/// What the checker said of one run.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its whole verdict.
    pub verdict: Json,
    /// How many violations of each kind there are.
    pub by_kind: BTreeMap<String, u64>,
    /// How many records the brokers took back before they were ever committed to the inputs.
    pub aborted_inputs: usize,
    /// Whether what the process counted was compared.
    pub counted: bool,
    /// How many of its workers had partitions with events in them.
    pub working: usize,
    /// From the start of the broker to the verdict.
    pub took: Duration,
}

impl Plant {
    /// Whether nothing is planted.
    pub fn is_control(&self) -> bool {
        self.must.is_empty()
    }

    /// Whether the checker said what it has to say.
    pub fn is_answered_by(&self, found: &Found) -> bool {
        if self.is_control() {
            return found.violations() == 0;
        }
        self.must.iter().all(|kind| found.by_kind.get(*kind).is_some_and(|count| *count > 0))
    }

    /// Runs the program with it over a shop of this seed. `Ok(None)` where there is no Kafka, which has then been
    /// told; an error where the run did not get as far as a verdict.
    pub fn try_out(&self, seed: u64) -> Result<Option<Found>, String> {
        let started = Instant::now();
        let Some(broker) = Broker::start() else { return Ok(None) };
        let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
        let policy = folder.path().join("policy");
        fs::create_dir(&policy).map_err(|error| format!("`{}`: {error}", policy.display()))?;
        write_policy(&policy);
        let mut arguments =
            words(&["topics", "apply", "--inputs", "--brokers", broker.address(), "--policy"]);
        arguments.push(policy.display().to_string());
        run(arguments).well();
        let fed = feed::feed(&broker, Plan { orders: self.orders, seed, troubled: true });

        let site = Scene { broker: &broker, policy: &policy, fed: &fed, workers: self.workers };
        if let Some(deadly) = self.deadly {
            site.ends_of(&format!("{};{}", self.points, deadly.points), deadly.exit)?;
        }
        let file = folder.path().join("metrics.txt");
        // What a process counted that died is gone, and with it the comparison.
        let counted = self.deadly.is_none();
        let metrics = site.works_through(self.points, counted)?;
        let working = working(&metrics);
        if counted {
            fs::write(&file, metrics).map_err(|error| format!("`{}`: {error}", file.display()))?;
        }
        let verdict = site.judged(counted.then_some(&file))?;
        let by_kind = by_kind(&verdict)?;
        if let Some(unknown) = self.must.iter().find(|kind| !by_kind.contains_key(**kind)) {
            return Err(format!("the checker knows no violation of the kind `{unknown}`"));
        }
        let took = started.elapsed();
        Ok(Some(Found { verdict, by_kind, aborted_inputs: fed.aborted, counted, working, took }))
    }
}

impl Found {
    /// All violations.
    pub fn violations(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// One line for programs.
    pub fn json(&self, plant: &Plant, seed: u64) -> Json {
        let (what, answered) = if plant.is_control() { ("control", "clean") } else { ("plant", "caught") };
        json!({
            what: plant.name,
            answered: plant.is_answered_by(self),
            "violations": self.violations(),
            "by_kind": self.by_kind,
            "must": plant.must,
            "seed": seed,
            "inputs": self.verdict["inputs"],
            "aborted_inputs": self.aborted_inputs,
            "metrics_compared": self.counted,
            "took_seconds": self.took.as_secs_f64(),
            "examples": self.verdict["examples"],
        })
    }
}

/// Where the program works.
struct Scene<'a> {
    broker: &'a Broker,
    policy: &'a Path,
    fed: &'a Fed,
    workers: u8,
}

impl Scene<'_> {
    fn start(&self, points: &str) -> Running {
        let mut arguments = words(&["run", "--start-at", "earliest", "--admin", "127.0.0.1:0", "--brokers"]);
        arguments.extend([self.broker.address().to_owned(), "--policy".to_owned()]);
        arguments.push(self.policy.display().to_string());
        arguments.extend(["--workers".to_owned(), self.workers.to_string()]);
        let mut command = hinge(arguments);
        command.env("FAILPOINTS", points);
        command.env("HINGE_ROUTER__BATCH_RECORDS", BATCH_RECORDS);
        // The troubled shop has more broken records than a partition goes on with.
        command.env("HINGE_ROUTER__STOP_PERCENT", "100");
        // Otherwise the brokers wait for a dead worker until they give it up.
        command.env("HINGE_STREAM__STATIC_MEMBERSHIP", "true");
        Running::start(&mut command)
    }

    /// Lets the program end in the middle of the work, with this code.
    fn ends_of(&self, points: &str, exit: Option<i32>) -> Result<(), String> {
        let mut running = self.start(points);
        self.waits(|| !running.is_running())?;
        let ended = running.ended();
        if ended.code != exit {
            return Err(format!("it was to end with {exit:?} and did with {:?}:\n{}", ended.code, ended.log));
        }
        if self.is_done()? {
            return Err("it ended when everything had been done".to_owned());
        }
        Ok(())
    }

    /// Lets the program handle all that is left, and gives what it counted where that is all there was.
    fn works_through(&self, points: &str, counts_all: bool) -> Result<String, String> {
        let mut running = self.start(points);
        let line = running.says("admin port open");
        let address = line.split_once("address=").map(|(_, rest)| rest.trim().to_owned());
        let address = address.ok_or_else(|| format!("no address in `{line}`"))?;
        let done = self.waits(|| !running.is_running() || self.is_done().unwrap_or(false));
        if !running.is_running() {
            return Err(format!("it ended by itself:\n{}", running.log()));
        }
        done.map_err(|why| format!("{why}:\n{}", running.log()))?;
        let metrics = if counts_all { self.counted(&address)? } else { String::new() };
        running.signal("TERM");
        let ended = running.ended();
        if ended.code != Some(0) {
            return Err(format!("asked to end, it ended with {:?}:\n{}", ended.code, ended.log));
        }
        Ok(metrics)
    }

    fn waits(&self, mut until: impl FnMut() -> bool) -> Result<(), String> {
        let started = Instant::now();
        while !until() {
            if started.elapsed() > PATIENCE {
                let (there, wanted) = (self.positions()?, &self.fed.ends);
                return Err(format!("after {PATIENCE:?} the positions are {there:?} of {wanted:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether the group has come to the end of the inputs.
    fn is_done(&self) -> Result<bool, String> {
        let positions = self.positions()?;
        let is_beyond =
            |(place, end): (&(String, i32), &i64)| positions.get(place).is_some_and(|at| at >= end);
        Ok(self.fed.ends.iter().all(is_beyond))
    }

    /// What the group has committed.
    fn positions(&self) -> Result<HashMap<(String, i32), i64>, String> {
        let wrong = |error| format!("the positions of `{GROUP}`: {error}");
        // Otherwise they are not told while a transaction is open that may move them, such as that of a dead process.
        let mut config = self.broker.client_config();
        config.set("group.id", GROUP).set("isolation.level", "read_uncommitted");
        let consumer: BaseConsumer = config.create().map_err(wrong)?;
        let mut places = TopicPartitionList::new();
        for (topic, partition) in self.fed.ends.keys() {
            places.add_partition(topic, *partition);
        }
        let committed = consumer.committed_offsets(places, PATIENCE).map_err(wrong)?;
        let position = |place: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let at = place.offset().to_raw().filter(|offset| *offset >= 0)?;
            Some(((place.topic().to_owned(), place.partition()), at))
        };
        Ok(committed.elements().iter().filter_map(position).collect())
    }

    /// What the process counted. A transaction counts a moment after its positions are there, and a worker that came
    /// last has its partitions a moment later.
    fn counted(&self, address: &str) -> Result<String, String> {
        let started = Instant::now();
        loop {
            let page =
                metrics::page(address).map_err(|error| format!("http://{address}/metrics: {error}"))?;
            // Somebody who counts too little is for the checker to find.
            let is_whole =
                records(&page) >= self.fed.committed && working(&page) >= usize::from(self.workers);
            if is_whole || started.elapsed() > COUNTING {
                return Ok(page);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn judged(&self, metrics: Option<&Path>) -> Result<Json, String> {
        let mut arguments = words(&["check", "--brokers", self.broker.address(), "--policy"]);
        arguments.push(self.policy.display().to_string());
        let mut topics: Vec<&str> = self.fed.ends.keys().map(|(topic, _)| topic.as_str()).collect();
        topics.sort_unstable();
        topics.dedup();
        arguments.extend(["--inputs".to_owned(), topics.join(",")]);
        arguments.extend(
            metrics.into_iter().flat_map(|file| ["--metrics".to_owned(), file.display().to_string()]),
        );
        let ended = Running::start(&mut program(&find("hinge-checker")?, arguments)).ended();
        let verdict = serde_json::from_str::<Json>(&ended.output);
        match (ended.code, verdict) {
            (Some(0 | 1), Ok(verdict)) => {
                let found = verdict["violations"].as_u64().ok_or("a verdict without violations")?;
                if (found > 0) != (ended.code == Some(1)) {
                    return Err(format!("{found} violations, and the exit code is {:?}", ended.code));
                }
                Ok(verdict)
            }
            (code, _) => Err(format!("the checker ended with {code:?}: {}{}", ended.log, ended.output)),
        }
    }
}

/// All records that were counted.
fn records(page: &str) -> usize {
    usize::try_from(metrics::sum(page, "hinge_records_total").unwrap_or_default()).unwrap_or_default()
}

/// How many workers remember events.
fn working(page: &str) -> usize {
    metrics::values(page, "hinge_router_identities").filter(|remembered| *remembered > 0.0).count()
}

fn by_kind(verdict: &Json) -> Result<BTreeMap<String, u64>, String> {
    let counts = verdict["by_kind"].as_object().ok_or("a verdict without kinds")?;
    let count = |(kind, count): (&String, &Json)| Some((kind.clone(), count.as_u64()?));
    Ok(counts.iter().filter_map(count).collect())
}
