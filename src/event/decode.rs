//! Structured CloudEvents -> facts.
//!
//! One pass over the text gathers the fields ([`Envelope`], [`Data`]) whatever their order; [`Envelope::event`] then
//! judges those that the event's type knows. Keys it does not know are other people's, and passed over.

use std::borrow::Cow;

use super::check::{
    bad_time, check_attribute, instant, is_json, name, name_of_delivery, not_cloudevent, number, required, text, word,
    wrong_type,
};
use super::object::{self, Broken, Field, Json, Sink, clip};
use super::{
    AttributeList, Event, Fact, FactKind, MAX_ATTRIBUTES, MAX_EVENT_BYTES, MAX_ID_BYTES, Opportunity, Reason, Rejection,
};

/// Reads one structured CloudEvent (JSON). The event borrows its texts from `bytes` unless they hold escapes.
///
/// # Errors
/// A [`Rejection`] with the reason by name, the field at fault, what was expected and what was found, and the event's
/// `id` where it could be read.
pub fn decode(bytes: &[u8]) -> Result<Event<'_>, Rejection> {
    let text = json_text(bytes)?;
    let mut envelope = Envelope::default();
    let outcome = object::read(text, &mut envelope).map_err(|error| malformed(&error));
    envelope.judge(outcome)
}

/// The bytes as text, where they are not too many.
pub(super) fn json_text(bytes: &[u8]) -> Result<&str, Rejection> {
    if bytes.len() > MAX_EVENT_BYTES {
        let detail = format!("the event has {} bytes, more than the {MAX_EVENT_BYTES} allowed", bytes.len());
        return Err(Rejection::new(Reason::TooLarge, detail));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        Rejection::new(Reason::MalformedJson, format!("the text is not UTF-8 from byte {} on", error.valid_up_to()))
    })
}

pub(super) fn malformed(error: &serde_json::Error) -> Rejection {
    Rejection::new(Reason::MalformedJson, format!("not JSON: {error}"))
}

/// The CloudEvents attributes that matter here, as they came.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    pub(super) begins: Field<'a>,
    pub(super) specversion: Field<'a>,
    pub(super) id: Field<'a>,
    pub(super) source: Field<'a>,
    pub(super) kind: Field<'a>,
    pub(super) subject: Field<'a>,
    pub(super) time: Field<'a>,
    pub(super) recorded_time: Field<'a>,
    pub(super) content_type: Field<'a>,
    pub(super) base64: Field<'a>,
    pub(super) data: Data<'a>,
}

impl<'a> Sink<'a> for Envelope<'a> {
    fn entry(&mut self, key: Cow<'a, str>, json: &mut Json<'a>) -> Result<(), Broken> {
        let field = match key.as_ref() {
            "data" => {
                if self.data.begins != Field::Absent {
                    self.data = Data::default();
                }
                return json.object(&mut self.data);
            }
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.kind,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "recordedtime" => &mut self.recorded_time,
            "datacontenttype" => &mut self.content_type,
            "data_base64" => &mut self.base64,
            _ => return json.skip(),
        };
        *field = json.value()?;
        Ok(())
    }

    fn begins(&mut self, found: Field<'a>) {
        self.begins = found;
    }
}

/// Every key of any type's `data`, as it came.
#[derive(Default)]
pub(super) struct Data<'a> {
    begins: Field<'a>,
    lead_id: Field<'a>,
    status: Field<'a>,
    owner: Field<'a>,
    team: Field<'a>,
    assigned_at: Field<'a>,
    to: Field<'a>,
    from: Field<'a>,
    reason: Field<'a>,
    kind: Field<'a>,
    by: Field<'a>,
    into: Field<'a>,
    opportunity_id: Field<'a>,
    value: Field<'a>,
    currency: Field<'a>,
    attributes: Attributes<'a>,
}

impl<'a> Sink<'a> for Data<'a> {
    fn entry(&mut self, key: Cow<'a, str>, json: &mut Json<'a>) -> Result<(), Broken> {
        let field = match key.as_ref() {
            "attributes" => {
                if self.attributes.begins != Field::Absent {
                    self.attributes = Attributes::default();
                }
                return json.object(&mut self.attributes);
            }
            "lead_id" => &mut self.lead_id,
            "status" => &mut self.status,
            "owner" => &mut self.owner,
            "team" => &mut self.team,
            "assigned_at" => &mut self.assigned_at,
            "to" => &mut self.to,
            "from" => &mut self.from,
            "reason" => &mut self.reason,
            "kind" => &mut self.kind,
            "by" => &mut self.by,
            "into" => &mut self.into,
            "opportunity_id" => &mut self.opportunity_id,
            "value" => &mut self.value,
            "currency" => &mut self.currency,
            _ => return json.skip(),
        };
        *field = json.value()?;
        Ok(())
    }

    fn begins(&mut self, found: Field<'a>) {
        self.begins = found;
    }
}

