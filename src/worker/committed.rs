//! What is committed in a topic at one moment, read once from its beginning by a client in no group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::Offset;

use super::client::{self, LogContext};
use super::monotonic;

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// By partition, the first offset and the one behind the last that `reader` may read; partitions that hold nothing are left out.
///
/// # Errors
/// Where the brokers do not answer, or have no such topic.
pub fn ends(reader: &BaseConsumer<LogContext>, topic: &str) -> KafkaResult<BTreeMap<i32, (i64, i64)>> {
    let metadata = client::metadata(reader, Some(topic), PATIENCE)?;
    let known = metadata.topics().first().filter(|topic| topic.error().is_none());
    let known = known.ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition))?;
    let mut ends = BTreeMap::new();
    for partition in known.partitions() {
        let (low, high) = reader.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        if low < high {
            ends.insert(partition.id(), (low, high));
        }
    }
    Ok(ends)
}

/// Every record below the ends, partition by partition, in order.
///
/// # Errors
/// Where the brokers do not give them.
pub fn read(
    reader: &BaseConsumer<LogContext>,
    topic: &str,
    ends: &BTreeMap<i32, (i64, i64)>,
    mut see: impl FnMut(&BorrowedMessage<'_>),
) -> KafkaResult<()> {
    for (&partition, &(low, high)) in ends {
        reader.assign(&client::list([(topic.to_owned(), partition, Offset::Offset(low))])?)?;
        let (mut position, mut moved_at) = (low, monotonic());
        while position < high {
            match reader.poll(POLL).transpose()? {
                Some(message) => {
                    if message.offset() >= high {
                        break;
                    }
                    position = message.offset() + 1;
                    moved_at = monotonic();
                    see(&message);
                }
                // The last offsets may be markers of transactions.
                None => {
                    let told = reader.position()?;
                    if let Some(Offset::Offset(offset)) = told.find_partition(topic, partition).map(|at| at.offset()) {
                        position = offset.max(position);
                    }
                }
            }
            if moved_at.elapsed() > PATIENCE {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }
    Ok(())
}
