//! The parts of the benchmark: what is run in which order, and what of it goes into the table.

use std::fs;

use hinge_domain::Format;
use serde_json::{Value as Json, json};

use crate::check::Who;
use crate::latency::{self, Latency};
use crate::options::Options;
use crate::report::{Report, Row, spread, thousands};
use crate::site::Site;
use crate::speed::{self, Crew, Speed};

/// Events a second at which latency is measured.
const RATES: [u64; 3] = [50, 200, 2_000];

/// How often each has its turn at a rate: what else the machine does should not fall on one alone.
const TURNS: u32 = 2;

/// Their places in a round.
const COPY: usize = 0;
const HINGE: usize = 1;
const LEAN: usize = 2;

/// The most memory that is wanted at full speed, in MiB, that for identities aside.
const PEAK: u64 = 128;

/// Speed and cost in one format. `None` where there is no broker.
pub(crate) fn speed(options: &Options, of: (&str, Format, f64), report: &mut Report) -> Option<()> {
    let (name, format, wanted) = of;
    let mut site = warm(options, (name, format), &Who::COPIES, report)?;
    let mut rounds: Vec<[Speed; 3]> = Vec::new();
    for round in 1..=options.rounds {
        site.write(options.events);
        let [copy, lean] = Who::COPIES;
        let all = [copy, Who::Hinge, lean].map(|who| {
            let outputs = site.outputs(who);
            let speed = speed::alone(&site, who);
            outputs.check(site.brokers(), &site.job, site.next);
            tell(&format!("{name}, round {round}"), &speed);
            report.disturbed(speed.others);
            speed
        });
        rounds.push(all);
    }
    let told = |of: fn(&Speed) -> f64, opponent: usize| {
        let [copy, hinge] = [opponent, HINGE].map(|who| spread(rounds.iter().map(|round| of(&round[who]))));
        let (middle, least, most) =
            spread(rounds.iter().map(|round| of(&round[HINGE]) / of(&round[opponent])));
        let ratio = format!("{middle:.2} ({least:.2} to {most:.2})");
        (middle, Row { copy: thousands(copy.0), ratio, ..Row::alone("", thousands(hinge.0)) })
    };
    for (what, of, wanted) in [
        ("events per CPU second", (|speed| speed.per_cpu_second) as fn(&Speed) -> f64, wanted),
        ("events per second", |speed| speed.per_second, 0.8),
    ] {
        let (ratio, row) = told(of, COPY);
        let row = Row { what: format!("{name}: {what}"), ..row };
        report.row(row.wanted(&format!("at least {wanted}"), ratio >= wanted));
        let (_, row) = told(of, LEAN);
        report.row(Row { what: format!("{name}: the same, copy told of failures only"), ..row });
    }
    let broker =
        [COPY, HINGE].map(|who| format!("{:.1}", spread(rounds.iter().map(|round| round[who].broker)).0));
    let [copy, hinge] = broker;
    report.row(Row { copy, ..Row::alone(&format!("{name}: broker, us per event"), hinge) });
    // The round that had the most beside what identities take.
    let beside = |speed: &Speed| speed.peak.saturating_sub(speed.identities.unwrap_or_default());
    let [copy, hinge, _] =
        rounds.iter().max_by_key(|[_, hinge, _]| beside(hinge)).expect("there is a round at least");
    let row = Row::alone(&format!("{name}: peak memory, MiB"), hinge.peak.to_string());
    let wanted = format!("at most {PEAK} + {} for identities", hinge.identities.unwrap_or_default());
    report.row(Row { copy: copy.peak.to_string(), ..row }.wanted(&wanted, beside(hinge) <= PEAK));
    let all: Vec<Json> = rounds.iter().flatten().map(numbers).collect();
    report.number(&name.to_lowercase(), json!(all));
    Some(())
}

/// Latency at each rate.
pub(crate) fn latency(options: &Options, report: &mut Report) -> Option<()> {
    let mut site = warm(options, ("latency", Format::Json), &[Who::Copy], report)?;
    let mut both = Who::BOTH.map(|_| vec![Latency::default(); RATES.len()]);
    for _ in 0..TURNS {
        for (who, measured) in Who::BOTH.into_iter().zip(&mut both) {
            let turn = latency::measure(&mut site, who, (&RATES, options.lasting / TURNS));
            let before = std::mem::take(measured);
            *measured = before.into_iter().zip(turn).map(|(before, turn)| before.with(turn)).collect();
        }
    }
    let [copy, hinge] = &both;
    for ((rate, copy), hinge) in RATES.iter().zip(copy).zip(hinge) {
        let (of_copy, of_hinge) = (copy.notifications(), hinge.notifications());
        println!("latency at {rate}: {of_copy} notifications of the copy, {of_hinge} of hinge");
        let mut numbers = serde_json::Map::new();
        for (percent, hoped) in [(50, 35), (99, 90)] {
            let (hinge, copy) = (hinge.percentile(percent), copy.percentile(percent));
            let ratio = hinge / copy;
            let hoped = if *rate == 2_000 { format!(", {hoped} ms hoped for") } else { String::new() };
            report.row(Row {
                what: format!("latency at {rate} events/s, p{percent}, ms"),
                hinge: format!("{hinge:.1}"),
                copy: format!("{copy:.1}"),
                ratio: format!("{ratio:.2}"),
                wanted: format!("at most 1.3{hoped}"),
                met: Some(ratio <= 1.3),
            });
            numbers.insert(format!("p{percent}_ms"), json!({"hinge": hinge, "copy": copy}));
        }
        report.number(&format!("latency_{rate}"), Json::Object(numbers));
    }
    Some(())
}

