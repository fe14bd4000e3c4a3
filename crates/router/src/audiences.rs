//! Audiences to be kept: each is published once, under its hash, in the transaction of the first notification that
//! refers to it.
//!
//! A hash counts as published once its transaction is committed. What was published before is read back when
//! the first partitions are given, as far as [`READ_BACK`] reaches; what lies further back, or was published
//! by another worker since, is published again when it is needed. That does no harm: the topic is
//! compacted and the key is the hash.

use std::collections::HashSet;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use hinge_domain::{Event, Snapshot};
use hinge_stream::Reader;
use serde::Serialize;

use crate::error::Error;
use crate::pulse::AtWork;
use crate::reading::{self, Marks};
use crate::topics::AUDIENCES;

/// How many records of each partition are read back: those written last.
const READ_BACK: i64 = 20_000;

/// So many hashes are remembered at least, and twice as many at most.
const REMEMBERED: usize = 100_000;

/// Which audiences are in the log.
#[derive(Debug, Default)]
pub(crate) struct Published {
    young: HashSet<Arc<str>>,
    old: HashSet<Arc<str>>,
    /// Sent in the transaction that is open.
    sent: HashSet<Arc<str>>,
    was_read_back: bool,
}

impl Published {
    /// Reads back what was published last; once in a run.
    pub(crate) fn read_back(
        &mut self,
        reader: &mut dyn Reader,
        at_work: &mut AtWork<'_>,
    ) -> Result<(), Error> {
        if mem::replace(&mut self.was_read_back, true) {
            return Ok(());
        }
        let last: Marks = reading::ends(reader, AUDIENCES)?.iter().map(|end| end - READ_BACK).collect();
        reading::read_while(reader, AUDIENCES, &last, &mut || at_work.beat_on(), &mut |record| {
            if let Some(hash) = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
                self.remember(hash.into());
            }
            ControlFlow::Continue(())
        })?;
        tracing::debug!(audiences = self.young.len() + self.old.len(), "audiences read back");
        Ok(())
    }

    /// Whether an audience has to be published with what is sent next.
    pub(crate) fn lacks(&self, hash: &Arc<str>) -> bool {
        !self.young.contains(hash) && !self.old.contains(hash) && !self.sent.contains(hash)
    }

    /// An audience was sent in the transaction that is open.
    pub(crate) fn sent(&mut self, hash: Arc<str>) {
        self.sent.insert(hash);
    }

    /// The transaction was committed; gives how many audiences it published.
    pub(crate) fn keep(&mut self) -> usize {
        let sent = mem::take(&mut self.sent);
        let count = sent.len();
        for hash in sent {
            self.remember(hash);
        }
        count
    }

    /// The transaction was rolled back, or its partitions are somebody else's.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
    }

    fn remember(&mut self, hash: Arc<str>) {
        if self.young.len() >= REMEMBERED {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(hash);
    }
}

#[derive(Serialize)]
struct Kept<'a> {
    hash: &'a str,
    department: &'a str,
    people: &'a [Arc<str>],
    excluded: Vec<Excluded<'a>>,
    first: First<'a>,
}

/// The event of which the reasons are: others for the same people may have other ones.
#[derive(Serialize)]
struct First<'a> {
    source: &'a str,
    id: &'a str,
    policy_version: &'a str,
}

#[derive(Serialize)]
struct Excluded<'a> {
    rule: &'a str,
    reason: String,
    people: &'a [Arc<str>],
}

/// Appends an audience as it was first chosen, for `event` under a version of the policy, as JSON, to `target`.
pub(crate) fn write(
    snapshot: &Snapshot,
    event: &Event,
    policy_version: &str,
    target: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let excluded = snapshot.excluded.iter().map(|it| Excluded {
        rule: &it.rule,
        reason: it.because.to_string(),
        people: &it.people,
    });
    let kept = Kept {
        hash: &snapshot.hash,
        department: &snapshot.department,
        people: &snapshot.people,
        excluded: excluded.collect(),
        first: First { source: &event.source, id: &event.id, policy_version },
    };
    serde_json::to_writer(target, &kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_counts_as_published_only_after_its_transaction() {
        let mut published = Published::default();
        let hash: Arc<str> = "ad13".into();
        assert!(published.lacks(&hash));
        published.sent(Arc::clone(&hash));
        assert!(!published.lacks(&hash), "once in a transaction is enough");
        published.forget();
        assert!(published.lacks(&hash), "rolled back: publish again");
        published.sent(Arc::clone(&hash));
        assert_eq!(published.keep(), 1);
        published.forget();
        assert!(!published.lacks(&hash));
        assert_eq!(published.keep(), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut published = Published::default();
        (0..3 * REMEMBERED).for_each(|number| published.remember(number.to_string().into()));
        assert!(published.young.len() + published.old.len() <= 2 * REMEMBERED);
        assert!(!published.lacks(&(3 * REMEMBERED - 1).to_string().into()));
    }
}
