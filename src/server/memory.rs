//! The memory that all messages on their way may take together.
//!
//! It is counted in pieces, so that a message does not ask anew for every line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const PIECE_OCTETS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Memory {
    free: Arc<Semaphore>,
    size: Arc<Mutex<Size>>,
}

/// In pieces.
#[derive(Debug)]
struct Size {
    max: usize,
    /// What messages hold beyond that, since it was more. It is not given to others.
    surplus: usize,
}

/// What one message has of it, given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Hold(Option<Held>);

#[derive(Debug)]
struct Held {
    /// Taken when it is given back.
    pieces: Option<OwnedSemaphorePermit>,
    size: Arc<Mutex<Size>>,
}

impl Memory {
    pub(super) fn new(octets_max: usize) -> Self {
        let max = pieces_max(octets_max);
        Self { free: Arc::new(Semaphore::new(max)), size: Arc::new(Mutex::new(Size { max, surplus: 0 })) }
    }

    /// From now on it is so large. Messages keep what they have.
    pub(super) fn resize(&self, octets_max: usize) {
        let mut size = lock(&self.size);
        let (max, all) = (pieces_max(octets_max), size.max.saturating_add(size.surplus));
        *size = Size { max, surplus: all.saturating_sub(max) };
        self.give_up_surplus(&mut size);
        self.free.add_permits(max.saturating_sub(all));
    }

    pub(super) fn octets_max(&self) -> usize {
        lock(&self.size).max.saturating_mul(PIECE_OCTETS)
    }

    pub(super) fn octets_held(&self) -> usize {
        let size = lock(&self.size);
        let all = size.max.saturating_add(size.surplus);
        all.saturating_sub(self.free.available_permits()).saturating_mul(PIECE_OCTETS)
    }

    /// Waits until `hold` is enough for so many octets. Who asks first is served first; to stop waiting takes
    /// nothing away.
    pub(super) async fn hold(&self, hold: &mut Hold, octets: usize) {
        let missing = octets.div_ceil(PIECE_OCTETS).saturating_sub(hold.pieces());
        if missing == 0 {
            return;
        }
        // Who stopped waiting may have given back what should be gone.
        self.give_up_surplus(&mut lock(&self.size));
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let Ok(more) = Arc::clone(&self.free).acquire_many_owned(missing).await else { return };
        match &mut hold.0 {
            Some(Held { pieces: Some(pieces), .. }) => pieces.merge(more),
            none => *none = Some(Held { pieces: Some(more), size: Arc::clone(&self.size) }),
        }
    }

    /// As far as nobody holds it.
    fn give_up_surplus(&self, size: &mut Size) {
        size.surplus = size.surplus.saturating_sub(self.free.forget_permits(size.surplus));
    }
}

impl Hold {
    fn pieces(&self) -> usize {
        self.0.as_ref().and_then(|held| held.pieces.as_ref()).map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl Drop for Held {
    /// What is beyond the size is gone; the rest is for others.
    fn drop(&mut self) {
        let Some(mut pieces) = self.pieces.take() else { return };
        let mut size = lock(&self.size);
        let gone = size.surplus.min(pieces.num_permits());
        if let Some(gone) = pieces.split(gone) {
            size.surplus = size.surplus.saturating_sub(gone.num_permits());
            gone.forget();
        }
    }
}

fn pieces_max(octets_max: usize) -> usize {
    (octets_max / PIECE_OCTETS).min(Semaphore::MAX_PERMITS)
}

fn lock(size: &Mutex<Size>) -> MutexGuard<'_, Size> {
    size.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Hold, Memory, PIECE_OCTETS};

    #[tokio::test(start_paused = true)]
    async fn what_one_message_holds_another_waits_for() {
        let moment = Duration::from_millis(1);
        let memory = Memory::new(3 * PIECE_OCTETS);
        let (mut first, mut second) = (Hold::default(), Hold::default());
        memory.hold(&mut first, 1).await;
        memory.hold(&mut first, PIECE_OCTETS + 1).await;
        memory.hold(&mut second, PIECE_OCTETS).await;
        timeout(moment, memory.hold(&mut second, PIECE_OCTETS + 1)).await.unwrap_err();
        drop(first);
        timeout(moment, memory.hold(&mut second, 3 * PIECE_OCTETS)).await.unwrap();
    }
    #[tokio::test(start_paused = true)]
    async fn a_memory_that_shrinks_takes_from_nobody_and_gives_nobody_what_it_has_lost() {
        let moment = Duration::from_millis(1);
        let memory = Memory::new(4 * PIECE_OCTETS);
        let (mut first, mut second, mut third) = (Hold::default(), Hold::default(), Hold::default());
        memory.hold(&mut first, 3 * PIECE_OCTETS).await;
        memory.resize(2 * PIECE_OCTETS);
        assert_eq!((memory.octets_held(), memory.octets_max()), (3 * PIECE_OCTETS, 2 * PIECE_OCTETS));
        timeout(moment, memory.hold(&mut second, 1)).await.unwrap_err();
        drop(first);
        memory.hold(&mut second, 2 * PIECE_OCTETS).await;
        timeout(moment, memory.hold(&mut third, 1)).await.unwrap_err();
        assert_eq!(memory.octets_held(), 2 * PIECE_OCTETS);

        memory.resize(3 * PIECE_OCTETS);
        timeout(moment, memory.hold(&mut third, 1)).await.unwrap();
        drop((second, third));
        assert_eq!((memory.octets_held(), memory.octets_max()), (0, 3 * PIECE_OCTETS));
    }
}
