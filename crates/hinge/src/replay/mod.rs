//! `hinge replay` and `hinge plan`: the recorded input decided again, and what would be told otherwise.
//!
//! Both read and write nothing: `replay` asks whether the log is what its input and its policies make of it, `plan` what
//! a new policy would have made of it.
//!
//! * [`recorded`]: what the log says became of its input;
//! * [`rehearse`]: the input decided again, and compared;
//! * [`canonical`]: when two notifications are the same;
//! * [`people`]: who inside the departments is concerned;
//! * [`report`]: what is said of it.

mod canonical;
mod people;
mod recorded;
mod rehearse;
mod report;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use hinge_domain::Policy;
use hinge_schema::{Catalogue, Sources};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::arguments::{Format, LogArgs};
use crate::confluent;
use crate::exit::Coded;
use crate::opening::{self, IfMissing, Opened};
use crate::settings::Settings;
use crate::versions::Stored;
use canonical::Equality;
use people::Shifts;
use recorded::{Recorded, Stretch};
use rehearse::{Rehearse, Under};
use report::{Change, Report};

/// What `hinge replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,

    /// From which event on: earliest, or a time, which means those recorded at it or later
    #[arg(long, value_name = "PLACE", default_value = "earliest")]
    start_at: String,

    /// Up to which event: those recorded before this time [default: all]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Decide under the policy of this directory instead of the versions that decided
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,

    /// Only this input topic; may be given several times [default: all of them]
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,

    /// How many examples of each difference to show for each department
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    examples: usize,
}

/// What `hinge plan` takes.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The recorded history: the folder of an embedded log, or HOST:PORT of Kafka brokers [default: the settings' log]
    #[arg(long, value_name = "DATA|BROKERS")]
    against: Option<String>,

    /// Only what was recorded in the newest stretch of it, such as 28d or 12h, back from what came in last [default: all]
    #[arg(long, value_name = "DURATION")]
    last: Option<String>,

    /// The policy directory that is being planned
    #[arg(long, value_name = "DIR", default_value = "./policy")]
    policy: PathBuf,

    /// How many examples of each difference to show for each department
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    examples: usize,
}

/// From which event on.
#[derive(Clone, Copy, Debug)]
enum From {
    Oldest,
    RecordedAt(Timestamp),
    BackFromNewest(SignedDuration),
}

/// What is decided again.
struct Question {
    topics: Vec<String>,
    /// Whether these are all topics that a router reads.
    whole: bool,
    from: From,
    until: Option<Timestamp>,
    policy: Option<(Arc<Policy>, Sources)>,
    examples: usize,
}

