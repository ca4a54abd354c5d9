//! A conversation, packet by packet, as a capture.

use std::time::Duration;

use deadpeer_capture::talk::Taken;
use deadpeer_capture::{Conversations, Flags, Kind, Limits, Link, Moment, Packet, Side, Story};

/// When the captures begin: 2024-05-01 10:55:50 UTC.
pub(crate) const BEGIN: u64 = 1_714_560_950;

/// A conversation being written. Times are seconds after the begin.
pub(crate) struct Talk {
    pub(crate) packets: Vec<(Moment, Vec<u8>)>,
    pub(crate) sides: [End; 2],
}

/// What a side would send next.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) port: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    /// Value and echo, if it uses timestamps.
    pub(crate) timestamps: Option<(u32, u32)>,
}

impl Talk {
    /// Between port 40000 and port 8888, nothing sent yet.
    pub(crate) fn new() -> Self {
        let end = |port, seq| End {
            port,
            seq,
            ack: 0,
            window: 500,
            ttl: 64,
            id: 1000,
            timestamps: None,
        };
        Self {
            packets: Vec::new(),
            sides: [end(40_000, 1_000), end(8888, 5_000)],
        }
    }

    /// The same in the middle of the connection: both sides know each other's numbers.
    pub(crate) fn midway() -> Self {
        let mut talk = Self::new();
        talk.sides[0].ack = 5_000;
        talk.sides[1].ack = 1_000;
        talk
    }

    pub(crate) fn end(&mut self, side: Side) -> &mut End {
        &mut self.sides[index(side)]
    }

    /// A handshake that takes 2 ms.
    pub(crate) fn open(&mut self, at: f64) -> &mut Self {
        self.send(at, Side::Client, Flags::SYN, 0)
            .send(at + 0.001, Side::Server, Flags::SYN.and(Flags::ACK), 0)
            .ack(at + 0.002, Side::Client)
    }

    /// Four SYNs from port 41000, of which none is answered.
    pub(crate) fn asks_to_open_in_vain(&mut self, at: f64) -> &mut Self {
        self.end(Side::Client).port = 41_000;
        for wait in [0.0, 1.0, 3.0, 7.0] {
            self.raw(at + wait, Side::Client, (1_000, 0), Flags::SYN, b"");
        }
        self
    }

    /// New data, acknowledged after a millisecond.
    pub(crate) fn exchange(&mut self, at: f64, side: Side, length: usize) -> &mut Self {
        self.data(at, side, length).ack(at + 0.001, !side)
    }

    /// New data.
    pub(crate) fn data(&mut self, at: f64, side: Side, length: usize) -> &mut Self {
        self.send(at, side, Flags::PSH.and(Flags::ACK), length)
    }

    /// Nothing but an acknowledgment of everything the other side sent.
    pub(crate) fn ack(&mut self, at: f64, side: Side) -> &mut Self {
        self.send(at, side, Flags::ACK, 0)
    }

    /// A FIN.
    pub(crate) fn fin(&mut self, at: f64, side: Side) -> &mut Self {
        self.send(at, side, Flags::FIN.and(Flags::ACK), 0)
    }

    /// A RST that acknowledges, from a socket that knows the connection.
    pub(crate) fn abort(&mut self, at: f64, side: Side) -> &mut Self {
        self.send(at, side, Flags::RST.and(Flags::ACK), 0)
    }

    /// A RST from a host that knows no such connection, in reply to the other side's last packet.
    pub(crate) fn disown(&mut self, at: f64, side: Side) -> &mut Self {
        let seq = self.end(!side).ack;
        self.raw(at, side, (seq, 0), Flags::RST, b"")
    }

    /// A keepalive probe without a byte, as Linux sends it.
    pub(crate) fn probe(&mut self, at: f64, side: Side) -> &mut Self {
        self.probe_with(at, side, b"")
    }

    /// A keepalive probe with garbage.
    pub(crate) fn probe_with(&mut self, at: f64, side: Side, garbage: &[u8]) -> &mut Self {
        let End { seq, ack, .. } = *self.end(side);
        self.raw(at, side, (seq.wrapping_sub(1), ack), Flags::ACK, garbage)
    }

