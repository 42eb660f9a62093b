//! A member that sleeps, and traffic that the binary makes itself.

use std::collections::BTreeMap;

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

/// By topic and lead, the events' ids in their order.
type Ids = BTreeMap<(String, String), Vec<String>>;

fn sort_in(ids: &mut Ids, topic: &str, event: &[u8]) -> String {
    let event: serde_json::Value = serde_json::from_slice(event).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let lead = text(&event["data"]["lead_id"]);
    ids.entry((topic.to_owned(), lead.clone())).or_default().push(text(&event["id"]));
    lead
}

#[test]
fn synthetic_traffic_lies_under_the_keys_of_its_leads_in_its_order_also_from_transactions() {
    let site = Site::named(Broker::shared(), "synthetic", &policy(60));
    site.create_topics(3);
    // More than are sent at once.
    let leads = 4_000;
    for (prefix, more) in [("A", None), ("B", Some("--transactions"))] {
        let mut wanted = Ids::new();
        for line in site.synthetic(leads, prefix, "-", None).stdout.split(|byte| *byte == b'\n') {
            let created = String::from_utf8_lossy(line).contains("\"lead.created\"");
            if !line.is_empty() {
                sort_in(&mut wanted, if created { "leads.created" } else { "leads.changed" }, line);
            }
        }
        site.synthetic(leads, prefix, "kafka", more);
        let mut found = Ids::new();
        for topic in ["leads.created", "leads.changed"] {
            let all = site.read(topic).into_iter();
            for read in all.filter(|read| read.key.as_deref().is_some_and(|key| key.starts_with(prefix.as_bytes()))) {
                let lead = sort_in(&mut found, topic, read.value.as_deref().unwrap_or_default());
                assert_eq!(read.key.as_deref(), Some(lead.as_bytes()));
                assert_eq!(read.header("content-type"), Some("application/cloudevents+json"));
            }
        }
        assert!(found.keys().filter(|(topic, _)| topic == "leads.created").count() == leads as usize);
        assert!(
            found == wanted,
            "{prefix}: other events lie in the inputs than stand in the file, or in another order"
        );
    }
}
