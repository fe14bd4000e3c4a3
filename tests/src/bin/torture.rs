//! `torture kill`: kills the real program over real files, and tells whether anything came out different.
//!
//! The verdict is one line of JSON on standard output; the exit code is 1 where anything differs. How it is
//! done is in `hinge_tests::killing`; the same, small and on invented orders, is a test.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hinge_tests::killing::{Ordeal, endure};
use hinge_tests::program::run;
use hinge_tests::site::{Backend, Site, words};

const USAGE: &str = "torture kill --backend embedded|kafka --policy DIR --mapping FILE --from DIR \
                     [--kills 25] [--seed NUMBER] [--batch 200]";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("planted") {
        return hinge_tests::planted::command(std::env::args().skip(2));
    }
    match told(std::env::args().skip(1).collect()) {
        Ok(wanted) => wanted.go_through(),
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What was asked for.
struct Wanted {
    backend: Backend,
    policy: PathBuf,
    mapping: PathBuf,
    from: PathBuf,
    kills: u32,
    seed: u64,
    batch_records: u32,
}

fn told(arguments: Vec<String>) -> Result<Wanted, String> {
    let mut arguments = arguments.into_iter();
    if arguments.next().as_deref() != Some("kill") {
        return Err("the only thing that can be done is `kill`".to_owned());
    }
    let mut flags = HashMap::new();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        flags.insert(name, value);
    }
    let mut take = |name: &str| flags.remove(name);
    let needed = |value: Option<String>, name: &str| value.ok_or_else(|| format!("`{name}` is missing"));
    let backend = match needed(take("--backend"), "--backend")?.as_str() {
        "embedded" => Backend::Embedded,
        "kafka" => Backend::Kafka,
        other => return Err(format!("`{other}` is no backend")),
    };
    let wanted = Wanted {
        backend,
        policy: needed(take("--policy"), "--policy")?.into(),
        mapping: needed(take("--mapping"), "--mapping")?.into(),
        from: needed(take("--from"), "--from")?.into(),
        kills: number(take("--kills"), 25)?,
        seed: number(take("--seed"), fastrand::u64(..1_000_000))?,
        batch_records: number(take("--batch"), 200)?,
    };
    match flags.into_keys().next() {
        None => Ok(wanted),
        Some(unknown) => Err(format!("`{unknown}` is unknown")),
    }
}

fn number<N: std::str::FromStr>(value: Option<String>, default: N) -> Result<N, String> {
    value.map_or(Ok(default), |value| value.parse().map_err(|_| format!("`{value}` is no number")))
}

impl Wanted {
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
