//! What the demo shows: a live table, notifications in full, lag, rejections, and numbers that add up.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use hinge_domain::Policy;
use hinge_router::{DEAD_LETTERS, Outcome, Summary};
use hinge_schema::{Catalogue, decode_notification};
use hinge_stream::Offset;
use prometheus::Registry;

use crate::opening::Opened;
use crate::summary::table;
use crate::tail::{document, read_all};

/// The table that is drawn again and again in the same place.
pub(super) struct Live {
    topics: Vec<(String, String)>,
    spectator: bool,
    lines: usize,
}

impl Live {
    pub(super) fn new(policy: &Policy, spectator: bool) -> Self {
        let topics =
            policy.departments.iter().map(|it| (it.title.clone(), Policy::topic_of(&it.name))).collect();
        Self { topics, spectator, lines: 0 }
    }

    /// Draws how many notifications each department has and the latest one, as they lie in the log.
    pub(super) fn draw(&mut self, opened: &Opened, title: &str, out: &mut dyn Write) -> Result<()> {
        let mut reader = opened.log.reader()?;
        let mut table = table(&["department", "latest notification", "told"]);
        for (name, topic) in &self.topics {
            let mut told = 0;
            let mut latest = String::new();
            for (place, first, end) in reader.bounds(topic)? {
                told += end.0 - first.0;
                let last = Offset((end.0 - 1).max(first.0));
                for record in reader.read(&place, last, 1, std::time::Duration::ZERO)? {
                    let read = record.value.as_deref().and_then(|value| decode_notification(value).ok());
                    latest = read.map(|read| read.notification.title).unwrap_or_default();
                }
            }
            table.add_row([name.as_str(), &shortened(&latest), &told.to_string()]);
        }
        let text = format!("{title}\n{table}\n");
        if self.spectator && self.lines > 0 {
            // Back to the first line of the table, and clear from there.
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        self.lines = text.lines().count();
        write!(out, "{text}")?;
        out.flush()?;
        Ok(())
    }
}

fn shortened(title: &str) -> String {
    let mut short: String = title.chars().take(64).collect();
    if short.len() < title.len() {
        short.push('…');
    }
    short
}

/// Three notifications that show what departments read: an answer asked, one that hurries, something to
/// do. Gives the id of the last one.
pub(super) fn notifications_in_full(opened: &Opened, out: &mut dyn Write) -> Result<String> {
    let mut id = String::new();
    writeln!(out, "\nThree of them in full:")?;
    let mut reader = opened.log.reader()?;
    for (topic, wanted) in [
        ("hinge.notifications.operations", "campaign.launched"),
        ("hinge.notifications.customer-support", "delivery.delayed"),
        ("hinge.notifications.quality", "delivery.completed"),
    ] {
        let mut found = None;
        read_all(reader.as_mut(), topic, &mut |record| {
            found = record.value.as_deref().and_then(|value| decode_notification(value).ok());
            Ok(found.as_ref().is_none_or(|read| read.notification.event.event_type != wanted))
        })?;
        let Some(read) = found else { continue };
        let told = read.notification;
        writeln!(
            out,
            "\n  {} · {} · {} · {}",
            told.department,
            told.ask.name(),
            told.priority.name(),
            told.event.event_type
        )?;
        writeln!(out, "  {}", told.title)?;
        for line in told.body.lines().filter(|line| !line.is_empty()) {
            writeln!(out, "    {line}")?;
        }
        for reason in &told.reasons {
            let because = reason.because.as_deref().map(|because| format!(": {because}")).unwrap_or_default();
            writeln!(out, "    told by the rule {} of {}{because}", reason.rule, reason.owner)?;
        }
        id = told.id.to_string();
    }
    Ok(id)
}

/// How long each hop took, from the metrics.
pub(super) fn lag(registry: &Registry, out: &mut dyn Write) -> Result<()> {
    let mut hops: BTreeMap<String, Hop> = BTreeMap::new();
    for family in registry.gather().iter().filter(|family| family.name() == "hinge_communication_lag_seconds")
    {
        for metric in family.get_metric() {
            let name = metric
                .get_label()
                .iter()
                .find(|label| label.name() == "hop")
                .map(prometheus::proto::LabelPair::value);
            let hop = hops.entry(name.unwrap_or_default().to_owned()).or_default();
            let histogram = metric.get_histogram();
            hop.count += histogram.get_sample_count();
            for bucket in histogram.get_bucket() {
                let bound = bucket.upper_bound();
                match hop.buckets.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                    Some((_, count)) => *count += bucket.cumulative_count(),
                    None => hop.buckets.push((bound, bucket.cumulative_count())),
                }
            }
        }
    }
    writeln!(
        out,
        "\nHow long the telling took (the shop's own clock up to `recorded`, real time from there):"
    )?;
    let mut table = table(&["hop", "half of them within", "99 % within", "notifications"]);
    for name in ["occurred-recorded", "recorded-decided", "decided-published"] {
        if let Some(hop) = hops.get(name) {
            table.add_row([name, &hop.within(0.5), &hop.within(0.99), &hop.count.to_string()]);
        }
    }
    writeln!(out, "{table}")?;
    Ok(())
}

