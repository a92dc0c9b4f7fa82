//! The turns of those that have much to compute: a handshake's signature costs as much as hundreds of queries.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// The turns of those that want to shake hands: one computes, and before the next one does, all connections that have
/// something to do had their turn.
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Turns {
        Turns(Semaphore::new(1))
    }

    /// Computes, once it is one's turn.
    pub(super) async fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.0.acquire().await;
        let result = work();
        yield_now().await;
        result
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn between_two_handshakes_everybody_else_has_a_turn() {
        let (turns, log) = (Rc::new(Turns::new()), Rc::new(RefCell::new(String::new())));
        let tasks = LocalSet::new();
        for _ in 0..10 {
            let (turns, log) = (Rc::clone(&turns), Rc::clone(&log));
            tasks.spawn_local(async move { turns.compute(|| log.borrow_mut().push('h')).await });
        }
        let client = Rc::clone(&log);
        tasks.spawn_local(async move {
            for _ in 0..20 {
                client.borrow_mut().push('c');
                yield_now().await;
            }
        });
        tasks.await;
        let log = log.borrow();
        assert!(log.matches('h').count() == 10 && !log.contains("hh"), "{log}");
    }
}
