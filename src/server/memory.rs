//! The memory that all messages on their way may take together.
//!
//! It is counted in pieces, so that a message does not ask anew for every line.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const PIECE_OCTETS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Memory {
    free: Arc<Semaphore>,
    pieces_max: usize,
}

/// What one message has of it, given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Hold(Option<OwnedSemaphorePermit>);

impl Memory {
    pub(super) fn new(octets_max: usize) -> Self {
        let pieces_max = (octets_max / PIECE_OCTETS).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(pieces_max)), pieces_max }
    }

    pub(super) fn octets_max(&self) -> usize {
        self.pieces_max.saturating_mul(PIECE_OCTETS)
    }

    pub(super) fn octets_held(&self) -> usize {
        self.pieces_max.saturating_sub(self.free.available_permits()).saturating_mul(PIECE_OCTETS)
    }

    /// Waits until `hold` is enough for so many octets. Who asks first is served first; to stop waiting takes
    /// nothing away.
    pub(super) async fn hold(&self, hold: &mut Hold, octets: usize) {
        let pieces = hold.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = octets.div_ceil(PIECE_OCTETS).saturating_sub(pieces);
        if missing == 0 {
            return;
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let Ok(more) = Arc::clone(&self.free).acquire_many_owned(missing).await else { return };
        match &mut hold.0 {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
    }
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
}
