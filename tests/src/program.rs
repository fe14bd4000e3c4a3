//! The real `hinge`, as an operator has it: started, watched, signalled and killed.
//!
//! Its environment is the test's without anything that begins with `HINGE_`, and what it says is kept.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::kafka::until;

/// Longer than any step of the program may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program with these arguments, not started yet.
pub fn hinge<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    program(&binary(), arguments)
}

/// Any program with these arguments, to be started as `hinge` is.
pub fn program<A: AsRef<OsStr>>(path: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HINGE_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    Running::start(&mut hinge(arguments)).ended()
}

/// Where `hinge` is.
pub fn binary() -> PathBuf {
    find("hinge").unwrap_or_else(|missing| panic!("{missing}"))
}

/// Where a program of the workspace is: beside this executable, or one folder up, since Cargo puts tests and
/// benchmarks into `deps`. Otherwise what to do.
pub fn find(program: &str) -> Result<PathBuf, String> {
    let this = std::env::current_exe().expect("a running program has a path");
    let places: Vec<PathBuf> = this.ancestors().skip(1).take(2).map(|folder| folder.join(program)).collect();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        format!(
            "`{}` is not there; build it first: `cargo build -p {program}` (`make test` does)",
            places[1].display()
        )
    })
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub log: String,
}

impl Ended {
    /// Itself, if it ended with 0.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "it did not end well:\n{}", self.log);
        self
    }

    /// Itself, if it ended with `code` and said each of `words` on standard error.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "the exit code is another one:\n{}", self.log);
        for word in words {
            assert!(self.log.contains(word), "it did not say `{word}`:\n{}", self.log);
        }
        self
    }
}

/// A program that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
    printing: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let logging = std::thread::spawn(move || {
            let lines = BufReader::new(stderr.expect("it was asked for a pipe")).lines();
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let printing = std::thread::spawn(move || {
            let mut output = String::new();
            // What is not text ends the output; the test will miss it.
            let _ = stdout.expect("it was asked for a pipe").read_to_string(&mut output);
            output
        });
        Self { child, log, logging: Some(logging), printing: Some(printing) }
    }

    /// What it said on standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a line on standard error contains `words`, and gives that line.
    #[track_caller]
    pub fn says(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let gone = !self.is_running();
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            assert!(!gone, "it ended without saying `{words}`:\n{log}");
            assert!(Instant::now() < deadline, "it did not say `{words}` within {PATIENCE:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The number of its process.
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child can be asked").is_none()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, once it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be asked")
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} could not be sent");
    }

    /// Ends it with SIGKILL and waits until the system has buried it.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be waited for");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let status = until(PATIENCE, &format!("the program ends; so far it said:\n{}", self.log()), || {
            self.child.try_wait().expect("our own child can be asked")
        });
        let output = self.printing.take().map(JoinHandle::join);
        let output = output.and_then(Result::ok).unwrap_or_default();
        self.logging.take().map(JoinHandle::join);
        Ended { code: status.code(), output, log: self.log() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and a destructor has nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
