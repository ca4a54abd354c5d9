//! What convicts and what acquits: each kind of capture in which absence was once taken for death.

use deadpeer_capture::story::{Common, Ending, Evidence, Gone, Group, Grouping, Noticed, Untold};
use deadpeer_capture::{Conversations, Flags, Limits, Link, Packet, Side, Story};

use crate::builder::{End, Talk};

/// An exchange of a client with a server, on another port.
fn other(at: f64, port: u16) -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Client).port = port;
    talk.open(at)
        .exchange(at + 0.1, Side::Client, 50)
        .exchange(at + 0.2, Side::Server, 50)
        .fin(at + 0.3, Side::Client)
        .fin(at + 0.4, Side::Server)
        .ack(at + 0.5, Side::Client);
    talk
}

/// All stories of some packets.
fn stories(talk: &Talk) -> Vec<Story> {
    let mut conversations = Conversations::new(Limits::default());
    for (at, bytes) in &talk.packets {
        conversations.take(&Packet {
            at: Some(*at),
            bytes,
            length: bytes.len() as u32,
            link: Link::ETHERNET,
            offset: 0,
        });
    }
    let mut told: Vec<_> = conversations.stories().collect();
    told.sort_by_key(|story| story.number);
    told
}

fn says(story: &Story, word: &str) -> bool {
    story.verdict.evidence.iter().any(|e| e.word() == word)
}

fn keep_only(talk: &mut Talk, host: u8) {
    talk.packets.retain(|(_, frame)| frame[29] == host);
}

fn groups(told: &[Story]) -> Vec<Group> {
    let mut grouping = Grouping::default();
    for story in told {
        let ends = Side::BOTH.map(|side| story.end(side));
        grouping.take(story.number, ends, &story.verdict);
    }
    grouping.groups()
}

/// A SYN to each of eight ports, within a hundredth of a second.
fn scan() -> Talk {
    let mut scan = Talk::new();
    for port in 20..28 {
        scan.end(Side::Server).port = port;
        scan.raw(
            f64::from(port) / 1000.0,
            Side::Client,
            (7, 0),
            Flags::SYN,
            b"",
        );
    }
    scan
}

fn is_one_scan(told: &[Story]) {
    let groups = groups(told);
    let [scan] = &groups[..] else {
        panic!("{groups:?}");
    };
    assert!(matches!(scan.what, Common::PortScan { ports: 8, .. }));
    assert_eq!(
        scan.sentence(),
        "8 SYNs of 10.0.0.1 to 8 ports of 10.0.0.2, one each, unanswered: a scan"
    );
}

#[test]
fn syns_to_many_ports_are_one_scan_and_nobodys_death() {
    let mut scan = scan();
    scan.with(&other(20.0, 36_051));
    let told = stories(&scan);
    assert!(
        told[..8]
            .iter()
            .all(|story| story.verdict.untold == Some(Untold::LoneSyn))
    );
    is_one_scan(&told);
}

/// A merged file spans days, in which nobody asks after a connection that was never opened.
#[test]
fn silence_after_a_lone_syn_is_not_told() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0)
        .capture_ends(80_000.0);
    let story = talk.story();
    assert_eq!(story.verdict.untold, Some(Untold::LoneSyn));
    assert_eq!(story.verdict.notes, []);
}

#[test]
fn a_scan_at_the_end_of_a_capture_or_among_what_others_say_is_one_too() {
    let told = stories(&scan());
    is_one_scan(&told);
    assert_eq!(
        told[0].verdict.sentence(&told[0]),
        "its SYN had no answer yet when the capture ended"
    );
    // Nothing shows that the capture has what comes to the one who scans.
    for end in [0.5, 20.0] {
        let mut scan = scan();
        let mut others = other(end, 36_051);
        scan.with(others.between(7, 8));
        is_one_scan(&stories(&scan));
    }
}

#[test]
fn who_opens_many_connections_as_the_capture_ends_scans_nobody() {
    let mut busy = other(0.0, 36_051);
    for host in 10..18 {
        let mut opening = Talk::new();
        opening.send(0.5, Side::Client, Flags::SYN, 0);
        busy.with(opening.between(1, host));
    }
    assert!(groups(&stories(&busy)).is_empty());
    // Six seconds later an answer is overdue.
    busy.capture_ends(20.0);
    let groups = groups(&stories(&busy));
    assert!(matches!(groups[0].what, Common::HostScan { hosts: 8, .. }));
}

