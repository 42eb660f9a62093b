//! How far a shard's inputs have been read: the merge by append time, and the watermark (SEMANTICS §6). Pure: instants come in.
//!
//! Each input partition has a *floor*: nothing that is unread there was appended before it. It is the append time of the first
//! record that waits, or, where the partition is read to its end, the instant at which the end offset was asked for, less the
//! margin by which clocks may differ. The end offset is the high watermark: what an open transaction has written counts as
//! unread until the transaction ends. The watermark is the least floor; a record is applied when every other floor lies behind it.
//!
//! Two inputs, margin 0: A holds a record of 10:00, B is read to its end, asked at 09:59. The record waits. B is asked again
//! at 10:01 and has nothing new: its floor is 10:01, the record is applied, the watermark is 10:00, then 10:01 once A was asked too.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// A record that was read and waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued<M> {
    /// By which it is merged: its own append time, or the greatest before it in its partition since reading began.
    pub append: Timestamp,
    /// Its own append time, which does not depend on where reading began.
    pub stamp: Timestamp,
    pub offset: i64,
    pub record: M,
}

/// The end of a partition, and when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub sent: Timestamp,
    pub end: i64,
}

#[derive(Debug)]
struct Input<M> {
    queue: VecDeque<Queued<M>>,
    /// Everything below has been read.
    read_to: i64,
    /// That, when it was last asked for its end.
    read_when_asked: i64,
    /// Nothing unread was appended before it.
    floor: Option<Timestamp>,
    /// Ends that are not reached yet: the first asked for, and the last.
    ends: [Option<Probe>; 2],
    /// The farthest end that was ever told.
    end: i64,
    last_append: Timestamp,
}

impl<M> Input<M> {
    fn settle_ends(&mut self, skew_ms: i64) {
        for slot in &mut self.ends {
            if let Some(probe) = slot.filter(|probe| self.read_to >= probe.end) {
                let floor = probe.sent.plus_ms(-skew_ms);
                self.floor = Some(self.floor.map_or(floor, |known| known.max(floor)));
                *slot = None;
            }
        }
        if self.ends[0].is_none() {
            self.ends.swap(0, 1);
        }
    }

    /// Whether it must be asked for its end to know that nothing before `instant`, or at it, is unread; an end that was asked
    /// for late enough need only be reached.
    fn must_be_asked(&self, instant: Timestamp, skew_ms: i64) -> bool {
        let late_enough = |probe: &Probe| probe.sent.plus_ms(-skew_ms) > instant;
        self.queue.is_empty()
            && self.floor.is_none_or(|floor| floor <= instant)
            && !self.ends.iter().flatten().any(late_enough)
    }

    fn floor(&self) -> Option<Timestamp> {
        self.queue.front().map(|queued| queued.append).or(self.floor)
    }
}

/// The input partitions of one shard.
#[derive(Debug)]
pub struct Progress<M> {
    inputs: Vec<Input<M>>,
    skew_ms: i64,
}

/// Why the watermark does not follow the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// Records that were appended before are still to be read.
    Backlog,
    /// All that can be read has been: an open transaction holds the rest back.
    OpenTransaction,
}

impl<M> Progress<M> {
    /// `next`: by input, the offset to begin with. `skew_ms`: by how much the clocks of broker and engine may differ.
    pub fn new(next: &[i64], skew_ms: i64) -> Self {
        let input = |&read_to| Input {
            queue: VecDeque::new(),
            read_to,
            read_when_asked: 0,
            floor: None,
            ends: [None; 2],
            end: read_to,
            last_append: Timestamp::MIN,
        };
        Progress { inputs: next.iter().map(input).collect(), skew_ms }
    }

    /// A record was read. Append times of a partition never go back: one that does counts as the greatest before it.
    /// `false`: it was read before, or its input is not one of ours.
    pub fn push(&mut self, input: usize, append: Timestamp, offset: i64, record: M) -> bool {
        let skew_ms = self.skew_ms;
        let Some(input) = self.inputs.get_mut(input).filter(|input| offset >= input.read_to) else { return false };
        let stamp = append;
        let append = stamp.max(input.last_append);
        input.last_append = append;
        input.read_to = offset + 1;
        input.queue.push_back(Queued { append, stamp, offset, record });
        input.settle_ends(skew_ms);
        true
    }

