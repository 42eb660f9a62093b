#![allow(dead_code, reason = "each bench uses its part")]
//! The policy and the traffic of the engine's benches: two SLAs in office hours, leads of four facts.

use std::io::Write;
use std::sync::Arc;

use plazo::engine::{Options, Shard};
use plazo::policy;
use plazo::time::{MINUTE_MS, Timestamp};

pub const POLICY: &str = r#"
[agreement]
name = "Lead management SLA"
effective_from = "2020-01-01T00:00:00Z"
timezone = "Europe/Madrid"
[[status]]
name = "new"
[[status]]
name = "working"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
[calendars.office]
timezone = "Europe/Madrid"
weekly = { mon = ["09:00-14:00", "15:00-18:00"], tue = ["09:00-14:00", "15:00-18:00"], wed = ["09:00-14:00", "15:00-18:00"], thu = ["09:00-14:00", "15:00-18:00"], fri = ["09:00-15:00"] }
holidays = ["2027-01-06"]
[[sla]]
name = "first_response"
calendar = "office"
start = { on = "assigned" }
stop = { activity = "any" }
[[sla.target]]
when = { source = "webinar" }
within = "4 business hours"
[[sla.target]]
within = "8 business hours"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "5 business days"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "8 business hours"
notify = ["manager"]
action = "reassign"
"#;

pub fn shard() -> Shard {
    let policy = policy::parse("bench.toml", POLICY, &|_| Err(std::io::Error::other("no files"))).expect("the policy");
    Shard::new(Arc::new(policy), Options { future_tolerance_ms: i64::MAX, ..Options::default() }, &["events"])
}

/// A Monday, 09:00 in Madrid.
pub const START: Timestamp = Timestamp(1_799_654_400_000);

fn scatter(lead: u64) -> u64 {
    lead.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The facts of a lead, by number: created, assigned, touched, worked; then half are qualified.
pub const OPEN_FACTS: u64 = 4;

/// Appends one event's JSON, as a CRM writes it.
pub fn write_event(lead: u64, fact: u64, time: Timestamp, out: &mut Vec<u8>) {
    let noise = scatter(lead);
    let owner = ["ana.souza", "bruno.lima", "carla.diaz", "david.roth"][(noise >> 62) as usize];
    let source = ["webinar", "referral", "demo_request", "fair"][(noise >> 60 & 3) as usize];
    let (kind, data) = match fact {
        0 => (
            "lead.created",
            format!("\"status\":\"new\",\"attributes\":{{\"source\":\"{source}\",\"region\":\"latam\"}}"),
        ),
        1 => ("lead.assigned", format!("\"owner\":\"{owner}\",\"team\":\"north\"")),
        2 => ("lead.activity", "\"kind\":\"call\",\"by\":\"person\"".to_owned()),
        3 => ("lead.status_changed", "\"from\":\"new\",\"to\":\"working\"".to_owned()),
        _ => ("lead.status_changed", "\"from\":\"working\",\"to\":\"qualified\"".to_owned()),
    };
    // Writing to memory cannot fail.
    let _infallible = write!(
        out,
        "{{\"specversion\":\"1.0\",\"id\":\"{:016x}\",\"source\":\"/crm/eu\",\"type\":\"{kind}\",\"subject\":\"{}\",\"time\":\"{time}\",\"datacontenttype\":\"application/json\",\"data\":{{\"lead_id\":\"{}\",{data}}}}}",
        scatter(lead * 8 + fact),
        LeadId(lead),
        LeadId(lead),
    );
}

/// 18 characters, as Salesforce has them.
struct LeadId(u64);

impl std::fmt::Display for LeadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00Q5f{:013X}", scatter(self.0) >> 12)
    }
}

/// Events in order of time: a new lead each `spacing_ms`, its facts some hours apart.
pub struct Traffic {
    pub bytes: Vec<u8>,
    pub ends: Vec<(usize, Timestamp)>,
}

impl Traffic {
    /// `leads` new ones from number `first`; half of them also get their disposition.
    pub fn new(first: u64, leads: u64, start: Timestamp, spacing_ms: i64) -> Self {
        let mut events: Vec<(Timestamp, u64, u64)> = Vec::new();
        for lead in first..first + leads {
            let noise = scatter(lead);
            let mut time = start.plus_ms((lead - first) as i64 * spacing_ms);
            let facts = OPEN_FACTS - 1 + (noise >> 59 & 1);
            for fact in 0..facts {
                let number = if fact + 1 == facts && fact > 2 { 4 } else { fact };
                events.push((time, lead, number));
                time = time.plus_ms(MINUTE_MS + (noise >> (8 * fact) & 0xfff) as i64 * 5_000);
            }
        }
        events.sort_unstable();
        let mut traffic = Traffic { bytes: Vec::new(), ends: Vec::new() };
        for (time, lead, fact) in events {
            write_event(lead, fact, time, &mut traffic.bytes);
            traffic.ends.push((traffic.bytes.len(), time));
        }
        traffic
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Timestamp)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end.0));
        starts.zip(&self.ends).map(|(from, (to, time))| (&self.bytes[from..*to], *time))
    }
}
