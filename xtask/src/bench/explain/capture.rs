//! A capture of many connections at once, in which everything goes well.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;

/// A connection as far as it has come.
#[derive(Clone)]
struct Talk {
    number: u32,
    /// What the client and the server send next.
    seq: [u32; 2],
    id: [u16; 2],
}

/// One packet of every connection.
#[derive(Clone, Copy)]
enum Step {
    Syn,
    SynAck,
    Ack,
    Request,
    Answer,
    /// After a minute: a keepalive probe of the server.
    Probe,
    ProbeAnswer,
    FinOfClient,
    FinOfServer,
    LastAck,
}

/// Writes about `packets` packets of `connections` connections, whose packets take turns. Says how many it became.
pub(super) fn write(path: &Path, connections: u32, packets: u32) -> Result<u32> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let steps = steps((packets / connections).max(8));
    let mut random = fastrand::Rng::with_seed(1);
    let mut talks: Vec<Talk> = (0..connections)
        .map(|number| Talk {
            number,
            seq: [random.u32(..), random.u32(..)],
            id: [random.u16(..), random.u16(..)],
        })
        .collect();
    head(&mut out)?;
    let mut now_us = 1_714_560_950_000_000_u64;
    let mut payload = [0; 1460];
    random.fill(&mut payload);
    for &step in &steps {
        if matches!(step, Step::Probe) {
            now_us += 60_000_000;
        }
        random.shuffle(&mut talks);
        for talk in &mut talks {
            now_us += 7;
            let length = random.usize(20..280);
            packet(&mut out, now_us, talk, step, &payload[..length])?;
        }
    }
    out.flush()?;
    Ok(connections * steps.len() as u32)
}

fn steps(count: u32) -> Vec<Step> {
    let mut steps = vec![Step::Syn, Step::SynAck, Step::Ack];
    let middle = count as usize - 8;
    for _ in 0..middle / 2 {
        steps.extend([Step::Request, Step::Answer]);
    }
    steps.extend([Step::Probe, Step::ProbeAnswer]);
    steps.extend([Step::FinOfClient, Step::FinOfServer, Step::LastAck]);
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
) -> io::Result<()> {
    let (side, flags, data) = match step {
        Step::Syn => (0, SYN, &[][..]),
        Step::SynAck => (1, SYN | ACK, &[][..]),
        Step::Ack | Step::ProbeAnswer | Step::LastAck => (0, ACK, &[][..]),
        Step::Request => (0, PSH | ACK, payload),
        Step::Answer => (1, PSH | ACK, payload),
        Step::Probe => (1, ACK, &[][..]),
        Step::FinOfClient => (0, FIN | ACK, &[][..]),
        Step::FinOfServer => (1, FIN | ACK, &[][..]),
    };
    let back = u32::from(matches!(step, Step::Probe));
    let seq = talk.seq[side].wrapping_sub(back);
    let ack = if flags & ACK == 0 {
        0
    } else {
        talk.seq[1 - side]
    };
    let span = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
    talk.seq[side] = talk.seq[side].wrapping_add(span);
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
    out.write_all(&501_u16.to_be_bytes())?;
    out.write_all(&[0, 0, 0, 0, 1, 1, 8, 10])?;
    let clock_ms = (now_us / 1000) as u32;
    out.write_all(&clock_ms.to_be_bytes())?;
    out.write_all(&clock_ms.wrapping_sub(1).to_be_bytes())?;
    out.write_all(data)
}
