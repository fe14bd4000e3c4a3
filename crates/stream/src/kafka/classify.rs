//! What an error of librdkafka means for a worker: pure decisions, in one place.
//!
//! Nothing is retried or aborted here; `transaction.rs` and `session.rs` act on these classes. Whether
//! a commit is *indefinite* is no property of an error but of the time that passed; see
//! `transaction.rs`.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::Error;

/// The signs by which librdkafka tells what may be done after an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    pub(super) code: Code,
    pub(super) fatal: bool,
    pub(super) requires_abort: bool,
    pub(super) retriable: bool,
}

impl From<&KafkaError> for Signs {
    fn from(error: &KafkaError) -> Self {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        match error {
            KafkaError::Transaction(error) => Self {
                code,
                fatal: error.is_fatal(),
                requires_abort: error.txn_requires_abort(),
                retriable: error.is_retriable(),
            },
            error => Self {
                code,
                fatal: code == Code::Fatal || matches!(error, KafkaError::MessageConsumptionFatal(_)),
                requires_abort: false,
                retriable: code == Code::OperationTimedOut,
            },
        }
    }
}

impl Signs {
    /// Whether a broker has seen a newer producer, or another member, of our name.
    pub(super) fn is_fencing(self) -> bool {
        is_fencing(self.code)
    }
}

/// What is to be done after a call of the transactional producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Another producer has our transactional id: the process ends.
    Fenced,
    /// We are not allowed to: the process ends.
    Denied,
    /// The client cannot be used any more, or nobody knows: the process ends and is started again.
    Fatal,
    /// The transaction has to be aborted; the next one may work.
    Abortable,
    /// The same call again, until a deadline.
    Retriable,
}

/// Classifies the answer to a call of the transactional producer; what is unknown is fatal, as
/// librdkafka's manual advises.
pub(super) fn transaction_class(signs: Signs) -> Class {
    if is_denial(signs.code) {
        Class::Denied
    } else if signs.fatal || signs.code == Code::Fenced {
        if is_fencing(signs.code) { Class::Fenced } else { Class::Fatal }
    } else if signs.requires_abort {
        Class::Abortable
    } else if signs.retriable {
        Class::Retriable
    } else {
        Class::Fatal
    }
}

/// What an error means that a consumer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsumerClass {
    /// Another consumer has our instance's seat: the process ends.
    Fenced,
    /// We are not allowed to: the process ends.
    Denied,
    /// The position is outside what the partition still has: somebody has to decide.
    OutOfRange,
    /// The consumer cannot be used any more.
    Fatal,
    /// A batch cannot be read; the partition stands still until somebody looks.
    Unreadable,
    /// What happens while brokers and members come and go; the client goes on by itself.
    Transient,
    /// Nobody has said what it means; the client goes on by itself, and somebody should look.
    Unknown,
}

/// Classifies an error that polling a consumer brought. Other than with transactions, librdkafka tries everything
/// again that it does not call fatal, and tells of it once only; so what is unknown does not end the process, but is
/// told as a warning. What it leads to shows by itself: a partition that stands still is found from the statistics, and
/// a worker without partitions is not ready.
pub(super) fn consumer_class(signs: Signs) -> ConsumerClass {
    match signs.code {
        code if is_denial(code) => ConsumerClass::Denied,
        code if is_fencing(code) => ConsumerClass::Fenced,
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => ConsumerClass::OutOfRange,
        _ if signs.fatal => ConsumerClass::Fatal,
        Code::BadCompression | Code::BadMessage | Code::InvalidMessage | Code::MessageSizeTooLarge => {
            ConsumerClass::Unreadable
        }
        code if is_transient(code) => ConsumerClass::Transient,
        _ => ConsumerClass::Unknown,
    }
}

/// Whether brokers, leaders, coordinators or members of the group are only just changing, or out of reach.
fn is_transient(code: Code) -> bool {
    is_out_of_reach(code) || is_moving(code) || is_regrouping(code)
}

fn is_out_of_reach(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::BrokerDestroy
            | Code::BrokerNotAvailable
            | Code::ThrottlingQuotaExceeded
    )
}

