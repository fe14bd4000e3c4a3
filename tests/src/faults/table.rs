//! The table of faults.

use std::time::Duration;

use super::disk::Disk;
use super::trial::usual;
use super::worker::Worker;
use super::{
    Fault, Plan, Relayed, Stage, Wanted, brokers, commits, damage, deaths, inputs, membership, network,
    ordeal, zombies,
};

/// Nothing special: two workers with places of their own, reached directly.
const PLAIN: Fault = Fault {
    name: "none",
    what: "nothing happens: what is found here is no fault's doing",
    plan: |wanted| usual(wanted, seconds(5)),
    records: inputs::usual,
    act: calm,
    exits: &[],
    must_show: &[],
    impossible: || None,
};

/// In which no transaction may end so that nobody knows how.
fn calm(stage: &mut Stage, _: &Wanted) {
    stage.go_on_for(seconds(5));
    let renewed: usize = stage.workers.iter().map(Worker::renewed).sum();
    if renewed > 0 {
        stage.complain(format!("new producers were taken {renewed} times, and nothing had happened"));
    }
}

/// With places of their own or without, as the seed says.
fn either(wanted: &Wanted, lasts: Duration) -> Plan {
    Plan { static_membership: wanted.seed.is_multiple_of(2), ..usual(wanted, lasts) }
}

