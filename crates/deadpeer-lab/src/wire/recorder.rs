//! Captures of each host's side, written by a thread of their own so that no disk delays a packet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pcapng::{Pcapng, Way};
use crate::router::End;

/// How many packets may wait for the disk before some are missed.
const QUEUE: usize = 1 << 16;

/// How far packets of one host can be handed over out of order: those that arrived while others
/// were being sent.
const DISORDER: Duration = Duration::from_millis(100);

/// A packet at a host's side. Compared by its time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighting {
    /// Since 1970.
    pub(super) at: Duration,
    pub(super) end: End,
    pub(super) way: Way,
    pub(super) frame: Vec<u8>,
    pub(super) comment: String,
}

/// Takes packets and writes them, until dropped.
#[derive(Debug)]
pub(super) struct Recorder {
    queue: Option<SyncSender<Sighting>>,
    writer: Option<JoinHandle<io::Result<()>>>,
    missed: u64,
}

impl Recorder {
    /// Begins one file for each host, `DIRECTORY/HOST.pcapng`, in the order of the ends.
    pub(super) fn start(directory: &Path, hosts: &[String]) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let files = hosts
            .iter()
            .map(|host| Pcapng::begin(BufWriter::new(File::create(file(directory, host))?), host))
            .collect::<io::Result<Vec<_>>>()?;
        let (queue, waiting) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("captures".into())
            .spawn(move || write(files, &waiting))?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
            missed: 0,
        })
    }

    /// Hands a packet to the writer; counts it as missed when the writer is too far behind.
    pub(super) fn note(&mut self, sighting: Sighting) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(sighting) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.missed += 1,
        }
    }

    /// Packets that are in no file: the disk was too slow, or full.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// Writes what waits and closes the files.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        self.queue = None;
        match self.writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the writer of captures panicked")),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Only where nobody asked for the result, as after a failure of the wire itself.
        let _ = self.close();
    }
}

/// Where the capture of a host goes. Its name is a file's name whatever it contains.
fn file(directory: &Path, host: &str) -> PathBuf {
    directory.join(format!("{}.pcapng", host.replace(['/', '\0'], "_")))
}

fn write(files: Vec<Pcapng<BufWriter<File>>>, waiting: &Receiver<Sighting>) -> io::Result<()> {
    let mut sides: Vec<_> = files.into_iter().map(Side::new).collect();
    for sighting in waiting {
        if let Some(side) = sides.get_mut(sighting.end.index()) {
            side.take(sighting)?;
        }
    }
    sides.into_iter().try_for_each(Side::finish)
}

/// The file of one host, and the packets that may still have to let another one go before.
struct Side<W> {
    file: Pcapng<W>,
    waiting: BinaryHeap<Reverse<(Sighting, u64)>>,
    newest: Duration,
    taken: u64,
}

impl<W: Write> Side<W> {
    fn new(file: Pcapng<W>) -> Self {
        Self {
            file,
            waiting: BinaryHeap::new(),
            newest: Duration::ZERO,
            taken: 0,
        }
    }

    fn take(&mut self, sighting: Sighting) -> io::Result<()> {
        self.newest = self.newest.max(sighting.at);
        self.waiting.push(Reverse((sighting, self.taken)));
        self.taken += 1;
        self.write_until(self.newest.saturating_sub(DISORDER))
    }

    fn finish(mut self) -> io::Result<()> {
        self.write_until(Duration::MAX)?;
        self.file.flush()
    }

    fn write_until(&mut self, last: Duration) -> io::Result<()> {
        while let Some(first) = self.waiting.peek_mut() {
            if first.0.0.at > last {
                break;
            }
            let Reverse((first, _)) = PeekMut::pop(first);
            self.file
                .packet(first.at, first.way, &first.frame, &first.comment)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_written_in_the_order_of_their_time() {
        let mut bytes = Vec::new();
        let mut side = Side::new(Pcapng::begin(&mut bytes, "host").unwrap());
        let times = [5, 3, 4, 200, 190, 500, 3, 501];
        for ms in times {
            side.take(Sighting {
                at: Duration::from_millis(ms),
                end: End(0),
                way: Way::In,
                frame: format!("at {ms} ms").into_bytes(),
                comment: String::new(),
            })
            .unwrap();
        }
        side.finish().unwrap();
        let place = |text: &str| {
            let found = bytes.windows(text.len()).position(|w| w == text.as_bytes());
            found.unwrap_or_else(|| panic!("{text} is missing"))
        };
        let order = [
            "at 3 ms",
            "at 4 ms",
            "at 5 ms",
            "at 190 ms",
            "at 200 ms",
            "at 500 ms",
            "at 501 ms",
        ];
        assert!(order.map(place).is_sorted());
    }
}
