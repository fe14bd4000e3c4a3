//! The command line of the checker: `check` prints one line of JSON, `watch` writes what it saw to a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hinge_checker::check::Check;
use hinge_checker::log::Log;
use hinge_checker::watch;

const USAGE: &str = "usage:
  hinge-checker check --brokers HOST:PORT --policy DIR --inputs TOPIC,.. [--group hinge-router]
                      [--schemas DIR] [--metrics FILE,..] [--seen FILE]
  hinge-checker watch --brokers HOST:PORT --seen FILE      until standard input closes

check: 0 no violation, 1 violations, 2 could not check";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "check" => check(&arguments),
        "watch" => watch(&arguments),
        _ => Err(USAGE.to_owned()),
    };
    done.unwrap_or_else(|why| {
        eprintln!("hinge-checker: {why}");
        ExitCode::from(2)
    })
}

fn check(arguments: &[String]) -> Result<ExitCode, String> {
    let given = given(arguments, &["brokers", "policy", "inputs", "group", "schemas", "metrics", "seen"])?;
    let schemas = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let check = Check {
        log: Log::new(must(&given, "brokers")?),
        policy: must(&given, "policy")?.into(),
        inputs: list(must(&given, "inputs")?).map(str::to_owned).collect(),
        group: given.get("group").map_or("hinge-router", String::as_str).to_owned(),
        schemas: given.get("schemas").map_or_else(schemas, PathBuf::from),
        metrics: given.get("metrics").into_iter().flat_map(|files| list(files)).map(PathBuf::from).collect(),
        seen: given.get("seen").map(PathBuf::from),
    };
    let verdict = check.run()?;
    println!("{}", verdict.line());
    Ok(ExitCode::from(u8::from(verdict.violations() > 0)))
}

fn watch(arguments: &[String]) -> Result<ExitCode, String> {
    let given = given(arguments, &["brokers", "seen"])?;
    let seen = watch::until_input_closes(&Log::new(must(&given, "brokers")?))?;
    seen.write(Path::new(must(&given, "seen")?))?;
    Ok(ExitCode::SUCCESS)
}

/// What follows each `--name`.
fn given(arguments: &[String], known: &[&str]) -> Result<HashMap<String, String>, String> {
    let mut given = HashMap::new();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("{} is given without a value\n{USAGE}", pair[0]));
        };
        let name = name.strip_prefix("--").filter(|name| known.contains(name));
        let name = name.ok_or_else(|| format!("`{}` is not known\n{USAGE}", pair[0]))?;
        if given.insert(name.to_owned(), value.clone()).is_some() {
            return Err(format!("--{name} is given twice"));
        }
    }
    Ok(given)
}

fn must<'a>(given: &'a HashMap<String, String>, name: &str) -> Result<&'a str, String> {
    given.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing\n{USAGE}"))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}
