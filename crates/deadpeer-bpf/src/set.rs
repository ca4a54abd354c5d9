//! Setting options on open connections, from within the kernel (iter/tcp with bpf_setsockopt).

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

use deadpeer_core::{SocketOption, SocketOptions};
use rustc_hash::FxHashMap;

use crate::iterate::Iterator;
use crate::kernel::{self, Kind, MapShape};
use crate::load::{Loaded, Recipe, Target, Types};
use crate::new_connections::ADOPTED;
use crate::records::{CHANGED, Options};
use crate::{Unavailable, feature, records};

/// Options to set on one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The socket: connections, accepted or not, and listeners. TIME_WAIT and connection requests
    /// have no options.
    pub cookie: u64,
    /// What to set. `None` leaves an option alone.
    pub options: SocketOptions,
    /// If given, nothing is set unless the socket's options are exactly these, compared a moment
    /// before under the socket's lock: whatever the application set since it was looked at stays.
    /// As [`Socket::options`](crate::Socket::options) showed them.
    pub only_if: Option<SocketOptions>,
}

/// What became of one [`Change`]; a socket that is gone has no outcome, nor has one whose owner has
/// closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The socket.
    pub cookie: u64,
    /// Its options a moment before, for undoing it.
    pub before: SocketOptions,
    /// Its options now, read back.
    pub after: SocketOptions,
    /// Why it is not as it was wanted, if it isn't.
    pub refused: Option<Refused>,
}

/// Why options were not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The options were not those of [`Change::only_if`] any more; nothing was set.
    Changed,
    /// The kernel refused an option. Those before it in the order SO_KEEPALIVE, TCP_KEEPCNT,
    /// TCP_KEEPINTVL, TCP_USER_TIMEOUT, TCP_RTO_MAX_MS, TCP_SYNCNT, TCP_KEEPIDLE are set, those
    /// after it are not.
    Option {
        /// Its name.
        option: &'static str,
        /// What the kernel said.
        errno: i32,
    },
}

impl Change {
    /// Sets `options` on the socket with this cookie, whatever it has now.
    #[must_use]
    pub fn new(cookie: u64, options: SocketOptions) -> Self {
        Self {
            cookie,
            options,
            only_if: None,
        }
    }
}

/// Sets the options: [`Engine::set`](crate::Engine::set).
pub(crate) fn set(
    kernel: &Types<'_>,
    hz: u32,
    changes: impl IntoIterator<Item = Change>,
    adopted: Option<&OwnedFd>,
    mut visit: impl FnMut(&Outcome),
) -> Result<(), Unavailable> {
    let failed = |error| feature::SET.failed(error);
    let kinds = Kinds::of(changes, hz, adopted.is_some());
    if kinds.cookies.is_empty() {
        return Ok(());
    }
    let own = kernel::map_create(&ADOPTED).map_err(failed)?;
    let recipe = Recipe {
        feature: &feature::SET,
        object: include_bytes!("../objects/set.bpf.o"),
        target: Target::Iterator("bpf_iter_tcp"),
        maps: &[
            MapShape::of::<u64, records::Chosen>("sockets", Kind::Hash, kinds.cookies.len() as u32),
            MapShape::of::<u32, records::Change>(
                "changes",
                Kind::Array,
                kinds.changes.len() as u32,
            ),
        ],
        shared: &[(ADOPTED.name, adopted.unwrap_or(&own))],
        constants: &[],
    };
    let mut loaded = recipe.load(kernel)?;
    kinds.tell(&mut loaded)?;
    let iterator = Iterator::attach(&loaded).map_err(failed)?;
    let run = iterator.run(|outcome: &records::Outcome| {
        visit(&Outcome::read(outcome, hz));
        ControlFlow::Continue(())
    });
    run.map_err(failed)
}

/// What is to be changed as the program wants it: many sockets, few kinds of changes.
struct Kinds {
    cookies: Vec<u64>,
    chosen: Vec<records::Chosen>,
    changes: Vec<records::Change>,
}

impl Kinds {
    fn of(changes: impl IntoIterator<Item = Change>, hz: u32, adopt: bool) -> Self {
        let mut kinds = Self {
            cookies: Vec::new(),
            chosen: Vec::new(),
            changes: Vec::new(),
        };
        let mut known = FxHashMap::default();
        for change in changes {
            let number = known
                .entry((change.options, change.only_if))
                .or_insert_with(|| {
                    kinds.changes.push(change.write(hz, adopt));
                    kinds.changes.len() as u32 - 1
                });
            kinds.cookies.push(change.cookie);
            kinds.chosen.push(records::Chosen {
                change: *number,
                done: 0,
            });
        }
        kinds
    }

    fn tell(&self, loaded: &mut Loaded) -> Result<(), Unavailable> {
        let (sockets, changes) = (loaded.map("sockets")?, loaded.map("changes")?);
        let tell = || {
            let numbers: Vec<u32> = (0_u32..).take(self.changes.len()).collect();
            kernel::map_update_many(&changes, &numbers, &self.changes)?;
            kernel::map_update_many(&sockets, &self.cookies, &self.chosen)
        };
        tell().map_err(|error| feature::SET.failed(error))
    }
}

impl Change {
    fn write(&self, hz: u32, adopt: bool) -> records::Change {
        records::Change {
            adopt: u32::from(adopt),
            set: Options::to_set(&self.options),
            only_if: self
                .only_if
                .map_or(Options::nothing(), |expected| Options::kept(&expected, hz)),
        }
    }
}

impl Outcome {
    fn read(seen: &records::Outcome, hz: u32) -> Self {
        Self {
            cookie: seen.cookie,
            before: seen.before.read(hz),
            after: seen.after.read(hz),
            refused: match seen.option {
                0 => None,
                CHANGED => Some(Refused::Changed),
                option => Some(Refused::Option {
                    option: name(option),
                    errno: -seen.error,
                }),
            },
        }
    }
}

/// The name of an option by its number, that of `SO_KEEPALIVE` in the upper half
/// (programs/options.h).
fn name(option: u32) -> &'static str {
    let level = |of: SocketOption| of.facts().level_number;
    let (level, number) = match option >> 16 {
        0 => (level(SocketOption::Keepidle), option),
        number => (level(SocketOption::Keepalive), number),
    };
    let known = SocketOption::numbered(level, number.cast_signed());
    known.map_or("an option", |option| option.facts().name)
}