#[derive(Default)]
struct Attributes<'a> {
    begins: Field<'a>,
    entries: AttributeList<'a>,
    too_many: bool,
}

impl<'a> Sink<'a> for Attributes<'a> {
    fn entry(&mut self, key: Cow<'a, str>, json: &mut Json<'a>) -> Result<(), Broken> {
        if self.too_many {
            return json.skip();
        }
        let value = match json.value()? {
            Field::Absent | Field::Null => None,
            Field::Text(text) => Some(text),
            Field::Number(raw) | Field::Bool(raw) | Field::Array(raw) | Field::Object(raw) => Some(Cow::Borrowed(raw)),
        };
        let before = self.entries.iter().position(|(name, _)| *name == key);
        match (before, value) {
            (Some(at), Some(value)) => self.entries[at].1 = value,
            (Some(at), None) => drop(self.entries.remove(at)),
            (None, Some(_)) if self.entries.len() == MAX_ATTRIBUTES => self.too_many = true,
            (None, Some(value)) => self.entries.push((key, value)),
            (None, None) => {}
        }
        Ok(())
    }

    fn begins(&mut self, found: Field<'a>) {
        self.begins = found;
    }
}

impl<'a> Envelope<'a> {
    /// The event, if the fields could be `read` at all and are in order; the refusal carries the id.
    pub(super) fn judge(&mut self, read: Result<(), Rejection>) -> Result<Event<'a>, Rejection> {
        // Changed where it stands: an event is half a kilobyte, too much to hand from hand to hand.
        let mut event = match read {
            Ok(()) => self.event(),
            Err(rejection) => Err(rejection),
        };
        if let Err(rejection) = &mut event
            && let Field::Text(id) = &self.id
            && !id.is_empty()
            && id.len() <= MAX_ID_BYTES
        {
            rejection.id = Some(id.to_string());
        }
        event
    }

    fn event(&mut self) -> Result<Event<'a>, Rejection> {
        self.check_envelope()?;
        let id = name_of_delivery("id", &self.id)?;
        let kind = self.kind()?;
        let source = name_of_delivery("source", &self.source)?;
        let lead_id = self.lead_id(kind)?;
        let time = instant("time", &self.time)?;
        let recorded_time = instant("recordedtime", &self.recorded_time)?;
        let assigned_at = match kind {
            FactKind::Assigned => instant("data.assigned_at", &self.data.assigned_at)?,
            _ => None,
        };
        let mut fact = Fact::new(kind);
        self.data.tell(&mut fact)?;
        if fact.into.as_deref() == Some(&*lead_id) {
            return Err(wrong_type("data.into", "the id of another lead", "the lead itself"));
        }
        let (time, recorded_time) = match (assigned_at, time) {
            // In a replay the append time is `recordedtime`, else `time`: what `assigned_at` displaces is kept there.
            (Some(assigned_at), _) => (assigned_at, recorded_time.or(time)),
            (None, Some(time)) => (time, recorded_time),
            (None, None) => return Err(bad_time("time", "nothing")),
        };
        Ok(Event { source, id, lead_id, time, recorded_time, fact })
    }

    fn check_envelope(&self) -> Result<(), Rejection> {
        if !matches!(self.begins, Field::Object(_)) {
            return Err(not_cloudevent("the event", "a JSON object", &self.begins.found()));
        }
        match &self.specversion {
            Field::Text(version) if version == "1.0" => {}
            other => return Err(not_cloudevent("specversion", "\"1.0\"", &other.found())),
        }
        if self.base64.said() {
            return Err(not_cloudevent("data_base64", "the facts as JSON in `data`", "encoded bytes"));
        }
        match &self.content_type {
            Field::Absent | Field::Null => Ok(()),
            Field::Text(content_type) if is_json(content_type) => Ok(()),
            other => Err(not_cloudevent("datacontenttype", "application/json", &other.found())),
        }
    }

    fn kind(&self) -> Result<FactKind, Rejection> {
        let Field::Text(name) = &self.kind else {
            return Err(not_cloudevent("type", "the kind of event, as a text", &self.kind.found()));
        };
        if name.is_empty() {
            return Err(not_cloudevent("type", "the kind of event, as a text", "an empty text"));
        }
        FactKind::from_type_name(name).ok_or_else(|| {
            let known = FactKind::ALL.map(FactKind::type_name).join(", ");
            Rejection::new(Reason::UnknownType, format!("type: expected one of {known}; found {:?}", clip(name)))
        })
    }

    /// The lead of the event. A deletion without data may name it in `subject`; anything else says it in `data`.
    fn lead_id(&mut self, kind: FactKind) -> Result<Cow<'a, str>, Rejection> {
        let (field, at) = match self.data.begins {
            Field::Object(_) => (std::mem::take(&mut self.data.lead_id), "data.lead_id"),
            Field::Absent | Field::Null if kind == FactKind::Deleted => (std::mem::take(&mut self.subject), "subject"),
            Field::Absent | Field::Null => {
                return Err(Rejection::new(
                    Reason::MissingLeadId,
                    "data.lead_id: expected the lead's id, found no data",
                ));
            }
            _ => return Err(wrong_type("data", "an object", &self.data.begins.found())),
        };
        match name(at, field)? {
            Some(lead_id) if !lead_id.is_empty() => Ok(lead_id),
            found => {
                let found = if found.is_some() { "an empty text" } else { "nothing" };
                Err(Rejection::new(Reason::MissingLeadId, format!("{at}: expected the lead's id, found {found}")))
            }
        }
    }
}

