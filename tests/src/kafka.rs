//! A real Kafka broker for tests: [`Broker::shared`] for most, [`Broker::start`] for those that hurt it.
//!
//! The broker is not ours directly but the child of a small keeper, the script `kafka/broker`, which
//! takes commands over a pipe. When the pipe closes, the keeper kills the broker and removes its data;
//! and a pipe closes however a process ends, so that a panic or a `kill -9` leaves nothing behind.
//! The broker's settings are in `kafka/server.properties`.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};

use crate::parts;

/// A name in the environment: brokers that are running already, for [`Broker::shared`] to use.
const RUNNING_BROKERS: &str = "HINGE_TEST_BROKERS";
const KEEPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka/broker");
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Kafka broker without security, on this machine.
///
/// Topics are not created by writing to them, and nothing is deleted for its age.
#[derive(Debug)]
pub struct Broker {
    address: String,
    /// Where the listener is that sends clients to [`Layout::proxied`].
    upstream: Option<String>,
    /// None where somebody else keeps the broker.
    keeper: Option<Keeper>,
}

/// What kind of broker; the default is one node, reached directly.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many nodes there are in one cluster.
    pub nodes: u8,
    /// Clients of a second listener are told to come to this address, where a relay is ([`Broker::upstream`]).
    pub proxied: Option<SocketAddr>,
    /// The data lie below this folder instead of in a temporary one.
    pub data: Option<PathBuf>,
    /// How long nothing may be heard of a broker until it is taken for gone, instead of the few seconds of a test.
    pub session: Option<Duration>,
    /// With the compiler and the heap of a production broker.
    pub full: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self { nodes: 1, proxied: None, data: None, session: None, full: false }
    }
}

impl Broker {
    /// The broker that all tests share, each with topics and groups of its own ([`unique_topic`]).
    ///
    /// The one in `HINGE_TEST_BROKERS`, else one that starts at the first call and ends with this
    /// process. `None` where there can be none; the skipped test has then been told.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Broker, Missing>> = OnceLock::new();

        let shared = SHARED.get_or_init(|| match std::env::var(RUNNING_BROKERS) {
            Ok(address) if !address.is_empty() => Ok(Self { address, upstream: None, keeper: None }),
            _ => Self::try_start(&Layout::default()),
        });
        shared.as_ref().map_err(Missing::tell).ok()
    }

    /// A broker of the test's own, to be stopped, killed and restarted. It is gone when dropped.
    ///
    /// `None` where there can be none; the skipped test has then been told.
    pub fn start() -> Option<Self> {
        Self::with(&Layout::default())
    }

    /// A broker with the compiler and the heap of a production one, for measurements. It is gone when dropped.
    ///
    /// `None` where there can be none; whoever asked has then been told.
    pub fn start_full() -> Option<Self> {
        Self::with(&Layout { full: true, ..Layout::default() })
    }

    /// The same, laid out in another way.
    pub fn with(layout: &Layout) -> Option<Self> {
        Self::try_start(layout).map_err(|missing| missing.tell()).ok()
    }

    fn try_start(layout: &Layout) -> Result<Self, Missing> {
        let mut keeper = Keeper::start(layout);
        let ready = keeper.start_broker("start")?;
        let (address, upstream) = match ready.split_once(" proxied ") {
            Some((address, upstream)) => (address.to_owned(), Some(upstream.to_owned())),
            None => (ready, None),
        };
        Ok(Self { address, upstream, keeper: Some(keeper) })
    }

    /// Where clients find it, as for `bootstrap.servers`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the listener really is that sends its clients to [`Layout::proxied`].
    pub fn upstream(&self) -> &str {
        self.upstream.as_deref().expect("only asked where the layout has a proxied listener")
    }

    /// The number of the broker's own process, if it runs and is ours.
    pub fn process(&self) -> Option<u32> {
        let keeper = self.keeper.as_ref()?.process.id();
        let processes = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
        let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.find(|number| {
            // `NUMBER (NAME) STATE PARENT ..`, and the keeper has other children now and then.
            let told = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let (head, tail) = told.rsplit_once(')').unwrap_or_default();
            let parent = tail.split_whitespace().nth(1).and_then(|parent| parent.parse().ok());
            head.ends_with("(java") && parent == Some(keeper)
        })
    }

    /// Ends the broker in the orderly way and waits until it has ended.
    pub fn stop(&mut self) {
        self.own_keeper().ask("stop");
    }

    /// Ends the broker with SIGKILL and waits until it has ended.
    pub fn kill(&mut self) {
        self.own_keeper().ask("kill");
    }

    /// Starts the broker again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same address
    /// and the same data, and waits until it answers.
    pub fn restart(&mut self) {
        let again = self.own_keeper().start_broker("start").map(|ready| {
            let address = ready.split_once(' ').map_or(ready.as_str(), |(address, _)| address);
            address.to_owned()
        });
        assert_eq!(again.as_ref(), Ok(&self.address), "the broker came back elsewhere");
    }

    /// Halts the (first) node with SIGSTOP: connections stay open, and nobody answers.
    pub fn pause(&mut self) {
        assert_eq!(self.own_keeper().ask("pause"), "paused");
    }

    /// Ends a [`pause`](Self::pause).
    pub fn go_on(&mut self) {
        assert_eq!(self.own_keeper().ask("continue"), "continued");
    }

    /// Stops one node of several with SIGSTOP; nodes count from 1.
    pub fn pause_node(&mut self, node: u8) {
        assert_eq!(self.own_keeper().ask(&format!("pause {node}")), "paused");
    }

    /// Ends a [`pause_node`](Self::pause_node).
    pub fn go_on_with_node(&mut self, node: u8) {
        assert_eq!(self.own_keeper().ask(&format!("continue {node}")), "continued");
    }

    /// Ends one node of several with SIGKILL; nodes count from 1.
    pub fn kill_node(&mut self, node: u8) {
        self.own_keeper().ask(&format!("kill {node}"));
    }

    /// Starts one node again and waits until it answers.
    pub fn restart_node(&mut self, node: u8) {
        let again = self.own_keeper().start_broker(&format!("start {node}"));
        assert!(again.is_ok(), "node {node} did not come back: {again:?}");
    }

    /// Where the log of the first node lies.
    pub fn data(&mut self) -> PathBuf {
        let answer = self.own_keeper().ask("data");
        PathBuf::from(answer.strip_prefix("data ").expect("the keeper knows its folder"))
    }

    /// Starts a broker that may fail to start, such as one whose disk is full, again; whether it did.
    pub fn try_restart(&mut self) -> bool {
        self.own_keeper().ask("start").starts_with("ready")
    }

    fn own_keeper(&mut self) -> &mut Keeper {
        self.keeper
            .as_mut()
            .expect("only shared brokers have no keeper, and those are never handed out as `&mut`")
    }

    /// The settings that every client of this broker needs.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    /// Creates a topic and waits until each of its partitions has a leader.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> =
            self.client_config().create().expect("the settings above are valid");
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));

        let created = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime without drivers asks nothing of the system")
            .block_on(admin.create_topics([&topic], &options));
        let outcomes = created.unwrap_or_else(|error| panic!("topic `{name}` was not created: {error}"));
        assert!(outcomes.iter().all(Result::is_ok), "topic `{name}` was not created: {outcomes:?}");

        let wanted = usize::try_from(partitions).expect("Kafka refused a negative number above");
        let led = || {
            let metadata = admin.inner().fetch_metadata(Some(name), PATIENCE).ok()?;
            let seen = metadata.topics().first()?.partitions();
            (seen.len() == wanted && seen.iter().all(|partition| partition.leader() >= 0)).then_some(())
        };
        until(PATIENCE, &format!("topic `{name}` has leaders"), led);
    }

    /// The offset after the last record of a partition that a consumer of this isolation level can read.
    pub fn end_of(&self, topic: &str, partition: i32, isolation: &str) -> i64 {
        let consumer: BaseConsumer = self
            .client_config()
            .set("isolation.level", isolation)
            .create()
            .expect("the settings above are valid");
        consumer.fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers").1
    }
}

