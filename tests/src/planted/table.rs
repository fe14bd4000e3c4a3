//! The bugs and the controls.

use super::{Deadly, Plant};

/// The fourth batch is decided again, in the same process.
const REFUSED: &str = "refuse-delivery=3*off->1*return";

/// The process dies with its fourth transaction: records and positions are sent, nothing is committed.
const DEATH: Deadly = Deadly { points: "after-offsets=3*off->1*return(abort)", exit: None };

/// The worker with the fourth transaction panics at the same place; whoever works beside it ends as asked.
const PANIC: Deadly = Deadly { points: "after-offsets=3*off->1*panic", exit: Some(70) };

/// As many orders leave more than 10,000 records, so that one of so many can be dropped.
const MANY: u32 = 700;

/// Enough for ten batches.
const FEW: u32 = 250;

/// A process with one worker over few orders, and nothing planted.
const PLAIN: Plant =
    Plant { name: "", sentence: "", points: "", deadly: None, workers: 1, orders: FEW, must: &[] };

/// All bugs.
pub const PLANTS: [Plant; 12] = [
    Plant {
        name: "plant-drop",
        sentence: "one of 10,000 records is not sent",
        points: "plant-drop=9999*off->1*return",
        orders: MANY,
        must: &["lost"],
        ..PLAIN
    },
    Plant {
        name: "plant-double",
        sentence: "one record is sent twice in its transaction",
        points: "plant-double=1000*off->1*return",
        must: &["doubled"],
        ..PLAIN
    },
    Plant {
        name: "plant-swap",
        sentence: "in each batch two records of a key change places",
        points: "plant-swap=return",
        must: &["order"],
        ..PLAIN
    },
    Plant {
        name: "plant-positions-outside",
        sentence: "positions are committed ahead of the transaction, and the process dies before that is",
        points: "plant-positions-outside=return",
        deadly: Some(DEATH),
        must: &["lost", "closure"],
        ..PLAIN
    },
    Plant {
        name: "plant-queue-full",
        sentence: "what finds the queue of the producer full is left out",
        points: "plant-queue-full=return;small-queue=return(50)",
        must: &["lost", "torn"],
        ..PLAIN
    },
    Plant {
        name: "plant-read-uncommitted",
        sentence: "records of the inputs count although their transaction was aborted",
        points: "plant-read-uncommitted=return",
        must: &["unexplained"],
        ..PLAIN
    },
    Plant {
        name: "plant-no-abort",
        sentence: "after a delivery that failed the work goes on as if all had been committed",
        points: "plant-no-abort=return;refuse-delivery=3*off->1*return",
        // The partitions of the batch that is lost have to go on after it, or nobody moves their positions.
        orders: MANY,
        must: &["lost", "closure", "counters"],
        ..PLAIN
    },
    Plant {
        name: "plant-wrong-department",
        sentence: "one notification goes to the topic of another department",
        points: "plant-wrong-department=1000*off->1*return",
        must: &["leak", "lost"],
        ..PLAIN
    },
    Plant {
        name: "plant-forget-letter",
        sentence: "one rejected record leaves no dead letter",
        points: "plant-forget-letter=20*off->1*return",
        must: &["lost", "closure", "counters"],
        ..PLAIN
    },
    Plant {
        name: "plant-truncated-avro",
        sentence: "Avro that was cut off is read as if zeros followed",
        points: "plant-truncated-avro=return",
        must: &["lost", "unexplained"],
        ..PLAIN
    },
    Plant {
        name: "plant-count-early",
        sentence: "records are counted before their transaction is committed, and it is rolled back",
        points: "plant-count-early=return;refuse-delivery=3*off->1*return",
        must: &["counters"],
        ..PLAIN
    },
    Plant {
        name: "plant-letter-outside",
        sentence: "dead letters are written outside the transaction, and it is rolled back",
        // Four batches, so that one of them has a dead letter for certain; each letter so written takes its time.
        points: "plant-letter-outside=100*return;\
                 refuse-delivery=3*off->1*return->2*off->1*return->2*off->1*return->2*off->1*return",
        must: &["doubled"],
        ..PLAIN
    },
];

/// Nothing planted, and what the plants need to show, each by itself.
pub const CONTROLS: [Plant; 6] = [
    Plant { name: "control", sentence: "nothing at all", ..PLAIN },
    Plant {
        name: "control-refused",
        sentence: "a delivery fails, and its batch is decided again",
        points: REFUSED,
        ..PLAIN
    },
    Plant {
        name: "control-death",
        sentence: "the process dies between sending positions and committing them",
        deadly: Some(DEATH),
        ..PLAIN
    },
    Plant {
        name: "control-small-queue",
        sentence: "the queue of the producer is full again and again",
        points: "small-queue=return(50)",
        ..PLAIN
    },
    Plant { name: "control-two-workers", sentence: "two workers in one process", workers: 2, ..PLAIN },
    Plant {
        name: "control-panic",
        sentence: "one of two workers panics, the process ends, and begins again",
        deadly: Some(PANIC),
        workers: 2,
        ..PLAIN
    },
];

/// The bug or the control of this name.
pub fn named(name: &str) -> Option<&'static Plant> {
    CONTROLS.iter().chain(&PLANTS).find(|plant| plant.name == name)
}
