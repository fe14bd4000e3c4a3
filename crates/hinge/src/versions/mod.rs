//! The versions of the policy that have decided something, kept in the compacted topic `hinge.policy`, so that
//! every decision can be explained and made again however often the directory has changed since.
//!
//! What a version looks like as records is in [`mod@format`]; what makes a policy of files is the policy crate's.

mod format;

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use hinge_policy::{Loaded, PolicyFile, load_kept};
use hinge_schema::{Catalogue, Sources};
use hinge_stream::{Committed, Outgoing, Positions, Reader, Session, TopicSpec};

use crate::exit::Coded;
use crate::tail::read_all;
use format::{CURRENT, Fault, Manifest};

/// The topic.
pub(crate) const POLICY: &str = "hinge.policy";

/// The topic as it should be.
pub(crate) fn topic(replication: i32) -> TopicSpec {
    TopicSpec {
        name: POLICY.to_owned(),
        partitions: 1,
        replication,
        settings: vec![
            ("cleanup.policy".to_owned(), "compact".to_owned()),
            ("message.timestamp.type".to_owned(), "LogAppendTime".to_owned()),
        ],
    }
}

/// A version of the policy, as far as it is needed to make it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The version: a short hash of all its files.
    pub(crate) id: String,
    /// What the organisation calls its policy.
    pub(crate) name: String,
    /// Its files.
    pub(crate) files: Vec<PolicyFile>,
}

impl Version {
    /// What has to be kept of a loaded policy.
    pub(crate) fn of(loaded: &Loaded) -> Self {
        Self { id: loaded.policy.version.to_string(), name: loaded.name.clone(), files: loaded.files.clone() }
    }
}

/// Stores the version that is about to decide, in one transaction, `current` last; nothing where all of it is there.
pub(crate) fn store(
    version: &Version,
    catalogue: &Catalogue,
    session: &mut dyn Session,
    reader: &mut dyn Reader,
) -> Result<()> {
    let stored = Stored::read(reader)?;
    let mut records = Vec::new();
    if stored.files(&version.id).is_err() {
        records = format::records(version, catalogue.version());
    }
    if stored.current().as_deref() != Some(&version.id) {
        records.push(format::current(&version.id));
    }
    if records.is_empty() {
        return Ok(());
    }
    loop {
        session.begin()?;
        for (key, value) in &records {
            session.send(&Outgoing {
                topic: POLICY,
                key: Some(key.as_bytes()),
                value: Some(value),
                headers: &[("content-type", b"application/json")],
                carried: None,
                timestamp: None,
            })?;
        }
        match session.commit(&Positions::new())? {
            Committed::Done => {
                tracing::info!(policy_version = %version.id, records = records.len(), "policy version stored");
                return Ok(());
            }
            // The session ends this if it goes on so.
            Committed::RolledBack => tracing::warn!("storing the policy was rolled back; trying again"),
        }
    }
}

/// All versions that are stored: the newest record of each key.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    records: HashMap<String, Vec<u8>>,
}

impl Stored {
    /// Reads them; a log that has no such topic yet has no versions.
    pub(crate) fn read(reader: &mut dyn Reader) -> Result<Self> {
        let mut records = HashMap::new();
        let read = read_all(reader, POLICY, &mut |record| {
            let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
            match (key, &record.value) {
                (Some(key), Some(value)) => drop(records.insert(key.to_owned(), value.clone())),
                (Some(key), None) => drop(records.remove(key)),
                (None, _) => {}
            }
            Ok(true)
        });
        match read {
            Err(error) if is_topic_missing(&error) => Ok(Self::default()),
            Err(error) => Err(error),
            Ok(()) => Ok(Self { records }),
        }
    }

    /// The version that ran last.
    pub(crate) fn current(&self) -> Option<String> {
        format::read_current(self.records.get(CURRENT)?)
    }

    /// The policy of a version.
    ///
    /// # Errors
    /// `policy-version-missing` and `policy-version-unreadable`.
    pub(crate) fn load(&self, version: &str, catalogue: &Catalogue) -> Result<Loaded> {
        let (manifest, files) = self.files(version).map_err(|fault| told(version, &fault))?;
        let unreadable = |why: String| {
            let message = format!(
                "the policy version `{version}` was stored by Hinge {} with catalogue {}; this is Hinge {} with \
                 catalogue {}, and cannot use it: {why}",
                manifest.hinge,
                manifest.catalogue,
                env!("CARGO_PKG_VERSION"),
                catalogue.version()
            );
            Coded::new("policy-version-unreadable", 1, message)
        };
        let loaded = load_kept(Path::new(&format!("{POLICY} {version}")), files, catalogue);
        let loaded = loaded.map_err(|problems| unreadable(problems.to_string()))?;
        if *loaded.policy.version != *version {
            return Err(unreadable(format!("its files make the version `{}`", loaded.policy.version)).into());
        }
        Ok(loaded)
    }

    /// The sources of the version that ran last; none where it cannot be read.
    pub(crate) fn sources(&self, catalogue: &Catalogue) -> Sources {
        let loaded = self.current().and_then(|version| self.load(&version, catalogue).ok());
        loaded.map(|loaded| loaded.sources).unwrap_or_default()
    }

    fn files(&self, version: &str) -> Result<(Manifest, Vec<PolicyFile>), Fault> {
        format::assemble(version, |key| self.records.get(key).map(Vec::as_slice))
    }
}

fn told(version: &str, fault: &Fault) -> Coded {
    match fault {
        Fault::Missing => {
            let message = format!(
                "the policy version `{version}` is not stored in this log: it decided before versions were stored, or \
                 {POLICY} was emptied"
            );
            Coded::new("policy-version-missing", 1, message)
        }
        other => {
            let message = format!("the policy version `{version}` is stored, but {other}");
            Coded::new("policy-version-unreadable", 1, message)
        }
    }
}

/// Whether a log that an older release made has no such topic yet.
pub(crate) fn is_topic_missing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref::<hinge_stream::Error>(), Some(hinge_stream::Error::TopicMissing { .. }))
    })
}

#[cfg(test)]
mod tests;
