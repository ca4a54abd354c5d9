//! Captures of many connections at once: short ones in which everything goes well, and long-lived
//! ones with all that happens to a connection in hours.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;

/// What the connections of a capture are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Shape {
    /// Requests and answers, a minute of silence, a keepalive probe, the end.
    Calm,
    /// The same over and over, with data that gets lost and a reader that stops reading.
    LongLived,
    /// A request and an answer; two of five servers then vanish.
    Dying,
}

/// A connection as far as it has come.
#[derive(Clone)]
struct Talk {
    number: u32,
    /// What the client and the server send next.
    seq: [u32; 2],
    id: [u16; 2],
    /// Bytes of the client's last data.
    last: usize,
}

impl Talk {
    /// Whether a step is one of this connection's.
    fn takes(&self, shape: Shape, step: Step) -> bool {
        let vanishes = shape == Shape::Dying && self.number % 5 < 2;
        let closes = matches!(step, Step::FinOfClient | Step::FinOfServer | Step::LastAck);
        let goes_on = step != Step::Again || shape == Shape::LongLived || vanishes;
        goes_on && !(closes && vanishes)
    }
}

/// One packet of every connection.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Syn,
    SynAck,
    Ack,
    Request,
    Answer,
    /// After a minute: a keepalive probe of the server.
    Probe,
    ProbeAnswer,
    /// The request again, a second later.
    Again,
    /// The server acknowledges all it got.
    Acknowledged,
    /// The server's window closes.
    Shut,
    /// A second later: a probe of the closed window.
    WindowProbe,
    /// The window is still closed.
    StillShut,
    FinOfClient,
    FinOfServer,
    LastAck,
}

/// A capture, in a file that goes with it.
pub(super) struct Capture {
    file: NamedTempFile,
    pub(super) shape: Shape,
    pub(super) connections: u32,
    pub(super) packets: u32,
}

impl Capture {
    /// Writes about `packets` packets of `connections` connections, whose packets take turns.
    pub(super) fn write(shape: Shape, connections: u32, packets: u32) -> Result<Self> {
        let file = NamedTempFile::new().context("a file for the capture")?;
        let packets = write(file.as_file(), shape, connections, packets)?;
        Ok(Self {
            file,
            shape,
            connections,
            packets,
        })
    }

    pub(super) fn file(&self) -> Result<&str> {
        self.file.path().to_str().context("a path in UTF-8")
    }
}

/// Says how many packets it became.
fn write(file: &File, shape: Shape, connections: u32, packets: u32) -> Result<u32> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let steps = steps(shape, (packets / connections).max(8));
    let mut random = fastrand::Rng::with_seed(1);
    let mut talks: Vec<Talk> = (0..connections)
        .map(|number| Talk {
            number,
            seq: [random.u32(..), random.u32(..)],
            id: [random.u16(..), random.u16(..)],
            last: 0,
        })
        .collect();
    head(&mut out)?;
    let (mut written, mut repeats) = (0, 0_u32);
    let mut now_us = 1_714_560_950_000_000_u64;
    let mut payload = [0; 1460];
    random.fill(&mut payload);
    for &step in &steps {
        // Who hears nothing waits twice as long each time.
        repeats = if matches!(step, Step::Again) {
            repeats + 1
        } else {
            0
        };
        now_us += wait_us(step) << repeats;
        random.shuffle(&mut talks);
        for talk in talks.iter_mut().filter(|talk| talk.takes(shape, step)) {
            now_us += 7;
            written += 1;
            let length = random.usize(20..280);
            packet(&mut out, now_us, talk, step, &payload, length)?;
        }
    }
    out.flush()?;
    Ok(written)
}

/// What passes before a step, microseconds.
fn wait_us(step: Step) -> u64 {
    if matches!(step, Step::Probe) {
        60_000_000
    } else if matches!(step, Step::Again | Step::WindowProbe) {
        500_000
    } else {
        0
    }
}

