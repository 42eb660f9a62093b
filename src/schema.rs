//! The JSON Schemas, generated from the types (draft 2020-12). `schemas/` holds them as files, and a test compares.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::comparison::{ChangeJson, ComparisonJson};
use crate::engine::NoticeKind;
use crate::engine::notice::{
    Breached, CloudEvent, DeadlineMoved, Ended, Escalated, MassDisposition, Paused, PingPong, Reminder, Resumed,
    Retracted, Started,
};
use crate::event::FactKind;
use crate::report::ReportJson;
use crate::suggest::SuggestionJson;
use crate::time::Timestamp;

/// An input event, as its producer writes it. Attributes and keys beyond these are tolerated.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only the schema is made from it")]
struct Input<D> {
    specversion: String,
    id: String,
    /// With `id` it names the delivery.
    source: String,
    r#type: String,
    /// Event time: when it happened in the business.
    time: Timestamp,
    /// When it was recorded: the append time in a replay.
    recordedtime: Option<Timestamp>,
    subject: Option<String>,
    data: D,
}

macro_rules! inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(JsonSchema)]
        #[allow(dead_code, reason = "only the schema is made from it")]
        struct $name {
            #[schemars(length(min = 1))]
            lead_id: String,
            $($(#[$field_doc])* $field: $type,)*
        }
    )*};
}

inputs! {
    /// `lead.created`; what is absent or null is not said.
    Created { status: Option<String>, owner: Option<String>, team: Option<String>, attributes: Option<serde_json::Map<String, Value>> }
    /// `lead.assigned`; an empty owner is nobody.
    Assigned { owner: String, team: Option<String>, /** The receipt by the rep; it is the event time where given. */ assigned_at: Option<Timestamp> }
    /// `lead.status_changed`
    StatusChanged { to: String, from: Option<String>, reason: Option<String>, owner: Option<String>, team: Option<String> }
    /// `lead.activity`; what automation does is no touch.
    Activity { /** call, email, meeting, ... */ kind: String, by: Option<By> }
    /// `lead.updated`
    Updated { attributes: serde_json::Map<String, Value> }
    /// `lead.deleted`
    Deleted { }
    /// `lead.merged`
    Merged { /** The survivor. */ into: String }
    /// `lead.gap`: something was missed of the lead; nothing is told of it until its status is said again.
    Gap { reason: Option<String> }
    /// `opportunity.created`
    OpportunityCreated { opportunity_id: Option<String>, value: Option<f64>, currency: Option<String> }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[allow(dead_code, reason = "only the schema is made from it")]
enum By {
    Person,
    Automation,
}

/// Of what is read: keys may be left out where they may be null.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

/// Of what is written: every key is there, null or not.
fn written<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Names the type, so that a consumer can tell the events apart.
fn event(mut schema: Schema, name: &str, title: &str) -> Value {
    let constants = [("specversion", "1.0"), ("type", name)];
    if let Some(properties) = schema.get_mut("properties") {
        for (key, word) in constants {
            properties[key] = json!({ "const": word });
        }
    }
    schema.insert("title".to_owned(), title.into());
    Value::from(schema)
}

fn input(kind: FactKind) -> Schema {
    match kind {
        FactKind::Created => of::<Input<Created>>(),
        FactKind::Assigned => of::<Input<Assigned>>(),
        FactKind::StatusChanged => of::<Input<StatusChanged>>(),
        FactKind::Activity => of::<Input<Activity>>(),
        FactKind::Updated => of::<Input<Updated>>(),
        FactKind::Deleted => of::<Input<Deleted>>(),
        FactKind::Merged => of::<Input<Merged>>(),
        FactKind::Opportunity => of::<Input<OpportunityCreated>>(),
        FactKind::Gap => of::<Input<Gap>>(),
    }
}

fn output(kind: NoticeKind) -> Schema {
    match kind {
        NoticeKind::Started => written::<CloudEvent<'static, Started<'static>>>(),
        NoticeKind::Paused => written::<CloudEvent<'static, Paused<'static>>>(),
        NoticeKind::Resumed => written::<CloudEvent<'static, Resumed<'static>>>(),
        NoticeKind::DeadlineMoved => written::<CloudEvent<'static, DeadlineMoved<'static>>>(),
        NoticeKind::Reminder => written::<CloudEvent<'static, Reminder<'static>>>(),
        NoticeKind::Breached => written::<CloudEvent<'static, Breached<'static>>>(),
        NoticeKind::Escalated => written::<CloudEvent<'static, Escalated<'static>>>(),
        NoticeKind::Met | NoticeKind::MetLate | NoticeKind::Cancelled => {
            written::<CloudEvent<'static, Ended<'static>>>()
        }
        NoticeKind::Retracted => written::<CloudEvent<'static, Retracted<'static>>>(),
        NoticeKind::PingPong => written::<CloudEvent<'static, PingPong<'static>>>(),
        NoticeKind::MassDisposition => written::<CloudEvent<'static, MassDisposition<'static>>>(),
    }
}

/// What commands write.
const REPORTS: [&str; 4] = ["report", "comparison", "comparison.change", "suggestion"];

/// Every schema's name: the event types, in and out, and the reports.
pub fn names() -> Vec<String> {
    let inputs = FactKind::ALL.map(|kind| kind.type_name().to_owned());
    let outputs = NoticeKind::ALL.map(|kind| kind.name().to_owned());
    inputs.into_iter().chain(outputs).chain(REPORTS.map(str::to_owned)).collect()
}

/// A schema by name.
pub fn find(name: &str) -> Option<Value> {
    if let Some(kind) = FactKind::ALL.into_iter().find(|kind| kind.type_name() == name) {
        return Some(event(input(kind), name, &format!("{name} (input)")));
    }
    if let Some(kind) = NoticeKind::ALL.into_iter().find(|kind| kind.name() == name) {
        return Some(event(output(kind), name, &format!("{name} (topic {})", kind.topic())));
    }
    let report = match name {
        "report" => written::<ReportJson>(),
        "comparison" => written::<ComparisonJson>(),
        "comparison.change" => written::<ChangeJson>(),
        "suggestion" => written::<SuggestionJson>(),
        _ => return None,
    };
    Some(Value::from(report))
}

/// The text of a schema's file.
pub fn text(name: &str) -> Option<String> {
    find(name).map(|schema| format!("{schema:#}\n"))
}
