//! Everything at once: fifty thousand leads.

use std::time::Duration;

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::Site;
use crate::kafka::verdict::check;
use crate::policy;

const LEADS: usize = 50_000;

#[test]
fn what_is_told_is_what_a_replay_of_the_log_tells_once_each_through_kills() {
    let mut traffic = Traffic::new(seeded("the whole run", &format!(", {LEADS} leads")));
    let mut site = Site::named(Broker::shared(), "whole", &policy(5));
    site.workers = 2;
    site.create_topics(4);
    let crm = site.crm();
    let mut told = site.told();
    let mut engine = site.engine("one");
    for quarter in 1..=4 {
        while traffic.leads() < quarter * LEADS / 4 {
            traffic.send(&crm, 500);
        }
        crm.flush();
        // In the midst of what it has to do.
        told.until("something of this quarter", |told| told.notices.len() > (quarter - 1) * LEADS / 4);
        if quarter < 4 {
            engine.kill();
            engine = site.engine("one");
        }
    }
    let told = check(&site, told, vec![engine]);
    assert!(told.notices.len() > 2 * LEADS);
    // How many are met late is a matter of the machine's speed.
    for kind in ["sla.reminder", "sla.breached", "sla.escalated", "sla.retracted", "sla.met", "sla.cancelled"] {
        assert!(told.count(kind) > 10, "{kind}: {:?}", told.counts());
    }
}

#[test]
fn told_to_stop_an_engine_commits_and_leaves_within_five_seconds() {
    let mut traffic = Traffic::new(seeded("told to stop", ""));
    let site = Site::named(Broker::shared(), "stop", &policy(3));
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    crate::traffic_for(&mut traffic, &crm, &mut told, 500);
    told.until("it works", |told| !told.notices.is_empty());
    traffic.send(&crm, 1_000);
    crm.flush();
    let (took, code) = engine.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
    let engine = site.engine("one");
    check(&site, told, vec![engine]);
}
