//! Captures damaged on purpose, as people's captures are: cut, one-sided, filtered, with holes,
//! with everything twice.
//!
//! What such a capture lacks must not be taken for a death, nor hide one: "the capture does not
//! tell" is an answer.

use std::path::Path;
use std::time::Duration;

use deadpeer_capture::story::Gone;
use deadpeer_capture::{Conversations, Limits, Moment, Packet, Side, Story};

use super::captured::Captured;
use super::compare::{ComparisonError, Mistake, since_1970, with_packets};
use super::truth::{UNDER_WAY, expected};
use super::{At, Truth};

named! {
    /// What is done to a capture.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Damage {
        /// It begins in the middle.
        CutAtTheStart = "cut at the start",
        /// It begins after the fault.
        BegunAfterTheFault = "begun after the fault",
        /// It ends in the middle.
        CutAtTheEnd = "cut at the end",
        /// It ends soon after the fault.
        CutAfterTheFault = "cut after the fault",
        /// What the server sent is missing.
        ClientOnly = "the client's side only",
        /// What the client sent is missing.
        ServerOnly = "the server's side only",
        /// It begins in the middle, and what the server sent is missing.
        LateClientOnly = "from the middle, client",
        /// It begins in the middle, and what the client sent is missing.
        LateServerOnly = "from the middle, server",
        /// Bare acknowledgments are missing.
        NoBareAcknowledgments = "without bare ACKs",
        /// Every third packet is missing.
        EveryThird = "every third dropped",
        /// Every packet is there twice.
        Doubled = "doubled",
        /// The whole is there twice, one after the other.
        Appended = "appended to itself",
        /// Every packet was captured on two interfaces with a router between them.
        TwoInterfaces = "two interfaces",
        /// Neighbours that are at most a millisecond apart are in the wrong order.
        Reordered = "reordered",
        /// In the middle the clock is set back by an hour.
        ClockSetBack = "clock set back",
        /// Of each packet the headers alone are there, without options.
        HeadersOnly = "headers only",
        /// It was merged with one from behind a router whose clock is half a second ahead.
        MergedClocks = "merged, clocks apart",
    }
}

/// How long a packet takes to the router.
const TO_THE_ROUTER: Duration = Duration::from_micros(20);

impl Damage {
    /// The capture after it, of a fault that began at `struck`.
    fn done_to(self, whole: Vec<Captured>, struck: Duration) -> Vec<Captured> {
        let span = whole.first().zip(whole.last());
        let (first, last) = span.map_or_else(Default::default, |(first, last)| {
            (since_1970(first.at), since_1970(last.at))
        });
        let middle = first + (last.saturating_sub(first)) / 2;
        let after = struck + Duration::from_secs(2);
        let at = |packet: &Captured| since_1970(packet.at);
        let twice = |packet: Captured, again: Captured| [packet, again];
        let keep = |keep: &dyn Fn(&Captured) -> bool| {
            whole
                .iter()
                .filter(|packet| keep(packet))
                .cloned()
                .collect()
        };
        match self {
            Self::CutAtTheStart => keep(&|packet| at(packet) >= middle),
            Self::BegunAfterTheFault => keep(&|packet| at(packet) >= after),
            Self::CutAtTheEnd => keep(&|packet| at(packet) < middle),
            Self::CutAfterTheFault => keep(&|packet| at(packet) < after),
            Self::ClientOnly => keep(&|packet| packet.side() != Some(Side::Server)),
            Self::ServerOnly => keep(&|packet| packet.side() != Some(Side::Client)),
            Self::LateClientOnly => {
                keep(&|packet| at(packet) >= middle && packet.side() != Some(Side::Server))
            }
            Self::LateServerOnly => {
                keep(&|packet| at(packet) >= middle && packet.side() != Some(Side::Client))
            }
            Self::NoBareAcknowledgments => keep(&|packet| {
                packet
                    .segment()
                    .is_none_or(|it| !it.is_bare_acknowledgment())
            }),
            Self::EveryThird => {
                let kept = whole.into_iter().enumerate();
                kept.filter(|(n, _)| n % 3 != 2)
                    .map(|(_, packet)| packet)
                    .collect()
            }
            Self::Doubled => {
                let packets = whole.into_iter();
                packets
                    .flat_map(|packet| twice(packet.clone(), packet))
                    .collect()
            }
            Self::Appended => whole.iter().chain(&whole).cloned().collect(),
            Self::TwoInterfaces => {
                let packets = whole.into_iter();
                packets
                    .flat_map(|packet| twice(packet.clone(), packet.routed(TO_THE_ROUTER)))
                    .collect()
            }
            Self::Reordered => {
                let mut packets = whole;
                for pair in packets.chunks_exact_mut(2) {
                    if pair[1].at.since(pair[0].at) <= Duration::from_millis(1) {
                        pair.reverse();
                    }
                }
                packets
            }
            Self::ClockSetBack => {
                let mut packets = whole;
                for packet in packets.iter_mut().filter(|packet| at(packet) >= middle) {
                    let back = since_1970(packet.at).saturating_sub(Duration::from_secs(3600));
                    packet.at = Moment::FIRST.plus(back);
                }
                packets
            }
            Self::HeadersOnly => {
                let packets = whole.into_iter();
                packets.map(Captured::without_payload).collect()
            }
            Self::MergedClocks => {
                let ahead = Duration::from_millis(500);
                let routed = whole.iter().map(|packet| packet.clone().routed(ahead));
                let mut packets: Vec<_> = whole.iter().cloned().chain(routed).collect();
                packets.sort_by_key(|packet| packet.at);
                packets
            }
        }
    }
}

