//! How fast waiting events are worked off, and what that costs.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hinge_tests::kafka::until;

use crate::check::Who;
use crate::process;
use crate::site::{Progress, STUCK, Site, Worker};

const SAMPLE: Duration = Duration::from_millis(20);

/// What one run was like.
#[derive(Clone, Debug)]
pub(crate) struct Speed {
    pub(crate) who: Who,
    pub(crate) per_second: f64,
    /// Of all workers' processor time together.
    pub(crate) per_cpu_second: f64,
    /// Microseconds of the broker's processor time for each event.
    pub(crate) broker: f64,
    /// Processors that workers and broker kept busy.
    pub(crate) busy: f64,
    /// Those that everything else kept busy, this benchmark among it.
    pub(crate) others: f64,
    /// Of the largest process, in MiB.
    pub(crate) peak: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    pub(crate) series: u64,
    /// What it needs to recognise repetitions, in MiB, if it says so.
    pub(crate) identities: Option<u64>,
    /// Processor time by thread, of all that are there at the end.
    pub(crate) by_thread: Vec<(String, f64)>,
    /// From the start to the first progress.
    pub(crate) started: Duration,
}

/// At one instant.
struct Sample {
    at: Instant,
    done: Vec<u64>,
    cpu: f64,
    broker: f64,
    machine: f64,
}

impl Speed {
    /// What keeps it from being faster.
    pub(crate) fn limit(&self) -> &'static str {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let busy = u32::try_from(processors).map_or(1.0, f64::from) * 0.9;
        match (self.busy >= busy, self.busy + self.others >= busy) {
            (true, _) => "processors",
            (false, true) => "processors, others had them",
            (false, false) => "waiting for the broker",
        }
    }
}

impl Sample {
    fn take(progress: &Progress, workers: &[Worker], site: &Site) -> Self {
        let done = progress.now();
        let cpu = workers.iter().map(|worker| process::cpu_seconds(worker.process())).sum();
        let machine = process::machine_seconds();
        Self { at: Instant::now(), done, cpu, broker: site.broker_cpu(), machine }
    }

    fn events(&self) -> u64 {
        self.done.iter().sum()
    }
}

/// How many of whom.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pub(crate) who: Who,
    pub(crate) processes: usize,
    /// Of each process.
    pub(crate) workers: usize,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Crew {
    /// One process, as it is by itself.
    pub(crate) fn one(who: Who) -> Self {
        Self { who, processes: 1, workers: 1, environment: Vec::new() }
    }

    pub(crate) fn start(&self, site: &Site) -> Vec<Worker> {
        (0..self.processes).map(|instance| site.worker(self.who, instance, &self.environment)).collect()
    }
}

/// Starts one process, lets it work off everything that waits, and measures from its first progress in every
/// partition to its last.
pub(crate) fn alone(site: &Site, who: Who) -> Speed {
    let progress = Progress::of(site.brokers(), who);
    let before = progress.now();
    let started = Instant::now();
    let mut workers = Crew::one(who).start(site);
    let first = until(STUCK, "there is progress", || {
        workers.iter_mut().for_each(Worker::must_run);
        let sample = Sample::take(&progress, &workers, site);
        sample.done.iter().zip(&before).all(|(now, before)| now > before).then_some(sample)
    });
    let took = first.at - started;
    Speed { started: took, ..follow(site, who, (workers, first)) }
}

/// Starts a crew that shares the partitions before there is work, and measures from when all work is there to
/// when it is done.
pub(crate) fn together(site: &mut Site, crew: &Crew, events: u64) -> Speed {
    let progress = Progress::of(site.brokers(), crew.who);
    let started = Instant::now();
    let mut workers = crew.start(site);
    site.joined(crew.who, (crew.processes * crew.workers, &mut workers));
    let took = started.elapsed();
    site.write(events);
    let first = Sample::take(&progress, &workers, site);
    Speed { started: took, ..follow(site, crew.who, (workers, first)) }
}

#[expect(clippy::cast_precision_loss, reason = "some millions of events")]
fn follow(site: &Site, who: Who, (mut workers, first): (Vec<Worker>, Sample)) -> Speed {
    let progress = Progress::of(site.brokers(), who);
    let deadline = first.at + STUCK;
    let last = loop {
        workers.iter_mut().for_each(Worker::must_run);
        let sample = Sample::take(&progress, &workers, site);
        if sample.events() == site.next {
            break sample;
        }
        assert!(Instant::now() < deadline, "{} is stuck: {:?} of {}", who.name(), sample.done, site.next);
        sleep(SAMPLE);
    };
    let events = (last.events() - first.events()) as f64;
    assert!(events > 0.0, "too few events to measure {}", who.name());
    let seconds = (last.at - first.at).as_secs_f64();
    let (cpu, broker) = (last.cpu - first.cpu, last.broker - first.broker);
    let most =
        |of: fn(u32) -> u64| workers.iter().map(|worker| of(worker.process())).max().unwrap_or_default();
    let metrics = workers.first().map(Worker::metrics).unwrap_or_default();
    let speed = Speed {
        who,
        per_second: events / seconds,
        per_cpu_second: events / cpu,
        broker: broker / events * 1e6,
        busy: (cpu + broker) / seconds,
        others: (last.machine - first.machine - cpu - broker).max(0.0) / seconds,
        peak: most(process::peak_kibibytes) / 1024,
        threads: most(process::threads),
        descriptors: most(process::descriptors),
        series: process::series(&metrics),
        identities: process::identity_mebibytes(&metrics),
        by_thread: workers.iter().flat_map(|worker| process::cpu_by_thread(worker.process())).collect(),
        started: Duration::ZERO,
    };
    workers.into_iter().for_each(Worker::stop);
    speed
}