/// A topic name that no other test uses.
pub fn unique_topic(prefix: &str) -> String {
    unique(prefix)
}

/// A consumer group, or a transactional id, that no other test uses.
pub fn unique_group(prefix: &str) -> String {
    unique(prefix)
}

fn unique(prefix: &str) -> String {
    // The standard library seeds its hash maps from the system's randomness: enough for a name.
    format!("{prefix}-{:016x}", RandomState::new().build_hasher().finish())
}

/// Asks again and again until there is an answer, and panics with `what` was awaited when `patience` ends.
pub fn until<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Why there is no broker here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing(String);

impl Missing {
    fn tell(&self) {
        parts::missing("Kafka", &self.0);
    }
}

/// Our end of the script that keeps the broker.
#[derive(Debug)]
struct Keeper {
    process: Child,
    /// None only while dropping: its end is the keeper's signal to clean up.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    fn start(layout: &Layout) -> Self {
        let mut command = Command::new(KEEPER);
        command.env("HINGE_BROKER_NODES", layout.nodes.to_string());
        if layout.full {
            command.env("HINGE_BROKER_FULL", "1");
        }
        if let Some(session) = layout.session {
            command.env("HINGE_BROKER_SESSION", session.as_millis().to_string());
        }
        if let Some(proxied) = layout.proxied {
            command.env("HINGE_BROKER_PROXIED", proxied.to_string());
        }
        if let Some(data) = &layout.data {
            command.env("HINGE_BROKER_DATA", data);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("`{KEEPER}` cannot be run: {error}"));
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it was asked for a pipe"));
        Self { process, commands, answers }
    }

    /// The address at which the broker answers, and what else it said.
    fn start_broker(&mut self, command: &str) -> Result<String, Missing> {
        let answer = self.ask(command);
        match answer.split_once(' ') {
            Some(("ready", address)) => Ok(address.to_owned()),
            Some(("missing", why)) => Err(Missing(why.to_owned())),
            _ => panic!("the Kafka broker did not start: {answer}"),
        }
    }

    /// Gives a command and waits for its answer, for which the keeper has a deadline.
    fn ask(&mut self, command: &str) -> String {
        let mut answer = String::new();
        let asked = self
            .commands
            .as_mut()
            .map(|pipe| writeln!(pipe, "{command}"))
            .expect("the pipe is there until the keeper is dropped")
            .and_then(|()| self.answers.read_line(&mut answer));
        asked.unwrap_or_else(|error| {
            panic!("the broker's keeper was asked to {command} and is gone: {error}")
        });
        answer.trim_end().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.commands.take());
        // Its status says nothing, and a destructor has nobody to tell.
        let _ = self.process.wait();
    }
}