    /// There is nothing to read below this offset any more: markers and aborted records lie there.
    pub fn reached(&mut self, input: usize, offset: i64) {
        let skew_ms = self.skew_ms;
        if let Some(input) = self.inputs.get_mut(input) {
            input.read_to = input.read_to.max(offset);
            input.settle_ends(skew_ms);
        }
    }

    /// All inputs are asked for their ends now.
    pub fn asked(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.read_when_asked = input.read_to);
    }

    /// `false`: it ends before what was read of it when it was asked, so that the answer says nothing: the topic is another one now, or was cut.
    pub fn probed(&mut self, input: usize, probe: Probe) -> bool {
        let skew_ms = self.skew_ms;
        if let Some(input) = self.inputs.get_mut(input) {
            if probe.end < input.read_when_asked {
                return false;
            }
            let slot = usize::from(input.ends[0].is_some());
            input.ends[slot] = Some(probe);
            input.end = input.end.max(probe.end);
            input.settle_ends(skew_ms);
        }
        true
    }

    /// Something lies below this offset, read or not: for [`Progress::lag`] alone.
    pub fn seen_end(&mut self, input: usize, end: i64) {
        if let Some(input) = self.inputs.get_mut(input) {
            input.end = input.end.max(end);
        }
    }

    /// Everything below this offset of an input has been read.
    pub fn read_to(&self, input: usize) -> i64 {
        self.inputs.get(input).map_or(0, |input| input.read_to)
    }

    /// Every record of the inputs that was appended before it has been applied.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.inputs.iter().map(Input::floor).try_fold(Timestamp::MAX, |least, floor| Some(least.min(floor?)))
    }

    /// The next record in the order of (append time, input), once no other input can have an earlier one.
    pub fn pop(&mut self) -> Option<(usize, Queued<M>)> {
        let heads = self.inputs.iter().enumerate().filter_map(|(at, input)| Some((input.queue.front()?.append, at)));
        let (append, first) = heads.min()?;
        let others = self.inputs.iter().filter(|input| input.queue.is_empty());
        if !others.into_iter().all(|input| input.floor.is_some_and(|floor| floor > append)) {
            return None;
        }
        let queued = self.inputs[first].queue.pop_front()?;
        // What follows it in its partition was not appended earlier.
        let input = &mut self.inputs[first];
        input.floor = Some(input.floor.map_or(append, |known| known.max(append)));
        Some((first, queued))
    }

    /// Puts back what was popped and not made durable, newest first.
    pub fn unpop(&mut self, input: usize, queued: Queued<M>) {
        if let Some(input) = self.inputs.get_mut(input) {
            input.queue.push_front(queued);
        }
    }

    /// When the next end offset must be asked for, at the earliest instant at which the answer can help; `None`: nothing waits
    /// for one. `due`: the first timer. An input of which nothing is known is asked about at once.
    pub fn wanted(&self, due: Option<Timestamp>) -> Option<Timestamp> {
        if self.inputs.iter().any(|input| input.floor().is_none() && input.ends[0].is_none()) {
            return Some(Timestamp::MIN);
        }
        let waiting = self.inputs.iter().filter_map(|input| Some(input.queue.front()?.append)).min();
        // What may fire already, and only waits for its turn, needs no answer.
        let passed = self.watermark();
        let due = due.filter(|due| passed.is_none_or(|passed| *due >= passed));
        let needed = [waiting, due].into_iter().flatten().min()?;
        self.inputs.iter().find(|input| input.must_be_asked(needed, self.skew_ms))?;
        Some(needed.plus_ms(self.skew_ms).plus_ms(1))
    }

    /// Why a timer due at `due` cannot fire although it is past.
    pub fn behind(&self) -> Behind {
        match self.inputs.iter().all(|input| input.queue.is_empty()) && self.inputs.iter().any(|i| i.ends[0].is_some())
        {
            true => Behind::OpenTransaction,
            false => Behind::Backlog,
        }
    }

    /// By input, the offset from which a successor has to read: what waits here is read again.
    pub fn next(&self) -> impl Iterator<Item = i64> {
        self.inputs.iter().map(|input| input.queue.front().map_or(input.read_to, |queued| queued.offset))
    }

    /// Records of an input that wait.
    pub fn waiting_of(&self, input: usize) -> usize {
        self.inputs.get(input).map_or(0, |input| input.queue.len())
    }

    /// How many offsets of all inputs lie between what was applied and the last known end.
    pub fn lag(&self) -> i64 {
        let of = |input: &Input<M>| {
            let next = input.queue.front().map_or(input.read_to, |queued| queued.offset);
            (input.end.max(input.read_to) - next).max(0)
        };
        self.inputs.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn probe(sent: i64, end: i64) -> Probe {
        Probe { sent: at(sent), end }
    }

    #[test]
    fn without_an_end_offset_nothing_is_known() {
        let mut one = Progress::<()>::new(&[0], 0);
        assert_eq!(one.watermark(), None);
        one.reached(0, 7);
        assert_eq!(one.watermark(), None, "an end of partition is no proof of anything later");
    }

    #[test]
    fn the_watermark_is_the_instant_the_end_was_asked_for_less_the_margin() {
        let mut one = Progress::<()>::new(&[5], 20);
        one.probed(0, probe(1_000, 5));
        assert_eq!(one.watermark(), Some(at(980)));
    }

    #[test]
    fn an_end_that_is_not_reached_holds_the_watermark() {
        let mut one = Progress::new(&[0], 0);
        one.probed(0, probe(1_000, 2));
        assert_eq!(one.watermark(), None);
        assert!(one.push(0, at(500), 0, "a"));
        assert_eq!(one.watermark(), Some(at(500)));
        assert_eq!(one.pop().map(|(_, queued)| queued.record), Some("a"));
        assert_eq!(one.watermark(), Some(at(500)), "offset 1 may hold a record of that instant");
        assert_eq!(one.behind(), Behind::OpenTransaction);
        one.reached(0, 2);
        assert_eq!(one.watermark(), Some(at(1_000)), "it was a marker");
    }

    #[test]
    fn an_end_before_what_was_read_when_it_was_asked_moves_nothing() {
        let mut one = Progress::new(&[5], 0);
        one.asked();
        one.push(0, at(500), 5, ());
        one.pop();
        assert!(!one.probed(0, probe(1_000, 4)), "the topic is another one");
        assert_eq!(one.watermark(), Some(at(500)));
        assert!(one.probed(0, probe(1_000, 5)), "offset 5 came after the question");
        assert_eq!(one.watermark(), Some(at(1_000)));
    }

    #[test]
    fn a_later_question_does_not_push_out_an_earlier_one_that_is_nearer() {
        let mut one = Progress::<()>::new(&[0], 0);
        one.probed(0, probe(1_000, 5));
        one.probed(0, probe(2_000, 9));
        one.probed(0, probe(3_000, 12));
        one.reached(0, 5);
        assert_eq!(one.watermark(), Some(at(1_000)));
        one.reached(0, 12);
        assert_eq!(one.watermark(), Some(at(3_000)));
    }

    #[test]
    fn records_of_two_inputs_are_merged_by_append_time_and_ties_by_input() {
        let mut two = Progress::new(&[0, 0], 0);
        two.push(1, at(10), 0, "b10");
        two.push(1, at(30), 1, "b30");
        assert_eq!(two.pop(), None, "the other may hold an earlier one");
        two.push(0, at(10), 0, "a10");
        two.push(0, at(20), 1, "a20");
        let mut order = Vec::new();
        while let Some((_, queued)) = two.pop() {
            order.push(queued.record);
        }
        assert_eq!(order, ["a10", "b10", "a20"], "b30 waits: input 0 may hold one of 25");
        assert_eq!(two.watermark(), Some(at(20)));
        two.probed(0, probe(30, 2));
        assert_eq!(two.pop(), None, "input 0 may get one of the same instant yet");
        two.probed(0, probe(31, 2));
        assert_eq!(two.pop().map(|(_, queued)| queued.record), Some("b30"));
    }

    #[test]
    fn what_was_undone_is_read_again_in_its_order() {
        let mut one = Progress::new(&[3], 0);
        one.push(0, at(1), 3, "x");
        one.push(0, at(2), 4, "y");
        let popped: Vec<_> = std::iter::from_fn(|| one.pop()).collect();
        assert_eq!(one.next().collect::<Vec<_>>(), [5]);
        for (input, queued) in popped.into_iter().rev() {
            one.unpop(input, queued);
        }
        assert_eq!(one.next().collect::<Vec<_>>(), [3]);
        assert_eq!(one.watermark(), Some(at(1)));
        assert_eq!(one.pop().map(|(_, queued)| queued.record), Some("x"));
    }

    #[test]
    fn a_record_read_twice_is_taken_once() {
        let mut one = Progress::new(&[3], 0);
        assert!(!one.push(0, at(1), 2, "before"));
        assert!(one.push(0, at(1), 3, "x"));
        assert!(!one.push(0, at(1), 3, "x"));
        assert_eq!(one.waiting_of(0), 1);
    }

    #[test]
    fn append_times_that_go_back_count_as_the_greatest_before() {
        let mut one = Progress::new(&[0], 0);
        one.push(0, at(9), 0, ());
        one.push(0, at(4), 1, ());
        one.pop();
        assert_eq!(one.pop().map(|(_, queued)| queued.append), Some(at(9)));
    }

    #[test]
    fn a_record_keeps_its_own_append_time_whatever_was_read_before_it() {
        let stamps = |appended: &[i64]| {
            let mut one = Progress::new(&[0], 0);
            for (append, offset) in appended.iter().zip(0..) {
                one.push(0, at(*append), offset, ());
            }
            let popped = std::iter::from_fn(|| one.pop());
            popped.map(|(_, queued)| (queued.append, queued.stamp)).collect::<Vec<_>>()
        };
        assert_eq!(stamps(&[9, 4, 12]), [(at(9), at(9)), (at(9), at(4)), (at(12), at(12))]);
        assert_eq!(stamps(&[4]), [(at(4), at(4))], "where reading began after the record of 9");
    }

    #[test]
    fn an_end_is_asked_for_only_when_something_waits_for_it() {
        let mut two = Progress::new(&[0, 0], 5);
        assert_eq!(two.wanted(None), Some(Timestamp::MIN), "nothing is known yet");
        two.probed(0, probe(10, 0));
        two.probed(1, probe(10, 0));
        assert_eq!(two.wanted(None), None);
        assert_eq!(two.wanted(Some(at(100))), Some(at(106)));
        two.push(0, at(50), 0, ());
        assert_eq!(two.wanted(Some(at(100))), Some(at(56)), "the record waits for input 1");
        two.probed(1, probe(56, 0));
        assert_eq!(two.wanted(Some(at(100))), None, "the record can be applied");
        two.pop();
        two.probed(0, probe(200, 1));
        assert_eq!(two.wanted(Some(at(100))), Some(at(106)), "input 1 has not been asked since");
        two.probed(1, probe(200, 0));
        assert_eq!(two.wanted(Some(at(100))), None);
    }

    #[test]
    fn a_record_that_waits_is_asked_for_although_timers_that_were_due_before_are_left() {
        let mut two = Progress::new(&[0, 0], 5);
        two.probed(0, probe(20, 0));
        two.probed(1, probe(20, 0));
        two.push(0, at(50), 0, ());
        assert_eq!(two.wanted(Some(at(10))), Some(at(56)), "the record waits for input 1");
        assert_eq!(two.wanted(Some(at(15))), Some(at(21)), "the timer waits for it too, and before");
        two.probed(1, probe(56, 0));
        assert_eq!(two.wanted(Some(at(10))), None);
    }

    #[test]
    fn an_end_that_was_asked_for_late_enough_is_not_asked_for_again_while_a_transaction_hides_it() {
        let mut one = Progress::<()>::new(&[0], 5);
        one.probed(0, probe(50, 3));
        assert_eq!(one.wanted(None), None);
        assert_eq!(one.wanted(Some(at(100))), Some(at(106)), "that was too early");
        one.probed(0, probe(106, 3));
        assert_eq!(one.wanted(Some(at(100))), None, "it need only be reached");
        one.reached(0, 3);
        assert_eq!(one.watermark(), Some(at(101)));
    }

    #[test]
    fn the_lag_is_what_is_known_to_lie_before_the_last_end_and_is_not_applied() {
        let mut two = Progress::new(&[3, 0], 0);
        assert_eq!(two.lag(), 0);
        two.seen_end(0, 10);
        two.probed(1, probe(5, 2));
        assert_eq!(two.lag(), 7 + 2);
        two.push(0, at(1), 3, ());
        assert_eq!(two.lag(), 9, "read, and not applied");
        two.reached(1, 2);
        two.probed(1, probe(6, 2));
        two.pop();
        assert_eq!(two.lag(), 6);
        two.reached(0, 10);
        assert_eq!((two.lag(), two.read_to(0)), (0, 10));
    }
}
