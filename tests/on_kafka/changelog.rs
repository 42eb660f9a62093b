//! Where state is kept: compacted, and with a transaction that hangs in it.

use std::collections::BTreeMap;

use rdkafka::producer::{BaseRecord, Producer};

use crate::kafka::BOUND;
use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, names, seeded};
use crate::kafka::site::Site;
use crate::kafka::verdict::{check, kept};
use crate::{policy, traffic_for};

#[test]
fn a_changelog_that_was_compacted_restores_the_same_state() {
    let site = Site::named(Broker::shared(), "compacted", &policy(5));
    site.create_topics(1);
    // Segments as small as brokers allow, and a cleaner that waits for nothing.
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "1000"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "1000"),
        ("delete.retention.ms", "0"),
    ];
    site.broker.configure(&site.changelog, &settings);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    let leads = names("C", 100);
    leads.iter().for_each(|lead| crm.created(lead));
    let rounds = 40;
    for round in 0..rounds {
        leads.iter().for_each(|lead| crm.updated("leads.changed", &format!("u{round}-{lead}"), lead));
        crm.flush();
        site.until_consumed();
    }
    told.until("half of them are told", |told| told.count("sla.escalated") == leads.len());
    site.until_consumed();
    let before = kept(&site);
    // The cleaner leaves the last segment alone: it needs another one behind it.
    let of_leads = || site.kept().iter().filter(|read| read.key.as_deref().is_some_and(|key| key[0] == b'=')).count();
    site.broker.until("records are gone", || {
        crm.updated("leads.changed", &format!("more-{}", of_leads()), "more");
        crm.flush();
        of_leads() < leads.len() * rounds / 4
    });
    let mut left: BTreeMap<String, Vec<u8>> = kept(&site);
    left.remove("more");
    assert_eq!(left, before, "compaction keeps the last of each");
    engine.kill();
    let engine = site.engine("one");
    engine.logs("restored partition=0 ");
    // What comes now is judged by what was restored: the leads are disposed of late.
    leads.iter().for_each(|lead| crm.status(lead, "qualified"));
    crm.flush();
    let told = check(&site, told, vec![engine]);
    assert_eq!(told.leads("sla.met_late"), leads);
}

#[test]
fn a_transaction_that_hangs_in_the_changelog_holds_the_restore_and_hides_nothing() {
    let mut traffic = Traffic::new(seeded("the hanging transaction", ""));
    let site = Site::named(Broker::shared(), "hanging", &policy(3));
    site.create_topics(1);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 500);
    told.until("it works", |told| !told.notices.is_empty());
    // As a member leaves one that is killed, while another one goes on in its place.
    let dead = site.transactional_crm("dead member");
    dead.producer.begin_transaction().expect("a transaction");
    let foreign: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(&site.changelog).partition(0).key(b"=never".as_slice()).payload(b"never".as_slice());
    dead.producer.send(foreign).map_err(|(error, _)| error).expect("sent");
    dead.flush();
    let behind = site.broker.ends(&site.changelog);
    traffic_for(&mut traffic, &crm, &mut told, 500);
    site.broker.until("the engine commits behind it", || {
        site.broker.ends_as(&site.changelog, "read_uncommitted")[0] > behind[0] + 50
    });
    assert_eq!(site.broker.ends(&site.changelog), behind, "it does not hang");
    engine.kill();
    let engine = site.engine("one");
    engine.logs("partitions were assigned");
    engine.is_held("restoring");
    let before = told.read_to_end().notices.len();
    traffic_for(&mut traffic, &crm, &mut told, 2_000);
    assert!(!engine.log().contains("restored partition") && !engine.log().contains("refused"), "{}", engine.log());
    assert_eq!(told.read_to_end().notices.len(), before, "it works without its state");
    dead.producer.abort_transaction(BOUND).expect("aborted");
    check(&site, told, vec![engine]);
}
