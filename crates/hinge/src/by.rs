//! Who does something by hand, and why: it is stored beside what was done.

use clap::Args;
use hinge_router::operator::By;
use jiff::Timestamp;

use crate::opening;

/// Who does it.
#[derive(Debug, Args)]
pub(crate) struct ByArgs {
    /// Who does it, stored with it [default: the name of the user]
    #[arg(long = "by", value_name = "NAME")]
    name: Option<String>,
}

impl ByArgs {
    /// Who, now, and why.
    pub(crate) fn with<'a>(&self, name: &'a mut String, reason: Option<&'a str>) -> By<'a> {
        *name = self.name.clone().or_else(user).unwrap_or_else(|| "somebody".to_owned());
        let at: Timestamp = opening::now();
        By { name, at, reason }
    }
}

fn user() -> Option<String> {
    ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}
