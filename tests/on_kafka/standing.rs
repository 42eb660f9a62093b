//! State, offsets and topics that do not go together: a recovery or a refusal that says what to do, never a silent start from nothing.

use plazo::time::{Clock, SystemClock};

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, names, seeded};
use crate::kafka::log::Told;
use crate::kafka::site::{Engine, Site};
use crate::kafka::verdict::check;
use crate::{policy, traffic_for, wait_until};

/// A site whose engine has done something and has stopped.
fn stopped<'a>(name: &str, traffic: &mut Traffic) -> (Site<'a>, Told) {
    let site = Site::named(Broker::shared(), name, &policy(2));
    site.create_topics(2);
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(traffic, &site.crm(), &mut told, 1_000);
    told.until("some clocks start", |told| told.count("sla.started") > 20);
    site.until_consumed();
    assert_eq!(engine.stop().1, Some(0));
    (site, told)
}

/// The shards are refused with these words; nothing is told.
fn refuses(engine: Engine, told: &mut Told, words: &str) {
    let before = told.read_to_end().notices.len();
    engine.logs(words);
    engine.is_held("refused");
    let (status, body) = engine.ready();
    assert_eq!((status, body["reason"].as_str()), (503, Some("refused")), "{body}");
    assert_eq!(engine.stop().1, Some(0));
    assert_eq!(told.read_to_end().notices.len(), before, "something was told");
}

#[test]
fn offsets_that_are_gone_give_way_to_the_state_and_a_state_that_is_gone_is_refused() {
    let mut traffic = Traffic::new(seeded("offsets that are gone", ""));
    let (mut site, mut told) = stopped("gone", &mut traffic);
    // A static member stays known after it has gone; its group can be deleted when its session is over.
    site.broker.delete_group(&site.group);
    let engine = site.engine("one");
    traffic_for(&mut traffic, &site.crm(), &mut told, 1_000);
    let mut told = check(&site, told, vec![engine]);
    // Another changelog, which is empty.
    site.changelog = "gone.another".to_owned();
    site.create_topics(2);
    refuses(site.engine("other"), &mut told, "the changelog holds no state");
}

#[test]
fn offsets_behind_the_state_give_way_to_it() {
    let mut traffic = Traffic::new(seeded("offsets behind", ""));
    let (site, mut told) = stopped("behind", &mut traffic);
    assert!(!site.read("sla.dead_letters").is_empty(), "no dead letter that could be written twice");
    site.inputs().iter().for_each(|input| site.broker.commit(&site.group, input, &[0, 0]));
    let engine = site.engine("one");
    traffic_for(&mut traffic, &site.crm(), &mut told, 1_000);
    check(&site, told, vec![engine]);
}

#[test]
fn offsets_ahead_of_the_state_are_refused_until_they_are_put_right() {
    let mut traffic = Traffic::new(seeded("offsets ahead", ""));
    let (site, mut told) = stopped("ahead", &mut traffic);
    let input = site.topic("leads.changed");
    let right: Vec<i64> =
        site.broker.committed(&site.group, &input).into_iter().map(|offset| offset.unwrap_or(0)).collect();
    let crm = site.crm();
    traffic.send(&crm, 500);
    crm.flush();
    let ends = site.broker.ends(&input);
    assert!(right.iter().zip(&ends).all(|(right, end)| right < end), "{right:?} {ends:?}");
    site.broker.commit(&site.group, &input, &ends);
    refuses(site.engine("one"), &mut told, "is committed, the changelog reaches only to");
    site.broker.commit(&site.group, &input, &right);
    let engine = site.engine("one");
    check(&site, told, vec![engine]);
}

#[test]
fn topics_that_are_not_as_they_must_be_end_the_start_with_what_to_do() {
    let mut traffic = Traffic::new(seeded("wrong topics", ""));
    let (site, mut told) = stopped("topics", &mut traffic);
    let before = told.read_to_end().notices.len();
    let refused = |words: &str| {
        let (code, log) = site.refused("one");
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains(words), "{log}");
    };
    site.broker.configure(&site.changelog, &[("cleanup.policy", "delete")]);
    refused(r#"topics.changelog: cleanup.policy is "delete", expected "compact""#);
    site.broker.configure(&site.changelog, &[("cleanup.policy", "compact")]);
    let engine = site.engine("one");
    engine.logs("restored partition=1 ");
    assert_eq!(engine.stop().1, Some(0));
    // The settings name a changelog that there is not; one that is made anew is empty.
    site.broker.delete_topic(&site.changelog);
    refused("topics.changelog: is missing; plazo topics --create makes it");
    site.create_topics(2);
    told.read_to_end();
    let at_the_stop = told.notices.len();
    refuses(site.engine("one"), &mut told, "the changelog holds no state");
    site.broker.add_partitions(&[&site.topic("leads.changed")], 4);
    refused("inputs and changelog must have one number of partitions");
    assert!(at_the_stop >= before && told.read_to_end().notices.len() == at_the_stop, "something was told");
}