    /// A probe, answered after 11 us.
    pub(crate) fn answered_probe(&mut self, at: f64, side: Side) -> &mut Self {
        self.probe(at, side).ack(at + 0.000_011, !side)
    }

    /// The last `length` bytes again.
    pub(crate) fn again(&mut self, at: f64, side: Side, length: usize) -> &mut Self {
        let End { seq, ack, .. } = *self.end(side);
        let seq = seq.wrapping_sub(length as u32);
        self.raw(
            at,
            side,
            (seq, ack),
            Flags::PSH.and(Flags::ACK),
            &vec![b'x'; length],
        )
    }

    /// The last data again and again, each wait twice the one before. Returns when the last one was
    /// sent.
    pub(crate) fn again_doubling(&mut self, at: f64, side: Side, length: usize, times: u32) -> f64 {
        let (mut now, mut wait) = (at, 0.2);
        for _ in 0..times {
            now += wait;
            self.again(now, side, length);
            wait *= 2.0;
        }
        now
    }

    /// The next segment of a side. What it sends, the other side knows at once.
    pub(crate) fn send(&mut self, at: f64, side: Side, flags: Flags, length: usize) -> &mut Self {
        let End { seq, ack, .. } = *self.end(side);
        self.raw(at, side, (seq, ack), flags, &vec![b'x'; length]);
        let controls = u32::from(flags.any(Flags::SYN)) + u32::from(flags.any(Flags::FIN));
        let next = seq.wrapping_add(length as u32 + controls);
        self.end(side).seq = next;
        if next != seq {
            self.end(!side).ack = next;
        }
        self
    }

    /// Lets what the other side sends from now on not arrive at `side`.
    pub(crate) fn forget(&mut self, side: Side, bytes: u32) -> &mut Self {
        let end = self.end(side);
        end.ack = end.ack.wrapping_sub(bytes);
        self
    }

    /// A segment with these numbers.
    pub(crate) fn raw(
        &mut self,
        at: f64,
        side: Side,
        (seq, ack): (u32, u32),
        flags: Flags,
        payload: &[u8],
    ) -> &mut Self {
        let to = self.end(!side).port;
        let end = self.end(side);
        let ack = if flags.any(Flags::ACK) { ack } else { 0 };
        let frame = frame(side, end, to, (seq, ack), flags, payload);
        end.id = end.id.wrapping_add(1);
        self.packets.push((moment(at), frame));
        self
    }

    /// A router at 10.0.0.9 says that the host is unreachable to which `side` sent its last packet.
    pub(crate) fn unreachable(&mut self, at: f64, side: Side) -> &mut Self {
        let mut segments = self
            .packets
            .iter()
            .rev()
            .filter(|(_, frame)| frame[23] == 6);
        let (_, segment) = segments.next().expect("a segment was sent");
        let quote = segment[14..14 + 28].to_vec();
        let to = if side == Side::Client { 1 } else { 2 };
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
        frame.extend([0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0]);
        frame.extend([10, 0, 0, 9, 10, 0, 0, to, 3, 1, 0, 0, 0, 0, 0, 0]);
        frame.extend(quote);
        self.packets.push((moment(at), frame));
        self
    }

    /// The last packet once more, as captured on a second interface.
    pub(crate) fn seen_twice(&mut self, after: f64) -> &mut Self {
        let (at, mut frame) = self.packets.last().expect("a packet was sent").clone();
        // It crossed a router between the two.
        frame[22] -= 1;
        let at = at.plus(Duration::from_secs_f64(after));
        self.packets.push((at, frame));
        self
    }

    /// A packet between other hosts, which shows that the capture went on.
    pub(crate) fn capture_ends(&mut self, at: f64) -> &mut Self {
        let mut other = Self::new();
        other.send(at, Side::Client, Flags::SYN, 0);
        other.between(7, 8);
        self.packets.append(&mut other.packets);
        self
    }

    /// Moves everything to the hosts 10.0.0.`client` and 10.0.0.`server`.
    pub(crate) fn between(&mut self, client: u8, server: u8) -> &mut Self {
        for (_, frame) in &mut self.packets {
            for last in [29, 33] {
                frame[last] = if frame[last] == 1 { client } else { server };
            }
        }
        self
    }

