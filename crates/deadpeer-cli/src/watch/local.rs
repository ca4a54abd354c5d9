//! What goes of this machine's own network while deaths are watched: who dies of silence then may
//! have lost that, and not its peer.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, SystemTime};

use deadpeer_host::Namespace;
use deadpeer_host::deaths::Death;
use deadpeer_report::Gap;
use deadpeer_report::duration::milliseconds;
use deadpeer_sys::{RouteEvent, RouteEvents};

/// The links, addresses and routes of a network namespace, and what went last.
pub(super) struct Local {
    /// `None`: they can't be listened to.
    events: Option<RouteEvents>,
    gone: Vec<Gone>,
}

struct Gone {
    at: SystemTime,
    what: String,
}

/// So much is remembered: where containers come and go, so do links.
const REMEMBERED: usize = 64;

/// The last word of a peer may have been underway, and timers are coarse.
const SLACK: Duration = Duration::from_secs(1);

impl Local {
    /// From now on.
    pub(super) fn of(namespace: &Namespace) -> Self {
        let events = namespace.run(RouteEvents::open);
        Self {
            events: events.ok().and_then(Result::ok),
            gone: Vec::new(),
        }
    }

    /// Readable when something went.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(RouteEvents::as_fd)
    }

    /// Notes what went since the last time.
    pub(super) fn listen(&mut self) {
        let Some(events) = &mut self.events else {
            return;
        };
        let at = SystemTime::now();
        let gone = &mut self.gone;
        let drained =
            events.drain(|event| gone.extend(words(&event).map(|what| Gone { at, what })));
        gone.drain(..gone.len().saturating_sub(REMEMBERED));
        // Who can't listen any more would be woken for nothing.
        if drained.is_err() {
            self.events = None;
        }
    }

    /// What went while the peer of this connection had not been heard, each once.
    pub(super) fn before(&mut self, death: &Death) -> Vec<Gap> {
        let is_here = death
            .netns
            .as_ref()
            .is_none_or(|netns| netns.way == Namespace::Own);
        let (true, true, Some(silence)) =
            (is_here, death.reason.cause.is_silence(), death.last.silence)
        else {
            return Vec::new();
        };
        let last_word = death.at.checked_sub(silence + SLACK);
        let covers = |gone: &mut Gone| last_word.is_some_and(|heard| gone.at >= heard);
        let gap = |Gone { at, what }: Gone| Gap::LocalNetwork {
            what,
            ago_ms: milliseconds(death.at.duration_since(at).unwrap_or_default()),
        };
        self.gone.extract_if(.., covers).map(gap).collect()
    }
}

fn words(event: &RouteEvent) -> Option<String> {
    Some(match event {
        RouteEvent::LinkDown { name } => {
            format!("link {} went down", String::from_utf8_lossy(name))
        }
        RouteEvent::AddressGone { .. } => "an address was removed".to_owned(),
        RouteEvent::DefaultRouteGone => "the default route was removed".to_owned(),
        RouteEvent::RouteGone { .. } | RouteEvent::Overrun => return None,
    })
}
