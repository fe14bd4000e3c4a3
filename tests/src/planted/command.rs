//! `torture planted`: the plants and the controls, one after the other.

use std::process::ExitCode;

use serde_json::json;

use super::{CONTROLS, PLANTS, Plant, named};

const USAGE: &str = "torture planted [--only NAME,..] [--seed NUMBER]";

/// Does what these arguments say: a line of JSON for each run; 1 where one did not come out as it has to, 2 where
/// nothing could be done.
pub fn command(arguments: impl Iterator<Item = String>) -> ExitCode {
    let (plants, seed) = match wanted(arguments) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut is_well = true;
    for plant in plants {
        eprintln!("{}: {}", plant.name, plant.sentence);
        match plant.try_out(seed) {
            Ok(Some(found)) => {
                println!("{}", found.json(plant, seed));
                is_well &= plant.is_answered_by(&found);
            }
            Ok(None) => return ExitCode::from(2),
            Err(why) => {
                let what = if plant.is_control() { "control" } else { "plant" };
                println!("{}", json!({what: plant.name, "seed": seed, "failed": why}));
                is_well = false;
            }
        }
    }
    ExitCode::from(u8::from(!is_well))
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Result<(Vec<&'static Plant>, u64), String> {
    let mut plants: Vec<&Plant> = CONTROLS.iter().chain(&PLANTS).collect();
    let mut seed = 1;
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--only" => {
                let known = |name: &str| named(name).ok_or_else(|| format!("there is no plant `{name}`"));
                plants = value.split(',').map(known).collect::<Result<_, _>>()?;
            }
            "--seed" => seed = value.parse().map_err(|_| format!("`{value}` is no number"))?,
            other => return Err(format!("`{other}` is unknown")),
        }
    }
    Ok((plants, seed))
}
