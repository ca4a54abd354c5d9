//! What is shown: the stories, worst first, and what stands around them.

mod sifted;
mod words;

use std::cmp::Reverse;

use deadpeer_capture::story::{Group, JudgedCapture};
use deadpeer_capture::talk::{Place, Totals};
use deadpeer_capture::{Conversations, Moment, Story};

use super::advice::Advice;
use super::request::Request;
use super::time::Zone;
use crate::exit::{Exit, Stop};
use sifted::{Chosen, Sifted};

/// An answer before it becomes words, JSON or a page.
pub(super) struct Answer<'a> {
    pub(super) request: &'a Request,
    pub(super) zone: Zone,
    pub(super) totals: Totals,
    pub(super) lost: Option<u64>,
    /// The first and the last packet.
    pub(super) span: Option<(Moment, Moment)>,
    judged: JudgedCapture<'a>,
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
        let mut sifted = Sifted::default();
        for (place, number, ends, verdict) in judged.verdicts() {
            if !request.asks_for(number, ends, &verdict) {
                continue;
            }
            sifted.count(number, ends, &verdict);
            if !request.shows_fine() && verdict.severity() == 0 {
                continue;
            }
            if each.is_none() || request.html.is_some() {
                let took = verdict.took(end).unwrap_or_default();
                sifted.chosen.push(Chosen {
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
        let totals = conversations.totals();
        if let (Some(conn), []) = (request.conn, sifted.chosen.as_slice()) {
            return Err(not_there(conn, totals, request));
        }
        let (groups, fine) = sifted.groups(request);
        sifted.chosen.sort_unstable();
        Ok(Self {
            request,
            zone: request.zone,
            totals: totals.clone(),
            lost,
            span: conversations.span(),
            judged,
            chosen: sifted.chosen.into_iter().map(|one| one.place).collect(),
            fine,
            deaths: sifted.deaths,
            untold: sifted.untold,
            retold: sifted.retold,
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
}

/// Why the connection with this number is not shown.
fn not_there(conn: u64, totals: &Totals, request: &Request) -> Stop {
    let all = totals.connections;
    Stop::because(match conn == 0 || conn > all {
        true => format!(
            "there is no connection {conn}: {} has {all}",
            request.source
        ),
        false => format!("connection {conn} was forgotten: raise --max-connections"),
    })
}
