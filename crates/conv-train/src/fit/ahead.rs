//! Batches that are loaded while the one before is computed.

use super::Learner;
use crate::Result;
use std::sync::mpsc::{Receiver, sync_channel};

/// A batch and the examples it is made of.
pub(super) struct Loaded<B> {
    pub examples: Vec<usize>,
    pub batch: Result<B>,
}

/// Calls `take` with something that gives the batches of `examples` in their order. Where `ahead`,
/// one is loaded on a second thread while `take` works on the one before it; that thread has ended
/// when this returns, however `take` ends.
pub(super) fn with_batches<L: Learner, R>(
    learner: &L,
    epoch: usize,
    examples: impl Iterator<Item = Vec<usize>> + Send,
    ahead: bool,
    take: impl FnOnce(&mut dyn FnMut() -> Option<Loaded<L::Batch>>) -> R,
) -> R {
    let mut loaded = examples.map(|examples| {
        let batch = learner.load(Some(epoch), &examples);
        Loaded { examples, batch }
    });
    if !ahead {
        return take(&mut || loaded.next());
    }
    std::thread::scope(|scope| {
        // One is in the channel's place or being handed over, and one being loaded: not more.
        let (sender, receiver) = sync_channel(0);
        scope.spawn(move || {
            for batch in loaded {
                // Nobody takes any more: training was stopped, or has failed.
                if sender.send(batch).is_err() {
                    return;
                }
            }
        });
        // Dropped before the scope waits for the thread, also where `take` panics.
        let receiver: Receiver<Loaded<L::Batch>> = receiver;
        take(&mut || receiver.recv().ok())
    })
}