#[test]
fn one_side_only_accuses_nobody_of_a_lame_opening() {
    for (host, side) in [(1, Side::Client), (2, Side::Server)] {
        let mut talk = Talk::new();
        talk.open(0.0);
        for n in 0..4 {
            talk.exchange(0.1 + f64::from(n) / 10.0, Side::Client, 50)
                .exchange(0.15 + f64::from(n) / 10.0, Side::Server, 70);
        }
        keep_only(&mut talk, host);
        talk.capture_ends(9.0);
        let verdict = talk.story().verdict;
        assert_eq!(verdict.gone, Gone::Unknown, "{side}: {verdict:?}");
        assert_eq!(verdict.untold, Some(Untold::OneSided(side)));
    }
}

#[test]
fn complaints_of_a_router_are_no_sign_of_life() {
    let mut given_up = Talk::new();
    given_up.open(0.0).exchange(1.0, Side::Client, 10);
    for n in 0..3 {
        let at = 11.0 + 2.0 * f64::from(n);
        given_up
            .probe(at, Side::Client)
            .unreachable(at + 0.01, Side::Client);
    }
    given_up.abort(17.0, Side::Client);
    given_up.packets.retain(|(_, frame)| frame[29] != 2);
    let mut one_probe = Talk::midway();
    one_probe
        .probe(0.0, Side::Client)
        .unreachable(0.01, Side::Client)
        .capture_ends(9.0);
    for talk in [given_up, one_probe] {
        let verdict = talk.story().verdict;
        assert_eq!(verdict.gone, Gone::Unknown, "{verdict:?}");
        assert_eq!(verdict.untold, Some(Untold::OneSided(Side::Client)));
    }
}

#[test]
fn who_speaks_without_acknowledging_what_was_sent_long_before_acquits_nobody() {
    // The server asks again for what was acknowledged long ago: nothing from here arrives.
    let mut talk = Talk::midway();
    talk.data(0.0, Side::Server, 60).ack(0.1, Side::Client);
    talk.data(4.0, Side::Client, 1).forget(Side::Server, 1);
    talk.again(13.0, Side::Server, 60)
        .ack(13.1, Side::Client)
        .capture_ends(14.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.untold, Some(Untold::EndsTooSoon), "{verdict:?}");
}

#[test]
fn a_connection_that_stops_while_its_hosts_go_on_was_cut() {
    // Data in flight; a retransmission after 85 ms; a FIN.
    let data = |talk: &mut Talk| {
        talk.data(0.2, Side::Client, 60);
    };
    let resent = |talk: &mut Talk| {
        talk.data(0.2, Side::Client, 600)
            .again(0.285, Side::Client, 600);
    };
    let fin = |talk: &mut Talk| {
        talk.fin(0.2, Side::Client);
    };
    let endings: [&dyn Fn(&mut Talk); 3] = [&data, &resent, &fin];
    for end in endings {
        let mut talk = Talk::new();
        talk.open(0.0).exchange(0.1, Side::Client, 50);
        end(&mut talk);
        for n in 0..3_u16 {
            talk.with(&other(3.0 + 6.0 * f64::from(n), 41_000 + n));
        }
        let story = talk.story();
        assert_eq!(story.verdict.gone, Gone::Unknown, "{:?}", story.verdict);
        assert!(says(&story, "heard-elsewhere"));
        let sentence = story.verdict.sentence(&story);
        assert!(
            sentence.starts_with("the capture does not tell"),
            "{sentence}"
        );
        assert!(!sentence.contains("nobody was gone"), "{sentence}");
    }
}

#[test]
fn who_spoke_a_round_trip_ago_aborts_and_forgets_nothing() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .data(0.003, Side::Client, 5)
        .data(0.004, Side::Server, 15)
        .disown(0.005, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Nobody);
    assert_eq!(story.verdict.ending, Ending::Aborted(Side::Client));
    assert!(says(&story, "spoke-just-before"));
}

