//! A way out that never makes the relay wait: lines go into a queue of bounded size, and a thread of their own writes
//! them, however slow the pipe or the disk is.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long until a line that could not be written is tried again.
const RETRY_TIME: Duration = Duration::from_secs(1);
/// How long lines gather before the first of them is written: under load, the thread is woken once for all of them
/// instead of once for each.
const GATHERING_TIME: Duration = Duration::from_millis(1);
/// How much is taken from the queue in one go.
const TAKEN_OCTETS_MAX: usize = 64 * 1024;
/// How long until the same trouble is told again.
const ALARM_TIME: Duration = Duration::from_secs(10);

/// Takes whole lines.
pub(super) trait Destination: Send {
    /// Writes some of these lines, from the first on, and tells how many. If it fails, it has written none of them,
    /// and nothing that would make the next line unreadable.
    fn write_lines(&mut self, lines: &[Arc<[u8]>]) -> io::Result<usize>;
}

/// What becomes of a line that cannot be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overflow {
    /// It is lost, and counted.
    Lost,
    /// It is kept and tried again, beyond the bound too: who makes lines has to heed [`Outlet::is_clear`].
    Kept,
}

/// What an operator has to know.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot write: {0}")]
    Failing(io::Error),
    #[error("lines come faster than they are written")]
    Full,
}

/// Who is told of it, with the number of lines that are lost since the start.
pub(super) type Alarm = fn(Option<&Trouble>, u64);

pub(super) struct Outlet {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    octets_max: usize,
    overflow: Overflow,
    alarm: Alarm,
}

#[derive(Default)]
struct Queue {
    /// With those that are being written.
    lines: VecDeque<Arc<[u8]>>,
    octets: usize,
    thread: Doing,
    is_closed: bool,
    is_failing: bool,
    lost: u64,
    alarmed: Option<Instant>,
}

/// What the thread does.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Doing {
    /// It has to be told of a line.
    Sleeps,
    #[default]
    Writes,
}

/// What became of lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    Lost,
}

/// A stream such as standard output.
pub(super) struct Stream<W>(pub(super) W);

impl<W: Write + Send> Destination for Stream<W> {
    /// One at a time: what else is written to the same pipe does not get in between (`PIPE_BUF`).
    fn write_lines(&mut self, lines: &[Arc<[u8]>]) -> io::Result<usize> {
        let Some(line) = lines.first() else { return Ok(0) };
        self.0.write_all(line)?;
        self.0.flush()?;
        Ok(1)
    }
}

impl Outlet {
    /// `name` is the thread's.
    pub(super) fn open(
        name: &str,
        destination: impl Destination + 'static,
        octets_max: usize,
        overflow: Overflow,
        alarm: Alarm,
    ) -> io::Result<Self> {
        let queue = Mutex::new(Queue::default());
        let shared = Arc::new(Shared { queue, changed: Condvar::new(), octets_max, overflow, alarm });
        let outlet = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name(name.to_owned()).spawn(move || shared.write_all(destination))?;
        Ok(outlet)
    }

    /// Takes a line, its end included. Never waits for it to be written.
    pub(super) fn push(&self, line: Arc<[u8]>) {
        let Shared { octets_max, overflow, alarm, .. } = *self.shared;
        let mut queue = self.shared.queue();
        let octets = queue.octets.saturating_add(line.len());
        if octets <= octets_max || overflow == Overflow::Kept {
            queue.octets = octets;
            queue.lines.push_back(line);
            let sleeps = queue.thread == Doing::Sleeps;
            if sleeps {
                queue.thread = Doing::Writes;
            }
            drop(queue);
            if sleeps {
                self.shared.changed.notify_all();
            }
            return;
        }
        queue.lost = queue.lost.saturating_add(1);
        let (is_due, lost) = (queue.alarm_is_due(), queue.lost);
        drop(queue);
        if is_due {
            alarm(Some(&Trouble::Full), lost);
        }
    }

    /// Whether a line that comes now is sure to be kept and likely to be written soon.
    pub(super) fn is_clear(&self) -> bool {
        let queue = self.shared.queue();
        !queue.is_failing && queue.octets < self.shared.octets_max
    }

    pub(super) fn lost(&self) -> u64 {
        self.shared.queue().lost
    }

