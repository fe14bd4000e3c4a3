//! Everything that happens to a pipeline in a bad year, in one run: workers killed, brokers restarted and killed, the
//! network cut.

use std::time::Duration;

use super::deaths::{kill, resume_within};
use super::{Stage, Wanted, brokers, network};

/// From a restart until the partitions move on: hundreds of thousands of identities are read back, by a program that
/// is not optimised, on a machine that does the rest of the trial, too.
const RESTART: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Restart,
    BrokerKill,
    Cut,
}

/// Spread evenly over the work from its first fifth to its last twentieth, in an order of the seed.
pub(super) fn go_through(stage: &mut Stage, wanted: &Wanted) {
    let mut blows = vec![Blow::Kill; usize::try_from(wanted.kills).unwrap_or_default()];
    blows.extend((0..wanted.restarts).map(|_| Blow::Restart));
    blows.extend((0..wanted.broker_kills).map(|_| Blow::BrokerKill));
    blows.extend((wanted.cut > 0).then_some(Blow::Cut));
    stage.rng.shuffle(&mut blows);
    let count = u64::try_from(blows.len().max(1)).unwrap_or(u64::MAX);
    for (number, blow) in (0_u64..).zip(blows) {
        let share = 2_000 + (number * 1_000 + stage.rng.u64(..1_000)) * 7_500 / (count * 1_000);
        let due = u64::from(wanted.events) * share / 10_000;
        stage.until(Duration::from_mins(10), "the feed goes on", |stage| stage.feed.acknowledged() >= due);
        eprintln!("  {blow:?}, {} records written", stage.feed.acknowledged());
        match blow {
            Blow::Kill => {
                let victim = stage.rng.usize(..stage.workers.len());
                kill(stage, victim);
                resume_within(stage, victim, RESTART);
            }
            Blow::Restart | Blow::BrokerKill => {
                stage.feed.set_haunted(false);
                let down = if matches!(blow, Blow::Restart) {
                    crate::kafka::Broker::stop
                } else {
                    crate::kafka::Broker::kill
                };
                brokers::once(stage, down);
                stage.feed.set_haunted(true);
            }
            Blow::Cut => network::cut_for(stage, Duration::from_secs(wanted.cut.into())),
        }
    }
    stage.note("blows", count);
}
