//! A flat hash: from the hash of a name to numbers that may be meant, found with one cache miss.

/// A slot holds a number and half of a hash, so that names that are not there are seldom compared.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// 0 when it is free.
    number: u32,
    tag: u32,
}

/// Numbers by the hash of their name.
#[derive(Default)]
pub(super) struct Slots(Box<[Slot]>);

impl Slots {
    /// With room for so many numbers: two thirds full, so that searches are short, and 12 octets for each.
    pub(super) fn with_room_for(numbers: usize) -> Slots {
        Slots(vec![Slot::default(); numbers + numbers / 2 + 1].into())
    }

    /// Adds a number, which must not be 0; there must be room for it.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        debug_assert!(number > 0, "0 marks a free slot");
        let mut index = self.index(hash);
        while self.0[index].number > 0 {
            index = self.after(index);
        }
        self.0[index] = Slot { number, tag: tag(hash) };
    }

    /// The first result that `examine` has for a number whose name may have this hash.
    #[inline(always)] // measured: a node that is returned through memory stalls its reader
    pub(super) fn find<R>(&self, hash: u64, examine: impl Fn(u32) -> Option<R>) -> Option<R> {
        let mut index = self.index(hash);
        loop {
            let slot = self.0.get(index)?;
            if slot.number == 0 {
                return None;
            }
            if slot.tag == tag(hash)
                && let Some(result) = examine(slot.number)
            {
                return Some(result);
            }
            index = self.after(index);
        }
    }

    /// The upper bits, scaled to the number of slots.
    fn index(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.0.len() as u128) >> 64) as usize
    }

    fn after(&self, index: usize) -> usize {
        if index + 1 < self.0.len() { index + 1 } else { 0 }
    }

    /// Octets in all.
    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The lower bits: the upper ones choose the slot.
fn tag(hash: u64) -> u32 {
    hash as u32
}
