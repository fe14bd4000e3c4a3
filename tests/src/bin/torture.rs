//! `torture`: hurts the real program in every way there is, and tells whether anything came out wrong.
//!
//! * `torture kill` kills it over real files (`hinge_tests::killing`);
//! * `torture faults` goes through the table of faults (`hinge_tests::faults`), `torture list` prints it;
//! * `torture planted` plants bugs into the program, and the checker has to find them (`hinge_tests::planted`);
//! * `torture trial` is all of it in one long run.
//!
//! Each verdict is one line of JSON on standard output; the exit code is 1 where anything is wrong.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hinge_tests::faults::{self, FAULTS, Fault, Wanted};
use hinge_tests::killing::{Ordeal, endure};
use hinge_tests::program::run;
use hinge_tests::site::{Backend, Site, words};

const USAGE: &str = "\
torture kill --backend embedded|kafka --policy DIR --mapping FILE --from DIR [--kills 25] [--seed NUMBER] [--batch 200]
       torture faults [--only F1,F3,..] [--seeds 1] [--seed NUMBER] [--events 5000] [--rate NUMBER] [--kills 5] \
[--full true] [--log info]
       torture trial [--events 500000] [--kills 100] [--restarts 5] [--broker-kills 3] [--cut 30] [--seed NUMBER] \
[--rate NUMBER]
       torture planted [--only NAME,..] [--seed NUMBER]
       torture list";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    if what == "planted" {
        return hinge_tests::planted::command(arguments);
    }
    let done = Flags::told(arguments).and_then(|flags| match what.as_str() {
        "kill" => Killing::told(flags).map(|wanted| wanted.go_through()),
        "faults" => one_by_one(flags),
        "trial" => ordeal(flags),
        "list" => flags.end().map(|()| list()),
        other => Err(format!("`{other}` is nothing that can be done")),
    });
    done.unwrap_or_else(|why| {
        eprintln!("{why}\nusage: {USAGE}");
        ExitCode::from(2)
    })
}

/// `--name value`, as often as wanted.
struct Flags(HashMap<String, String>);

impl Flags {
    fn told(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut flags = HashMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
            flags.insert(name, value);
        }
        Ok(Self(flags))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn needed(&mut self, name: &str) -> Result<String, String> {
        self.take(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let value = self.take(name);
        value
            .map(|value| value.parse().map_err(|_| format!("`{name} {value}` cannot be understood")))
            .transpose()
    }

    fn or<T: std::str::FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        Ok(self.parsed(name)?.unwrap_or(default))
    }

    fn end(self) -> Result<(), String> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(unknown) => Err(format!("`{unknown}` is unknown")),
        }
    }
}

fn list() -> ExitCode {
    for fault in FAULTS {
        let skipped = (fault.impossible)().map(|why| format!(" (not here: {why})")).unwrap_or_default();
        println!("{:<11} {}{skipped}", fault.name, fault.what);
    }
    ExitCode::SUCCESS
}

/// Each fault with each seed.
fn one_by_one(mut flags: Flags) -> Result<ExitCode, String> {
    let only = flags.take("--only");
    let seeds: u64 = flags.or("--seeds", 1)?;
    let first: u64 = flags.or("--seed", fastrand::u64(..1_000_000))?;
    let mut wanted = Wanted::new(flags.or("--events", 5_000)?, first);
    wanted.rate = flags.parsed("--rate")?;
    wanted.kills = flags.or("--kills", wanted.kills)?;
    wanted.log_level = flags.or("--log", wanted.log_level)?;
    wanted.full = flags.or("--full", false)?;
    flags.end()?;
    let chosen: Vec<&Fault> = match &only {
        // The ordeal is for itself, and the small one a part of another.
        None => FAULTS.iter().filter(|fault| !["ordeal", "F1-small"].contains(&fault.name)).collect(),
        Some(names) => {
            let find = |name| faults::named(name).ok_or_else(|| format!("there is no fault `{name}`"));
            names.split(',').map(find).collect::<Result<_, _>>()?
        }
    };
    let mut bad: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for fault in chosen {
        if let Some(why) = (fault.impossible)() {
            eprintln!("{}: skipped: {why}", fault.name);
            continue;
        }
        for seed in first..first + seeds {
            let Some(clean) = tried(fault, &Wanted { seed, ..wanted.clone() }) else {
                return Ok(ExitCode::from(2));
            };
            if !clean {
                bad.entry(fault.name).or_default().push(seed);
            }
        }
    }
    for (fault, seeds) in &bad {
        eprintln!("{fault}: something is wrong with the seeds {seeds:?}");
    }
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn ordeal(mut flags: Flags) -> Result<ExitCode, String> {
    let events = flags.or("--events", 500_000)?;
    let mut wanted = Wanted::new(events, flags.or("--seed", fastrand::u64(..1_000_000))?);
    wanted.kills = flags.or("--kills", 100)?;
    wanted.restarts = flags.or("--restarts", 5)?;
    wanted.broker_kills = flags.or("--broker-kills", 3)?;
    wanted.cut = flags.or("--cut", 30)?;
    wanted.rate = flags.parsed("--rate")?;
    flags.end()?;
    let fault = faults::named("ordeal").expect("the table has it");
    Ok(match tried(fault, &wanted) {
        None => ExitCode::from(2),
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::from(1),
    })
}

/// Whether nothing was wrong; `None` where there is no Kafka.
fn tried(fault: &Fault, wanted: &Wanted) -> Option<bool> {
    let verdict = faults::run(fault, wanted)?;
    println!("{verdict}");
    Some(verdict["violations"] == 0)
}

/// What was asked for.
struct Killing {
    backend: Backend,
    policy: PathBuf,
    mapping: PathBuf,
    from: PathBuf,
    kills: u32,
    seed: u64,
    batch_records: u32,
}

impl Killing {
    fn told(mut flags: Flags) -> Result<Self, String> {
        let backend = match flags.needed("--backend")?.as_str() {
            "embedded" => Backend::Embedded,
            "kafka" => Backend::Kafka,
            other => return Err(format!("`{other}` is no backend")),
        };
        let wanted = Self {
            backend,
            policy: flags.needed("--policy")?.into(),
            mapping: flags.needed("--mapping")?.into(),
            from: flags.needed("--from")?.into(),
            kills: flags.or("--kills", 25)?,
            seed: flags.or("--seed", fastrand::u64(..1_000_000))?,
            batch_records: flags.or("--batch", 200)?,
        };
        flags.end()?;
        Ok(wanted)
    }

    fn go_through(&self) -> ExitCode {
        eprintln!("seed {}", self.seed);
        let rejects = tempfile::tempdir().expect("a temporary folder can be made");
        let ordeal = Ordeal {
            backend: self.backend,
            policy: &self.policy,
            kills: self.kills,
            seed: self.seed,
            batch_records: self.batch_records,
            feed: &|site| self.ingest(site, &rejects.path().join("rejects.jsonl")),
        };
        let Some(verdict) = endure(&ordeal) else { return ExitCode::from(2) };
        println!("{}", verdict.json(&ordeal));
        if verdict.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }

    fn ingest(&self, site: &Site, rejects: &Path) {
        let mut arguments = words(&["ingest"]);
        let paths = [
            ("--policy", self.policy.as_path()),
            ("--mapping", &self.mapping),
            ("--from", &self.from),
            ("--rejects", rejects),
        ];
        for (name, path) in paths {
            arguments.extend([name.to_owned(), path.display().to_string()]);
        }
        arguments.extend(site.flags());
        run(arguments).well();
    }
}
