//! What unanswered questions prove.

use std::time::Duration;

use deadpeer_core::Silence;

use super::openings::VainOpening;
use super::survivors::Survivor;
use super::unanswered::{Proof, SYN_WAIT, Unanswered};
use super::{Case, RECENT};
use crate::story::evidence::{Evidence, Untold, Weight};
use crate::story::limits::{self, Forgets};
use crate::story::verdict::Gone;
use crate::talk::{Resent, Side};

/// So many probes in a row are not lost by chance alone (RFC 1122, section 4.2.3.6).
const ENOUGH: u32 = 3;
/// Boxes between two hosts forget a connection after no less.
const FORGETFUL: Duration = Duration::from_secs(60);
/// So many are enough where packets are missing.
const MORE: u32 = 5;

/// What the evidence comes to.
pub(super) enum Opinion {
    /// Somebody was gone.
    Gone(Gone, Vec<Evidence>),
    /// The capture does not tell.
    Untold(Untold, Vec<Evidence>),
}

impl Opinion {
    pub(super) fn add(&mut self, more: Evidence) {
        let (Self::Gone(_, evidence) | Self::Untold(_, evidence)) = self;
        evidence.push(more);
    }
}

impl Case<'_> {
    /// What it proves that `left` asked in vain.
    pub(super) fn weigh(&self, left: Side, unanswered: &Unanswered) -> Opinion {
        let gaps = self.gaps();
        let elsewhere = self.heard_meanwhile(left, unanswered);
        let mut evidence: Vec<Evidence> = elsewhere.into_iter().collect();
        if left == Side::Server
            && matches!(
                unanswered.proof,
                Proof::Timer {
                    what: Resent::Syn,
                    ..
                }
            )
        {
            return Opinion::Untold(Untold::NotCompleted, evidence);
        }
        let convicts = self.convicts(left, unanswered, &gaps);
        if convicts.is_empty() {
            evidence.extend(gaps);
            return self.untold_unanswered(left, unanswered, evidence);
        }
        // Of a kernel that gave up it is known that nothing came.
        let one_sided = !self.shows_answers_to(left) && !unanswered.on_the_beat;
        if one_sided {
            evidence.push(Evidence::OneSided(left));
        }
        let dropped = elsewhere.is_some() && !convicts.iter().any(is_a_routers);
        let not_receiving = matches!(unanswered.gone, Gone::NotReceiving(_));
        let gone = if (dropped || one_sided) && !not_receiving {
            Gone::Path
        } else {
            unanswered.gone
        };
        evidence.splice(0..0, convicts);
        self.after_a_silence(left, unanswered, gone, evidence)
    }

    /// That the other side's host was heard in another connection at a time when it would have
    /// answered.
    fn heard_meanwhile(&self, left: Side, unanswered: &Unanswered) -> Option<Evidence> {
        // What was asked often enough after that was asked of somebody who may have gone since.
        let meanwhile = || self.heard_elsewhere(!left, unanswered.first);
        let lately = unanswered
            .since_elsewhere
            .is_some_and(|since| since < ENOUGH);
        let heard = self
            .heard_elsewhere(!left, unanswered.last)
            .or_else(|| meanwhile().filter(|_| lately));
        heard.map(|at| Evidence::HeardElsewhere(!left, at))
    }

    /// What is left of that after a long silence: something between the two may have forgotten the
    /// connection in it, which looks no different, unless a router told, or new connections went
    /// unanswered too.
    fn after_a_silence(
        &self,
        left: Side,
        unanswered: &Unanswered,
        gone: Gone,
        mut evidence: Vec<Evidence>,
    ) -> Opinion {
        let opened = unanswered.silence != Silence::Connecting;
        let nameable = matches!(gone, Gone::Side(_)) && opened;
        let asked = (unanswered.first, unanswered.due);
        let openings = &self.around.vain_openings;
        // One that is being opened itself is not nameable: it is never its own witness.
        let opening = nameable.then(|| openings.meanwhile(self.conversation, left, asked));
        let opening = opening.flatten();
        evidence.extend(opening.map(|VainOpening { number, syns, .. }| {
            let side = !left;
            Evidence::VainOpening { side, syns, number }
        }));
        let named = opening.is_some() || evidence.iter().any(is_a_routers);
        let perhaps_forgotten = match nameable && !named {
            true => Gone::Connection,
            false => gone,
        };
        let not_receiving = matches!(unanswered.gone, Gone::NotReceiving(_));
        if !not_receiving && self.half(!left).counts.packets == 0 && !self.conversation.opening_seen
        {
            evidence.push(Evidence::BeganAfter(!left));
            // How long a silence lay before that, nobody knows.
            return Opinion::Gone(perhaps_forgotten, evidence);
        }
        let before = unanswered.last_heard;
        let before = before.map(|heard| unanswered.first.since(heard));
        let long = before.filter(|silence| *silence >= FORGETFUL && opened);
        let Some(silence) = long.filter(|_| opening.is_none()) else {
            return Opinion::Gone(gone, evidence);
        };
        let idle = self.idle(silence, Forgets::Silently);
        let is_idle = |found: &Evidence| matches!(found, Evidence::Idle { .. });
        let gone = match idle.iter().any(is_idle) {
            true => perhaps_forgotten,
            false => gone,
        };
        evidence.extend(idle);
        Opinion::Gone(gone, evidence)
    }

    /// That a long silence came before, and whether any between these hosts was survived that was
    /// as long.
    pub(super) fn idle(&self, silence: Duration, forgets: Forgets) -> Vec<Evidence> {
        let outlives = |survived: Duration| match forgets {
            // A RST that came by itself names the limit.
            Forgets::AtOnce | Forgets::OwnHost => survived > silence + RECENT,
            Forgets::Silently | Forgets::WithReset => limits::outlives(survived, silence),
        };
        let survivors = &self.around.survivors;
        let mut found = vec![Evidence::Idle { silence, forgets }];
        if forgets == Forgets::OwnHost {
            // What else lived on between the two says nothing about what its host wants.
            return found;
        }
        if let Some(Survivor { survived, number }) = survivors.between_hosts_of(self.conversation) {
            let number = Some(number).filter(|number| *number != self.conversation.number);
            if outlives(survived) {
                return vec![Evidence::Outlived {
                    silence,
                    survived,
                    number,
                }];
            }
            found.push(Evidence::NotOutlived { survived, number });
        }
        if let Some(Survivor { survived, number }) = survivors.with_server_of(self.conversation)
            && outlives(survived)
        {
            found.push(Evidence::OutlivedElsewhere { survived, number });
        }
        found
    }

    /// What shows that `left` heard nothing.
    fn convicts(&self, left: Side, unanswered: &Unanswered, gaps: &[Evidence]) -> Vec<Evidence> {
        let mut found = Vec::new();
        match unanswered.proof {
            Proof::Timer {
                what,
                backs_off,
                waits,
                ..
            } => {
                let whole = gaps.is_empty() && self.shows_answers_to(left);
                let opening =
                    what == Resent::Syn && unanswered.times >= 2 && waits.1 >= SYN_WAIT && whole;
                // Where answers may be missing, the last question may have had one.
                let enough = if whole { ENOUGH } else { MORE };
                if backs_off && unanswered.times >= enough || opening {
                    found.push(Evidence::Backoff {
                        side: left,
                        what,
                        times: unanswered.times,
                        waits,
                    });
                }
            }
            Proof::Probes { asked, same_echo } => {
                let times = unanswered.times;
                let whole = !gaps.iter().any(|gap| gap.weight() == Weight::Acquits);
                if times >= ENOUGH && whole && self.shows_answers_to(left) {
                    found.push(Evidence::Unanswered {
                        side: left,
                        asked,
                        times,
                    });
                }
                // Nothing that was captured nowhere can have arrived.
                if same_echo + 1 >= ENOUGH && !self.may_only_answer(left) {
                    let times = same_echo + 1;
                    found.push(Evidence::SameEcho { side: left, times });
                }
            }
            Proof::AskedAgain { stale_echo } => {
                let times = unanswered.times;
                if times >= ENOUGH && gaps.is_empty() || stale_echo {
                    found.push(Evidence::AskedAgain { side: left, times });
                }
            }
        }
        // A router may speak of what passes; what came then may be missing.
        if gaps.is_empty() || !found.is_empty() {
            let told = self.icmp_errors(left);
            let told = told.filter(|(at, _)| Some(*at) >= unanswered.last_heard);
            let last = told.last();
            found.extend(last.map(|(_, kind)| Evidence::Router(left, kind)));
        }
        if unanswered.on_the_beat && !self.may_only_answer(left) {
            found.push(Evidence::OnTheBeat(left));
        }
        found
    }

    /// Why they prove nothing.
    fn untold_unanswered(
        &self,
        left: Side,
        unanswered: &Unanswered,
        mut evidence: Vec<Evidence>,
    ) -> Opinion {
        let times = unanswered.times;
        if matches!(unanswered.proof, Proof::Timer { replay: true, .. }) && times >= ENOUGH {
            let side = left;
            evidence.insert(0, Evidence::Replayed { side, times });
        }
        let gap = evidence.iter().find_map(Evidence::as_untold);
        let heard = evidence
            .iter()
            .any(|gap| matches!(gap, Evidence::HeardElsewhere(..)))
            .then_some(Untold::HostHeard(!left));
        let ends = self.end <= unanswered.due;
        let untold = gap.or(heard).unwrap_or_else(|| {
            if ends {
                evidence.push(Evidence::EndsTooSoon);
                Untold::EndsTooSoon
            } else {
                Untold::TooFew(unanswered.times)
            }
        });
        Opinion::Untold(untold, evidence)
    }
}

fn is_a_routers(found: &Evidence) -> bool {
    matches!(found, Evidence::Router(..))
}
