//! Destroying half-open connections: who may go, doing it, and making sure.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use deadpeer::{Answer, NotNow};
use deadpeer_sys::sock_diag::{DestroyError, DumpError, Request, SockDiag, States};
use rustc_hash::FxHashSet;

use crate::ask::{Reply, ask_all};
use crate::table::Namespace;
use crate::table::OpenTableError;
use crate::table::Target;
use crate::table::Unreadable;

/// Which of the chosen connections are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// Those whose peer has not been heard for this long.
    SilentFor(Duration),
    /// Those whose peer leaves everything unanswered: [`ATTEMPTS`] questions in a row, ours or the kernel's own.
    Unreachable,
    /// All of them.
    AllMatching,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It may go: nothing answers.
    Destroy {
        /// Questions that were not answered, ours and the kernel's own.
        unanswered: u32,
    },
    /// It may go although nobody could ask, or although its peer answers: forced.
    Forced(Reply),
    /// Its peer answered, or was heard, a moment ago.
    Alive(Reply),
    /// Whether its peer is there could not be found out.
    Unknown(Reply),
    /// It ended by itself meanwhile.
    Over,
}

/// So many unanswered questions in a row are taken for death: one lost packet is none (RFC 1122, section 4.2.3.6).
pub const ATTEMPTS: u32 = 3;

/// How long an answer is waited for. Longer than the half second in which a Linux peer answers such a question only once.
const PATIENCE: Duration = Duration::from_secs(1);

impl Selection {
    /// Whether a connection is meant, as far as the table tells.
    #[must_use]
    pub fn means(&self, target: &Target) -> bool {
        match self {
            Self::SilentFor(time) => target.heard_ago.is_none_or(|ago| ago >= *time),
            Self::Unreachable | Self::AllMatching => true,
        }
    }
}

/// Asks every peer up to [`ATTEMPTS`] times, all at once, and decides. Nobody whose peer answered is destroyed, and nobody who could
/// not be asked, unless `force`d. Takes a few seconds.
#[must_use]
pub fn judge(targets: &[Target], force: bool) -> Vec<Decision> {
    let mut rounds = vec![ProbeRounds::default(); targets.len()];
    for attempt in 1..=ATTEMPTS {
        let begun = Instant::now();
        let open: Vec<usize> = (0..targets.len())
            .filter(|place| {
                rounds
                    .get(*place)
                    .is_some_and(|rounds| rounds.decision.is_none())
            })
            .collect();
        let asked: Vec<&Target> = open
            .iter()
            .filter_map(|place| targets.get(*place))
            .collect();
        for (place, reply) in open.iter().zip(ask_all(&asked, PATIENCE)) {
            if let Some(rounds) = rounds.get_mut(*place) {
                rounds.hear(reply);
            }
        }
        let undecided = rounds.iter().any(|rounds| rounds.decision.is_none());
        if undecided && attempt < ATTEMPTS {
            // The kernel's own questions take their time, however soon it tells how many are open.
            std::thread::sleep(PATIENCE.saturating_sub(begun.elapsed()));
        }
    }
    rounds.iter().map(|rounds| rounds.verdict(force)).collect()
}

/// What is known of one connection so far.
#[derive(Debug, Clone, Copy, Default)]
struct ProbeRounds {
    decision: Option<Decision>,
    last: Option<Reply>,
    in_vain: u32,
}

impl ProbeRounds {
    fn hear(&mut self, reply: Reply) {
        self.last = Some(reply);
        self.decision = match reply {
            Reply::Answer(Answer::Dead(_)) | Reply::Unreachable(Unreadable::Gone) => {
                Some(Decision::Over)
            }
            Reply::Answer(Answer::Unanswered { .. }) => {
                self.in_vain += 1;
                None
            }
            Reply::Answer(answer) if answer.is_alive() => Some(Decision::Alive(reply)),
            Reply::Answer(Answer::NotNow(why)) => match open_questions(why) {
                Some(unanswered) if unanswered >= ATTEMPTS => {
                    Some(Decision::Destroy { unanswered })
                }
                Some(_) => None,
                None => Some(Decision::Unknown(reply)),
            },
            Reply::Answer(_) | Reply::Unreachable(_) | Reply::Failed(_) => {
                Some(Decision::Unknown(reply))
            }
        };
    }

