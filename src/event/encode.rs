//! Facts -> structured CloudEvents, such that `decode(encode(event)) == event`.

use super::{Event, FactKind};
use crate::time::Timestamp;

/// The event as structured CloudEvents JSON, on one line. Attribute values are written as texts.
pub fn encode(event: &Event<'_>) -> Vec<u8> {
    let fact = &event.fact;
    let mut out = Object { out: Vec::with_capacity(320) };
    out.out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    out.text("id", &event.id);
    out.text("source", &event.source);
    out.text("type", fact.kind.type_name());
    out.instant("time", event.time);
    if let Some(recorded_time) = event.recorded_time {
        out.instant("recordedtime", recorded_time);
    }
    out.key("data");
    out.out.push(b'{');
    out.text("lead_id", &event.lead_id);
    let status_key = if fact.kind == FactKind::Created { "status" } else { "to" };
    out.maybe(status_key, fact.status.as_deref());
    out.maybe("owner", fact.owner.as_deref());
    out.maybe("team", fact.team.as_deref());
    out.maybe("reason", fact.reason.as_deref());
    out.maybe("kind", fact.activity.as_deref());
    if fact.automated {
        out.text("by", "automation");
    }
    out.maybe("into", fact.into.as_deref());
    if let Some(opportunity) = &fact.opportunity {
        out.maybe("opportunity_id", opportunity.id.as_deref());
        if let Some(value) = opportunity.value {
            out.key("value");
            write_json(&mut out.out, &value);
        }
        out.maybe("currency", opportunity.currency.as_deref());
    }
    if !fact.attributes.is_empty() || fact.kind == FactKind::Updated {
        out.key("attributes");
        out.out.push(b'{');
        for (name, value) in &fact.attributes {
            out.text(name, value);
        }
        out.out.push(b'}');
    }
    out.out.extend_from_slice(b"}}");
    out.out
}

/// Writes entries, each with the comma it needs.
struct Object {
    out: Vec<u8>,
}

impl Object {
    fn key(&mut self, key: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        write_json(&mut self.out, key);
        self.out.push(b':');
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_json(&mut self.out, text);
    }

    fn maybe(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn instant(&mut self, key: &str, instant: Timestamp) {
        self.key(key);
        self.out.push(b'"');
        instant.write(&mut self.out);
        self.out.push(b'"');
    }
}

fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Texts and numbers have no failing case, nor has a vector as their writer.
    let _ = serde_json::to_writer(out, value);
}