    /// Waits until all is written, for so long at most. Nothing is tried again from now on.
    pub(super) fn close(&self, patience: Duration) {
        let mut queue = self.shared.queue();
        queue.is_closed = true;
        self.shared.changed.notify_all();
        let is_busy = |queue: &mut Queue| !queue.lines.is_empty();
        let waited = self.shared.changed.wait_timeout_while(queue, patience, is_busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's whole life: until the outlet is closed and empty.
    fn write_all(&self, mut destination: impl Destination) {
        loop {
            let lines = self.next();
            if lines.is_empty() {
                return;
            }
            let mut rest = lines.as_slice();
            while !rest.is_empty() {
                let (count, fate) = match destination.write_lines(rest).map_err(Trouble::Failing) {
                    Ok(count) => (count, Fate::Written),
                    Err(trouble) if self.waits_to_retry(&trouble) => continue,
                    Err(_) => (1, Fate::Lost),
                };
                self.settle(count, fate);
                rest = rest.get(count..).unwrap_or_default();
            }
        }
    }

    /// The lines to write now, which stay in the queue until they are. None: the outlet is closed and empty.
    fn next(&self) -> Vec<Arc<[u8]>> {
        let mut queue = self.queue();
        if queue.lines.is_empty() && !queue.is_closed {
            queue.thread = Doing::Sleeps;
            let idle = |queue: &mut Queue| queue.lines.is_empty() && !queue.is_closed;
            queue = self.changed.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
            let gathering = |queue: &mut Queue| !queue.is_closed;
            let gathered = self.changed.wait_timeout_while(queue, GATHERING_TIME, gathering);
            queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut octets: usize = 0;
        let fits = |line: &&Arc<[u8]>| {
            let is_first = octets == 0;
            octets = octets.saturating_add(line.len());
            is_first || octets <= TAKEN_OCTETS_MAX
        };
        queue.lines.iter().take_while(fits).cloned().collect()
    }

    /// Tells of a failure. Whether the line is to be tried again, once it is time.
    fn waits_to_retry(&self, trouble: &Trouble) -> bool {
        let mut queue = self.queue();
        queue.is_failing = true;
        let is_kept = self.overflow == Overflow::Kept && !queue.is_closed;
        queue.lost = queue.lost.saturating_add(u64::from(!is_kept));
        let (is_due, lost) = (queue.alarm_is_due(), queue.lost);
        drop(queue);
        if is_due {
            (self.alarm)(Some(trouble), lost);
        }
        if is_kept {
            let waiting = |queue: &mut Queue| !queue.is_closed;
            let waited = self.changed.wait_timeout_while(self.queue(), RETRY_TIME, waiting);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        is_kept
    }

    /// Lets go of the first lines.
    fn settle(&self, count: usize, fate: Fate) {
        let is_written = fate == Fate::Written;
        let mut queue = self.queue();
        let count = count.min(queue.lines.len());
        let octets: usize = queue.lines.drain(..count).map(|line| line.len()).sum();
        queue.octets = queue.octets.saturating_sub(octets);
        let is_mended = is_written && queue.alarmed.is_some() && (queue.is_failing || queue.lines.is_empty());
        queue.is_failing &= !is_written;
        let lost = queue.lost;
        if is_mended {
            queue.alarmed = None;
        }
        let is_closed = queue.is_closed;
        drop(queue);
        if is_closed {
            // Whoever closes waits for the last line.
            self.changed.notify_all();
        }
        if is_mended {
            (self.alarm)(None, lost);
        }
    }
}

impl Queue {
    fn alarm_is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.alarmed.is_none_or(|alarmed| now.duration_since(alarmed) >= ALARM_TIME);
        if is_due {
            self.alarmed = Some(now);
        }
        is_due
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("octets_max", &self.shared.octets_max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::{Destination, Outlet, Overflow};

    /// Writes a line when it is told how that goes.
    struct Told {
        verdicts: Receiver<io::Result<()>>,
        written: Sender<String>,
    }

    impl Destination for Told {
        fn write_lines(&mut self, lines: &[Arc<[u8]>]) -> io::Result<usize> {
            self.verdicts.recv().unwrap_or(Ok(()))?;
            let _ = self.written.send(String::from_utf8_lossy(&lines[0]).into_owned());
            Ok(1)
        }
    }

    fn outlet(overflow: Overflow) -> (Outlet, Sender<io::Result<()>>, Receiver<String>) {
        let (verdict, verdicts) = channel();
        let (written, lines) = channel();
        let outlet = Outlet::open("test", Told { verdicts, written }, 8, overflow, |_, _| {}).unwrap();
        (outlet, verdict, lines)
    }

    fn push(outlet: &Outlet, line: &str) {
        outlet.push(line.as_bytes().into());
    }

    #[test]
    fn who_pushes_never_waits_and_what_is_too_much_is_lost_and_counted() {
        let (outlet, verdict, lines) = outlet(Overflow::Lost);
        for line in ["aaaa", "bbbb", "cccc", "dddd"] {
            push(&outlet, line);
        }
        assert_eq!((outlet.lost(), outlet.is_clear()), (2, false));
        drop(verdict);
        outlet.close(Duration::from_mins(1));
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["aaaa", "bbbb"]);
    }

    #[test]
    fn what_has_to_be_kept_is_kept_and_tried_again() {
        let (outlet, verdict, lines) = outlet(Overflow::Kept);
        verdict.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        for line in ["aaaa", "bbbb", "cccc"] {
            push(&outlet, line);
        }
        assert!(!outlet.is_clear());
        for _ in 0..3 {
            verdict.send(Ok(())).unwrap();
        }
        assert_eq!(lines.iter().take(3).collect::<Vec<_>>(), ["aaaa", "bbbb", "cccc"]);
        outlet.close(Duration::from_mins(1));
        assert_eq!((outlet.lost(), outlet.is_clear()), (0, true));
    }

    #[test]
    fn what_cannot_be_written_is_lost_where_the_rest_matters_more() {
        let (outlet, verdict, lines) = outlet(Overflow::Lost);
        verdict.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        verdict.send(Ok(())).unwrap();
        push(&outlet, "aaaa");
        push(&outlet, "bbbb");
        assert_eq!(lines.iter().next().as_deref(), Some("bbbb"));
        assert_eq!(outlet.lost(), 1);
    }

    #[test]
    fn a_pipe_that_nobody_reads_does_not_keep_the_relay_from_stopping() {
        let (outlet, _verdict, _lines) = outlet(Overflow::Kept);
        push(&outlet, "aaaa");
        outlet.close(Duration::from_millis(10));
        assert_eq!(outlet.lost(), 0);
    }
}
