//! What is shown: the stories, worst first, and what stands around them.

use std::cmp::Reverse;
use std::collections::HashSet;

use deadpeer_capture::dissect::Skip;
use deadpeer_capture::story::{Group, Grouping, Judged};
use deadpeer_capture::talk::{Place, Totals};
use deadpeer_capture::{Conversations, Moment, Span, Story};

use super::advice::Advice;
use super::request::Request;
use super::time::Zone;
use crate::exit::{Exit, Stop};

/// An answer before it becomes words, JSON or a page.
pub(super) struct Answer<'a> {
    pub(super) request: &'a Request,
    pub(super) zone: Zone,
    pub(super) totals: Totals,
    pub(super) lost: Option<u64>,
    /// The first and the last packet.
    pub(super) span: Option<(Moment, Moment)>,
    judged: Judged<'a>,
    /// The stories that are to be shown, worst first; with `--conn` the one.
    chosen: Vec<Place>,
    /// Stories that match the filters and have nothing to tell.
    pub(super) fine: usize,
    /// Those in which somebody was gone.
    pub(super) deaths: usize,
    /// Those of which the capture does not tell, scans not among them.
    pub(super) untold: usize,
    /// Those that are told with another: the same connection before or after its addresses were
    /// translated.
    pub(super) retold: usize,
    /// Stories that are one.
    pub(super) groups: Vec<Group>,
    pub(super) advice: Advice<'a>,
}

/// Gets each story as it is judged.
pub(super) type Each<'a> = &'a mut dyn FnMut(&Advice<'_>, &Story) -> Result<(), Stop>;

/// A story that is to be shown, in the order in which they are.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Chosen {
    severity: Reverse<u8>,
    took: Reverse<Span>,
    number: u64,
    place: Place,
}

impl<'a> Answer<'a> {
    /// Judges everything; with `each`, all that is to be shown is told as it is judged, in no
    /// particular order, and only a page needs to find it again.
    pub(super) fn of(
        request: &'a Request,
        conversations: &'a Conversations,
        lost: Option<u64>,
        mut each: Option<Each<'_>>,
    ) -> Result<Self, Stop> {
        let advice = Advice::of(request);
        let judged = conversations.judged();
        let end = conversations.span().map_or(Moment::FIRST, |(_, last)| last);
        let (mut matched, mut deaths, mut untold, mut retold) = (0_usize, 0, 0, 0);
        let (mut chosen, mut lone_untold) = (Vec::new(), Vec::new());
        let mut grouping = Grouping::default();
        for (place, number, ends, verdict) in judged.verdicts() {
            let matches = match request.conn {
                Some(conn) => number == conn,
                None => {
                    let others = verdict.translated.iter();
                    let mut others = others.flat_map(|translated| &translated.others);
                    request.shown.matches(ends)
                        || others.any(|(_, ends)| request.shown.matches(*ends))
                }
            };
            if !matches {
                continue;
            }
            retold += usize::from(verdict.is_told_elsewhere());
            matched += 1;
            deaths += usize::from(verdict.is_death());
            untold += usize::from(verdict.untold.is_some());
            grouping.take(number, ends, &verdict);
            if verdict.lone_syn && verdict.untold.is_some() {
                lone_untold.push(number);
            }
            if request.conn.is_none() && !request.all && verdict.severity() == 0 {
                continue;
            }
            if each.is_none() || request.html.is_some() {
                let took = verdict.took(end).unwrap_or_default();
                chosen.push(Chosen {
                    severity: Reverse(verdict.severity()),
                    took: Reverse(took.into()),
                    number,
                    place,
                });
            }
            if let Some(each) = &mut each {
                each(&advice, &judged.story(place, verdict))?;
            }
        }
        if let (Some(conn), []) = (request.conn, chosen.as_slice()) {
            let all = conversations.totals().connections;
            return Err(Stop::because(if conn == 0 || conn > all {
                format!(
                    "there is no connection {conn}: {} has {all}",
                    request.source
                )
            } else {
                format!("connection {conn} was forgotten: raise --max-connections")
            }));
        }
        let groups = grouping.groups();
        let scanned: HashSet<u64> = groups
            .iter()
            .filter(|group| group.what.is_scan())
            .flat_map(|group| group.connections.iter().copied())
            .collect();
        let of_scans = lone_untold.iter().filter(|number| scanned.contains(number));
        untold -= of_scans.count();
        if request.conn.is_none() && !request.all {
            chosen.retain(|one| !scanned.contains(&one.number));
        }
        let fine = match request.all || request.conn.is_some() {
            true => 0,
            false => matched.saturating_sub(chosen.len() + scanned.len() + retold),
        };
        chosen.sort_unstable();
        Ok(Self {
            request,
            zone: request.zone,
            totals: conversations.totals().clone(),
            lost,
            span: conversations.span(),
            fine,
            judged,
            chosen: chosen.into_iter().map(|one| one.place).collect(),
            deaths,
            untold,
            retold,
            groups,
            advice,
        })
    }

