//! Nothing runs while deadlines pass, or an open transaction hides what has met them.

use plazo::time::{Clock, SystemClock};

use crate::kafka::BOUND;
use crate::kafka::broker::Broker;
use crate::kafka::crm::{event, names};
use crate::kafka::log::Told;
use crate::kafka::site::{INPUTS, Site};
use crate::{policy, wait_until};
use rdkafka::producer::Producer;

/// Open leads that are met during the outage, and leads that are not.
const SAVED: usize = 5_000;
const LOST: usize = 500;
/// Allowances, in seconds: where the machine is too slow for one, the next is tried.
const ALLOWANCES: [u32; 4] = [12, 30, 80, 200];

/// An engine that was killed before the deadlines of its open leads, with the stops of most of them before it and `others` records
/// behind these; `None`: this took longer than the leads have.
fn broken_off<'a>(others: usize, allowance: u32) -> Option<(Site<'a>, Told, plazo::time::Timestamp)> {
    let site = Site::named(Broker::shared(), &format!("outage-{others}-{allowance}"), &policy(allowance));
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    // Joined and at work before any clock that counts starts.
    crm.created("witness");
    crm.status("witness", "qualified");
    crm.flush();
    told.until("the engine works", |told| told.leads("sla.met") == ["witness"]);
    let (saved, lost) = (names("S", SAVED), names("L", LOST));
    let first = SystemClock.now();
    saved.iter().chain(&lost).for_each(|lead| crm.created(lead));
    crm.flush();
    let last = SystemClock.now();
    told.until("every clock starts", |told| {
        told.notices.len() > SAVED + LOST && told.count("sla.started") == SAVED + LOST + 1
    });
    engine.kill();
    saved.iter().for_each(|lead| crm.status(lead, "qualified"));
    crm.flush();
    let allowance_ms = i64::from(allowance) * 1_000;
    if SystemClock.now() >= first.plus_ms(allowance_ms) {
        return None;
    }
    // In both inputs.
    for number in 0..others {
        crm.updated(INPUTS[number % 2], &format!("o{number}"), &format!("other{}", number % 100));
    }
    crm.flush();
    Some((site, told, last.plus_ms(allowance_ms)))
}

fn outage(others: usize) {
    let found = ALLOWANCES.iter().find_map(|allowance| broken_off(others, *allowance));
    let (site, mut told, deadline) = found.expect("a machine on which events are written within minutes");
    wait_until(deadline.plus_ms(500));
    let engine = site.engine("one");
    // The backlog first, which takes the longest.
    site.until_consumed();
    told.until("the true breaches and the stops", |told| {
        told.notices.len() > 2 * (SAVED + LOST)
            && told.count("sla.breached") >= LOST
            && told.count("sla.met") > SAVED
            && told.count("sla.escalated") >= LOST
    });
    assert_eq!(engine.stop().1, Some(0));
    told.read_to_end();
    assert_eq!(told.leads("sla.breached"), names("L", LOST));
    assert_eq!(told.leads("sla.met")[..SAVED], names("S", SAVED));
    assert_eq!(told.count("sla.retracted"), 0);
}

#[test]
fn an_outage_over_the_deadline_tells_no_false_breach_and_every_true_one_without_later_input() {
    outage(0);
}

#[test]
fn twenty_thousand_other_events_behind_the_stops_tell_no_false_breach_and_hide_no_true_one() {
    outage(20_000);
}

#[test]
fn two_hundred_thousand_other_events_behind_the_stops_tell_no_false_breach_and_hide_no_true_one() {
    outage(200_000);
}

#[test]
fn an_open_transaction_that_may_hold_the_stop_holds_the_breach() {
    let site = Site::named(Broker::shared(), "open", &policy(600));
    site.create_topics(1);
    let crm = site.crm();
    let open = site.transactional_crm("crm");
    let mut told = site.told();
    let engine = site.engine("one");
    crm.created("witness");
    crm.flush();
    told.until("the engine works", |told| told.count("sla.started") > 0);
    // Committed after the deadline: met. Then another one, aborted: breached.
    for commits in [true, false] {
        let mut allowance_ms = 3_000;
        let (lead, deadline) = loop {
            let lead = format!("{}-{allowance_ms}", if commits { "committed" } else { "aborted" });
            let deadline = SystemClock.now().plus_ms(allowance_ms);
            let by = format!(r#","attributes":{{"respond_by":"{deadline}"}}"#);
            crm.send("leads.created", Some(&lead), Some(&event("lead.created", &lead, &lead, &by)));
            crm.flush();
            told.until("its clock starts", |told| told.leads("sla.started").contains(&lead.as_str()));
            open.producer.begin_transaction().expect("a transaction");
            open.status(&lead, "qualified");
            open.flush();
            if SystemClock.now() < deadline {
                break (lead, deadline);
            }
            // Too slow a machine for this deadline.
            open.producer.abort_transaction(BOUND).expect("aborted");
            allowance_ms *= 2;
        };
        wait_until(deadline.plus_ms(1_500));
        engine.is_held("open_transaction");
        let told_of = |told: &Told, kind| told.leads(kind).contains(&lead.as_str());
        assert!(!told_of(told.read_to_end(), "sla.breached"), "{lead}: breached while its stop was open");
        match commits {
            true => open.producer.commit_transaction(BOUND).expect("committed"),
            false => open.producer.abort_transaction(BOUND).expect("aborted"),
        }
        let kind = if commits { "sla.met" } else { "sla.breached" };
        told.until(kind, |told| told_of(told, kind));
        let other = if commits { "sla.breached" } else { "sla.met" };
        assert!(!told_of(told.read_to_end(), other), "{lead}: {other}");
    }
    assert_eq!(told.count("sla.retracted"), 0);
    assert_eq!(engine.stop().1, Some(0));
}
