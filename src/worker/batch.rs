//! Many records of a consumer at once: the client's queue is locked once for thousands of them, where a poll locks it for each.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::slice;
use std::time::Duration;

use rdkafka::bindings::{self, rd_kafka_message_t, rd_kafka_queue_t};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, KafkaError, KafkaResult};

use super::client::LogContext;

const MOST: usize = 4_096;

/// A record in the client's buffers.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    pub offset: i64,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
}

/// The queue of a consumer that is in no group.
pub struct Batches<'c> {
    queue: *mut rd_kafka_queue_t,
    taken: Vec<*mut rd_kafka_message_t>,
    consumer: PhantomData<&'c BaseConsumer<LogContext>>,
}

impl<'c> Batches<'c> {
    pub fn of(consumer: &'c BaseConsumer<LogContext>) -> Self {
        // SAFETY: the client lives as long as `'c`; the reference to its queue that the call gives is let go in `drop`.
        let queue = unsafe { bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Batches { queue, taken: Vec::with_capacity(MOST), consumer: PhantomData }
    }

    /// Waits at most so long for records; how many there were.
    ///
    /// # Errors
    /// The first that `see` gives, or that the client tells in place of a record; what follows it in the batch is not seen.
    pub fn take<E: From<KafkaError>>(
        &mut self,
        patience: Duration,
        mut see: impl FnMut(Taken<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let patience_ms = c_int::try_from(patience.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive, and the vector has room for as many pointers as are asked for.
        let count =
            unsafe { bindings::rd_kafka_consume_batch_queue(self.queue, patience_ms, self.taken.as_mut_ptr(), MOST) };
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the call has written so many pointers, each to a message that is ours to destroy.
        unsafe { self.taken.set_len(count) };
        let mut outcome = Ok(count);
        for message in self.taken.drain(..) {
            if outcome.is_ok() {
                // SAFETY: the message is alive until it is destroyed below, and what is seen of it does not outlive the call.
                let seen = unsafe { read(&*message) };
                if let Err(error) = seen.map_err(E::from).and_then(&mut see) {
                    outcome = Err(error);
                }
            }
            // SAFETY: each message is destroyed once, and not used afterwards.
            unsafe { bindings::rd_kafka_message_destroy(message) };
        }
        outcome
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference that `of` was given; the client itself goes on.
        unsafe { bindings::rd_kafka_queue_destroy(self.queue) };
    }
}

/// # Safety
/// Key and payload must point to as many bytes as the message says, for as long as it is borrowed.
unsafe fn read(message: &rd_kafka_message_t) -> KafkaResult<Taken<'_>> {
    if message.err.is_error() {
        return Err(KafkaError::MessageConsumption(message.err.into()));
    }
    // SAFETY: the caller's promise; librdkafka's null means that there is none.
    let bytes = |from: *mut std::ffi::c_void, length: usize| {
        (!from.is_null()).then(|| unsafe { slice::from_raw_parts(from.cast::<u8>().cast_const(), length) })
    };
    Ok(Taken {
        offset: message.offset,
        key: bytes(message.key, message.key_len),
        payload: bytes(message.payload, message.len),
    })
}
