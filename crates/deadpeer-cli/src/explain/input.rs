//! Where captures come from: files and standard input.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deadpeer_capture::{ReadError, Reader};
use deadpeer_sys::signals::{Interruption, Second, Signal};

use super::telling::Telling;
use crate::drive::unwatched;
use crate::exit::Stop;

/// Between two looks at the clock for the sake of progress.
const PACKETS: u32 = 1 << 14;
/// Progress is shown when it takes longer than this, and then so often.
const PATIENCE: Duration = Duration::from_millis(500);

/// Reads a capture to its end, or to where it can't be read. The outer error is about opening and
/// writing.
pub(super) fn read(
    path: &Path,
    telling: &mut Telling<'_>,
    out: &mut impl Write,
) -> Result<Result<(), ReadError>, Stop> {
    let count = Rc::new(Cell::new(0));
    let counted = |input| Counted {
        input,
        count: Rc::clone(&count),
    };
    if path.as_os_str() == "-" {
        // Ctrl-C ends the program that writes the capture too, and then there is a story to tell.
        // Only a second one ends this program.
        let _interruption = Interruption::watch(&[Signal::INT], Second::Ends).map_err(unwatched)?;
        let input: Box<dyn Read> = Box::new(io::stdin().lock());
        return each(counted(input), &count, None, telling, out);
    }
    let cannot = |error| Stop::because(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(Stop::because(format!("{}: is a directory", path.display())));
    }
    let size = metadata.is_file().then_some(metadata.len());
    each(counted(Box::new(file)), &count, size, telling, out)
}

fn each(
    input: impl Read,
    count: &Cell<u64>,
    size: Option<u64>,
    telling: &mut Telling<'_>,
    out: &mut impl Write,
) -> Result<Result<(), ReadError>, Stop> {
    let mut progress = Progress::new(size);
    let mut capture = match Reader::new(input) {
        Ok(capture) => capture,
        Err(error) => return Ok(Err(error)),
    };
    let mut packets = 0_u32;
    let read = loop {
        match capture.next_packet() {
            Ok(Some(packet)) => telling.take(&packet, out)?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        packets = packets.wrapping_add(1);
        // What is still being written is shown as it comes.
        if telling.shows_packets() && size.is_none() {
            telling.told(out)?;
            out.flush()?;
        }
        if packets.is_multiple_of(PACKETS) {
            progress.show(count.get());
        }
    };
    progress.clear();
    telling.lost = capture.lost();
    Ok(read)
}

/// An input whose bytes are counted before they are unpacked.
struct Counted<R> {
    input: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

/// One line on stderr that is written over again, if that is a terminal.
struct Progress {
    size: Option<u64>,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    fn new(size: Option<u64>) -> Self {
        let next = io::stderr()
            .is_terminal()
            .then(|| Instant::now() + PATIENCE);
        Self {
            size,
            next,
            shown: false,
        }
    }

    fn show(&mut self, read: u64) {
        let Some(next) = self.next.filter(|next| Instant::now() >= *next) else {
            return;
        };
        self.next = Some(next + PATIENCE);
        self.shown = true;
        let mb = read / 1_000_000;
        let text = match self.size.filter(|size| *size > 0) {
            Some(size) => format!("{} % of {} MB", read * 100 / size, size / 1_000_000),
            None => format!("{mb} MB"),
        };
        // Back to the start of the line, which is then empty (ECMA-48 EL). Progress is no reason to
        // fail.
        let _ = write!(io::stderr(), "\r\x1b[K{text}");
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
