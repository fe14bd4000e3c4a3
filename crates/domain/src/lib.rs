//! What Hinge exists for, without I/O, a clock or chance: the same input gives the same answer, always.
//!
//! The story of one promise, and where each part of it lives:
//!
//! 1. Marketing launches a campaign that promises delivery in two days. That is an [`Event`]: who says
//!    so, when it happened, what is known ([`Facts`], described by their type's [`Shape`]).
//! 2. The organisation has said in its [`Policy`] who must know: its [`Department`]s, the steps of the
//!    chain, and [`Rule`]s whose conditions are CEL [`Expression`]s. What an event does not say is
//!    *unknown*, and a rule that reads it does not match.
//! 3. [`decide`] finds the rules that match and makes one [`Notification`] for each department that they
//!    name, with merged reasons, the facts it needs, and the names of those that are missing.
//!    Inside a department an [`Audience`] says whom it is for: the [`People`] whom the rules' [`Segment`]s choose.
//!    [`explain`] tells of one department why it is not among them.
//! 4. A customer orders because of the promise; the order is placed, confirmed, dispatched, late. Each is
//!    an event of its own under the order's correlation id, and a [`Revision`] says which of two things
//!    told about an order is the later one, in whatever order they arrive.
//! 5. Systems repeat themselves. [`Memory`] tells a repetition from a new event within a [`Window`].
//! 6. What other systems export as rows becomes events by a [`Mapping`].
//!
//! Not here: bytes and formats (`hinge-schema`), files of a policy (`hinge-policy`), logs and transactions
//! (`hinge-stream`), and the loop that joins them (`hinge-router`). Time is an argument.

mod audience;
mod decide;
mod event;
mod explain;
mod expression;
#[cfg(test)]
mod invented;
mod mapping;
mod nearest;
mod notification;
mod policy;
mod repetition;
mod shape;
mod sight;
mod stamp;
mod template;
mod value;

pub use audience::{Audience, Changed, Excluded, Exclusion, Medium, People, Person, Segment, Snapshot};
pub use decide::{Decision, Matched, Undecided, Verdict, decide};
pub use event::{Content, Event, Facts, HISTORY_AFTER, Identity};
pub use explain::{Answer, Choice, Considered, Explanation, Part, Seen, Shortfall, explain, seen};
pub use expression::{
    Complaint, Expression, Fault, Known, Never, Read, RecordType, Scope, SyntaxError, Type, TypeScope,
    Unknown,
};
pub use mapping::{
    EventMapping, FactSource, Given, Join, Mapped, Mapping, Origin, ROW, Row, SharedFact, Unfit, Unmapped,
    ZONE, unfit,
};
pub use nearest::nearest;
pub use notification::{
    About, Ask, Notification, Priority, Reason, Revision, correction_id, notification_id,
};
pub use policy::{ChainStep, Department, Format, Parts, Policy, Rule};
pub use repetition::{Mark, Meeting, Memory, Window};
pub use shape::{Field, Kind, Pii, Shape, Stream};
pub use template::{TemplateError, Templates};
pub use value::Value;
