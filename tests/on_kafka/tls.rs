//! Over TLS, by a program that was built with it: `cargo test --features tls --test on_kafka tls::`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::Site;
use crate::kafka::verdict::check;
use crate::{policy, traffic_for};

const PASSWORD: &str = "only-for-tests";

fn keytool(args: &[&str], store: &Path) -> Vec<u8> {
    let mut command = Command::new("keytool");
    command.args(args).args(["-alias", "broker", "-storetype", "PKCS12", "-storepass", PASSWORD, "-keystore"]);
    let done = command.arg(store).stdin(Stdio::null()).output().expect("keytool, which comes with java");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    done.stdout
}

/// A broker's key with a certificate of its own, and the certificate for those who must believe it.
fn certified(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (store, certificate) = (folder.join(format!("{name}.p12")), folder.join(format!("{name}.pem")));
    let made = ["-genkeypair", "-keyalg", "RSA", "-validity", "2", "-dname", "CN=broker", "-ext", "SAN=ip:127.0.0.1"];
    keytool(&made, &store);
    std::fs::write(&certificate, keytool(&["-exportcert", "-rfc"], &store)).expect("the certificate");
    (store, certificate)
}

#[test]
fn an_engine_does_its_work_over_tls_and_believes_no_other_broker() {
    let mut traffic = Traffic::new(seeded("over TLS", ""));
    let folder = tempfile::tempdir().expect("a folder");
    let (store, certificate) = certified(folder.path(), "broker");
    let (_, of_another) = certified(folder.path(), "another");
    let settings = format!(
        "ssl.keystore.type=PKCS12\nssl.keystore.location={}\nssl.keystore.password={PASSWORD}\nssl.key.password={PASSWORD}\n",
        store.display()
    );
    let (broker, port) = Broker::speaking("SSL", settings);
    let mut site = Site::named(&broker, "tls", &policy(3));
    site.address = format!("127.0.0.1:{port}");
    site.properties.clear();
    let believing = |certificate: &Path| {
        format!("[kafka.properties]\n\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = {certificate:?}\n")
    };
    site.more = believing(&certificate);
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    told.until("it works", |told| !told.notices.is_empty());
    check(&site, told, vec![engine]);
    site.more = believing(&of_another);
    let (code, said) = site.refused("two");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("certificate verify failed"), "{said}");
}
