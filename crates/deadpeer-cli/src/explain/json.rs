//! Stories, packets and the capture as a whole as JSON lines.

use std::io::Write;
use std::time::Duration;

use deadpeer_capture::story::{
    Ending, Event, Evidence, Guess, Happening, Settings, StoryVerdict, Translated, Untold,
};
use deadpeer_capture::talk::{Counts, Resent, Sighting, What};
use deadpeer_capture::{Endpoint, Flags, Moment, Side, Story};
use serde::Serialize;

use super::answer::Answer;
use super::story::remarks;
use super::time::rfc3339;
use crate::exit::Stop;
use crate::json::OptionsJson;
use crate::output::line;

/// What happened to a connection. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "story")]
pub(crate) struct StoryJson {
    /// Its number, from 1 in the order of first packets.
    connection: u64,
    /// Who opened it, with what the side sent and the settings its timers show.
    client: SideJson,
    /// The other.
    server: SideJson,
    /// Whether the opening was captured; otherwise who is client is guessed by the ports.
    opening_seen: bool,
    /// Its first packet.
    first: String,
    /// Its last packet.
    last: String,
    /// How bad it is, 0 is fine, 6 the worst.
    severity: u8,
    /// The same connection as the capture has it before or after a translation of its addresses;
    /// null: it has it once.
    translated: Option<TranslatedJson>,
    /// What it comes to.
    verdict: VerdictJson,
    /// What happened, in order.
    timeline: Vec<EventJson>,
    /// What else there is to say, a sentence each.
    remarks: Vec<String>,
    /// The options of the plan for --within, where it would have noticed sooner; null: nobody was
    /// gone, it would not, or no options can.
    plan: Option<OptionsJson>,
}

/// As what else a connection was captured: a NAT or a load balancer between the places of capture
/// translated its addresses.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TranslatedJson {
    /// The number under which it is told, with the verdict; null: here.
    told_as: Option<u64>,
    /// Under which other numbers, addresses and ports it was captured.
    others: Vec<SeenAsJson>,
    /// Whether the server's answer was seen under an address only that the client had not asked.
    stray_answer: bool,
}

/// One of these.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SeenAsJson {
    /// Its number.
    connection: u64,
    /// The client's address and port.
    client: String,
    /// The server's address and port.
    server: String,
}

/// One side of a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SideJson {
    /// Its address.
    address: String,
    /// Its port.
    port: u16,
    /// Segments it sent, those seen twice not counted.
    packets: u64,
    /// Bytes of payload, sent again or not.
    bytes: u64,
    /// Segments sent again.
    retransmissions: u32,
    /// Keepalive probes.
    probes: u32,
    /// Of these, answered.
    probes_answered: u32,
    /// Probes of the other side's closed window.
    window_probes: u32,
    /// Of these, answered.
    window_probes_answered: u32,
    /// Packets that the capture has more than once.
    seen_twice: u32,
    /// Bytes that the other side acknowledged and the capture doesn't have.
    uncaptured_bytes: u64,
    /// TCP_KEEPIDLE as its probes show it, seconds; null: they don't.
    tcp_keepidle_s: Option<u32>,
    /// What was measured of it, microseconds.
    measured_idle_us: Option<u64>,
    /// TCP_KEEPINTVL as its probes show it, seconds; null: they don't.
    tcp_keepintvl_s: Option<u32>,
    /// What was measured of it, microseconds.
    measured_interval_us: Option<u64>,
    /// Unanswered probes after which it gave up; null: it didn't.
    tcp_keepcnt: Option<u32>,
    /// The retransmission timeout it showed, microseconds.
    rto_us: Option<u64>,
    /// How long it sent the same again before it gave up, at least.
    gave_up_after_us: Option<u64>,
    /// The same, at most.
    gave_up_before_us: Option<u64>,
}

