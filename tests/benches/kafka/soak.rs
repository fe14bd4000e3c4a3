//! Half of the maximum for a long time: what grows without end shows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hinge_domain::Format;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::Offset;
use serde_json::json;

use crate::arms::warm;
use crate::check::Who;
use crate::clients;
use crate::generator::Generator;
use crate::options::Options;
use crate::process;
use crate::report::{Report, Row};
use crate::site::{Progress, Site, Worker};
use crate::speed::{self, Crew};

const SAMPLE: Duration = Duration::from_secs(10);
/// What was worked off would fill the disk.
const TIDYING: Duration = Duration::from_mins(1);
/// The last third may differ from the second by so much.
const FLAT: f64 = 0.05;
const WHAT: [&str; 4] = ["memory, KiB", "descriptors", "threads", "series"];

/// `None` where there is no broker.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some thousands of events a second"
)]
pub(crate) fn measure(options: &Options, lasting: Duration, report: &mut Report) -> Option<()> {
    let mut site = warm(options, ("soak", Format::Json), &[], report)?;
    site.write(options.events);
    let most = speed::alone(&site, Who::Hinge);
    let rate = (most.per_second / 2.0) as u64;
    // The memory of identities has to be full before the second third, or it is what grows.
    let offsets = (rate as f64 * lasting.as_secs_f64() / 6.0 / hinge_tests::job::PARTITIONS as f64) as u64;
    let window = offsets.min(2_000_000);
    let environment = vec![("HINGE_ROUTER__REPETITION_OFFSETS", window.to_string())];
    println!("soak: {rate} events/s for {lasting:?}, identities of {window} offsets of each partition");
    let mut workers = Crew { environment, ..Crew::one(Who::Hinge) }.start(&site);
    site.write(hinge_tests::job::ORDERS);
    site.worked_off(Who::Hinge, &mut workers);
    let samples = drive(&mut site, &mut workers, (rate, lasting));
    site.worked_off(Who::Hinge, &mut workers);
    for worker in workers {
        worker.stop();
    }
    for (place, what) in WHAT.iter().enumerate() {
        let mean =
            |of: &[[u64; 4]]| of.iter().map(|sample| sample[place] as f64).sum::<f64>() / of.len() as f64;
        let third = samples.len() / 3;
        let (second, last) = (mean(&samples[third..2 * third]), mean(&samples[2 * third..]));
        let grew = last / second.max(1.0) - 1.0;
        let row = Row::alone(&format!("soak: {what}"), format!("{second:.0} then {last:.0}"));
        let row = Row { ratio: format!("{:+.1} %", grew * 100.0), ..row };
        report.row(row.wanted("within 5 %", grew.abs() <= FLAT));
    }
    report.number("soak", json!({"rate": rate, "seconds": lasting.as_secs(), "samples": samples}));
    Some(())
}

/// Writes at the rate, and looks at the worker meanwhile.
fn drive(site: &mut Site, workers: &mut [Worker], (rate, lasting): (u64, Duration)) -> Vec<[u64; 4]> {
    let done = AtomicBool::new(false);
    let first = site.next;
    let (samples, next) = std::thread::scope(|scope| {
        let (site, done) = (&*site, &done);
        let looking = scope.spawn(move || {
            let mut samples = Vec::new();
            let mut tidied = Instant::now();
            while !done.load(Ordering::Relaxed) {
                sleep(SAMPLE);
                workers.iter_mut().for_each(Worker::must_run);
                let worker = &workers[0];
                let number = worker.process();
                let series = process::series(&worker.metrics());
                let sample = [
                    process::kibibytes(number),
                    process::descriptors(number),
                    process::threads(number),
                    series,
                ];
                println!(
                    "soak: {sample:?}, {} events worked off",
                    Progress::of(site.brokers(), Who::Hinge).events()
                );
                samples.push(sample);
                if tidied.elapsed() > TIDYING {
                    tidied = Instant::now();
                    tidy(site);
                }
            }
            samples
        });
        let mut generator = Generator::new(site.brokers(), &site.job, (first, "5"));
        generator.write_at(rate, lasting, &mut |_| {});
        done.store(true, Ordering::Relaxed);
        (looking.join().expect("the worker runs on"), generator.next())
    });
    site.next = next;
    samples
}

/// Deletes what was worked off and what was written.
fn tidy(site: &Site) {
    let progress = Progress::of(site.brokers(), Who::Hinge);
    let reader = clients::reader(site.brokers(), "benchmark", "read_committed");
    let mut list = TopicPartitionList::new();
    let mut add = |topic: &str, partition: i32, offset: i64| {
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("it is no less than 0");
    };
    let input = hinge_tests::job::topic();
    for (partition, done) in (0..).zip(progress.now()) {
        add(&input, partition, done.try_into().unwrap_or_default());
    }
    for topic in Who::Hinge.topics() {
        add(&topic, 0, clients::end_of(&reader, &topic, 0));
    }
    let admin: AdminClient<DefaultClientContext> =
        site.broker.client_config().create().expect("the settings are valid");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers asks nothing of the system");
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new()));
    deleted.expect("the broker deletes what it is told to");
}
