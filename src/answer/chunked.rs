//! A list that tables share: a change copies the chunk that it lies in and the list of chunks, nothing else.

use std::sync::Arc;

/// Entries in a chunk: with 100,000 entries, a chunk and the list of chunks are both short.
const CHUNK: usize = 64;

/// Entries by number; some numbers may be free.
#[derive(Clone)]
pub(super) struct Chunked<T> {
    chunks: Vec<Arc<[Option<T>]>>,
}

impl<T: Clone> Chunked<T> {
    /// The entries get the numbers from 0 on.
    pub(super) fn of(entries: Vec<T>) -> Chunked<T> {
        let mut entries = entries.into_iter();
        let mut chunks = Vec::with_capacity(entries.len().div_ceil(CHUNK));
        while entries.len() > 0 {
            chunks.push(std::array::from_fn::<_, CHUNK, _>(|_| entries.next()).into_iter().collect());
        }
        Chunked { chunks }
    }

    /// The entry with a number.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)?.as_ref()
    }

    /// Replaces, adds or takes away the entry with a number; makes room up to it.
    pub(super) fn set(&mut self, number: usize, entry: Option<T>) {
        while self.chunks.len() <= number / CHUNK {
            self.chunks.push((0..CHUNK).map(|_| None).collect());
        }
        Arc::make_mut(&mut self.chunks[number / CHUNK])[number % CHUNK] = entry;
    }

    /// Every entry with its number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let all = self.chunks.iter().flat_map(|chunk| chunk.iter()).enumerate();
        all.filter_map(|(number, entry)| Some((number, entry.as_ref()?)))
    }

    /// The first number that is free.
    pub(super) fn first_free(&self) -> usize {
        let mut all = self.chunks.iter().flat_map(|chunk| chunk.iter());
        all.position(Option::is_none).unwrap_or(self.chunks.len() * CHUNK)
    }
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Chunked { chunks: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_copies_one_chunk() {
        let before = Chunked::of((0..200).collect());
        let mut after = before.clone();
        after.set(70, Some(0));
        let shared: Vec<bool> =
            before.chunks.iter().zip(&after.chunks).map(|(a, b)| Arc::ptr_eq(a, b)).collect();
        assert_eq!(shared, [true, false, true, true]);
        assert_eq!((before.get(70), after.get(70), after.get(71)), (Some(&70), Some(&0), Some(&71)));
    }

    #[test]
    fn numbers_are_free_until_they_are_taken() {
        let mut list = Chunked::of(vec!['a', 'b']);
        assert_eq!((list.get(2), list.get(1000), list.first_free()), (None, None, 2));
        list.set(150, Some('c'));
        list.set(0, None);
        assert_eq!((list.get(0), list.get(150), list.first_free()), (None, Some(&'c'), 0));
        assert_eq!(list.iter().collect::<Vec<_>>(), [(1, &'b'), (150, &'c')]);
        let full = Chunked::of((0..128).collect());
        assert_eq!(full.first_free(), 128);
    }
}