/// Who was gone, since when, and what noticed it. null: nobody, nothing, or not known.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerdictJson {
    /// open, closed, half-closed, refused, aborted, forged-reset, forgotten, no-reader, gave-up,
    /// still-trying or replaced.
    ending: &'static str,
    /// Whose doing the ending was: client or server.
    ended_by: Option<String>,
    /// client, server, way-to-client, way-to-server, path (a side was heard elsewhere, and not here
    /// any more; or neither heard the other) or connection (a side, or something between the two,
    /// knew it no more).
    gone: Option<&'static str>,
    /// Why the capture does not tell whether anybody was gone: one-sided, filtered, holes, lossy,
    /// cut, ends-too-soon, too-few, host-heard, lone-syn or not-completed; null: it does.
    untold: Option<&'static str>,
    /// What the answer rests on.
    evidence: Vec<EvidenceJson>,
    /// The last that was heard of who was gone.
    last_heard: Option<String>,
    /// The first thing it did not answer.
    unanswered_since: Option<String>,
    /// How often it was asked in vain.
    unanswered: u32,
    /// What the other side was doing: idle, in-flight, late-write, zero-window, connecting or
    /// after-fin.
    silence: Option<&'static str>,
    /// keepalive, retransmission, window-probes, handshake, router, other-host, application or
    /// nobody.
    noticed: Option<&'static str>,
    /// When that was, at the earliest.
    noticed_from: Option<String>,
    /// The same, at the latest.
    noticed_to: Option<String>,
    /// From the last that was heard to the latest moment it was noticed, or to the end of the
    /// capture.
    took_us: Option<u64>,
    /// What the application got to know: timed-out, reset and so on.
    cause: Option<&'static str>,
    /// All of it for a person.
    sentence: String,
}

/// A piece of evidence.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvidenceJson {
    /// One word for it; docs/explain.md has them all.
    evidence: &'static str,
    /// convicts, acquits or explains.
    weight: &'static str,
    /// For a person.
    words: String,
}

/// Something that happened.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EventJson {
    /// When it began.
    at: String,
    /// When it ended.
    until: String,
    /// Whose doing it was: client or server; null: nobody's or both sides'.
    side: Option<String>,
    /// One word for it.
    event: &'static str,
    /// How often, where it can be counted.
    count: Option<u32>,
    /// For a person.
    words: String,
}

/// Stories that are one: they come before the line of the capture, and those of a scan only with
/// --all one by one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "group")]
pub(crate) struct GroupJson {
    /// port-scan, host-scan, syn-flood or idle-reset.
    what: &'static str,
    /// How many connections.
    count: usize,
    /// The numbers of the first hundred of them.
    connections: Vec<u64>,
    /// All of it for a person.
    sentence: String,
}

/// A TCP segment and what it is to its connection.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "packet")]
pub(crate) struct PacketJson {
    /// When it was captured.
    at: String,
    /// The number of its connection.
    connection: u64,
    /// Who sent it: client or server.
    side: String,
    /// What it is: syn, data, probe, probe-answer and so on.
    kind: &'static str,
    /// As tcpdump writes them.
    flags: String,
    /// The sequence number.
    seq: u32,
    /// The acknowledgment number; null: it acknowledges nothing.
    ack: Option<u32>,
    /// The window, not scaled.
    window: u16,
    /// Bytes of payload.
    length: u32,
}

/// The capture as a whole; the last line.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename = "capture")]
pub(crate) struct CaptureJson {
    /// Packets.
    packets: u64,
    /// TCP segments.
    segments: u64,
    /// Connections.
    connections: u64,
    /// Connections that hung on somebody who was gone, among those that match the filters.
    deaths: usize,
    /// Connections of which the capture does not tell whether anybody was gone, among the same.
    untold: usize,
    /// Connections with nothing to tell that were left out.
    fine: usize,
    /// Connections that are told with another: the same before or after a translation of addresses.
    retold: usize,
    /// The first packet.
    first: Option<String>,
    /// The last packet.
    last: Option<String>,
    /// Connections that were forgotten because there were too many.
    evicted: u64,
    /// Packets that the capturing machine says it lost; null: it doesn't say.
    lost: Option<u64>,
    /// What one has to know about the capture, a sentence each.
    caveats: Vec<String>,
}

