//! Inputs that nobody meant: random bytes, and slips in inputs that somebody did mean. Shrunk by proptest; watched from outside, so
//! that a hang fails with its input; the memory of the whole process is bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// What no input may take, on a machine however busy.
const HANG: Duration = Duration::from_secs(120);
/// Inputs are cut to this.
const MOST_BYTES: usize = 64 << 10;
/// Sum of the weights of all targets: how many inputs a short run tries.
pub const SHORT_RUN: u64 = 36_900;

/// Inputs of all targets together: `FUZZ_CASES`, else a short run.
#[expect(clippy::disallowed_methods, reason = "how long to search is a matter of who runs the test")]
fn cases(weight: u32) -> u32 {
    let all = std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(SHORT_RUN);
    u32::try_from(all * u64::from(weight) / SHORT_RUN).unwrap_or(u32::MAX).max(1)
}

/// One thing that went wrong on the way of an input.
#[derive(Clone, Debug)]
enum Slip {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, u8),
    /// A piece, over and over.
    Repeat(Index, u8, u16),
    /// A word that means something there.
    Word(Index, Index),
    /// In place of a number or a word of the same kind: from the seed itself.
    Copy(Index, Index, u8),
}

fn slip() -> impl Strategy<Value = Slip> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Slip::Set(at, byte)),
        (place(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Slip::Insert(at, bytes)),
        (place(), any::<u8>()).prop_map(|(at, length)| Slip::Remove(at, length)),
        (place(), 1u8..24, 1u16..2_000).prop_map(|(at, length, times)| Slip::Repeat(at, length, times)),
        (place(), place()).prop_map(|(at, word)| Slip::Word(at, word)),
        (place(), place(), 1u8..40).prop_map(|(from, to, length)| Slip::Copy(from, to, length)),
    ]
}

fn slipped(mut text: Vec<u8>, slips: &[Slip], words: &[&str]) -> Vec<u8> {
    for slip in slips {
        let place = |index: &Index| index.index(text.len() + 1);
        let piece = |from: usize, length: u8| from..(from + usize::from(length)).min(text.len());
        match slip {
            Slip::Set(at, byte) => {
                let at = place(at);
                if let Some(old) = text.get_mut(at) {
                    *old = *byte;
                }
            }
            Slip::Insert(at, bytes) => {
                let at = place(at);
                text.splice(at..at, bytes.iter().copied());
            }
            Slip::Remove(at, length) => {
                let piece = piece(place(at), *length);
                text.drain(piece);
            }
            Slip::Repeat(at, length, times) => {
                let piece = piece(place(at), *length);
                let at = piece.end;
                let repeated = text[piece].repeat(usize::from(*times));
                text.splice(at..at, repeated);
            }
            Slip::Word(at, word) => {
                let at = place(at);
                if !words.is_empty() {
                    text.splice(at..at, words[word.index(words.len())].bytes());
                }
            }
            Slip::Copy(from, to, length) => {
                let copied = text[piece(place(from), *length)].to_vec();
                let to = piece(place(to), *length);
                text.splice(to, copied);
            }
        }
        text.truncate(MOST_BYTES);
    }
    text
}

/// Hands inputs to `check`, which must come back from each.
#[track_caller]
pub fn fuzz(
    name: &'static str,
    weight: u32,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    check: impl Fn(&[u8]) + Send + 'static,
) {
    let current = Arc::new(Mutex::new(Vec::new()));
    let tried = Arc::new(AtomicU64::new(0));
    let (finished, finish) = channel();
    let (at_work, counted) = (current.clone(), tried.clone());
    let searching = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let config =
            Config { cases: cases(weight), failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
        let mutated = (any::<Index>(), vec(slip(), 0..7))
            .prop_map(move |(seed, slips)| slipped(seeds[seed.index(seeds.len())].clone(), &slips, words));
        let input = prop_oneof![1 => vec(any::<u8>(), 0..200), 9 => mutated];
        let result = TestRunner::new(config).run(&input, |input| {
            at_work.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&input);
            check(&input);
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        // The watcher may have gone.
        let _gone = finished.send(result);
    });
    searching.expect("a thread");
    let mut before = u64::MAX;
    loop {
        match finish.recv_timeout(HANG) {
            Ok(Ok(())) => break,
            Ok(Err(fault)) => panic!("{name}: {}", told(&fault)),
            Err(RecvTimeoutError::Disconnected) => panic!("{name}: the search ended without a word"),
            Err(RecvTimeoutError::Timeout) => {
                let now = tried.load(Ordering::Relaxed);
                let input = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                assert_ne!(now, before, "{name}: an input does not come back: {}", shown(&input));
                before = now;
            }
        }
    }
    println!("{name}: {} inputs", tried.load(Ordering::Relaxed));
}

fn told(fault: &proptest::test_runner::TestError<Vec<u8>>) -> String {
    match fault {
        proptest::test_runner::TestError::Fail(why, input) => format!("{why}, by {}", shown(input)),
        other @ proptest::test_runner::TestError::Abort(_) => other.to_string(),
    }
}

fn shown(input: &[u8]) -> String {
    format!("b\"{}\"", input.escape_ascii())
}
