//! The commented policy that `hinge init` writes, and that the demo runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::editor;

macro_rules! starter_files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/starter/policy/", $name)))),+]
    };
}
/// Each file of the starter policy, with its path within the directory.
const FILES: &[(&str, &str)] = &starter_files!(
    "policy.yaml",
    "departments.yaml",
    "people.yaml",
    "chain.yaml",
    "routes/10-campaigns.yaml",
    "routes/15-promises.yaml",
    "routes/20-orders.yaml",
    "routes/25-tasks.yaml",
    "routes/30-deliveries.yaml",
    "routes/40-contacts.yaml",
    "routes/45-complaints.yaml",
    "templates/campaign-changed.md",
    "templates/campaign-launched.md",
    "templates/campaign-planned.md",
    "templates/campaign-withdrawn.md",
    "templates/claim-published.md",
    "templates/complaint-closed.md",
    "templates/complaint-received.md",
    "templates/contact-answered.md",
    "templates/contact-received.md",
    "templates/customer-notified.md",
    "templates/delivered-late.md",
    "templates/delivered.md",
    "templates/delivery-delayed.md",
    "templates/delivery-dispatched.md",
    "templates/delivery-failed.md",
    "templates/delivery-returned.md",
    "templates/delivery-scheduled.md",
    "templates/feedback-received.md",
    "templates/order-cancelled.md",
    "templates/order-changed.md",
    "templates/order-placed.md",
    "templates/order-to-pack.md",
    "templates/product-launched.md",
    "templates/promise-to-keep.md",
    "templates/promise-withdrawn.md",
    "templates/service-changed.md",
    "templates/task-assigned.md",
    "templates/task-completed.md",
);

/// Why the starter policy was not written.
#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    /// The directory holds a policy already.
    #[error("`{}` is already there; choose an empty directory, nothing was written", .0.display())]
    Exists(PathBuf),
    /// The disk refuses.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the starter policy into `root`, which is created; never over a file that is there. With it come the
/// schemas for editors.
///
/// Gives the paths written.
pub fn write_starter(root: &Path) -> Result<Vec<PathBuf>, StarterError> {
    if let Some(present) = FILES.iter().map(|(name, _)| root.join(name)).find(|path| path.exists()) {
        return Err(StarterError::Exists(present));
    }
    let files = FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let mut written = write_all(root, files)?;
    written.extend(write_schemas(root)?);
    Ok(written)
}

/// Writes the schemas for editors into the policy directory `root`, over those of another version.
///
/// Gives the paths written.
pub fn write_schemas(root: &Path) -> Result<Vec<PathBuf>, StarterError> {
    write_all(root, editor::schemas())
}

fn write_all(
    root: &Path,
    files: impl Iterator<Item = (String, String)>,
) -> Result<Vec<PathBuf>, StarterError> {
    let mut written = Vec::new();
    for (name, text) in files {
        let path = root.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|source| StarterError::Io { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}