#[test]
fn a_rst_on_the_next_beat_is_the_kernel_giving_up() {
    // Windows retransmits five times and then resets.
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Client, 300);
    talk.data(20.0, Side::Client, 300);
    let last = talk.again_doubling(20.0, Side::Client, 300, 5);
    talk.abort(last + 6.4, Side::Client);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Side(Side::Server));
    assert_eq!(story.verdict.noticed, Noticed::Retransmission);
    assert_eq!(story.verdict.ending, Ending::GaveUp(Side::Client));
    assert!(says(&story, "rst-on-the-beat") && says(&story, "backoff"));
}

#[test]
fn a_rst_out_of_a_round_silence_looks_like_an_idle_timeout() {
    for (idle, said) in [
        (
            400.0,
            "idle 400.0 s, then RST: looks like an idle timeout of 400 s",
        ),
        (
            350.0,
            "idle 350.0 s, then RST: looks like an idle timeout; 350 s is that of AWS NLB and NAT gateway",
        ),
    ] {
        let mut talk = Talk::new();
        talk.open(0.0).exchange(0.1, Side::Server, 900);
        let End { seq, .. } = *talk.end(Side::Server);
        talk.raw(0.101 + idle, Side::Server, (seq, 0), Flags::RST, b"");
        let story = talk.story();
        let sentence = story.verdict.sentence(&story);
        assert!(sentence.ends_with(said), "{sentence}");
        assert_eq!(story.verdict.gone, Gone::Nobody);
    }
}

#[test]
fn connections_that_end_after_the_same_silence_are_told_together() {
    let mut all = Talk::new();
    for n in 0..7_u16 {
        let mut talk = Talk::new();
        talk.end(Side::Client).port = 50_000 + n;
        let begin = f64::from(n) * 3.0;
        talk.open(begin).exchange(begin + 0.1, Side::Server, 90);
        let End { seq, .. } = *talk.end(Side::Server);
        talk.raw(begin + 350.101, Side::Server, (seq, 0), Flags::RST, b"");
        all.with(&talk);
    }
    let told = stories(&all);
    let groups = groups(&told);
    assert_eq!(groups[0].connections.len(), 7);
    let sentence = groups[0].sentence();
    assert!(
        sentence.starts_with("7 connections to 10.0.0.2:8888 reset after 350 s idle"),
        "{sentence}"
    );
}

#[test]
fn a_capture_appended_to_itself_is_told_once() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(0.2, Side::Server, 20)
        .data(1.7, Side::Client, 18)
        .data(1.701, Side::Server, 18)
        .ack(1.9, Side::Client)
        .exchange(3.7, Side::Client, 12)
        .disown(5.7, Side::Client);
    let once = stories(&talk);
    let copy = talk.packets.clone();
    talk.packets.extend(copy);
    let twice = stories(&talk);
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0].verdict, once[0].verdict);
    assert_eq!(twice[0].verdict.gone, Gone::Nobody);
}

#[test]
fn hops_count_from_the_initial_ttl() {
    // 123 is 5 hops from 128, and 59 is 5 from 64: the host's kernel and its application's packets.
    let mut talk = Talk::new();
    talk.end(Side::Server).ttl = 123;
    talk.open(0.0).exchange(0.1, Side::Server, 500);
    talk.data(1.0, Side::Client, 24).fin(1.0001, Side::Client);
    talk.end(Side::Server).ttl = 59;
    talk.disown(1.02, Side::Server);
    let verdict = talk.story().verdict;
    assert_ne!(verdict.ending, Ending::ForgedReset(Side::Server));
    assert_eq!(verdict.reset.unwrap().other_distance, None);
}

#[test]
fn a_probe_of_the_other_side_restarts_no_timer() {
    let mut talk = Talk::midway();
    talk.ack(0.0, Side::Client);
    talk.forget(Side::Client, 0);
    let End { seq, ack, .. } = *talk.end(Side::Client);
    talk.raw(75.0, Side::Client, (seq, ack), Flags::ACK, b"");
    talk.end(Side::Server).ack = seq.wrapping_add(1);
    talk.ack(75.06, Side::Server);
    talk.probe(121.54, Side::Server);
    talk.end(Side::Client).seq = seq.wrapping_add(1);
    talk.ack(121.5401, Side::Client);
    let story = talk.story();
    assert_eq!(story.settings(Side::Server).idle, None, "{story:?}");
}