    /// Adds what others said.
    pub(crate) fn with(&mut self, other: &Self) -> &mut Self {
        self.packets.extend(other.packets.iter().cloned());
        self.packets.sort_by_key(|(at, _)| *at);
        self
    }

    /// The same as captured behind a NAT with these hosts' last bytes and ports.
    pub(crate) fn translated(&self, client: (u8, u16), server: (u8, u16)) -> Self {
        let mut behind = Self::new();
        for (at, frame) in &self.packets {
            let (mut at, mut frame) = (*at, frame.clone());
            let from_client = frame[29] == 1;
            if from_client {
                at = at.plus(Duration::from_micros(30));
                frame[22] -= 1;
            } else {
                frame[22] += 1;
            }
            let (from, to) = if from_client {
                (client, server)
            } else {
                (server, client)
            };
            (frame[29], frame[33]) = (from.0, to.0);
            frame[34..36].copy_from_slice(&from.1.to_be_bytes());
            frame[36..38].copy_from_slice(&to.1.to_be_bytes());
            behind.packets.push((at, frame));
        }
        behind
    }

    /// What becomes of the packets: what each of them is, and the story of the first connection.
    pub(crate) fn told(&self) -> (Vec<Kind>, Story) {
        let (sights, conversations) = self.taken();
        let first = sights.iter().filter_map(|sight| match sight {
            Taken::Tcp(sighting) if sighting.conversation == 1 => Some(sighting.kind),
            Taken::Tcp(_) | Taken::Icmp(..) | Taken::Nothing(_) | _ => None,
        });
        let story = conversations.story(1).expect("there is a first connection");
        (first.collect(), story)
    }

    /// All stories, in the order of first packets.
    pub(crate) fn stories(&self) -> Vec<Story> {
        let mut stories: Vec<_> = self.taken().1.stories().collect();
        stories.sort_by_key(|story| story.number);
        stories
    }

    fn taken(&self) -> (Vec<Taken>, Conversations) {
        let mut conversations = Conversations::new(Limits::default());
        let sights = self.packets.iter().map(|(at, frame)| {
            conversations.take(&Packet {
                at: Some(*at),
                bytes: frame,
                length: frame.len() as u32,
                link: Link::ETHERNET,
                offset: 0,
            })
        });
        (sights.collect(), conversations)
    }

    pub(crate) fn story(&self) -> Story {
        self.told().1
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.told().0
    }
}

pub(crate) fn moment(at: f64) -> Moment {
    Moment::from_nanos(BEGIN * 1_000_000_000).plus(Duration::from_secs_f64(at))
}

/// Seconds after the begin.
pub(crate) fn seconds(at: Moment) -> f64 {
    at.since(moment(0.0)).as_secs_f64()
}

fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

fn frame(
    side: Side,
    end: &End,
    to: u16,
    (seq, ack): (u32, u32),
    flags: Flags,
    payload: &[u8],
) -> Vec<u8> {
    let options = match end.timestamps {
        None => Vec::new(),
        Some((value, echo)) => {
            let mut options = vec![1, 1, 8, 10];
            options.extend(value.to_be_bytes());
            options.extend(echo.to_be_bytes());
            options
        }
    };
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    let total = 40 + options.len() + payload.len();
    frame.extend([0x45, 0]);
    frame.extend((total as u16).to_be_bytes());
    frame.extend(end.id.to_be_bytes());
    frame.extend([0x40, 0, end.ttl, 6, 0, 0]);
    let hosts = match side {
        Side::Client => [[10, 0, 0, 1], [10, 0, 0, 2]],
        Side::Server => [[10, 0, 0, 2], [10, 0, 0, 1]],
    };
    frame.extend(hosts.concat());
    frame.extend(end.port.to_be_bytes());
    frame.extend(to.to_be_bytes());
    frame.extend(seq.to_be_bytes());
    frame.extend(ack.to_be_bytes());
    frame.extend([(20 + options.len() as u8) << 2, flags.0]);
    frame.extend(end.window.to_be_bytes());
    frame.extend([0, 0, 0, 0]);
    frame.extend(options);
    frame.extend(payload);
    frame
}
