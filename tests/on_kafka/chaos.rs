//! Members that are killed at random instants, join and leave. `make chaos` kills more of them.

use rand::RngExt;

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::{Engine, Site};
use crate::kafka::verdict::check;
use crate::{policy, traffic_for, traffic_while};

/// Two that are killed and come back, and one that joins and leaves as it is told.
const NAMES: [&str; 3] = ["one", "two", "guest"];

/// `PLAZO_KILLS`, or a few.
fn kills() -> u32 {
    std::env::var("PLAZO_KILLS").map_or(6, |kills| kills.parse().expect("PLAZO_KILLS is a number"))
}

fn chaos(protocol: &'static str) {
    let kills = kills();
    let name = format!("chaos-{protocol}");
    let mut traffic = Traffic::new(seeded(&name, &format!(", {kills} kills")));
    let site = Site::named(Broker::shared(), &name, &policy(3)).with_protocol(protocol);
    site.create_topics(4);
    let crm = site.crm();
    let mut told = site.told();
    let mut members: [Option<Engine>; 3] = [Some(site.engine(NAMES[0])), Some(site.engine(NAMES[1])), None];
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    told.until("the members work", |told| !told.notices.is_empty());
    let mut killed = 0;
    while killed < kills {
        let lasts_ms = traffic.rng.random_range(50..2_500);
        traffic_for(&mut traffic, &crm, &mut told, lasts_ms);
        let at = traffic.one_of(2);
        members[at] = match members[at].take() {
            None => Some(site.engine(NAMES[at])),
            Some(member) => {
                // At any instant; of two kills one in the middle of a transaction, if it has any to do.
                if killed % 2 == 1 {
                    traffic_while(&mut traffic, &crm, || member.freeze_in_transaction(&site));
                }
                member.kill();
                killed += 1;
                // At once, or later.
                traffic.rng.random_bool(0.6).then(|| site.engine(NAMES[at]))
            }
        };
        if traffic.rng.random_bool(0.25) {
            members[2] = match members[2].take() {
                None => Some(site.engine(NAMES[2])),
                Some(guest) => {
                    let log = guest.log();
                    assert_eq!(guest.stop().1, Some(0), "{log}");
                    None
                }
            };
        }
    }
    let all = NAMES.iter().zip(members);
    let all = all.map(|(name, member)| member.unwrap_or_else(|| site.engine(name)));
    let all: Vec<Engine> = all.collect();
    traffic_for(&mut traffic, &crm, &mut told, 500);
    check(&site, told, all);
}

#[test]
fn one_of_two_members_of_a_classic_group_is_killed_and_nothing_is_lost_or_told_twice() {
    chaos("classic");
}

#[test]
fn one_of_two_members_of_a_consumer_group_is_killed_and_nothing_is_lost_or_told_twice() {
    chaos("consumer");
}
