//! What waits in a worker is bounded, and all of it together stays within what a worker may take.

use hinge_stream::kafka::QUEUES;

const MIB: usize = 1024 * 1024;

/// What a process takes before anything waits in it: measured, idle, with a policy of a dozen rules.
const PROCESS: usize = 30 * MIB;

/// What a worker may take at full speed, the memory of events aside.
const MOST: usize = 128 * MIB;

#[test]
fn what_waits_in_a_worker_adds_up_to_less_than_it_may_take() {
    let waiting: usize = QUEUES.iter().map(|queue| queue.bytes).sum();
    assert!(PROCESS + waiting <= MOST, "{} MiB wait at most", waiting / MIB);
}

#[test]
fn the_architecture_lists_every_queue_with_its_bytes() {
    let page =
        std::fs::read_to_string(super::workspace().join("ARCHITECTURE.md")).expect("the page is there");
    let row = |queue: &hinge_stream::kafka::Queue| {
        format!("| {} | {} MiB |", queue.name, queue.bytes.div_ceil(MIB))
    };
    let missing: Vec<String> = QUEUES.iter().map(row).filter(|row| !page.contains(row)).collect();
    super::assert_none(&missing);
}
