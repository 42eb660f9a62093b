//! `plazo replay` of two policies: one pass over the history, both reports side by side.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::ReplayArgs;
use crate::cli::history_args::{Stop, create, tell_unread};
use crate::comparison::{self, Asked, Change, Comparing, TakeChange};
use crate::engine::Outbox;
use crate::event::{Event, Rejection};
use crate::history::BadLines;
use crate::policy::Policy;
use crate::replay::Replay;
use crate::time::Timestamp;

/// The events that either policy refused.
pub(super) fn run(args: &ReplayArgs, policies: [Policy; 2]) -> Result<BadLines, Stop> {
    let history = &args.history;
    let form = history.form()?;
    let mut replays = policies.map(|policy| Replay::new(policy, history.until, history.future_tolerance).wordless());
    let mut bad = history.read_ahead(&form, &mut |leads, event| {
        replays.iter().for_each(|replay| replay.warm(leads));
        both(&mut replays, event)
    })?;
    if replays.iter().any(|replay| replay.counts.accepted > 0) {
        bad.were_used();
    }
    let [a, b] = &mut replays;
    // Both have read the same events, so that both end at the same instant.
    let as_of = a.finish(&mut unheard).map_err(Stop::cannot_write)?;
    b.finish(&mut unheard).map_err(Stop::cannot_write)?;
    tell(args, [a, b], as_of)?;
    tell_unread(&a.counts, &bad);
    Ok(bad)
}

/// The notices of a comparison are nobody's.
fn unheard(_: &Outbox) -> io::Result<()> {
    Ok(())
}

/// One event through both. A refusal of one policy alone says so.
fn both(replays: &mut [Replay; 2], event: Result<Event<'_>, Rejection>) -> io::Result<Option<Rejection>> {
    let [a, b] = replays;
    let event = match event {
        Ok(event) => event,
        Err(rejection) => {
            a.event(Err(rejection.clone()), &mut unheard)?;
            return b.event(Err(rejection), &mut unheard);
        }
    };
    let refused = [a.apply(&event, &mut unheard)?, b.apply(&event, &mut unheard)?];
    let only = |rejection: Rejection, which: &str| {
        let detail = format!("{} (refused by {which} alone)", rejection.detail);
        Some(Rejection { detail, ..rejection })
    };
    Ok(match refused {
        [Some(rejection), Some(_)] => Some(rejection),
        [Some(rejection), None] => only(rejection, "A"),
        [None, Some(rejection)] => only(rejection, "B"),
        [None, None] => None,
    })
}

fn tell(args: &ReplayArgs, [a, b]: [&Replay; 2], as_of: Timestamp) -> Result<(), Stop> {
    let paths = [0, 1].map(|side| args.policy[side].display().to_string());
    let mut changed = args.changed.as_deref().map(create).transpose()?;
    let mut write = |change: &Change| -> io::Result<()> {
        let Some(out) = &mut changed else { return Ok(()) };
        serde_json::to_writer(&mut *out, &comparison::change_json(change, args.report.lang()))?;
        out.write_all(b"\n")
    };
    let take = args.changed.is_some().then_some(&mut write as &mut TakeChange<'_>);
    // The changed clocks take the place of the breaches.
    let collectors = [a, b].map(|replay| args.report.collector(replay.rules(), as_of).telling(0));
    let asked = Asked { first: args.show, take };
    let paths = paths.each_ref().map(String::as_str);
    let compared = comparison::compare([a, b], paths, as_of, collectors, asked);
    let compared = compared.map_err(|error| match error {
        Comparing::Record(error) => Stop::Environment(error.to_string()),
        Comparing::Write(error) => Stop::cannot_write(error),
    })?;
    if let Some(out) = &mut changed {
        out.flush().map_err(Stop::cannot_write)?;
    }
    if args.changed.as_deref() == Some(Path::new("-")) {
        return Ok(());
    }
    let out = BufWriter::new(io::stdout());
    args.report.write_comparison(&compared, out).map_err(Stop::cannot_write)
}