/// One process beside two, and beside several workers in one.
pub(crate) fn processes(options: &Options, report: &mut Report) -> Option<()> {
    let mut site = warm(options, ("processes", Format::Json), &[], report)?;
    let one = Crew::one(Who::Hinge);
    let environment = vec![("HINGE_STREAM__WORKERS", options.workers.to_string())];
    let crews = [
        ("one process", one.clone()),
        ("two processes", Crew { processes: 2, ..one.clone() }),
        ("one process, several workers", Crew { workers: options.workers, environment, ..one }),
    ];
    for (name, crew) in crews {
        let outputs = site.outputs(Who::Hinge);
        let speed = speed::together(&mut site, &crew, options.events);
        outputs.check(site.brokers(), &site.job, site.next);
        tell(name, &speed);
        report.disturbed(speed.others);
        for (what, value) in [
            ("events per second", thousands(speed.per_second)),
            ("events per CPU second", thousands(speed.per_cpu_second)),
            ("broker, us per event", format!("{:.1}", speed.broker)),
            ("processors kept busy", format!("{:.2}", speed.busy)),
            ("what limits", speed.limit().to_owned()),
        ] {
            report.row(Row::alone(&format!("{name}: {what}"), value));
        }
        report.number(&name.replace(' ', "_"), numbers(&speed));
    }
    Some(())
}

/// A site where everybody has run once, and the copies know what to write.
pub(crate) fn warm(
    options: &Options,
    (name, format): (&str, Format),
    copies: &[Who],
    report: &mut Report,
) -> Option<Site> {
    let mut site = Site::start(format, &options.hinge)?;
    let outputs = site.outputs(Who::Hinge);
    site.write(options.events);
    let hinge = speed::alone(&site, Who::Hinge);
    outputs.check(site.brokers(), &site.job, site.next);
    let (records, bytes) = site.learn(&outputs);
    let (value, headers) = site.job.bytes();
    println!(
        "{name}: events of {value} bytes and {headers} of headers, {:.2} notifications each; {records:.2} records of \
         {bytes:.0} bytes in all written for each; load {}",
        site.job.notifications_per_event(),
        load(),
    );
    tell(&format!("{name}, warming up"), &hinge);
    for copy in copies {
        let outputs = site.outputs(*copy);
        tell(&format!("{name}, warming up"), &speed::alone(&site, *copy));
        outputs.check(site.brokers(), &site.job, site.next);
    }
    report.number("load", load().into());
    Some(site)
}

/// One line for each run.
fn tell(when: &str, speed: &Speed) {
    let mut threads = speed.by_thread.clone();
    threads.sort_by(|one, other| other.1.total_cmp(&one.1));
    let threads: Vec<String> =
        threads.iter().take(3).map(|(name, cpu)| format!("{name} {cpu:.1} s")).collect();
    println!(
        "{when}: {} {} events/s, {} per CPU second, broker {:.1} us per event, {:.2} processors busy \
         and {:.2} of others, peak {} MiB, {} \
         threads, {} descriptors, {} series; first progress after {:.1} s; {}",
        speed.who.name(),
        thousands(speed.per_second),
        thousands(speed.per_cpu_second),
        speed.broker,
        speed.busy,
        speed.others,
        speed.peak,
        speed.threads,
        speed.descriptors,
        speed.series,
        speed.started.as_secs_f64(),
        threads.join(", "),
    );
}

fn numbers(speed: &Speed) -> Json {
    json!({
        "who": speed.who.name(),
        "events_per_second": speed.per_second,
        "events_per_cpu_second": speed.per_cpu_second,
        "broker_us_per_event": speed.broker,
        "processors_busy": speed.busy,
        "processors_busy_of_others": speed.others,
        "peak_mib": speed.peak,
        "identities_mib": speed.identities,
        "threads": speed.threads,
        "descriptors": speed.descriptors,
        "series": speed.series,
    })
}

/// What else the machine has to do.
fn load() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