#[derive(Default)]
struct Hop {
    count: u64,
    buckets: Vec<(f64, u64)>,
}

impl Hop {
    /// The smallest bucket that holds this share.
    #[expect(clippy::cast_precision_loss, reason = "a demo's counts are small")]
    fn within(&self, share: f64) -> String {
        let bound = self.buckets.iter().find(|(_, count)| *count as f64 >= self.count as f64 * share);
        match bound {
            Some((bound, _)) if *bound < 1.0 => format!("{} ms", bound * 1000.0),
            Some((bound, _)) if *bound < 3600.0 => format!("{bound} s"),
            Some((bound, _)) => format!("{} h", bound / 3600.0),
            None => "longer".to_owned(),
        }
    }
}

/// What was rejected, and why.
pub(super) fn rejected(opened: &Opened, out: &mut dyn Write) -> Result<()> {
    let catalogue = Catalogue::builtin();
    let mut reader = opened.log.reader()?;
    let mut by_code: BTreeMap<String, (u64, String)> = BTreeMap::new();
    read_all(reader.as_mut(), DEAD_LETTERS, &mut |record| {
        let letter = document(record, &catalogue);
        let header = |name: &str| letter["headers"][name].as_str().unwrap_or_default().to_owned();
        let entry =
            by_code.entry(header("hinge-error-code")).or_insert_with(|| (0, header("hinge-error-detail")));
        entry.0 += 1;
        Ok(true)
    })?;
    writeln!(out, "\nRecords that no system should have written, kept in {DEAD_LETTERS} as they came:")?;
    let mut table = table(&["code", "the first of them", "records"]);
    for (code, (count, detail)) in by_code {
        table.add_row([code, shortened(&detail), count.to_string()]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

/// Shows that every record written ended in exactly one outcome.
pub(super) fn closure(written: u64, summary: &Summary, out: &mut dyn Write) -> Result<()> {
    let sum = |wanted: &dyn Fn(&Outcome) -> bool| -> u64 {
        summary.outcomes.iter().filter(|((_, outcome), _)| wanted(outcome)).map(|(_, count)| count).sum()
    };
    let emitted = sum(&|outcome| matches!(outcome, Outcome::Emitted));
    let filtered = sum(&|outcome| matches!(outcome, Outcome::Filtered(_)));
    let unrouted = sum(&|outcome| matches!(outcome, Outcome::Unrouted));
    let rejected = sum(&|outcome| matches!(outcome, Outcome::Rejected(_)));
    let total = emitted + filtered + unrouted + rejected;
    writeln!(
        out,
        "\n{written} records in = {emitted} emitted + {filtered} filtered (told twice) + {unrouted} unrouted + \
         {rejected} rejected = {total}{}",
        if total == written { ": it adds up." } else { "" }
    )?;
    ensure!(
        total == written,
        "{written} records were written, but {total} have an outcome; this is a defect of Hinge"
    );
    Ok(())
}

/// What to try on what the demo leaves behind.
pub(super) fn next_commands(dir: &Path, id: &str, out: &mut dyn Write) -> Result<()> {
    let (data, policy) = (dir.join("data"), dir.join("policy"));
    let (data, policy) = (data.display(), policy.display());
    let program = std::env::args().next().unwrap_or_else(|| "hinge".to_owned());
    writeln!(
        out,
        "\nTry next (the demo's folder is {}; it may be deleted):\n\
         \x20 {program} tail --data {data} hinge.notifications.quality --until-end -n 3\n\
         \x20 {program} why --data {data} {id}\n\
         \x20 {program} tail --data {data} hinge.decisions --until-end --format json -n 1\n\
         \x20 {program} replay --data {data} --start-at earliest    (decides everything again: nothing differs)\n\
         \x20 {program} check --policy {policy}    (then change a rule and check again)\n\
         \x20 {program} init my-policy             (a policy of your own)",
        dir.display()
    )?;
    Ok(())
}
