//! How long it takes from an event's being written to its notifications' being readable.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hinge_tests::kafka::until;
use rdkafka::message::Message as _;

use crate::check::{self, Who};
use crate::clients;
use crate::generator::Generator;
use crate::site::{STUCK, Site};
use crate::speed::Crew;

/// What is written before anything is measured: whoever starts is not at its best yet.
const PRIMER: u64 = 4_000;
/// What takes longer, in milliseconds, is told with its time.
const STALL: f64 = 60.0;
/// The beginning of each rate is not measured either.
const SETTLING: Duration = Duration::from_secs(1);

/// Milliseconds that each notification took, at one rate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency(Vec<f64>);

impl Latency {
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What so many of a hundred took at most.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut took = self.0.clone();
        took.sort_by(f64::total_cmp);
        took[took.len() * percent / 100]
    }

    pub(crate) fn notifications(&self) -> usize {
        self.0.len()
    }
}

/// Writes events at each rate for a while and lets one process of `who` work on them.
pub(crate) fn measure(site: &mut Site, who: Who, rates: (&[u64], Duration)) -> Vec<Latency> {
    let outputs = site.outputs(who);
    let mut workers = Crew::one(who).start(site);
    site.write(PRIMER);
    site.worked_off(who, &mut workers);
    let (rates, lasting) = rates;
    let mut measured = Vec::new();
    for rate in rates {
        measured.push(at_rate(site, who, (*rate, lasting)));
        site.worked_off(who, &mut workers);
    }
    for worker in workers {
        worker.stop();
    }
    outputs.check(site.brokers(), &site.job, site.next);
    measured
}

fn at_rate(site: &mut Site, who: Who, (rate, lasting): (u64, Duration)) -> Latency {
    let first = site.next;
    let reader = clients::reader(site.brokers(), "benchmark", "read_committed");
    let departments = who.topics().into_iter().take(hinge_tests::job::DEPARTMENTS.len());
    let places = departments.map(|topic| {
        let end = clients::end_of(&reader, &topic, 0);
        (topic, 0, end)
    });
    clients::assign(&reader, &places.collect::<Vec<_>>());
    // How many notifications are to come, known when everything is written.
    let expected = AtomicU64::new(u64::MAX);
    let (written, arrived) = std::thread::scope(|scope| {
        let meter = scope.spawn(|| {
            let mut arrived: Vec<(u64, Instant)> = Vec::new();
            until(STUCK + lasting, "the notifications arrive", || {
                while let Some(polled) = reader.poll(Duration::from_millis(100)) {
                    let Ok(record) = polled else { continue };
                    let now = Instant::now();
                    let event = check::cause(&record).expect("a notification names its event");
                    assert!(event >= first, "{} told of event {event} again", record.topic());
                    arrived.push((event, now));
                }
                (arrived.len() as u64 >= expected.load(Ordering::Relaxed)).then_some(())
            });
            arrived
        });
        let mut generator = Generator::new(site.brokers(), &site.job, (first, "0"));
        let mut written: Vec<Instant> = Vec::new();
        generator.write_at(rate, lasting, &mut |_| written.push(Instant::now()));
        let told = |event| site.job.order(event).told.iter().filter(|told| **told).count() as u64;
        expected.store((first..generator.next()).map(told).sum(), Ordering::Relaxed);
        (written, meter.join().expect("the meter has its own deadline"))
    });
    site.next = first + written.len() as u64;
    let begun = written[0];
    let took = arrived.into_iter().filter_map(|(event, at)| {
        let written = written[usize::try_from(event - first).ok()?];
        (written - begun >= SETTLING).then(|| (written - begun, (at - written).as_secs_f64() * 1e3))
    });
    let took: Vec<(Duration, f64)> = took.collect();
    tell_stalls(&took, (rate, who));
    Latency(took.into_iter().map(|(_, took)| took).collect())
}

/// When it took long: a few stalls of a machine make a high percentile as well as many slow events do.
fn tell_stalls(took: &[(Duration, f64)], (rate, who): (u64, Who)) {
    let mut worst: BTreeMap<u64, f64> = BTreeMap::new();
    for (written, took) in took.iter().filter(|(_, took)| *took > STALL) {
        let most = worst.entry(written.as_secs()).or_default();
        *most = most.max(*took);
    }
    let seconds: Vec<String> =
        worst.iter().map(|(second, took)| format!("{took:.0} ms in second {second}")).collect();
    if !seconds.is_empty() {
        println!("latency at {rate}, {}: up to {}", who.name(), seconds.join(", "));
    }
}
