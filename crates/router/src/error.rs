//! What ends the router.

use hinge_stream::TopicPartition;

/// An error that ends the service; a restart goes on where the last commit was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log.
    #[error(transparent)]
    Stream(#[from] hinge_stream::Error),
    /// A record of a partition that was never given.
    #[error("a record of `{0}` arrived, which was not given to this worker")]
    NotOurs(TopicPartition),
}

impl Error {
    /// The codes of the variants that are the router's own; `hinge explain` knows each.
    pub const CODES: &'static [&'static str] = &["not-ours"];

    /// A stable code, for `hinge explain`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stream(error) => error.code(),
            Self::NotOurs(_) => "not-ours",
        }
    }
}
