//! The schema files of `schemas/`, compiled in. A file that is missing here fails a test; what they mean
//! is read in [`crate::Catalogue`].

/// One schema file.
pub(crate) struct SchemaFile {
    /// The folder: the stream's name, or `hinge` for what Hinge itself writes.
    pub(crate) folder: &'static str,
    /// The CloudEvents type.
    pub(crate) event_type: &'static str,
    /// The version, from 1.
    pub(crate) version: u32,
    /// The version of the catalogue that the event type came with.
    pub(crate) since: u32,
    /// The Avro schema as JSON.
    pub(crate) text: &'static str,
}

macro_rules! schema_file {
    ($folder:literal, $event_type:literal, $version:literal, since $since:literal) => {
        SchemaFile {
            folder: $folder,
            event_type: $event_type,
            version: $version,
            since: $since,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../schemas/",
                $folder,
                "/",
                $event_type,
                ".v",
                $version,
                ".avsc"
            )),
        }
    };
}

/// All business events, by stream, type and version: what is planned before what happens, and each stream along
/// the life of what it is about.
pub(crate) const EVENT_SCHEMAS: &[SchemaFile] = &[
    schema_file!("marketing", "campaign.planned", 1, since 2),
    schema_file!("marketing", "campaign.changed", 1, since 2),
    schema_file!("marketing", "campaign.launched", 1, since 1),
    schema_file!("marketing", "campaign.withdrawn", 1, since 2),
    schema_file!("marketing", "product.launched", 1, since 2),
    schema_file!("marketing", "service.changed", 1, since 2),
    schema_file!("marketing", "claim.published", 1, since 2),
    schema_file!("marketing", "promise.made", 1, since 2),
    schema_file!("marketing", "promise.revised", 1, since 2),
    schema_file!("marketing", "promise.withdrawn", 1, since 2),
    schema_file!("order", "order.placed", 1, since 1),
    schema_file!("order", "order.confirmed", 1, since 1),
    schema_file!("order", "order.changed", 1, since 1),
    schema_file!("order", "order.cancelled", 1, since 1),
    schema_file!("order", "task.assigned", 1, since 2),
    schema_file!("order", "task.completed", 1, since 2),
    schema_file!("delivery", "delivery.scheduled", 1, since 1),
    schema_file!("delivery", "delivery.dispatched", 1, since 1),
    schema_file!("delivery", "delivery.delayed", 1, since 1),
    schema_file!("delivery", "delivery.delayed", 2, since 1),
    schema_file!("delivery", "delivery.failed", 1, since 2),
    schema_file!("delivery", "delivery.completed", 1, since 1),
    schema_file!("delivery", "delivery.returned", 1, since 2),
    schema_file!("service", "customer.notified", 1, since 2),
    schema_file!("service", "contact.received", 1, since 1),
    schema_file!("service", "contact.answered", 1, since 2),
    schema_file!("service", "complaint.received", 1, since 2),
    schema_file!("service", "complaint.closed", 1, since 2),
    schema_file!("service", "feedback.received", 1, since 2),
];

/// What departments read, in all versions; the last one is written.
pub(crate) const NOTIFICATION_SCHEMAS: &[SchemaFile] =
    &[schema_file!("hinge", "notification", 1, since 1), schema_file!("hinge", "notification", 2, since 1)];
