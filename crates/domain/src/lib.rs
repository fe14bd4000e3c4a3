//! stub
mod decide;
mod event;
mod expression;
mod mapping;
mod notification;
mod policy;
mod repetition;
mod shape;
mod stamp;
mod template;
mod value;

pub use decide::{Decision, Matched, Undecided, Verdict, decide};
pub use event::{Content, Event, Facts, HISTORY_AFTER, Identity};
pub use expression::{Expression, Read, Scope, SyntaxError, Unknown};
pub use mapping::{EventMapping, FactSource, Join, Mapping, ROW, Row, SharedFact, Unmapped, ZONE};
pub use notification::{About, Ask, Notification, Priority, Reason, Revision, notification_id};
pub use policy::{ChainStep, Department, Format, Parts, Policy, Rule};
pub use repetition::{Meeting, Memory, Window};
pub use shape::{Field, Kind, Pii, Shape, Stream};
pub use template::{TemplateError, Templates};
pub use value::Value;
