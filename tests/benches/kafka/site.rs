//! A broker of the benchmark's own with the topics and the policy of one job, and the programs that work there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hinge_domain::Format;
use hinge_router::output_topics;
use hinge_stream::kafka::{KafkaLog, Settings};
use hinge_stream::{Log as _, TopicSpec};
use hinge_tests::job::{self, Job};
use hinge_tests::kafka::{Broker, until};
use hinge_tests::metrics;
use hinge_tests::program::{self, Running};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::Offset;
use tempfile::TempDir;

use crate::check::{Outputs, Who};
use crate::clients::{self, PATIENCE};
use crate::generator::Generator;
use crate::{copy, process};

/// Longer than anything here takes that goes on.
pub(crate) const STUCK: Duration = Duration::from_mins(2);

/// The first argument of the process that is the bare copy.
pub(crate) const COPY: &str = "bare-copy";

/// See the module.
pub(crate) struct Site {
    pub(crate) broker: Broker,
    pub(crate) job: Job,
    folder: TempDir,
    hinge: PathBuf,
    /// The number of the next event to be written.
    pub(crate) next: u64,
}

/// A program that works on the input.
pub(crate) struct Worker {
    who: Who,
    running: Running,
    admin: String,
}

impl Site {
    /// `None` where there is no broker to be had, which has then been told.
    pub(crate) fn start(format: Format, hinge: &Path) -> Option<Self> {
        let broker = Broker::start_full()?;
        let folder =
            tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
        let job = Job::write(format, &folder.path().join("policy"));
        let site = Self { broker, job, folder, hinge: hinge.to_owned(), next: 0 };
        let policy = site.policy();
        let arguments = ["topics", "apply", "--inputs", "--brokers", site.brokers(), "--policy", &policy];
        Running::start(&mut program::program(hinge, arguments)).ended().well();
        let outputs = output_topics(site.job.policy(), 1);
        let of = |copy: Who| {
            outputs.iter().cloned().map(move |spec| TopicSpec { name: copy.topic(&spec.name), ..spec })
        };
        let copies: Vec<TopicSpec> = Who::COPIES.into_iter().flat_map(of).collect();
        let log = KafkaLog::connect(Settings::new(site.brokers())).expect("the broker answers");
        log.topics().and_then(|mut topics| topics.create(&copies)).expect("topics can be created");
        Some(site)
    }

    pub(crate) fn brokers(&self) -> &str {
        self.broker.address()
    }

    fn policy(&self) -> String {
        self.folder.path().join("policy").display().to_string()
    }

    /// Where what the copy writes is kept.
    fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    /// The processor time that the broker has had.
    pub(crate) fn broker_cpu(&self) -> f64 {
        self.broker.process().map_or(0.0, process::cpu_seconds)
    }

    /// Starts one worker of `who`.
    pub(crate) fn worker(&self, who: Who, instance: usize, environment: &[(&str, String)]) -> Worker {
        let instance = &instance.to_string();
        let admin = process::free_address();
        let (brokers, policy) = (self.brokers(), self.policy());
        let mut command = match who {
            Who::Hinge => {
                let place = ["run", "--brokers", brokers, "--policy", &policy, "--start-at", "earliest"];
                let own = ["--instance", instance, "--admin", &admin];
                program::program(&self.hinge, place.into_iter().chain(own))
            }
            Who::Copy | Who::LeanCopy => {
                let this = std::env::current_exe().expect("a running program has a path");
                let plan = self.plan().display().to_string();
                let reports = if who == Who::LeanCopy { copy::LEAN } else { "each" };
                program::program(&this, [COPY, brokers, who.group(), instance, &plan, reports])
            }
        };
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Worker { who, running: Running::start(&mut command), admin }
    }

    /// Writes events that wait.
    pub(crate) fn write(&mut self, events: u64) {
        let mut generator = Generator::new(self.brokers(), &self.job, (self.next, "5"));
        generator.write(events);
        self.next = generator.next();
    }

    /// Remembers where the outputs of `who` begin that it has not written yet.
    pub(crate) fn outputs(&self, who: Who) -> Outputs {
        Outputs::from_now(self.brokers(), who, Progress::of(self.brokers(), who).events())
    }

    /// Waits until `who` has worked off everything.
    pub(crate) fn worked_off(&self, who: Who, workers: &mut [Worker]) {
        let progress = Progress::of(self.brokers(), who);
        until(STUCK, "everything is worked off", || {
            workers.iter_mut().for_each(Worker::must_run);
            (progress.events() == self.next).then_some(())
        });
    }

    /// Waits until so many members share the partitions.
    pub(crate) fn joined(&self, who: Who, (members, workers): (usize, &mut [Worker])) {
        let looking = clients::reader(self.brokers(), "benchmark", "read_uncommitted");
        until(STUCK, "the group is complete", || {
            workers.iter_mut().for_each(Worker::must_run);
            let groups = looking.fetch_group_list(Some(who.group()), PATIENCE).ok()?;
            let group = groups.groups().first()?;
            (group.state() == "Stable" && group.members().len() == members).then_some(())
        });
    }

    /// Learns from what `hinge` wrote what the copy has to write.
    pub(crate) fn learn(&self, outputs: &Outputs) -> (f64, f64) {
        let plan = outputs.plan(self.brokers());
        plan.write(&self.plan());
        plan.per_event()
    }
}

impl Worker {
    pub(crate) fn process(&self) -> u32 {
        self.running.number()
    }

    /// What it tells Prometheus; the copy tells nothing.
    pub(crate) fn metrics(&self) -> String {
        match self.who {
            // Empty where it does not answer.
            Who::Hinge => metrics::page(&self.admin).unwrap_or_default(),
            Who::Copy | Who::LeanCopy => String::new(),
        }
    }

    /// Panics if it has ended.
    pub(crate) fn must_run(&mut self) {
        assert!(self.running.is_running(), "{} ended:\n{}", self.who.name(), self.running.log());
    }

    /// Ends it in the orderly way; the copy has none.
    pub(crate) fn stop(self) {
        match self.who {
            Who::Hinge => {
                self.running.signal("TERM");
                self.running.ended().well();
            }
            Who::Copy | Who::LeanCopy => self.running.kill(),
        }
    }
}

/// How far a group has come.
pub(crate) struct Progress {
    reader: BaseConsumer,
}

impl Progress {
    pub(crate) fn of(brokers: &str, who: Who) -> Self {
        // Else the answer waits for the transaction that is open.
        Self { reader: clients::reader(brokers, who.group(), "read_uncommitted") }
    }

    /// How many events are worked off.
    pub(crate) fn events(&self) -> u64 {
        self.now().iter().sum()
    }

    /// Of each partition: how many records are committed.
    pub(crate) fn now(&self) -> Vec<u64> {
        let mut asked = TopicPartitionList::new();
        let partitions = i32::try_from(job::PARTITIONS).expect("there are few");
        asked.add_partition_range(&job::topic(), 0, partitions - 1);
        // At first the coordinator of a group has to be found.
        let answer = until(PATIENCE, "the broker tells positions", || {
            self.reader.committed_offsets(asked.clone(), PATIENCE).ok()
        });
        let committed = |offset| match offset {
            Offset::Offset(offset) => offset.unsigned_abs(),
            _ => 0,
        };
        answer.elements().iter().map(|element| committed(element.offset())).collect()
    }
}
