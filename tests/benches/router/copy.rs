//! How near the router comes on the embedded log to a copy that neither reads nor decides anything: the same
//! inputs, the same outputs in number and size, the same batches, each commit waiting for the disk.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hinge_domain::{Policy, Stream};
use hinge_router::{
    Clock, DECISIONS, Metrics, Parts, Pulse, ROLE, Router, Settings, Summary, input_topic, output_topics,
};
use hinge_schema::Catalogue;
use hinge_stream::embedded::{EmbeddedLog, Options};
use hinge_stream::{Committed, Log, Outgoing, Polled, Positions, Record, Session, SessionOptions, TopicSpec};
use hinge_tests::shop::{Plan, Shop};
use hinge_tests::told::read_all;
use prometheus::Registry;

/// Input events, in all rounds the same ones.
const EVENTS: u32 = 100_000;
const ROUNDS: usize = 3;

/// Twelve rules, seven departments; an order tells them about 17 times in about 6 events.
const ROUTES: &str = "
routes:
  - {id: placed, owner: operations, on: order.placed, to: [operations, warehouse, finance], kind: know,
     requires: [promised_date, state], template: placed}
  - {id: promised, owner: marketing, on: order.placed, when: size(event.promise_ids) > 0,
     to: [delivery, customer-support], kind: know, requires: [promised_date, promise_ids], template: placed}
  - {id: large, owner: finance, on: order.placed, when: event.value >= 500.0, to: [finance, quality], kind: do,
     priority: high, requires: [value, currency], template: placed, because: large orders are checked}
  - {id: confirmed, owner: operations, on: order.confirmed, to: [warehouse, delivery], kind: do,
     requires: [promised_date, zone], template: plain}
  - {id: near, owner: operations, on: order.confirmed, when: event.state == 'SP', to: operations, kind: know,
     template: plain}
  - {id: scheduled, owner: delivery, on: delivery.scheduled, to: [warehouse, delivery, operations], kind: do,
     requires: [promised_date], template: plain}
  - {id: dispatched, owner: delivery, on: delivery.dispatched, to: [customer-support, operations], kind: know,
     priority: low, template: plain}
  - {id: promise-dispatched, owner: marketing, on: delivery.dispatched, when: size(event.promise_ids) > 0,
     to: marketing, kind: know, template: plain}
  - {id: delayed, owner: delivery, on: delivery.delayed, to: [customer-support, marketing, quality], kind: do,
     priority: urgent, requires: [new_date], template: plain, because: the customer hears it from us}
  - {id: completed, owner: delivery, on: delivery.completed, to: [finance, delivery], kind: know,
     template: plain}
  - {id: late, owner: quality, on: delivery.completed, when: event.delivered_date > event.promised_date,
     to: [quality, customer-support], kind: do, priority: high, template: plain}
  - {id: contact, owner: customer-support, on: contact.received, to: [customer-support, marketing],
     kind: answer, requires: [channel], template: plain}
";
const POLICY: &str = "
name: Measured
catalogue: 1
ignored:
  - {type: campaign.launched, reason: not measured}
  - {type: order.changed, reason: not measured}
  - {type: order.cancelled, reason: not measured}
";
const PLACED: &str = "# Order {{ event.subject }}: promised for {{ event.promised_date }}

{{ event.item_count }} items for {{ event.value }} {{ event.currency }}, to {{ event.state }}.
";
const PLAIN: &str = "# Order {{ event.subject }} goes on

Promised for {{ event.promised_date }} ({{ event.zone }}).
";

