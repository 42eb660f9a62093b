//! Told to stop while the brokers do not answer: the process ends soon in any case, says what it left, and nothing is lost by it.

use std::time::Duration;

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::{Engine, Site};
use crate::kafka::verdict::check;
use crate::{policy, traffic_for, traffic_while};

const SOON: Duration = Duration::from_secs(5);

/// Its exit code.
fn stops_soon(engine: Engine, what: &str) -> Option<i32> {
    let (took, code) = engine.stop();
    assert!(took < SOON, "{what}: it took {took:?} to stop");
    code
}

/// Without them, by signal or by death.
const GONE: [&str; 2] = ["stopped", "killed"];

fn take_away(broker: &Broker, how: &str) {
    match how {
        "stopped" => broker.signal("STOP"),
        _ => broker.kill(),
    }
}

fn bring_back(broker: &Broker, how: &str) {
    match how {
        "stopped" => broker.signal("CONT"),
        _ => broker.launch(),
    }
}

#[test]
fn told_to_stop_in_a_transaction_without_brokers_an_engine_ends_within_five_seconds_and_says_what_it_left() {
    let mut traffic = Traffic::new(seeded("told to stop without brokers", ""));
    let broker = Broker::start();
    let site = Site::named(&broker, "without", &policy(3));
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    for how in GONE {
        let engine = site.engine("one");
        let before = told.read_to_end().notices.len();
        traffic_for(&mut traffic, &crm, &mut told, 500);
        told.until("it works", |told| told.notices.len() > before);
        traffic_while(&mut traffic, &crm, || engine.freeze_in_transaction(&site));
        take_away(&broker, how);
        engine.signal("CONT");
        let log = engine.log_path();
        let code = stops_soon(engine, how);
        let said = std::fs::read_to_string(log).expect("the log");
        assert_eq!(code, Some(3), "{how}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(
            last.contains("done again at the next start") && last.contains("worker 0 of partitions 0, 1"),
            "{last}"
        );
        bring_back(&broker, how);
    }
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 500);
    check(&site, told, vec![engine]);
}

#[test]
fn told_to_stop_with_nothing_in_hand_or_at_its_start_an_engine_without_brokers_ends_within_five_seconds() {
    let broker = Broker::start();
    for how in GONE {
        let named = ["classic", "consumer"].map(|protocol| (format!("idle-{protocol}-{how}"), protocol));
        let sites = named.map(|(name, protocol)| Site::named(&broker, &name, &policy(60)).with_protocol(protocol));
        let engines = sites.each_ref().map(|site| {
            site.create_topics(2);
            let engine = site.engine("one");
            // With the last thing that it has to write.
            broker.until("it says where it is reached", || {
                let told = broker.read("plazo.instances").into_iter().filter_map(|read| read.key);
                told.filter(|key| key.starts_with(site.group.as_bytes())).count() == 2
            });
            engine
        });
        take_away(&broker, how);
        for (engine, site) in engines.into_iter().zip(&sites) {
            assert_eq!(stops_soon(engine, &site.group), Some(0), "{}", site.group);
            let starting = site.engine("two");
            starting.logs("policy");
            assert_eq!(stops_soon(starting, &site.group), Some(0), "{}, at its start", site.group);
        }
        if how == "stopped" {
            bring_back(&broker, how);
        }
    }
}
