//! The parts of one order's way, each alone.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use hinge_domain::{Format, Verdict, decide};
use hinge_schema::{Catalogue, Decoded, Encoding, Stamp, Stamped, write_notification};
use hinge_stream::Record;
use hinge_tests::measured::{orders, policy};

pub(crate) fn measure() {
    let mut criterion = Criterion::default()
        .output_directory(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion"))
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    for (name, encoding, format) in
        [("JSON", Encoding::JsonBinary, Format::Json), ("Avro", Encoding::Avro, Format::Avro)]
    {
        one(&mut criterion, name, (encoding, format));
    }
    criterion.final_summary();
}

fn one(criterion: &mut Criterion, name: &str, (encoding, format): (Encoding, Format)) {
    let policy = policy(format);
    let catalogue = Catalogue::builtin();
    // One that five rules match and three departments are told of, as many are.
    let records = orders(100, encoding);
    let told = |record: &Record| {
        let event = decoded(&catalogue, record).event;
        matches!(decide(&event, &policy, event.occurred).verdict, Verdict::Emitted(told) if told.len() == 3)
    };
    let record =
        records.iter().find(|record| told(record)).expect("one of a hundred tells three departments");
    let event = decoded(&catalogue, record).event;
    let mut group = criterion.benchmark_group(name);
    group.bench_function("decode", |bencher| bencher.iter(|| decoded(&catalogue, black_box(record))));
    group.bench_function("identity and content", |bencher| {
        bencher.iter(|| (black_box(&event).identity(), event.content()));
    });
    group.bench_function("decide, for three departments", |bencher| {
        bencher.iter(|| black_box(decide(black_box(&event), &policy, event.occurred)));
    });
    let decision = decide(&event, &policy, event.occurred);
    let Verdict::Emitted(notifications) = &decision.verdict else { return };
    let stamp = Stamp { policy_version: "v1".into(), recorded: event.occurred, decided: event.occurred };
    let mut target = Vec::new();
    group.bench_function("write one notification", |bencher| {
        bencher.iter(|| {
            target.clear();
            let stamped = Stamped::new(&stamp, event.occurred);
            write_notification(black_box(&notifications[0]), &stamped, format, &mut target)
        });
    });
    group.finish();
}

fn decoded(catalogue: &Catalogue, record: &Record) -> Decoded {
    let headers = record.headers.iter().map(|header| (header.name, header.value));
    catalogue.decode(headers, record.value.as_deref()).expect("the shop writes what can be read")
}
