//! By name and password (SASL `PLAIN`), without TLS.

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::Site;
use crate::kafka::verdict::check;
use crate::{policy, traffic_for};

#[test]
fn an_engine_does_its_work_by_name_and_password_and_ends_with_what_is_wrong_without_printing_them() {
    let mut traffic = Traffic::new(seeded("by name and password", ""));
    let settings = "sasl.enabled.mechanisms=PLAIN\n\
                    listener.name.entrance.plain.sasl.jaas.config=\
                    org.apache.kafka.common.security.plain.PlainLoginModule required user_plazo=\"open-sesame\";\n";
    let (broker, port) = Broker::speaking("SASL_PLAINTEXT", settings.to_owned());
    let mut site = Site::named(&broker, "sasl", &policy(3));
    site.address = format!("127.0.0.1:{port}");
    let as_plazo = |password| {
        let session = ("session.timeout.ms", "6000");
        let (protocol, mechanism) = (("security.protocol", "sasl_plaintext"), ("sasl.mechanisms", "PLAIN"));
        vec![session, protocol, mechanism, ("sasl.username", "plazo"), ("sasl.password", password)]
    };
    site.properties = as_plazo("open-sesame");
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    let log = engine.log_path();
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    told.until("it works", |told| !told.notices.is_empty());
    check(&site, told, vec![engine]);
    let said = std::fs::read_to_string(log).expect("its log");
    assert!(!said.contains("open-sesame"), "{said}");
    site.properties = as_plazo("close-sesame");
    let topics = site.command(&["topics"], "topics").output().expect("plazo topics");
    let of_topics = String::from_utf8_lossy(&topics.stderr).into_owned();
    for (code, said) in [site.refused("two"), (topics.status.code(), of_topics)] {
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("WARN") && said.contains("Authentication failed"), "{said}");
        assert!(!said.contains("close-sesame"), "{said}");
    }
}