/// The first worker, or all of them, behind a network that can fail, as the seed says.
fn relayed(wanted: &Wanted, lasts: Duration) -> Plan {
    let relayed = if wanted.seed.is_multiple_of(2) { Relayed::First } else { Relayed::All };
    Plan { relayed, ..usual(wanted, lasts) }
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// As long as it is meant to be, or short.
fn long(wanted: &Wanted, full: u64, short: u64) -> Duration {
    seconds(if wanted.full { full } else { short })
}

/// A broker that is gone for long is no reason to stay: 69. After one has gone away, the group may take a worker's seat
/// for somebody else's: 75 (ARCHITECTURE.md, Known limits); the verdict lists each.
const UNREACHABLE: &[i32] = &[69, 75];

/// Every fault, in the order in which they run.
pub const FAULTS: &[Fault] = &[
    PLAIN,
    Fault {
        name: "F1",
        what: "a worker dies at each point of a transaction, then at random; is started again at once",
        plan: |wanted| usual(wanted, long(wanted, 420, 60)),
        act: deaths::restarted,
        ..PLAIN
    },
    Fault {
        name: "F1-small",
        what: "a worker dies at three points of a transaction, chosen by the seed",
        plan: |wanted| usual(wanted, seconds(15)),
        act: deaths::restarted_at_three,
        ..PLAIN
    },
    Fault {
        name: "F2",
        what: "a worker dies in the middle of a transaction and stays away; its peer takes over",
        plan: |wanted| either(wanted, long(wanted, 200, 60)),
        act: deaths::taken_over,
        ..PLAIN
    },
    Fault {
        name: "F3",
        what: "a worker stops in the middle of a transaction, and goes on when others have its partitions",
        plan: |wanted| either(wanted, long(wanted, 300, 100)),
        act: zombies::stopped,
        exits: &[75],
        ..PLAIN
    },
    Fault {
        name: "F4",
        what: "a second worker of the same name is started; the older one goes",
        plan: |wanted| either(wanted, seconds(20)),
        act: zombies::twin,
        exits: &[75],
        ..PLAIN
    },
    Fault {
        name: "F5",
        what: "a commit is held in the network and arrives in the middle of a later transaction",
        plan: |wanted| Plan { relayed: Relayed::First, ..usual(wanted, long(wanted, 300, 60)) },
        act: commits::delayed,
        ..PLAIN
    },
    Fault {
        name: "F5-control",
        what: "the same, and the worker goes on with the same producer: something must be found",
        plan: |wanted| Plan { relayed: Relayed::First, ..usual(wanted, long(wanted, 300, 60)) },
        act: commits::delayed_unprotected,
        exits: &[70, 75],
        must_show: &["doubled"],
        ..PLAIN
    },
    Fault {
        name: "F6",
        what: "the broker is restarted in the orderly way",
        plan: |wanted| usual(wanted, long(wanted, 60, 25)),
        act: brokers::restarted,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F7",
        what: "the broker is killed and started again",
        plan: |wanted| usual(wanted, long(wanted, 60, 25)),
        act: brokers::killed,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F8",
        what: "the only broker stops for less than its session lasts, and goes on",
        plan: |wanted| Plan { broker_session: Some(seconds(9)), ..either(wanted, long(wanted, 80, 40)) },
        act: brokers::paused,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F8-long",
        what: "of three brokers one stops for longer, others lead its partitions, and it goes on",
        plan: |wanted| Plan { nodes: 3, ..usual(wanted, long(wanted, 190, 60)) },
        act: brokers::paused_for_long,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F9",
        what: "the network is cut, and what was under way arrives afterwards",
        plan: |wanted| relayed(wanted, long(wanted, 220, 40)),
        act: network::cut,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F10",
        what: "the network is slow, uneven, loses one packet in a hundred, and has 64 kB a second",
        plan: |wanted| relayed(wanted, long(wanted, 150, 40)),
        act: network::slow,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F11",
        what: "requests arrive and answers are lost",
        plan: |wanted| relayed(wanted, long(wanted, 120, 35)),
        act: network::unanswered,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F12",
        what: "every connection ends every 200 ms",
        plan: |wanted| Plan { relayed: Relayed::All, ..usual(wanted, long(wanted, 70, 20)) },
        act: network::reset,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F13",
        what: "of three brokers one after the other is killed, and with it the coordinators move",
        plan: |wanted| Plan { nodes: 3, ..usual(wanted, seconds(90)) },
        act: brokers::moved,
        exits: UNREACHABLE,
        ..PLAIN
    },
    Fault {
        name: "F14",
        what: "up to six workers join, leave and die, one every few seconds",
        plan: |wanted| Plan { static_membership: false, ..usual(wanted, long(wanted, 190, 35)) },
        act: membership::storm,
        ..PLAIN
    },
    Fault {
        name: "F14-grow",
        what: "each input topic gets four more partitions; orders that come later lie elsewhere",
        plan: |wanted| usual(wanted, seconds(30)),
        records: membership::two_shops,
        act: membership::grow,
        ..PLAIN
    },
    Fault {
        name: "F15",
        what: "a worker does not come back from a batch for longer than its group waits",
        plan: |wanted| either(wanted, seconds(100)),
        act: zombies::late,
        ..PLAIN
    },
    Fault {
        name: "F16",
        what: "the broker's disk is full; room is made, and the broker started again",
        plan: |wanted| Plan { disk: Some(400), ..usual(wanted, seconds(25)) },
        act: brokers::disk_filled,
        exits: UNREACHABLE,
        impossible: || (!Disk::possible()).then_some("disks can be mounted by root only"),
        ..PLAIN
    },
    Fault {
        name: "F23",
        what: "records that nobody can read lie between good ones of their keys, some many in a row",
        plan: |wanted| usual(wanted, seconds(10)),
        records: inputs::poisoned,
        act: inputs::let_be,
        ..PLAIN
    },
    Fault {
        name: "F26",
        what: "records are as large as they may be, and events too large to tell of",
        plan: |wanted| usual(wanted, seconds(15)),
        records: inputs::oversized,
        act: inputs::let_be,
        ..PLAIN
    },
    Fault {
        name: "F27",
        what: "records come up to five times, some saying something else, and workers begin again in between",
        plan: |wanted| usual(wanted, seconds(15)),
        records: inputs::repeated,
        act: inputs::begin_again,
        ..PLAIN
    },
    Fault {
        name: "F28",
        what: "records come in no order",
        plan: |wanted| usual(wanted, seconds(10)),
        records: inputs::shuffled,
        act: inputs::let_be,
        ..PLAIN
    },
    Fault {
        name: "F29",
        what: "nine in ten records have the same key",
        plan: |wanted| usual(wanted, seconds(10)),
        records: inputs::hot,
        act: inputs::let_be,
        ..PLAIN
    },
    Fault {
        name: "F30",
        what: "ten times as many records a second",
        plan: |wanted| Plan {
            rate: wanted.rate.unwrap_or(if wanted.full { 500 } else { 200 }),
            ..usual(wanted, long(wanted, 1_300, 170))
        },
        act: inputs::burst,
        ..PLAIN
    },
    Fault {
        name: "F31",
        what: "workers are asked to end in the middle of a burst, again and again",
        plan: |wanted| usual(wanted, long(wanted, 70, 25)),
        act: deaths::asked_to_end,
        ..PLAIN
    },
    Fault {
        name: "F33",
        what: "a bit falls over in a segment of a partition, and is put right later",
        plan: |wanted| usual(wanted, seconds(60)),
        act: damage::flipped,
        ..PLAIN
    },
    Fault {
        name: "F33-bomb",
        what: "a small record is 300 MiB large when it is read",
        plan: |wanted| usual(wanted, seconds(15)),
        act: damage::bomb,
        ..PLAIN
    },
    Fault {
        name: "ordeal",
        what: "workers killed, brokers restarted and killed, the network cut, in one run",
        plan: |wanted| Plan {
            relayed: Relayed::All,
            batch_records: 500,
            ..usual(
                wanted,
                seconds(u64::from(
                    wanted.kills * 8 + (wanted.restarts + wanted.broker_kills) * 12 + wanted.cut * 2,
                )),
            )
        },
        act: ordeal::go_through,
        exits: UNREACHABLE,
        ..PLAIN
    },
];
