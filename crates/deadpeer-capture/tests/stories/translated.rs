//! Connections that were captured before and after a NAT or a load balancer translated their
//! addresses.

use deadpeer_capture::story::{Ending, Gone};
use deadpeer_capture::{Flags, Side, Story};

use crate::builder::Talk;

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 8888);

/// A death: the client sends its last data again and again, on both sides of what translates.
fn death() -> Talk {
    let mut talk = Talk::new();
    talk.end(Side::Server).ttl = 63;
    talk.open(0.0).exchange(1.0, Side::Client, 100);
    talk.data(2.0, Side::Client, 100);
    talk.again_doubling(2.0, Side::Client, 100, 6);
    talk
}

/// Whether these are one, told as the connection with this number.
fn told_as(stories: &[Story], number: u64) {
    assert_eq!(stories.len(), 2);
    for story in stories {
        let translated = story.verdict.translated.as_ref().unwrap();
        let here = story.number == number;
        assert_eq!(translated.told_as, (!here).then_some(number), "{story:#?}");
        let other = 3 - story.number;
        let ends = stories[other as usize - 1].ends;
        assert_eq!(translated.others, [(other, ends)]);
        assert!(here || (story.verdict.severity() == 0 && !story.verdict.is_death()));
    }
}

#[test]
fn a_translated_connection_is_told_once() {
    let ways = [
        ("DNAT", CLIENT, (12, 8888)),
        ("DNAT of the port too", CLIENT, (12, 9999)),
        ("a port redirected", CLIENT, (2, 9999)),
        ("SNAT", (11, 61_000), SERVER),
        ("both", (11, 61_000), (12, 8888)),
    ];
    for (way, client, server) in ways {
        let inside = death();
        let stories = inside.translated(client, server).with(&inside).stories();
        told_as(&stories, 1);
        let deaths = stories.iter().filter(|story| story.verdict.is_death());
        assert_eq!(deaths.count(), 1, "{way}");
        let verdict = &stories[0].verdict;
        assert_eq!(verdict.gone, Gone::Side(Side::Server), "{way}");
    }
}

#[test]
fn the_sentence_says_as_what_it_was_seen() {
    let inside = death();
    let stories = inside
        .translated(CLIENT, (12, 8889))
        .with(&inside)
        .stories();
    let said = stories.iter().map(|story| story.verdict.sentence(story));
    let said: Vec<_> = said.collect();
    let seen = "translated: seen as 10.0.0.1:40000 -> 10.0.0.2:8888 and as 10.0.0.1:40000 -> 10.0.0.12:8889";
    assert!(said[0].starts_with("the server was gone with data in flight; "));
    assert!(said[0].ends_with(seen), "{}", said[0]);
    assert_eq!(said[1], format!("the same as connection 1, {seen}"));
}

#[test]
fn told_is_the_side_on_which_something_happened() {
    // The NAT forgets the connection: what the server sends from outside does not get in.
    let mut outside = Talk::new();
    outside.end(Side::Server).ttl = 63;
    outside.open(0.0).exchange(1.0, Side::Client, 100);
    let mut inside = outside.translated(CLIENT, (12, 8888));
    outside.capture_ends(100.0);
    let ttl = inside.packets[0].1[22];
    assert_eq!(ttl, 63);
    let mut lone = death();
    lone.packets.drain(..5);
    let mut lone = lone.translated(CLIENT, (12, 8888));
    inside.packets.append(&mut lone.packets);
    let stories = outside.with(&inside).stories();
    told_as(&stories[..2], 2);
    assert_eq!(stories[1].verdict.gone, Gone::Side(Side::Server));
}

#[test]
fn an_answer_that_is_not_translated_back_is_named() {
    let (mut asked, mut answered) = (Talk::new(), Talk::new());
    for at in [0.0, 1.0] {
        asked.raw(at, Side::Client, (1_000, 0), Flags::SYN, b"");
    }
    answered.end(Side::Server).ttl = 63;
    let opened = asked.translated(CLIENT, (12, 8888));
    for at in [0.000_2, 1.000_2] {
        let both = Flags::SYN.and(Flags::ACK);
        answered.raw(at, Side::Server, (5_000, 1_001), both, b"");
        answered.raw(at + 0.000_1, Side::Client, (1_001, 0), Flags::RST, b"");
    }
    answered.between(1, 12);
    let stories = asked.with(&opened).with(&answered).stories();
    told_as(&stories, 2);
    let told = &stories[1];
    assert_eq!(told.verdict.ending, Ending::Aborted(Side::Client));
    assert_eq!(told.verdict.evidence, []);
    let said = told.verdict.sentence(told);
    assert!(
        said.starts_with("the answer came from 10.0.0.12:8888, which the client had not asked: it answered with a RST; translated: "),
        "{said}"
    );
}

/// Whether two connections are told as two.
fn apart(one: &Talk, other: &Talk, why: &str) {
    let mut both = Talk::new();
    let stories = both.with(one).with(other).stories();
    assert_eq!(stories.len(), 2, "{why}");
    for story in stories {
        assert_eq!(story.verdict.translated, None, "{why}");
    }
}

#[test]
fn the_same_number_by_chance_is_no_translation() {
    let one = death();
    apart(&one, &one.translated((11, 1234), (12, 443)), "other ports");
    let mut late = one.translated(CLIENT, (12, 8888));
    for (at, _) in &mut late.packets {
        *at = at.plus(std::time::Duration::from_secs(2));
    }
    apart(&one, &late, "two seconds later");
    let mut scan = one.translated(CLIENT, (12, 8888));
    for (_, frame) in &mut scan.packets {
        frame[22] = 64;
    }
    apart(&one, &scan, "as many hops: one host asks two");
    let mut nmap = one.translated(CLIENT, (12, 8888));
    for (_, frame) in &mut nmap.packets {
        frame[18] ^= 0x55;
    }
    apart(&one, &nmap, "other packets under TTLs of their own");
}