/// Decides the recorded input again and says what differs; 0 where nothing does, else 1.
pub(crate) fn replay(
    args: &ReplayArgs,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    opening::apply_log_args(&mut settings, &args.log);
    let catalogue = confluent::catalogue(&settings)?;
    let policy = policy(args.policy.as_ref(), &catalogue)?;
    let opened = opening::open_log(&settings, IfMissing::Refuse)?;
    let all = all_topics(policy.as_ref(), &settings, &opened, &catalogue)?;
    let topics = topics(&args.topic, &all)?;
    let question = Question {
        whole: topics == all,
        topics,
        from: match args.start_at.as_str() {
            "earliest" => From::Oldest,
            time => From::RecordedAt(instant(time)?),
        },
        until: args.until.as_deref().map(instant).transpose()?,
        policy,
        examples: args.examples,
    };
    let report = compare(&question, &settings, &opened, &catalogue)?;
    if format == Format::Json {
        writeln!(out, "{}", report.json())?;
    } else {
        report.write_extent(out)?;
        report.write_table(["added", "gone", "changed"], out)?;
        report.write_examples(
            |department, change, count| match change {
                Change::Added => format!("{department}: {count} added, such as"),
                Change::Gone => format!("{department}: {count} gone, such as"),
                Change::Changed => format!("{department}: {count} changed, such as"),
            },
            out,
        )?;
        if report.compared == 0 {
            writeln!(out, "\nNothing was compared: no event of this stretch was decided.")?;
        } else if report.is_same() {
            writeln!(out, "\nNothing differs: deciding again gives what is there.")?;
        }
    }
    Ok(if report.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says on recorded history who would be told more, less or otherwise under a new policy.
pub(crate) fn plan(
    args: &PlanArgs,
    mut settings: Settings,
    format: Format,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    if let Some(against) = &args.against {
        opening::apply_log_args(&mut settings, &log_named(against));
    }
    let catalogue = confluent::catalogue(&settings)?;
    let policy = policy(Some(&args.policy), &catalogue)?;
    let opened = opening::open_log(&settings, IfMissing::Refuse)?;
    let question = Question {
        topics: all_topics(policy.as_ref(), &settings, &opened, &catalogue)?,
        whole: true,
        from: args
            .last
            .as_deref()
            .map_or(Ok(From::Oldest), |last| duration(last).map(From::BackFromNewest))?,
        until: None,
        policy,
        examples: args.examples,
    };
    let report = compare(&question, &settings, &opened, &catalogue)?;
    if format == Format::Json {
        writeln!(out, "{}", report.json())?;
        return Ok(ExitCode::SUCCESS);
    }
    let version = question.policy.as_ref().map_or("", |(policy, _)| policy.version.as_ref());
    writeln!(out, "Under the policy {version}, on what is recorded:")?;
    report.write_extent(out)?;
    report.write_table(["more", "less", "otherwise"], out)?;
    report.write_examples(
        |department, change, count| match change {
            Change::Added => format!("{department} would be told {count} more, such as"),
            Change::Gone => format!("{department} would be told {count} less, such as"),
            Change::Changed => format!("{department} would be told {count} otherwise, such as"),
        },
        out,
    )?;
    if report.is_same() {
        writeln!(out, "\nNothing would change.")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(
    question: &Question,
    settings: &Settings,
    opened: &Opened,
    catalogue: &Catalogue,
) -> Result<Report> {
    let log = opened.log.as_ref();
    let mut reader = log.reader()?;
    let mut oldest = BTreeMap::new();
    for topic in &question.topics {
        oldest.extend(reader.bounds(topic)?.into_iter().map(|(place, oldest, _)| (place, oldest)));
    }
    let stretch = Stretch { topics: &question.topics, oldest: &oldest };
    let mut recorded = Recorded::read(reader.as_mut(), &stretch)?;
    let from = match question.from {
        From::Oldest => None,
        From::RecordedAt(from) => Some(from),
        From::BackFromNewest(last) => recorded.newest.and_then(|newest| newest.checked_sub(last).ok()),
    };
    // To the millisecond, as notifications have it.
    let millis = |instant: Timestamp| instant.as_millisecond();
    let within = |recorded: Timestamp| {
        from.is_none_or(|from| millis(recorded) >= millis(from))
            && question.until.is_none_or(|until| millis(recorded) < millis(until))
    };
    recorded.narrow(within);
    let (under, equality) = match &question.policy {
        Some((policy, sources)) => (Under::One(Arc::clone(policy), sources.clone()), Equality::ButVersion),
        None => (Under::ThatDecided(Stored::read(reader.as_mut())?), Equality::Whole),
    };
    let whole = question.whole;
    recorded.find_notifications(log, equality, whole.then_some(&within))?;
    let mut rehearse = Rehearse {
        settings,
        catalogue: catalogue.clone(),
        log,
        under,
        within: &within,
        recorded,
        report: Report::new(question.examples),
        shifts: Shifts::new(question.examples),
        versions: BTreeMap::new(),
        examples: None,
    };
    for (place, oldest) in &oldest {
        rehearse.partition(reader.as_mut(), place, *oldest)?;
    }
    rehearse.gone()?;
    let mut report = rehearse.report;
    report.people = rehearse.shifts.resolve(reader.as_mut())?;
    Ok(report)
}

/// The topics that a router reads: the inputs, and those of other systems that the policy's sources read, or those of
/// the version that ran last; as far as they are there.
fn all_topics(
    policy: Option<&(Arc<Policy>, Sources)>,
    settings: &Settings,
    opened: &Opened,
    catalogue: &Catalogue,
) -> Result<Vec<String>> {
    let ran_last = Stored::read(opened.log.reader()?.as_mut())?.sources(catalogue);
    let present = opened.log.topics()?.list()?;
    let mut topics = settings.input_topics();
    for sources in policy.map(|(_, sources)| sources).into_iter().chain([&ran_last]) {
        for topic in sources.topics() {
            let is_new = !topics.iter().any(|known| **known == **topic);
            if is_new && present.iter().any(|known| *known.name == **topic) {
                topics.push(topic.to_string());
            }
        }
    }
    Ok(topics)
}

fn topics(asked: &[String], inputs: &[String]) -> Result<Vec<String>> {
    if asked.is_empty() {
        return Ok(inputs.to_vec());
    }
    match asked.iter().find(|topic| !inputs.contains(topic)) {
        None => Ok(inputs.iter().filter(|topic| asked.contains(topic)).cloned().collect()),
        Some(topic) => {
            let message = format!("`{topic}` is no input topic; they are {}", inputs.join(", "));
            Err(Coded::new("argument-invalid", 2, message).into())
        }
    }
}

fn policy(dir: Option<&PathBuf>, catalogue: &Catalogue) -> Result<Option<(Arc<Policy>, Sources)>> {
    let loaded = dir.map(|dir| opening::load_policy(dir, catalogue)).transpose()?;
    Ok(loaded.map(|loaded| (Arc::new(loaded.policy), loaded.sources)))
}

fn instant(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| {
        let message =
            format!("`{text}` is no time; give one such as 2026-03-02T00:00:00Z, or earliest to start at");
        Coded::new("argument-invalid", 2, message).into()
    })
}

/// A duration as people write it; a day has 24 hours.
fn duration(text: &str) -> Result<SignedDuration> {
    let span: Option<Span> = text.parse().ok();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    duration.filter(SignedDuration::is_positive).ok_or_else(|| {
        let message = format!("`{text}` is no duration; give one such as 28d, 12h or 30m");
        Coded::new("argument-invalid", 2, message).into()
    })
}

/// A folder that is there is one; everything else that looks like `host:port` are brokers.
fn log_named(against: &str) -> LogArgs {
    let is_folder = PathBuf::from(against).is_dir() || !against.contains(':');
    LogArgs { data: is_folder.then(|| against.into()), brokers: (!is_folder).then(|| against.to_owned()) }
}