    /// What is to be shown, worst first. Each story is told as it is asked for: a million of them
    /// need not be in memory.
    pub(super) fn stories(&self) -> impl ExactSizeIterator<Item = Story> {
        self.judged.stories_at(&self.chosen)
    }

    pub(super) fn exit(&self) -> Exit {
        if self.deaths > 0 {
            Exit::No
        } else if self.totals.segments == 0 || self.untold > 0 {
            Exit::Unknown
        } else {
            Exit::Yes
        }
    }

    /// What it all comes to.
    pub(super) fn headline(&self) -> String {
        let packets = self.totals.packets;
        match (self.totals.segments, self.not_looked_into()) {
            (0, 0) => return format!("no TCP in {packets} packets"),
            (0, n) => return format!("no TCP in {} of {packets} packets", packets - n),
            _ => {}
        }
        let untold = match (self.deaths, self.untold) {
            (0, 0) => return "nobody was gone".into(),
            (0, 1) => {
                return "the capture does not tell of 1 connection whether anybody was gone".into();
            }
            (0, n) => {
                return format!(
                    "the capture does not tell of {n} connections whether anybody was gone"
                );
            }
            (_, 0) => String::new(),
            (_, n) => format!("; of {n} the capture does not tell"),
        };
        match self.deaths {
            1 => format!("1 connection hung on somebody who was gone{untold}"),
            n => format!("{n} connections hung on somebody who was gone{untold}"),
        }
    }

    /// How much the capture holds.
    pub(super) fn size(&self) -> String {
        let (packets, connections) = (self.totals.packets, self.totals.connections);
        let many = |n: u64| if n == 1 { "" } else { "s" };
        format!(
            "{packets} packet{} of {connections} connection{}",
            many(packets),
            many(connections)
        )
    }

    /// How many packets may carry TCP that could not be read.
    pub(super) fn not_looked_into(&self) -> u64 {
        self.totals
            .skipped()
            .filter(|(skip, _)| matches!(skip, Skip::UnknownLink(_) | Skip::Opaque(_)))
            .map(|(_, count)| count)
            .sum()
    }

    /// What one has to know about the capture to judge the rest, one sentence each.
    pub(super) fn caveats(&self) -> Vec<String> {
        let totals = &self.totals;
        let mut said = Vec::new();
        let mut add = |count: u64, one: &str, many: &str| match count {
            0 => {}
            1 => said.push(format!("1 {one}")),
            count => said.push(format!("{count} {many}")),
        };
        add(
            self.lost.unwrap_or(0),
            "packet was lost by the capturing machine",
            "packets were lost by the capturing machine",
        );
        add(
            totals.evicted,
            "connection was forgotten: there were more than --max-connections",
            "connections were forgotten: there were more than --max-connections",
        );
        add(
            totals.seen_twice,
            "packet was captured more than once: on several interfaces, or duplicated on its way",
            "packets were captured more than once: on several interfaces, or duplicated on their way",
        );
        add(
            u64::from(totals.clock_steps),
            "time the clock was set back: what follows is told as if it hadn't been",
            "times the clock was set back: what follows is told as if it hadn't been",
        );
        add(
            u64::from(totals.apart),
            "time nothing was captured for more than 30 days: what follows is told as another capture",
            "times nothing was captured for more than 30 days: what follows is told as another capture",
        );
        add(
            totals.mistimed,
            "packet has a time more than 30 days from those around it, of a broken clock: it is told with that of the packet before it",
            "packets have times more than 30 days from those around them, of a broken clock: they are told with those of the packets before them",
        );
        add(
            totals.untimed,
            "packet has no timestamp of its own: it is told with that of the packet before it",
            "packets have no timestamp of their own: they are told with that of the packet before them",
        );
        add(
            self.retold as u64,
            "connection was captured twice, before and after its addresses were translated: it is told once",
            "connections were captured twice, before and after their addresses were translated: they are told once",
        );
        for (skip, count) in totals.skipped() {
            let (one, many) = match skip {
                Skip::CutShort => (
                    "packet was cut too short to read".into(),
                    "packets were cut too short to read".into(),
                ),
                Skip::UnknownLink(link) => (
                    format!("packet has {link}, not decoded"),
                    format!("packets have {link}, not decoded"),
                ),
                Skip::Opaque(what) => (
                    format!("packet is {what}, not decoded"),
                    format!("packets are {what}, not decoded"),
                ),
                Skip::Malformed => ("packet is malformed".into(), "packets are malformed".into()),
                Skip::NestedTooDeep => (
                    "packet has too many headers".into(),
                    "packets have too many headers".into(),
                ),
                Skip::LaterFragment => (
                    "fragment after the first was skipped".into(),
                    "fragments after the first were skipped".into(),
                ),
                Skip::NotIp | Skip::NotTcp | _ => continue,
            };
            add(count, &one, &many);
        }
        said
    }
}
