//! The engine on a real Kafka: what is told, once, after crashes and outages. The binary is the real one, and so are the clocks.
//! What each test has caught is in `docs/kafka-tests.md`.
#![allow(clippy::disallowed_methods, reason = "the clocks are real here: waits are bounded by them")]

#[path = "../kafka/mod.rs"]
mod kafka;

mod brokers;
mod changelog;
mod chaos;
mod dead_letters;
mod forged;
mod http;
mod members;
mod outage;
mod reload;
mod report;
mod sasl;
mod standing;
mod stopping;
#[cfg(feature = "tls")]
mod tls;
mod whole_run;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use kafka::crm::{Feeder, Traffic};
use kafka::log::Told;
use plazo::time::{Clock, SystemClock, Timestamp};

/// Every lead is disposed of within `seconds`.
fn policy(seconds: u32) -> String {
    format!(
        r#"
[agreement]
name = "Test"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
promised_by = "sales"
start = {{ on = "created" }}
stop = {{ disposition = "any" }}
pause = {{ status = ["on_hold"] }}
cancel = {{ deleted = true }}
  [[sla.target]]
  when = {{ respond_by = {{ present = true }} }}
  by = "respond_by"
  [[sla.target]]
  within = "{seconds} seconds"
  [[sla.reminder]]
  at = "50%"
  [[sla.escalation]]
  after = "1 second"
  notify = ["manager"]
"#
    )
}

/// Waits for an instant of the clock.
fn wait_until(instant: Timestamp) {
    let (_kept, never) = channel::<()>();
    while SystemClock.now() < instant {
        let left = instant.since_ms(SystemClock.now()).clamp(1, 1_000).unsigned_abs();
        let _nothing_comes = never.recv_timeout(Duration::from_millis(left));
    }
}

/// Traffic for a while, some hundred records a second; what is told of it is read meanwhile.
fn traffic_for(traffic: &mut Traffic, crm: &Feeder, told: &mut Told, lasts_ms: u64) {
    let end = Instant::now() + Duration::from_millis(lasts_ms);
    while Instant::now() < end {
        traffic.send(crm, 10);
        let next = Instant::now() + Duration::from_millis(20);
        while Instant::now() < next {
            told.take(next - Instant::now());
        }
    }
    crm.flush();
}

/// Traffic for as long as something is done.
fn traffic_while<T>(traffic: &mut Traffic, crm: &Feeder, act: impl FnOnce() -> T) -> T {
    /// Also where what is done fails.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = Over(&over);
        let flag = over.0;
        scope.spawn(move || {
            let (_kept, never) = channel::<()>();
            while !flag.load(Ordering::Relaxed) {
                traffic.send(crm, 10);
                let _nothing_comes = never.recv_timeout(Duration::from_millis(10));
            }
        });
        act()
    })
}
