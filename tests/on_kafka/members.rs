//! A member that sleeps, and traffic that the binary makes itself.

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::{Engine, Site};
use crate::kafka::verdict::check;
use crate::{policy, traffic_for, traffic_while};

/// A member sleeps beyond its session, with events before it that it has not committed, and wakes when another one has its work.
fn sleeps(name: &str, freeze: impl FnOnce(&Engine, &Site<'_>)) {
    let mut traffic = Traffic::new(seeded(name, ""));
    let site = Site::named(Broker::shared(), name, &policy(3));
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let sleeper = site.engine("sleeper");
    traffic_for(&mut traffic, &crm, &mut told, 500);
    told.until("it works", |told| !told.notices.is_empty());
    traffic_while(&mut traffic, &crm, || freeze(&sleeper, &site));
    traffic.send(&crm, 1_000);
    crm.flush();
    let awake = site.engine("awake");
    traffic_while(&mut traffic, &crm, || awake.logs("restored partition=1 "));
    let before = told.read_to_end().notices.len();
    told.until("the other has its work", |told| told.notices.len() > before);
    sleeper.signal("CONT");
    sleeper.logs("partitions were taken away");
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    check(&site, told, vec![sleeper, awake]);
}

#[test]
fn a_member_that_slept_through_its_session_writes_nothing_when_it_wakes() {
    sleeps("sleeper", Engine::freeze_between_transactions);
}

#[test]
fn a_member_that_slept_through_its_session_in_a_transaction_ends_none_when_it_wakes() {
    sleeps("sleeper-in-transaction", Engine::freeze_in_transaction);
}

#[test]
fn synthetic_traffic_lies_under_the_keys_of_its_leads_also_from_transactions() {
    let site = Site::named(Broker::shared(), "synthetic", &policy(60));
    site.create_topics(3);
    for (prefix, more) in [("A", None), ("B", Some("--transactions"))] {
        let lines = site.synthetic(50, prefix, "-", None).stdout.iter().filter(|byte| **byte == b'\n').count();
        let before = site.read("leads.created").len() + site.read("leads.changed").len();
        site.synthetic(50, prefix, "kafka", more);
        let (created, changed) = (site.read("leads.created"), site.read("leads.changed"));
        assert_eq!(created.len() + changed.len() - before, lines, "{prefix}");
        for read in created.iter().chain(&changed) {
            let event: serde_json::Value =
                serde_json::from_slice(read.value.as_deref().unwrap_or_default()).expect("JSON");
            assert_eq!(event["data"]["lead_id"].as_str().map(str::as_bytes), read.key.as_deref());
        }
        assert!(created.iter().all(|read| read.header("content-type") == Some("application/cloudevents+json")));
    }
}