#[test]
fn inputs_that_have_got_more_partitions_are_refused_with_what_to_do() {
    let mut traffic = Traffic::new(seeded("more partitions", ""));
    let (site, mut told) = stopped("more", &mut traffic);
    let (created, changed) = (site.topic("leads.created"), site.topic("leads.changed"));
    site.broker.add_partitions(&[&created, &changed, &site.changelog], 4);
    // Also for partitions that never had a shard.
    let crm = site.crm();
    traffic.send(&crm, 500);
    crm.flush();
    let engine = site.engine("two");
    for partition in 0..4 {
        engine.logs(&format!("another kafka.group and changelog partition={partition}"));
    }
    refuses(engine, &mut told, "the state was made for 2");
}

#[test]
fn inputs_that_get_more_partitions_while_an_engine_runs_are_refused_with_what_to_do() {
    for protocol in ["classic", "consumer"] {
        let mut traffic = Traffic::new(seeded("more partitions at work", &format!(", {protocol}")));
        let mut site = Site::named(Broker::shared(), &format!("grown-{protocol}"), &policy(2)).with_protocol(protocol);
        site.properties.push(("topic.metadata.refresh.interval.ms", "500"));
        site.create_topics(2);
        let mut told = site.told();
        let engine = site.engine("one");
        traffic_for(&mut traffic, &site.crm(), &mut told, 500);
        told.until("some clocks start", |told| told.count("sla.started") > 20);
        let (created, changed) = (site.topic("leads.created"), site.topic("leads.changed"));
        site.broker.add_partitions(&[&created, &changed, &site.changelog], 4);
        engine.logs("have 4 partitions, this process began with 2");
        // Leads that now lie elsewhere start no second clock.
        let crm = site.crm();
        traffic.send(&crm, 500);
        crm.flush();
        engine.is_held("refused");
        refuses(engine, &mut told, "every shard is refused");
        refuses(site.engine("two"), &mut told, "the state was made for 2");
    }
}

#[test]
fn members_that_are_given_none_of_the_new_partitions_are_refused_too() {
    for protocol in ["classic", "consumer"] {
        let mut traffic = Traffic::new(seeded("new partitions of others", &format!(", {protocol}")));
        let mut site = Site::named(Broker::shared(), &format!("others-{protocol}"), &policy(2)).with_protocol(protocol);
        site.properties.push(("topic.metadata.refresh.interval.ms", "500"));
        site.create_topics(2);
        let mut told = site.told();
        let names = ["a", "b", "c"];
        let engines = names.map(|name| site.engine(name));
        // One partition each, as before; the third one has none, and is given the new one.
        engines[0].logs("restored partition=0 ");
        engines[1].logs("restored partition=1 ");
        engines[2].is_held("unassigned");
        traffic_for(&mut traffic, &site.crm(), &mut told, 500);
        told.until("some clocks start", |told| told.count("sla.started") > 20);
        let (created, changed) = (site.topic("leads.created"), site.topic("leads.changed"));
        site.broker.add_partitions(&[&created, &changed, &site.changelog], 3);
        for engine in &engines {
            engine.logs("have 3 partitions, this process began with 2");
            engine.is_held("refused");
        }
        for engine in engines {
            refuses(engine, &mut told, "every shard is refused");
        }
    }
}

#[test]
fn an_input_that_is_made_anew_while_an_engine_runs_is_refused_and_hides_no_stop() {
    let sites = ["classic", "consumer"].map(|protocol| {
        let mut site = Site::named(Broker::shared(), &format!("anew-{protocol}"), &policy(20)).with_protocol(protocol);
        site.properties.push(("topic.metadata.refresh.interval.ms", "500"));
        site.create_topics(2);
        site
    });
    let leads = names("N", 50);
    let engines = sites.each_ref().map(|site| (site, site.engine("one"), site.told()));
    let engines = engines.map(|(site, engine, mut told)| {
        engine.logs("restored partition=0 ");
        let crm = site.crm();
        leads.iter().for_each(|lead| crm.created(lead));
        (0..400).for_each(|number| crm.updated("leads.changed", &format!("u{number}"), &leads[number % leads.len()]));
        crm.flush();
        told.until("every clock runs", |told| told.count("sla.started") == leads.len());
        site.until_consumed();
        let input = site.topic("leads.changed");
        site.broker.delete_topic(&input);
        site.broker.until("it is gone", || site.broker.leader(&input, 0).is_none());
        site.create_topics(2);
        // Few, so that the new topic is shorter than what was read of the old one.
        let crm = site.crm();
        leads.iter().for_each(|lead| crm.status(lead, "qualified"));
        crm.flush();
        (engine, told)
    });
    let due = SystemClock.now().plus_ms(20_000);
    engines.iter().for_each(|(engine, _)| engine.logs("it was deleted and made anew"));
    wait_until(due);
    for (engine, mut told) in engines {
        assert_eq!(told.read_to_end().count("sla.breached"), 0, "the stop was accepted before the deadline");
        refuses(engine, &mut told, "bring it back, or begin anew");
    }
}

#[test]
fn making_topics_again_where_none_is_missing_is_no_fault() {
    let site = Site::named(Broker::shared(), "again", &policy(60));
    site.create_topics(2);
    site.create_topics(2);
}