fn is_moving(code: Code) -> bool {
    matches!(
        code,
        // Topics are made, and get partitions, while we run.
        Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicId
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
    )
}

fn is_regrouping(code: Code) -> bool {
    matches!(
        code,
        Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::WaitingForCoordinator
            | Code::RebalanceInProgress
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::MemberIdRequired
            | Code::AssignmentLost
            | Code::PollExceeded
    )
}

/// Whether a broker refuses us by name or by right.
pub(super) fn is_denial(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

fn is_fencing(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::FencedInstanceId)
}

/// The error for an answer after which we cannot go on.
pub(super) fn failure(class: Class, id: &str, doing: &str, error: KafkaError) -> Error {
    let (id, doing, source) = (id.to_owned(), doing.to_owned(), error.into());
    match class {
        Class::Fenced => Error::Fenced { id, seen: String::new(), source },
        Class::Denied => Error::BrokerDenied { doing, source },
        Class::Fatal | Class::Abortable | Class::Retriable => Error::Unclassified { doing, source },
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Code, ConsumerClass, Signs, consumer_class, transaction_class};

    const NONE: Signs = Signs { code: Code::Unknown, fatal: false, requires_abort: false, retriable: false };

    #[test]
    fn answers_to_transactional_calls_have_their_classes() {
        let fatal = |code| Signs { code, fatal: true, ..NONE };
        let abort = |code| Signs { code, requires_abort: true, ..NONE };
        let retry = |code| Signs { code, retriable: true, ..NONE };
        let cases = [
            (fatal(Code::Fenced), Class::Fenced),
            (fatal(Code::ProducerFenced), Class::Fenced),
            (fatal(Code::InvalidProducerEpoch), Class::Fenced),
            (fatal(Code::TransactionalIdAuthorizationFailed), Class::Denied),
            (fatal(Code::OutOfOrderSequenceNumber), Class::Fatal),
            (fatal(Code::InvalidTransactionTimeout), Class::Fatal),
            (abort(Code::TopicAuthorizationFailed), Class::Denied),
            (abort(Code::IllegalGeneration), Class::Abortable),
            (abort(Code::UnknownMemberId), Class::Abortable),
            (abort(Code::Inconsistent), Class::Abortable),
            (abort(Code::InvalidProducerEpoch), Class::Abortable),
            (retry(Code::OperationTimedOut), Class::Retriable),
            (retry(Code::Conflict), Class::Retriable),
            (Signs { retriable: true, ..abort(Code::MessageTimedOut) }, Class::Abortable),
            (Signs { fatal: true, ..abort(Code::Fatal) }, Class::Fatal),
            (NONE, Class::Fatal),
            (Signs { code: Code::State, ..NONE }, Class::Fatal),
        ];
        for (signs, expected) in cases {
            assert_eq!(transaction_class(signs), expected, "{signs:?}");
        }
    }

    #[test]
    fn errors_of_a_consumer_have_their_classes() {
        let cases = [
            (Code::BrokerTransportFailure, false, ConsumerClass::Transient),
            (Code::AllBrokersDown, false, ConsumerClass::Transient),
            (Code::UnknownTopicOrPartition, false, ConsumerClass::Transient),
            (Code::PollExceeded, false, ConsumerClass::Transient),
            (Code::NotCoordinator, false, ConsumerClass::Transient),
            (Code::InconsistentGroupProtocol, false, ConsumerClass::Unknown),
            (Code::GroupMaxSizeReached, false, ConsumerClass::Unknown),
            (Code::Unknown, false, ConsumerClass::Unknown),
            (Code::AutoOffsetReset, false, ConsumerClass::OutOfRange),
            (Code::OffsetOutOfRange, false, ConsumerClass::OutOfRange),
            (Code::GroupAuthorizationFailed, false, ConsumerClass::Denied),
            (Code::FencedInstanceId, true, ConsumerClass::Fenced),
            (Code::BadCompression, false, ConsumerClass::Unreadable),
            (Code::InvalidGroupId, true, ConsumerClass::Fatal),
        ];
        for (code, fatal, expected) in cases {
            assert_eq!(consumer_class(Signs { code, fatal, ..NONE }), expected, "{code:?}");
        }
    }
}