impl<'a> Data<'a> {
    /// Fills in what a fact of its kind says.
    fn tell(&mut self, fact: &mut Fact<'a>) -> Result<(), Rejection> {
        match fact.kind {
            FactKind::Created => {
                fact.status = word("data.status", std::mem::take(&mut self.status))?;
                self.holder(fact)?;
                self.attributes(fact)?;
            }
            FactKind::Assigned => {
                self.holder(fact)?;
                if fact.owner.is_none() {
                    return Err(wrong_type("data.owner", "the new owner's name, or \"\" for nobody", "nothing"));
                }
            }
            FactKind::StatusChanged => {
                fact.status = Some(required("data.to", "the new status", std::mem::take(&mut self.to))?);
                name("data.from", std::mem::take(&mut self.from))?;
                fact.reason = text("data.reason", std::mem::take(&mut self.reason))?;
                self.holder(fact)?;
            }
            FactKind::Activity => {
                fact.activity = Some(required("data.kind", "the kind of activity", std::mem::take(&mut self.kind))?);
                fact.automated = match &self.by {
                    Field::Absent | Field::Null => false,
                    Field::Text(by) if by == "person" => false,
                    Field::Text(by) if by == "automation" => true,
                    other => return Err(wrong_type("data.by", "\"person\" or \"automation\"", &other.found())),
                };
            }
            FactKind::Updated => {
                if !self.attributes.begins.said() {
                    return Err(wrong_type("data.attributes", "an object", &self.attributes.begins.found()));
                }
                self.attributes(fact)?;
            }
            FactKind::Deleted => {}
            FactKind::Gap => fact.reason = text("data.reason", std::mem::take(&mut self.reason))?,
            FactKind::Merged => {
                fact.into =
                    Some(required("data.into", "the id of the lead that remains", std::mem::take(&mut self.into))?);
            }
            FactKind::Opportunity => {
                fact.opportunity = Some(Box::new(Opportunity {
                    id: name("data.opportunity_id", std::mem::take(&mut self.opportunity_id))?,
                    value: number("data.value", &self.value)?,
                    currency: name("data.currency", std::mem::take(&mut self.currency))?,
                }));
            }
        }
        Ok(())
    }

    fn holder(&mut self, fact: &mut Fact<'a>) -> Result<(), Rejection> {
        fact.owner = name("data.owner", std::mem::take(&mut self.owner))?;
        fact.team = name("data.team", std::mem::take(&mut self.team))?;
        Ok(())
    }

    fn attributes(&mut self, fact: &mut Fact<'a>) -> Result<(), Rejection> {
        match self.attributes.begins {
            Field::Absent | Field::Null | Field::Object(_) => {}
            _ => return Err(wrong_type("data.attributes", "an object", &self.attributes.begins.found())),
        }
        if self.attributes.too_many {
            let detail = format!("data.attributes: more than the {MAX_ATTRIBUTES} attributes allowed");
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        for (name, value) in &self.attributes.entries {
            check_attribute(name, value)?;
        }
        std::mem::swap(&mut fact.attributes, &mut self.attributes.entries);
        Ok(())
    }
}
