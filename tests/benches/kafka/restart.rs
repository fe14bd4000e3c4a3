//! How long a worker that starts needs for what it has to remember: it reads its partitions back as far as a
//! repetition may reach.

use std::time::{Duration, Instant};

use hinge_domain::Format;
use hinge_tests::kafka::until;
use hinge_tests::metrics;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::Offset;
use serde_json::json;

use crate::check::Who;
use crate::clients;
use crate::options::Options;
use crate::report::{Report, Row, thousands};
use crate::site::{STUCK, Site};

/// The window of a partition by default, here in all partitions together.
const RECORDS: u64 = 2_000_000;
/// So many are written in a quick run.
const QUICK: u64 = 200_000;

/// A start, from the program's first instruction to when it waits for events and remembers.
struct Start {
    took: Duration,
    identities: u64,
    identity_bytes: u64,
}

/// `None` where there is no broker.
#[expect(clippy::cast_precision_loss, reason = "some millions")]
pub(crate) fn measure(options: &Options, report: &mut Report) -> Option<()> {
    let mut site = Site::start(Format::Json, &options.hinge)?;
    // Nothing of it is worked off: the group is told that it was.
    site.write(if options.quick { QUICK } else { RECORDS });
    stand_at_end(&site);
    let empty = start(&site, 1);
    let full = start(&site, site.next);
    let [short, long] = [&empty, &full].map(|start| start.took.as_secs_f64());
    let each = full.identity_bytes as f64 / full.identities as f64;
    let what = format!("restart: {} records read back, s", thousands(full.identities as f64));
    let row = Row::alone(&what, format!("{:.1}", long - short));
    report.row(Row { wanted: "5 is hoped for".to_owned(), ..row });
    let row = Row::alone("restart: bytes for each", format!("{each:.0}"));
    report.row(Row { wanted: "40 is hoped for".to_owned(), ..row });
    report.row(Row::alone("restart: as good as nothing read back, s", format!("{short:.1}")));
    report.number(
        "restart",
        json!({"records": full.identities, "seconds": long, "seconds_empty": short, "bytes_each": each}),
    );
    Some(())
}

/// Commits the ends of the input for the group, which has no members yet.
fn stand_at_end(site: &Site) {
    let group = clients::reader(site.brokers(), Who::Hinge.group(), "read_committed");
    let topic = hinge_tests::job::topic();
    let mut ends = TopicPartitionList::new();
    for partition in 0..i32::try_from(hinge_tests::job::PARTITIONS).expect("there are few") {
        let end = Offset::Offset(clients::end_of(&group, &topic, partition));
        ends.add_partition_offset(&topic, partition, end).expect("it is no less than 0");
    }
    group.commit(&ends, CommitMode::Sync).expect("the broker takes positions of a group without members");
}

/// Starts a worker that reads so many offsets of each partition back, waits until it remembers them, and ends it.
fn start(site: &Site, offsets: u64) -> Start {
    let wanted = site.next.min(offsets * hinge_tests::job::PARTITIONS);
    let started = Instant::now();
    let environment = [("HINGE_ROUTER__REPETITION_OFFSETS", offsets.to_string())];
    let mut worker = site.worker(Who::Hinge, 0, &environment);
    let (identities, identity_bytes) = until(STUCK, "everything is remembered", || {
        worker.must_run();
        let metrics = worker.metrics();
        let identities = metrics::sum(&metrics, "hinge_router_identities")?;
        (identities >= wanted).then_some((identities, metrics::sum(&metrics, "hinge_router_identity_bytes")?))
    });
    let took = started.elapsed();
    worker.stop();
    Start { took, identities, identity_bytes }
}
