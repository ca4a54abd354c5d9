//! The story of a connection as a record.

use std::net::IpAddr;

use deadpeer_capture::story::{Guess, Settings, Translated};
use deadpeer_capture::talk::Counts;
use deadpeer_capture::{Endpoint, Side, Story};
use deadpeer_report::record;

use super::super::advice::Advice;
use super::super::story::remarks;
use super::super::time::rfc3339;
use super::verdict::{event, us, verdict};

/// A story as it is published.
pub(super) fn record(advice: &Advice<'_>, story: &Story) -> record::Story {
    let side = |which| side(story.end(which), story.counts(which), story.settings(which));
    let plan = advice.sooner(story).map(|(plan, _)| plan);
    let translated = story.verdict.translated.as_deref();
    record::Story {
        connection: story.number,
        client: side(Side::Client),
        server: side(Side::Server),
        opening_seen: story.opening_seen,
        first: rfc3339(story.first),
        last: rfc3339(story.last),
        severity: story.verdict.severity(),
        translated: translated.map(self::translated),
        verdict: verdict(&story.verdict, story),
        timeline: story.timeline.iter().map(event).collect(),
        remarks: remarks(advice, story),
        plan: plan.map(|plan| plan.options().into()),
    }
}

fn translated(translated: &Translated) -> record::Translated {
    let others = translated.others.iter();
    record::Translated {
        told_as: translated.told_as,
        others: others
            .map(|(connection, [client, server])| record::SeenAs {
                connection: *connection,
                client: client.to_string(),
                server: server.to_string(),
            })
            .collect(),
        stray_answer: translated.stray_answer,
    }
}

fn side(end: Endpoint, counts: &Counts, settings: &Settings) -> record::Side {
    let seconds = |guess: Option<Guess>| guess.map(|guess| guess.seconds);
    let measured = |guess: Option<Guess>| guess.map(|guess| us(guess.measured));
    record::Side {
        address: address(end.address()),
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

/// An address as text. The general way takes several times as long.
fn address(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else {
        return address.to_string();
    };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, byte) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for unit in [100, 10, 1] {
            if byte >= unit || unit == 1 {
                text.push(char::from(b'0' + byte / unit % 10));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.10.99.100", "1.200.109.255", "2001:db8::1"] {
            assert_eq!(address(text.parse().unwrap()), text);
        }
    }
}
