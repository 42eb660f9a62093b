//! Deliveries as structured CloudEvents.

use serde::Serialize;

use super::story::{Status, What};
use super::{Delivery, Generator, Words};
use crate::time::Timestamp;

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a str,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordedtime: Option<Timestamp>,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Default, Serialize)]
struct Data<'a> {
    lead_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opportunity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    score: u8,
}

fn word(list: &[String], index: usize) -> Option<&str> {
    list.get(index).map(String::as_str)
}

fn spell(words: &Words, status: Status) -> &str {
    match status {
        Status::New => &words.new,
        Status::Working => &words.working,
        Status::OnHold => &words.on_hold,
        Status::Qualified => &words.qualified,
        Status::Unsuitable => &words.unsuitable,
        Status::Nurture => &words.nurture,
    }
}

pub(super) fn write(
    generator: &Generator,
    delivery: &Delivery,
    time: Timestamp,
    recorded: Option<Timestamp>,
    out: &mut Vec<u8>,
) {
    let words = &generator.words;
    let lead_id = generator.lead_id(delivery.lead);
    let mut data = Data { lead_id: &lead_id, ..Data::default() };
    let kind = match delivery.what {
        What::Created { source, region, score } => {
            data.status = Some(&words.new);
            let (source, region) = (word(&words.sources, source), word(&words.regions, region));
            data.attributes = Some(Attributes { source, region, score });
            "lead.created"
        }
        What::Assigned { owner } => {
            // Without owners it is assigned to nobody.
            data.owner = Some(word(&words.owners, owner).unwrap_or_default());
            data.team = owner.checked_rem(words.teams.len()).and_then(|team| word(&words.teams, team));
            "lead.assigned"
        }
        What::Status { from, to } => {
            (data.from, data.to) = (Some(spell(words, from)), Some(spell(words, to)));
            "lead.status_changed"
        }
        What::Activity { activity, automated } => {
            data.kind = Some(word(&words.activities, activity).unwrap_or("activity"));
            data.by = Some(if automated { "automation" } else { "person" });
            "lead.activity"
        }
        What::Rescored { score } => {
            data.attributes = Some(Attributes { source: None, region: None, score });
            "lead.updated"
        }
        What::Deleted => "lead.deleted",
        What::Merged { into } => {
            data.into = Some(generator.lead_id(into));
            "lead.merged"
        }
        What::Opportunity { value } => {
            data.opportunity_id = Some(format!("O-{lead_id}-{}", delivery.ordinal));
            data.value = Some(value);
            data.currency = Some(&words.currency);
            "opportunity.created"
        }
    };
    let envelope = Envelope {
        specversion: "1.0",
        id: format!("{lead_id}-{}", delivery.ordinal),
        source: format!("plazo-load/{}", generator.seed),
        kind,
        subject: &lead_id,
        time,
        recordedtime: recorded,
        datacontenttype: "application/json",
        data,
    };
    // Writing plain texts and numbers into memory cannot fail.
    let written = serde_json::to_writer(&mut *out, &envelope);
    debug_assert!(written.is_ok());
}
