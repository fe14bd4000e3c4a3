//! What was asked for.

use std::path::PathBuf;
use std::time::Duration;

use hinge_tests::program;

pub(crate) const USAGE: &str = "kafka [--quick] [--only json,avro,latency,processes,restart] [--events NUMBER] [--rounds NUMBER] \
                                [--soak MINUTES] [--hinge PATH] [--workers NUMBER]";

/// The parts of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arm {
    Json,
    Avro,
    Latency,
    Processes,
    Restart,
}

impl Arm {
    const ALL: [(&'static str, Self); 5] = [
        ("json", Self::Json),
        ("avro", Self::Avro),
        ("latency", Self::Latency),
        ("processes", Self::Processes),
        ("restart", Self::Restart),
    ];
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) arms: Vec<Arm>,
    /// In each round.
    pub(crate) events: u64,
    pub(crate) rounds: usize,
    /// At each rate.
    pub(crate) lasting: Duration,
    /// Little of everything.
    pub(crate) quick: bool,
    pub(crate) hinge: PathBuf,
    /// Also measure one process of so many workers.
    pub(crate) workers: usize,
    /// Instead of everything else: work at half of the maximum for so long.
    pub(crate) soak: Option<Duration>,
}

impl Options {
    /// From the arguments of the command line.
    pub(crate) fn of(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            arms: Arm::ALL.map(|(_, arm)| arm).to_vec(),
            events: 200_000,
            rounds: 3,
            lasting: Duration::from_secs(20),
            quick: false,
            hinge: PathBuf::new(),
            workers: 2,
            soak: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{argument}` wants a value"));
            let number = |text: &String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
            match argument.as_str() {
                // What Cargo adds.
                "--bench" => {}
                "--quick" => {
                    (options.events, options.rounds) = (60_000, 1);
                    options.lasting = Duration::from_secs(8);
                    options.quick = true;
                }
                "--only" => options.arms = value()?.split(',').map(arm).collect::<Result<_, _>>()?,
                "--events" => options.events = number(value()?)?,
                "--rounds" => options.rounds = usize::try_from(number(value()?)?.max(1)).unwrap_or(1),
                "--workers" => options.workers = usize::try_from(number(value()?)?).unwrap_or(1),
                "--soak" => options.soak = Some(Duration::from_mins(number(value()?)?)),
                "--hinge" => options.hinge = PathBuf::from(value()?),
                _ => return Err(format!("nobody knows `{argument}`")),
            }
        }
        if options.hinge.as_os_str().is_empty() {
            options.hinge = program::binary();
        }
        Ok(options)
    }
}

fn arm(name: &str) -> Result<Arm, String> {
    let found = Arm::ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, arm)| *arm).ok_or_else(|| format!("there is no part `{name}`"))
}