/// Writes the stories and the capture.
pub(super) fn write(answer: &Answer<'_>, out: &mut impl Write) -> Result<(), Stop> {
    if !answer.args.packets {
        for story in answer.stories() {
            line(out, &StoryJson::of(answer, &story))?;
        }
    }
    for group in &answer.groups {
        line(
            out,
            &GroupJson {
                what: group.word(),
                count: group.connections.len(),
                connections: group.connections.iter().take(100).copied().collect(),
                sentence: group.sentence(),
            },
        )?;
    }
    let totals = &answer.totals;
    line(
        out,
        &CaptureJson {
            packets: totals.packets,
            segments: totals.segments,
            connections: totals.connections,
            deaths: answer.deaths,
            untold: answer.untold,
            fine: answer.fine,
            retold: answer.retold,
            first: answer.span.map(|(first, _)| rfc3339(first)),
            last: answer.span.map(|(_, last)| rfc3339(last)),
            evicted: totals.evicted,
            lost: answer.lost,
            caveats: answer.caveats(),
        },
    )
}

/// Writes a packet.
pub(super) fn packet(sighting: &Sighting, out: &mut impl Write) -> Result<(), Stop> {
    let segment = &sighting.segment;
    line(
        out,
        &PacketJson {
            at: rfc3339(sighting.at),
            connection: sighting.conversation,
            side: sighting.side.to_string(),
            kind: sighting.kind.word(),
            flags: segment.flags.to_string(),
            seq: segment.seq,
            ack: segment.flags.any(Flags::ACK).then_some(segment.ack),
            window: segment.window,
            length: segment.length,
        },
    )
}

impl StoryJson {
    fn of(answer: &Answer<'_>, story: &Story) -> Self {
        let side = |side| SideJson::of(story.end(side), story.counts(side), story.settings(side));
        let plan = answer.sooner(story).map(|(plan, _)| plan);
        let translated = story.verdict.translated.as_deref();
        Self {
            connection: story.number,
            client: side(Side::Client),
            server: side(Side::Server),
            opening_seen: story.opening_seen,
            first: rfc3339(story.first),
            last: rfc3339(story.last),
            severity: story.verdict.severity(),
            translated: translated.map(TranslatedJson::of),
            verdict: VerdictJson::of(&story.verdict, story),
            timeline: story.timeline.iter().map(EventJson::of).collect(),
            remarks: remarks(answer, story),
            plan: plan.map(|plan| OptionsJson::of(plan.options())),
        }
    }
}

impl TranslatedJson {
    fn of(translated: &Translated) -> Self {
        let others = translated.others.iter();
        Self {
            told_as: translated.told_as,
            others: others
                .map(|(connection, [client, server])| SeenAsJson {
                    connection: *connection,
                    client: client.to_string(),
                    server: server.to_string(),
                })
                .collect(),
            stray_answer: translated.stray_answer,
        }
    }
}

impl SideJson {
    fn of(end: Endpoint, counts: &Counts, settings: &Settings) -> Self {
        let seconds = |guess: Option<Guess>| guess.map(|guess| guess.seconds);
        let measured = |guess: Option<Guess>| guess.map(|guess| us(guess.measured));
        Self {
            address: end.address().to_string(),
            port: end.port,
            packets: counts.packets,
            bytes: counts.bytes,
            retransmissions: counts.retransmissions,
            probes: counts.probes,
            probes_answered: counts.probes_answered,
            window_probes: counts.window_probes,
            window_probes_answered: counts.window_probes_answered,
            seen_twice: counts.seen_twice,
            uncaptured_bytes: counts.uncaptured,
            tcp_keepidle_s: seconds(settings.idle),
            measured_idle_us: measured(settings.idle),
            tcp_keepintvl_s: seconds(settings.interval),
            measured_interval_us: measured(settings.interval),
            tcp_keepcnt: settings.count,
            rto_us: settings.rto.map(us),
            gave_up_after_us: settings.gave_up_after.map(|(least, _)| us(least)),
            gave_up_before_us: settings.gave_up_after.map(|(_, most)| us(most)),
        }
    }
}