/// What became of the stories of a damaged capture.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Damaged {
    /// Stories that were held against the truth.
    pub stories: usize,
    /// Of these, those of which the capture does not tell.
    pub untold: usize,
    /// Those that call a live side gone, or a dead one alive.
    pub mistakes: Vec<Mistake>,
}

/// Damages the captures of an experiment and compares what they tell with its truth.
///
/// # Errors
/// A capture could not be read.
pub fn compare_damaged(
    directory: &Path,
    truth: &Truth,
    damage: Damage,
) -> Result<Damaged, ComparisonError> {
    let mut score = Damaged::default();
    for at in [At::Ours, At::Theirs] {
        let mut whole = Vec::new();
        with_packets(&directory.join(format!("{}.pcapng", at.name())), |packet| {
            whole.extend(Captured::of(packet));
        })?;
        let stories = told(&damage.done_to(whole, truth.struck_at));
        for life in &truth.lives {
            let Some(expected) = expected(truth, life, at) else {
                continue;
            };
            let mut stories = stories.iter();
            let story = stories.find(|story| story.end(Side::Client).port == life.port);
            let Some(story) = story else {
                continue;
            };
            score.stories += 1;
            score.untold += usize::from(story.verdict.gone == Gone::Unknown);
            let wrong = fault(&expected.gone, truth, damage, story);
            score.mistakes.extend(wrong.map(|wrong| Mistake {
                scenario: truth.scenario.clone(),
                at,
                life: life.clone(),
                wrong: vec![format!("{}: {wrong}", damage.name())],
                told: Some(story.verdict.sentence(story)),
            }));
        }
    }
    Ok(score)
}

fn told(packets: &[Captured]) -> Vec<Story> {
    let mut conversations = Conversations::new(Limits::default());
    for packet in packets {
        conversations.take(&Packet {
            at: Some(packet.at),
            bytes: &packet.bytes,
            length: packet.length,
            link: packet.link,
            offset: 0,
        });
    }
    conversations.stories().collect()
}

/// Whether a live side is called gone or a dead one alive. `gone`: what may be said of the whole
/// capture.
fn fault(
    gone: &[Option<&'static str>],
    truth: &Truth,
    damage: Damage,
    story: &Story,
) -> Option<String> {
    let verdict = &story.verdict;
    // Then it showed later, or the outage was not over.
    let cut = matches!(damage, Damage::CutAtTheEnd | Damage::CutAfterTheFault);
    let outage = cut && truth.scenario.contains("outage");
    match (verdict.gone, verdict.gone.word()) {
        (Gone::Unknown, _) => None,
        (Gone::Nobody, _) => {
            // Before the fault, and where nothing was said after it, all were alive as far as a
            // capture can show.
            let asked = since_1970(story.last) > truth.struck_at + UNDER_WAY;
            let may_live = gone.contains(&None) || !asked || cut;
            let ended = verdict.reset.is_some() && story.counts(Side::Server).packets > 0;
            (!may_live && !ended).then(|| format!("alive, not {gone:?}"))
        }
        // They call neither side gone.
        (Gone::Path | Gone::Connection | Gone::NotReceiving(_), _) => None,
        (_, word) => {
            let wrong = !gone.contains(&word) && !outage;
            wrong.then(|| format!("gone is {word:?}, not {gone:?}"))
        }
    }
}