#[test]
fn what_began_after_the_death_is_told_as_such() {
    let resent = || {
        let mut talk = Talk::midway();
        talk.data(0.0, Side::Client, 648);
        talk.again_doubling(0.0, Side::Client, 648, 6);
        talk
    };
    // The capture shows what comes to the client: from somebody else.
    let among_others = |mut talk: Talk| {
        let mut elsewhere = other(2.0, 41_001);
        talk.with(elsewhere.between(1, 8)).capture_ends(60.0);
        talk.story()
    };
    let story = among_others(resent());
    // How long nothing came before that, nobody knows: perhaps a NAT forgot the connection.
    assert_eq!(story.verdict.gone, Gone::Connection);
    assert!(says(&story, "backoff") && says(&story, "began-after"));
    assert_eq!(
        story.verdict.sentence(&story),
        "nothing from 10.0.0.2:8888 since the capture began, with data in flight: it, its host or what the path knew of \
         the connection was gone; retransmission noticed after at least 12.6 s to 27.5 s: ETIMEDOUT"
    );
    // A router's word names the server.
    let mut told = resent();
    told.unreachable(12.7, Side::Client);
    let verdict = among_others(told).verdict;
    assert_eq!(verdict.gone, Gone::Side(Side::Server));
    // Even of one side alone: who backs off hears nothing. Whether the other or the way was gone,
    // that doesn't show.
    let story = resent().story();
    assert_eq!(story.verdict.gone, Gone::Path);
    assert_eq!(
        story.verdict.sentence(&story),
        "the client heard nothing of the server any more, with data in flight; nobody had noticed after at least 12.6 s \
         when the capture ended"
    );
}

#[test]
fn syns_of_one_side_alone_say_what_it_heard() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(0.1, Side::Client, 50);
    talk.packets.retain(|(_, frame)| frame[29] == 1);
    talk.end(Side::Client).port = 41_000;
    for at in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
        talk.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    }
    talk.capture_ends(60.0);
    let stories = talk.stories();
    assert_eq!(
        stories[1].verdict.sentence(&stories[1]),
        "the client heard no answer to 6 SYNs while connecting; nobody had noticed after 59 s when the capture ended"
    );
}

#[test]
fn repeats_convict_only_if_the_waits_never_shrink() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(0.1, Side::Client, 50)
        .data(1.0, Side::Client, 50);
    for at in [1.2, 3.0, 3.1, 3.2] {
        talk.again(at, Side::Client, 50);
    }
    talk.capture_ends(60.0);
    assert_eq!(talk.story().verdict.gone, Gone::Unknown);
}

#[test]
fn a_filtered_capture_does_not_tell() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 100)
        .exchange(2.0, Side::Server, 100)
        .exchange(3.0, Side::Client, 100);
    // As after the display filter "tcp.len > 0".
    talk.packets.retain(|(_, frame)| frame.len() > 54);
    talk.capture_ends(60.0);
    assert_eq!(talk.story().verdict.untold, Some(Untold::Filtered));
}

#[test]
fn a_syn_that_was_answered_blames_nobody_for_what_is_missing() {
    let mut talk = Talk::new();
    talk.send(0.0, Side::Client, Flags::SYN, 0);
    let End { seq, .. } = *talk.end(Side::Server);
    for at in [0.001, 1.0, 3.0, 7.0, 15.0] {
        let flags = Flags::SYN.and(Flags::ACK);
        talk.raw(at, Side::Server, (seq, 1_001), flags, b"");
    }
    talk.capture_ends(60.0);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.untold, Some(Untold::NotCompleted));
}

#[test]
fn an_odd_rst_hides_no_real_one() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    let End { seq, .. } = *talk.end(Side::Server);
    let strange = seq.wrapping_add(10_000_000);
    talk.raw(2.0, Side::Server, (strange, 0), Flags::RST, b"");
    talk.exchange(3.0, Side::Server, 10)
        .abort(5.0, Side::Server);
    let verdict = talk.story().verdict;
    assert_eq!(verdict.ending, Ending::Aborted(Side::Server));
    assert_eq!(verdict.reset.unwrap().repeated, 1);
}