fn steps(shape: Shape, count: u32) -> Vec<Step> {
    use Step::{
        Acknowledged, Again, Answer, Probe, ProbeAnswer, Request, Shut, StillShut, WindowProbe,
    };
    let mut steps = vec![Step::Syn, Step::SynAck, Step::Ack];
    let end = [Step::FinOfClient, Step::FinOfServer, Step::LastAck];
    let middle = count as usize - steps.len() - end.len();
    match shape {
        Shape::Calm => {
            for _ in 0..(middle - 2) / 2 {
                steps.extend([Request, Answer]);
            }
            steps.extend([Probe, ProbeAnswer]);
        }
        Shape::Dying => steps.extend([Request, Answer, Request, Again, Again, Again]),
        Shape::LongLived => {
            let hours = [
                Request,
                Answer,
                Probe,
                ProbeAnswer,
                Request,
                Again,
                Acknowledged,
                Probe,
                ProbeAnswer,
                Shut,
                WindowProbe,
                StillShut,
                WindowProbe,
                Acknowledged,
            ];
            steps.extend(hours.iter().cycle().take(middle));
        }
    }
    steps.extend(end);
    steps
}

/// The head of a pcap file: microseconds, Ethernet.
fn head(out: &mut impl Write) -> io::Result<()> {
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    Ok(())
}

fn packet(
    out: &mut impl Write,
    now_us: u64,
    talk: &mut Talk,
    step: Step,
    payload: &[u8],
    length: usize,
) -> io::Result<()> {
    let (side, flags, data) = match step {
        Step::Syn => (0, SYN, &[][..]),
        Step::SynAck => (1, SYN | ACK, &[][..]),
        Step::Ack | Step::ProbeAnswer | Step::LastAck | Step::WindowProbe => (0, ACK, &[][..]),
        Step::Acknowledged | Step::Shut | Step::StillShut => (1, ACK, &[][..]),
        Step::Request => (0, PSH | ACK, &payload[..length]),
        Step::Again => (0, PSH | ACK, &payload[..talk.last]),
        Step::Answer => (1, PSH | ACK, &payload[..length]),
        Step::Probe => (1, ACK, &[][..]),
        Step::FinOfClient => (0, FIN | ACK, &[][..]),
        Step::FinOfServer => (1, FIN | ACK, &[][..]),
    };
    let back = if matches!(step, Step::Probe | Step::WindowProbe) {
        1
    } else if matches!(step, Step::Again) {
        data.len() as u32
    } else {
        0
    };
    if matches!(step, Step::Request) {
        talk.last = data.len();
    }
    let seq = talk.seq[side].wrapping_sub(back);
    let ack = if flags & ACK == 0 {
        0
    } else {
        talk.seq[1 - side]
    };
    let span = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
    talk.seq[side] = seq.wrapping_add(back.max(span));
    talk.id[side] = talk.id[side].wrapping_add(1).max(1);

    let length = 14 + 20 + 32 + data.len() as u32;
    out.write_all(&((now_us / 1_000_000) as u32).to_le_bytes())?;
    out.write_all(&((now_us % 1_000_000) as u32).to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0])?;

    let client = (
        [10, 1, (talk.number >> 8) as u8, talk.number as u8],
        20_000 + (talk.number >> 16) as u16,
    );
    let server = ([10, 2, 0, (talk.number % 50) as u8], 443);
    let (from, to) = if side == 0 {
        (client, server)
    } else {
        (server, client)
    };
    out.write_all(&[0x45, 0])?;
    out.write_all(&((length - 14) as u16).to_be_bytes())?;
    out.write_all(&talk.id[side].to_be_bytes())?;
    out.write_all(&[0x40, 0, 64, 6, 0, 0])?;
    out.write_all(&from.0)?;
    out.write_all(&to.0)?;
    out.write_all(&from.1.to_be_bytes())?;
    out.write_all(&to.1.to_be_bytes())?;
    out.write_all(&seq.to_be_bytes())?;
    out.write_all(&ack.to_be_bytes())?;
    out.write_all(&[0x80, flags])?;
    let shut = matches!(step, Step::Shut | Step::StillShut);
    let window: u16 = if shut { 0 } else { 501 };
    out.write_all(&window.to_be_bytes())?;
    out.write_all(&[0, 0, 0, 0, 1, 1, 8, 10])?;
    let clock_ms = (now_us / 1000) as u32;
    out.write_all(&clock_ms.to_be_bytes())?;
    out.write_all(&clock_ms.wrapping_sub(1).to_be_bytes())?;
    out.write_all(data)
}