    fn verdict(self, force: bool) -> Decision {
        let unheard = Reply::Unreachable(Unreadable::Gone);
        let open = match self.in_vain {
            ATTEMPTS.. => Decision::Destroy {
                unanswered: self.in_vain,
            },
            _ => Decision::Unknown(self.last.unwrap_or(unheard)),
        };
        let decision = self.decision.unwrap_or(open);
        match (decision, force) {
            (Decision::Alive(reply) | Decision::Unknown(reply), true) => Decision::Forced(reply),
            (_, true | false) => decision,
        }
    }
}

/// What the kernel itself has asked and nobody has answered.
fn open_questions(why: NotNow) -> Option<u32> {
    match why {
        NotNow::InFlight { unanswered }
        | NotNow::Queued { unanswered }
        | NotNow::KernelAsks { unanswered }
        | NotNow::JustAsked { unanswered }
        | NotNow::LastProbe { unanswered } => Some(unanswered),
        NotNow::Heard { .. } | NotNow::Busy | NotNow::NotConnected | _ => None,
    }
}

/// What came of destroying.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Destroyed {
    /// Connections that are gone from the kernel's table.
    pub destroyed: u64,
    /// Connections that ended by themselves before their turn came.
    pub gone: u64,
    /// Connections that the kernel says it destroyed, and still shows.
    pub still_there: u64,
    /// Connections that the kernel refused to destroy, with the first reason.
    pub refused: Option<(u64, DestroyError)>,
}

/// Connections could not be destroyed at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestroyAllError {
    /// The namespace or the kernel's table could not be opened.
    #[error(transparent)]
    Open(#[from] OpenTableError),
    /// Nothing was destroyed: [`DestroyError::NotPermitted`] or [`DestroyError::Unsupported`].
    #[error(transparent)]
    Destroy(#[from] DestroyError),
    /// The table could not be read again, to make sure.
    #[error(transparent)]
    Verify(#[from] DumpError),
}

/// Whether the kernel can destroy sockets; says nothing about the privilege.
///
/// # Errors
/// It could not be asked.
pub fn is_supported(namespace: &Namespace) -> Result<bool, DestroyAllError> {
    let can = namespace.run(|| -> Result<bool, DestroyAllError> {
        let mut diag = SockDiag::open().map_err(OpenTableError::from)?;
        Ok(diag.can_destroy()?)
    });
    can.map_err(OpenTableError::from)?
}

/// Destroys connections of a namespace by their cookies, and looks whether they are gone. Takes `CAP_NET_ADMIN`.
///
/// The peer of each gets an RST; its owner finds out with `ECONNABORTED`.
///
/// # Errors
/// See [`DestroyAllError`].
pub fn destroy(namespace: &Namespace, targets: &[&Target]) -> Result<Destroyed, DestroyAllError> {
    let done = namespace.run(|| destroy_here(targets));
    done.map_err(OpenTableError::from)?
}

fn destroy_here(targets: &[&Target]) -> Result<Destroyed, DestroyAllError> {
    let mut diag = SockDiag::open().map_err(OpenTableError::from)?;
    let mut done = Destroyed::default();
    let mut destroyed = FxHashSet::default();
    for target in targets {
        match diag.destroy(&target.id) {
            Ok(()) => {
                destroyed.insert(target.id.cookie);
            }
            Err(DestroyError::Gone) => done.gone += 1,
            Err(error @ (DestroyError::NotPermitted | DestroyError::Unsupported))
                if destroyed.is_empty() =>
            {
                return Err(error.into());
            }
            Err(error) => {
                let (count, _) = done.refused.get_or_insert((0, error));
                *count += 1;
            }
        }
    }
    let live = Request {
        states: States::LIVE,
        tcp_info: false,
    };
    diag.dump(live, |socket| {
        done.still_there += u64::from(destroyed.contains(&socket.cookie));
        ControlFlow::Continue(())
    })?;
    done.destroyed = destroyed.len() as u64 - done.still_there;
    Ok(done)
}
