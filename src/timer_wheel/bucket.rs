//! The entries of one tick, unsorted: append, take all, sweep.

/// Entries in a full block. 2 KiB for a `u32` key: small against a bucket of a large wheel, large against a header.
const BLOCK: usize = 256;

pub(super) struct Bucket<K> {
    /// The block being filled. The first of a bucket grows by doubling, so that thin buckets stay small.
    open: Vec<(u32, K)>,
    /// Blocks of exactly `BLOCK` entries.
    full: Vec<Box<[(u32, K)]>>,
    /// The smallest offset; meaningless where there are no entries.
    first: u32,
}

impl<K> Default for Bucket<K> {
    fn default() -> Self {
        Bucket { open: Vec::new(), full: Vec::new(), first: u32::MAX }
    }
}

impl<K: Copy> Bucket<K> {
    pub fn push(&mut self, offset: u32, key: K) {
        if self.open.len() == BLOCK {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(BLOCK));
            self.full.push(full.into_boxed_slice());
        }
        self.open.push((offset, key));
        self.first = self.first.min(offset);
    }

    pub fn len(&self) -> usize {
        self.full.len() * BLOCK + self.open.len()
    }

    /// A block is only ever opened to be written, so an empty one means an empty bucket.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The smallest offset.
    pub fn first(&self) -> Option<u32> {
        (!self.is_empty()).then_some(self.first)
    }

    /// All entries of this bucket and of `other`, in no order.
    pub fn into_entries(self, other: Bucket<K>) -> Vec<(u32, K)> {
        if self.full.is_empty() && other.is_empty() {
            return self.open;
        }
        let mut entries = Vec::with_capacity(self.len() + other.len());
        for bucket in [self, other] {
            for block in bucket.full {
                entries.extend_from_slice(&block);
            }
            entries.extend_from_slice(&bucket.open);
        }
        entries
    }

    /// Keeps what `keep(offset, key)` accepts, and gives the memory of the rest back.
    pub fn retain(&mut self, mut keep: impl FnMut(u32, K) -> bool) {
        let old = std::mem::take(self);
        for block in old.full {
            for &(offset, key) in block.iter().filter(|&&(offset, key)| keep(offset, key)) {
                self.push(offset, key);
            }
        }
        for &(offset, key) in old.open.iter().filter(|&&(offset, key)| keep(offset, key)) {
            self.push(offset, key);
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let blocks = self.full.len() * BLOCK + self.open.capacity();
        blocks * size_of::<(u32, K)>() + self.full.capacity() * size_of::<Box<[(u32, K)]>>()
    }
}