#[test]
fn a_push_without_data_asks_nothing() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    for n in 1..=5 {
        talk.send(
            1.0 + 30.0 * f64::from(n),
            Side::Client,
            Flags::PSH.and(Flags::ACK),
            0,
        );
    }
    talk.capture_ends(200.0);
    let story = talk.story();
    assert_eq!(story.verdict.gone, Gone::Nobody);
    assert_eq!(story.counts(Side::Client).probes, 0);
    assert_eq!(story.counts(Side::Client).mute_probes, 5);
}

#[test]
fn what_recovered_and_what_nobody_asked_is_told() {
    let mut talk = Talk::new();
    talk.open(0.0)
        .exchange(1.0, Side::Client, 100)
        .data(2.0, Side::Client, 50);
    let last = talk.again_doubling(2.0, Side::Client, 50, 4);
    talk.ack(last + 0.01, Side::Server);
    talk.exchange(72_000.0, Side::Client, 10);
    let story = talk.story();
    assert_eq!(
        story.verdict.sentence(&story),
        "open when the capture ended; what the client sent stalled for 2.8 s; silent for 20h 00m, nobody asked"
    );
    assert_eq!(story.verdict.severity(), 1);
}

#[test]
fn more_than_32_episodes_stay_in_order_and_say_what_is_left_out() {
    let mut talk = Talk::new();
    talk.open(0.0);
    for n in 0..40 {
        let at = 60.0 + 68.0 * f64::from(n);
        talk.data(at, Side::Client, 5)
            .again(at + 1.0, Side::Client, 5)
            .again(at + 3.0, Side::Client, 5)
            .again(at + 7.0, Side::Client, 5)
            .ack(at + 7.01, Side::Server);
    }
    talk.data(4000.0, Side::Client, 5)
        .again(4001.0, Side::Client, 5);
    let story = talk.story();
    assert!(story.timeline.is_sorted_by_key(|event| event.at));
    let left_out = story
        .timeline
        .iter()
        .any(|event| event.words().contains("more episodes"));
    assert!(left_out);
    assert!(story.timeline.iter().all(|event| event.until >= event.at));
}

#[test]
fn every_conviction_has_its_evidence() {
    let mut talk = Talk::new();
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    for n in 0..4 {
        talk.probe(11.0 + f64::from(n), Side::Client);
    }
    talk.abort(15.0, Side::Client);
    let evidence = talk.story().verdict.evidence;
    assert!(
        evidence.contains(&Evidence::OnTheBeat(Side::Client)),
        "{evidence:?}"
    );
}

#[test]
fn a_router_convicts_nobody_where_packets_are_missing() {
    let gone = |missing: usize| {
        let mut talk = Talk::new();
        talk.open(0.0).exchange(0.1, Side::Client, 50);
        talk.data(0.3, Side::Client, 70).ack(0.301, Side::Server);
        talk.packets.drain(5..5 + missing);
        talk.data(5.0, Side::Client, 50)
            .unreachable(5.001, Side::Client)
            .again(5.2, Side::Client, 50)
            .unreachable(5.201, Side::Client)
            .again(5.4, Side::Client, 50)
            .unreachable(5.401, Side::Client)
            .capture_ends(30.0);
        talk.story().verdict.gone
    };
    assert_eq!(gone(0), Gone::Side(Side::Server));
    assert_eq!(gone(1), Gone::Unknown);
}

#[test]
fn who_may_have_closed_unseen_has_not_forgotten() {
    let gone = |seen: bool| {
        let mut talk = Talk::new();
        talk.open(0.0).exchange(0.1, Side::Client, 50);
        // The server writes and closes after a minute; that it did may be missing.
        talk.exchange(0.2, Side::Server, 80);
        if !seen {
            talk.packets.remove(5);
        }
        talk.data(75.0, Side::Client, 50)
            .disown(75.001, Side::Server);
        talk.story().verdict
    };
    assert_eq!(gone(true).gone, Gone::Connection);
    let verdict = gone(false);
    assert_eq!(verdict.gone, Gone::Unknown);
    assert_eq!(verdict.untold, Some(Untold::Holes(80)));
}