impl VerdictJson {
    fn of(verdict: &StoryVerdict, story: &Story) -> Self {
        let time = |at: Option<Moment>| at.map(rfc3339);
        Self {
            ending: verdict.ending.word(),
            ended_by: ended_by(verdict.ending).map(|side| side.to_string()),
            gone: verdict.gone.word(),
            untold: verdict.untold.map(Untold::word),
            evidence: verdict.evidence.iter().map(EvidenceJson::of).collect(),
            last_heard: time(verdict.last_heard),
            unanswered_since: time(verdict.unanswered_since),
            unanswered: verdict.unanswered,
            silence: verdict.silence.map(deadpeer_core::Silence::name),
            noticed: verdict.noticed.word(),
            noticed_from: time(verdict.noticed_at.map(|(from, _)| from)),
            noticed_to: time(verdict.noticed_at.map(|(_, to)| to)),
            took_us: verdict.took(story.capture_ends).map(us),
            cause: verdict.cause.map(deadpeer_core::Cause::word),
            sentence: verdict.sentence(story),
        }
    }
}

impl EvidenceJson {
    fn of(evidence: &Evidence) -> Self {
        Self {
            evidence: evidence.word(),
            weight: evidence.weight().word(),
            words: evidence.words(),
        }
    }
}

fn ended_by(ending: Ending) -> Option<Side> {
    match ending {
        Ending::HalfClosed(side)
        | Ending::Aborted(side)
        | Ending::ForgedReset(side)
        | Ending::Forgotten(side)
        | Ending::NoReader(side)
        | Ending::GaveUp(side)
        | Ending::StillTrying(side) => Some(side),
        Ending::Open | Ending::Closed | Ending::Refused | Ending::Replaced | _ => None,
    }
}

impl EventJson {
    fn of(event: &Event) -> Self {
        let (word, count) = word(&event.what);
        Self {
            at: rfc3339(event.at),
            until: rfc3339(event.until),
            side: event.side.map(|side| side.to_string()),
            event: word,
            count,
            words: event.words(),
        }
    }
}

/// One word for an event, and how often it happened.
fn word(what: &Happening) -> (&'static str, Option<u32>) {
    let episode = match what {
        Happening::CaptureBegins => return ("capture-begins", None),
        Happening::Opening => return ("opening", None),
        Happening::Established(_) => return ("established", None),
        Happening::Silence => return ("silence", None),
        Happening::Unheard(count) => return ("unheard", Some(*count)),
        Happening::Fin => return ("fin", None),
        Happening::Closed => return ("closed", None),
        Happening::Reset(_) => return ("reset", None),
        Happening::GaveUp => return ("gave-up", None),
        Happening::Replaced => return ("replaced", None),
        Happening::CaptureEnds => return ("capture-ends", None),
        Happening::Episode(episode) => episode,
        _ => return ("other", None),
    };
    match episode {
        What::Exchange { packets, .. } => ("exchange", u32::try_from(*packets).ok()),
        What::Answered { count, .. } => ("answered", Some(*count)),
        What::Unanswered { count, .. } => ("unanswered", Some(*count)),
        What::Resending { count, what, .. } => match what {
            Resent::Syn => ("resending-syn", Some(*count)),
            Resent::Data => ("resending", Some(*count)),
            Resent::Fin => ("resending-fin", Some(*count)),
        },
        What::MuteProbes { count } => ("mute-probes", Some(*count)),
        What::OlderConnection { count } => ("older-connection", Some(*count)),
        What::WindowShut => ("window-shut", None),
        What::IcmpError { count, .. } => ("icmp", Some(*count)),
        What::LeftOut { episodes } => ("left-out", Some(*episodes)),
        _ => ("other", None),
    }
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