/// Prints each round, and gives the median of the ratios.
pub(crate) fn median_ratio() -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
    let bench = Bench::prepare(folder.path());
    let mut ratios = Vec::new();
    let mut copied = None;
    for round in 1..=ROUNDS {
        let router = bench.route();
        if round == 1 {
            println!("peak memory of the process: {} MiB", peak_mebibytes());
            println!("records out for each in: {:.2}", outputs_per_event(&bench));
        }
        let copied = copied.get_or_insert_with(|| Copied::of(&bench));
        let copy = bench.copy(copied);
        let ratio = router / copy;
        println!("round {round}: router {router:.0} events/s, copy {copy:.0} events/s, ratio {ratio:.3}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    ratios[ROUNDS / 2]
}

/// A policy, and a log that holds the inputs.
struct Bench {
    folder: PathBuf,
    policy: Arc<Policy>,
}

impl Bench {
    fn prepare(folder: &Path) -> Self {
        let policy = folder.join("policy");
        hinge_policy::write_starter(&policy).expect("the folder is empty");
        fs::remove_dir_all(policy.join("routes")).expect("the starter has rules");
        fs::remove_dir_all(policy.join("templates")).expect("the starter has templates");
        for (name, text) in [
            ("policy.yaml", POLICY),
            ("routes/measured.yaml", ROUTES),
            ("templates/placed.md", PLACED),
            ("templates/plain.md", PLAIN),
        ] {
            let path = policy.join(name);
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder is writable");
            fs::write(path, text).expect("the folder is writable");
        }
        let loaded = hinge_policy::load(&policy, &Catalogue::builtin());
        let policy = Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")).policy);
        let bench = Self { folder: folder.to_owned(), policy };
        bench.write_inputs();
        bench
    }

    fn log(&self, name: &str) -> EmbeddedLog {
        EmbeddedLog::open(&self.folder.join(name), Options::default()).expect("the folder is writable")
    }

    /// A log with the inputs only.
    fn fresh_log(&self, name: &str) -> EmbeddedLog {
        let folder = self.folder.join(name);
        // Nobody has it open: what it was written with is gone by now.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder is writable");
        fs::copy(self.folder.join("inputs/log.sqlite"), folder.join("log.sqlite")).expect("the log is there");
        self.log(name)
    }

    fn write_inputs(&self) {
        let log = self.log("inputs");
        let input =
            |stream| TopicSpec { name: input_topic(stream), partitions: 4, replication: 1, settings: vec![] };
        let mut specs: Vec<TopicSpec> = Stream::ALL.map(input).to_vec();
        specs.extend(output_topics(&self.policy, 1));
        log.topics().and_then(|mut topics| topics.create(&specs)).expect("topics can be created");
        let mut appender = log.appender().expect("the log can be written");
        let plan = Plan { orders: u32::MAX, seed: 1, troubled: false };
        let mut bytes = 0;
        for written in Shop::new(plan).take(EVENTS as usize) {
            let headers = written.headers.iter().map(|(name, value)| name.len() + value.len());
            bytes += written.value.len() + headers.sum::<usize>();
            written.append(appender.as_mut()).expect("the log can be written");
        }
        appender.flush().expect("the log can be written");
        let rules = self.policy.rules.len();
        println!("{EVENTS} events of {} bytes, {rules} rules", bytes / EVENTS as usize);
    }

    /// Events per second of the router.
    fn route(&self) -> f64 {
        let log = self.fresh_log("routed");
        let topics = Stream::ALL.map(input_topic);
        let metrics =
            Metrics::register(&Registry::new(), &self.policy, &topics).expect("the registry is empty");
        let router = Router::new(Parts {
            session: session(&log),
            reader: log.reader().expect("the log can be read"),
            policy: Arc::clone(&self.policy),
            catalogue: Catalogue::builtin(),
            sources: hinge_schema::Sources::default(),
            settings: Settings { drain: true, clock: Clock::Wall, ..Settings::default() },
            metrics,
            pulse: Arc::new(Pulse::default()),
        });
        let started = Instant::now();
        let summary: Summary = router.run().expect("the router drains");
        let took = started.elapsed();
        assert_eq!(summary.records(), u64::from(EVENTS));
        per_second(took)
    }

    /// Events per second of the copy.
    fn copy(&self, copied: &Copied) -> f64 {
        let log = self.fresh_log("copied");
        let mut session = session(&log);
        let limits = Settings::default().limits;
        let mut events = 0;
        let started = Instant::now();
        loop {
            match session.poll(&limits).expect("the log can be read") {
                Polled::Records(batch) => {
                    session.begin().expect("no transaction is open");
                    for record in &batch {
                        copied.send(session.as_mut(), record);
                    }
                    let positions: Positions =
                        batch.iter().map(|record| (record.place.clone(), record.offset.next())).collect();
                    let committed = session.commit(&positions).expect("the log can be written");
                    assert_eq!(committed, Committed::Done);
                    events += batch.len();
                }
                Polled::Given(_) | Polled::Taken(_) | Polled::Idle => {}
                Polled::Unreadable { place, why, .. } => panic!("{place}: {why}"),
            }
            if session.at_end() {
                break;
            }
        }
        session.close().expect("nothing is open");
        let took = started.elapsed();
        assert_eq!(events, EVENTS as usize);
        per_second(took)
    }
}

type Headers = Vec<(String, Vec<u8>)>;

/// What the router left of each input, without what it said.
struct Copied {
    /// Its topics, and headers of the kind that it writes there.
    topics: Vec<(String, Headers)>,
    /// For each event, by its id: topics by their place above, and the size of what was written there.
    outputs: HashMap<String, Vec<(usize, usize)>>,
    bytes: Vec<u8>,
}

impl Copied {
    fn of(bench: &Bench) -> Self {
        let log = bench.log("routed");
        let mut reader = log.reader().expect("the log can be read");
        let mut copied = Self { topics: Vec::new(), outputs: HashMap::new(), bytes: Vec::new() };
        for spec in output_topics(&bench.policy, 1) {
            let number = copied.topics.len();
            copied.topics.push((spec.name.clone(), Vec::new()));
            let each = &mut |record: Record| {
                let size = record.value.as_deref().map_or(0, <[u8]>::len);
                let headers = record
                    .headers
                    .iter()
                    .map(|header| (header.name.to_owned(), header.value.unwrap_or_default().to_vec()));
                copied.topics[number].1 = headers.collect();
                copied.outputs.entry(event_of(&spec.name, &record)).or_default().push((number, size));
                copied.bytes.resize(copied.bytes.len().max(size), b'x');
            };
            read_all(reader.as_mut(), &spec.name, each).expect("the log can be read");
        }
        copied
    }

    fn send(&self, session: &mut dyn Session, record: &Record) {
        let id = record.headers.get("ce_id").and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default();
        for (number, size) in &self.outputs[id] {
            let (topic, headers) = &self.topics[*number];
            let headers: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let outgoing = Outgoing {
                topic,
                key: record.key.as_deref(),
                value: Some(&self.bytes[..*size]),
                headers: &headers,
                carried: None,
                timestamp: None,
            };
            session.send(&outgoing).expect("the log can be written");
        }
    }
}

/// The id of the event that an output is about.
fn event_of(topic: &str, record: &Record) -> String {
    if topic == DECISIONS {
        let decision: serde_json::Value =
            serde_json::from_slice(record.value.as_deref().unwrap_or_default()).expect("decisions are JSON");
        return decision["event"]["id"].as_str().unwrap_or_default().to_owned();
    }
    let cause = record.headers.get("ce_causationid").or_else(|| record.headers.get("ce_id"));
    String::from_utf8_lossy(cause.unwrap_or_default()).into_owned()
}

fn session(log: &dyn Log) -> Box<dyn Session> {
    let options = SessionOptions {
        group: format!("hinge-{ROLE}"),
        instance: "0".to_owned(),
        topics: Stream::ALL.map(input_topic).to_vec(),
        start_at: None,
    };
    log.session(&options).expect("nobody else works on this log")
}

fn outputs_per_event(bench: &Bench) -> f64 {
    let log = bench.log("routed");
    let mut reader = log.reader().expect("the log can be read");
    let mut records = 0;
    for spec in output_topics(&bench.policy, 1) {
        let bounds = reader.bounds(&spec.name).expect("the topic is there");
        records += bounds.into_iter().map(|(_, first, end)| end.0 - first.0).sum::<i64>();
    }
    f64::from(i32::try_from(records).expect("some hundred thousand")) / f64::from(EVENTS)
}

fn per_second(took: Duration) -> f64 {
    f64::from(EVENTS) / took.as_secs_f64()
}

/// The most memory that the process has had so far.
fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() / 1024
}
