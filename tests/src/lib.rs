//! What the tests on real parts stand on: real parts that start by themselves and leave nothing behind.
//!
//! * [`changes`]: the tables of the marketplace example as change records of Debezium;
//! * [`disturbed`]: a seat at a log where one thing goes another way;
//! * [`invented`]: events of a shop that does not exist;
//! * [`job`]: orders and rules for measuring the real program on a real broker;
//! * [`kafka`]: a Kafka broker, one for the whole run or one of a test's own;
//! * [`measured`] and [`no_log`]: orders, rules and a log that keeps nothing, to measure the router alone;
//! * [`metrics`]: what a running `hinge` tells Prometheus;
//! * [`parts`]: what happens where such a part is not to be had;
//! * [`program`]: the real `hinge`, started, watched, signalled and killed;
//! * [`site`]: a log of a test's own, on either backend;
//! * [`shop`]: invented orders, with all that goes wrong on their way;
//! * [`told`]: everything that a router left behind, read back in a form that can be compared;
//! * [`killing`]: one run undisturbed, one killed again and again, and what differs;
//! * [`faults`]: everything else that can happen to workers, brokers and the network between them;
//! * [`planted`]: bugs in the real program, each of which the checker has to find.
//!
//! The tests themselves are in `tests/it`, one binary with a module for each subject. Apart from
//! [`killing`], [`faults`] and [`planted`], which the program `torture` needs too, this crate owns no expectations about
//! the product.

pub mod changes;
pub mod disturbed;
pub mod faults;
pub mod invented;
pub mod job;
pub mod kafka;
pub mod killing;
pub mod measured;
pub mod metrics;
pub mod no_log;
pub mod parts;
pub mod planted;
pub mod program;
pub mod shop;
pub mod site;
pub mod told;
pub mod world;
