//! How the process ends: exit codes, and errors that say what to do.

use std::io::Write;
use std::process::ExitCode;

use hinge_policy::Problems;

use crate::summary;

/// The exit codes, as `hinge explain exit-codes` and the README show them.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed; the message says why. `hinge replay`: something differs"),
    (2, "wrong usage, or a policy, mapping or schema with errors"),
    (65, "drained, but for partitions that stopped because too much was rejected or held"),
    (69, "the log cannot be reached now; trying again later may help"),
    (70, "something that Hinge cannot classify; a restart goes on where the last commit was"),
    (74, "the disk refuses to read or write"),
    (75, "somebody else holds this place: another run on the folder, another worker with the same instance"),
    (77, "the log refuses us: authentication or authorisation"),
    (78, "something is configured wrongly: a missing topic, no place to start, a taken port"),
    (130, "a signal ended the process at once: the second one, or one before the work had begun"),
];

/// An error with a code of its own that is not the stream's or the policy's.
#[derive(Debug)]
pub(crate) struct Coded {
    /// The code, which `hinge explain` knows.
    pub(crate) code: &'static str,
    /// How the process ends.
    pub(crate) exit: u8,
    /// What happened and what to do.
    pub(crate) message: String,
}

impl Coded {
    /// The codes that this crate gives.
    pub(crate) const CODES: &'static [&'static str] = &[
        "admin-port-taken",
        "argument-invalid",
        "code-unknown",
        "demo-folder-taken",
        "department-unknown",
        "event-ambiguous",
        "input-broken-off",
        "input-unusable",
        "map-input-missing",
        "not-found",
        "person-unknown",
        "policy-version-missing",
        "policy-version-unreadable",
        "schema-unusable",
        "partition-stopped",
        "rejects-unusable",
        "repair-refused",
        "row-unmapped",
        "row-unreadable",
        "settings-invalid",
        "starter-exists",
        "type-unknown",
        "worker-stuck",
    ];

    pub(crate) fn new(code: &'static str, exit: u8, message: impl Into<String>) -> Self {
        debug_assert!(Self::CODES.contains(&code), "`{code}` is not listed");
        Self { code, exit, message: message.into() }
    }
}

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// Tells the operator about an error on standard error, and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let (text, exit) = told(error);
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(exit)
}

/// Tells the operator about what hardly means what was meant, on standard error.
pub(crate) fn warn(warnings: &Problems) {
    let _ = writeln!(std::io::stderr(), "{warnings}\n");
}

/// How much was found: `2 errors and 1 warning`.
pub(crate) fn counted(problems: &Problems) -> String {
    let (errors, warnings) = problems.counts();
    let counts = [(errors, "error"), (warnings, "warning")].into_iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, what)| summary::count(number, what)).collect();
    counts.join(" and ")
}

fn told(error: &anyhow::Error) -> (String, u8) {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        return (format!("{problems}\n\n{}; nothing was done", counted(problems)), 2);
    }
    match code_of(error) {
        (Some(code), exit) => {
            (format!("error[{code}]: {error:#}\n  `hinge explain {code}` tells more"), exit)
        }
        (None, exit) => (format!("error: {error:#}"), exit),
    }
}

fn code_of(error: &anyhow::Error) -> (Option<&'static str>, u8) {
    for cause in error.chain() {
        if let Some(coded) = cause.downcast_ref::<Coded>() {
            return (Some(coded.code), coded.exit);
        }
        if let Some(error) = cause.downcast_ref::<hinge_stream::Error>() {
            return (Some(error.code()), error.exit_code().number());
        }
        if let Some(error) = cause.downcast_ref::<hinge_router::Error>() {
            let exit = match error {
                hinge_router::Error::Stream(error) => error.exit_code().number(),
                _ => 70,
            };
            return (Some(error.code()), exit);
        }
    }
    (None, 1)
}
