//! Asking by a part of a Multipath TCP connection, which has no descriptor of its own: sock_diag
//! shows it, and eBPF sets its options.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use deadpeer::{Ping, Pingable, Signs, SocketError};
use deadpeer_bpf::Change;
use deadpeer_core::{Effective, KernelVersion, SocketOptions, TcpInfo, TcpState};
use deadpeer_sys::sock_diag::{SockDiag, SocketId};
use rustc_hash::FxHashMap;

use crate::parts::Parts;
use crate::target::Target;
use crate::undo::{Group, WayBack};

/// The parts that are asked at once, by their network namespaces.
#[derive(Debug, Default)]
pub(super) struct AskedParts(FxHashMap<Option<u64>, Option<Rc<Realm>>>);

impl AskedParts {
    /// The part that a target is; `None`: it can't be asked. `all` are the targets among which it
    /// is: what they have is read at once.
    pub(super) fn part(&mut self, target: &Target, all: &[&Target]) -> Option<Part> {
        let number = target.netns_number();
        let realm = self.0.entry(number).or_insert_with(|| {
            let here = |other: &&&Target| other.multipath && other.netns_number() == number;
            let cookies = all.iter().filter(here).map(|other| other.id.cookie);
            Realm::open(target, cookies).map(Rc::new)
        });
        let realm = realm.as_ref()?;
        let diag = target.namespace().run(SockDiag::open).ok()?.ok()?;
        let own = *realm.held.get(&target.id.cookie)?;
        Some(Part {
            id: target.id,
            diag,
            version: deadpeer_sys::kernel_version(),
            own,
            last: TcpInfo::default(),
            lent: false,
            realm: Rc::clone(realm),
        })
    }

    /// Does what the parts have asked for since.
    pub(super) fn carry_out(&self) {
        self.0
            .values()
            .flatten()
            .for_each(|realm| realm.carry_out());
    }
}

/// What the parts of one network namespace have in common.
#[derive(Debug)]
struct Realm {
    parts: Parts,
    /// What each had when the first of them was asked.
    held: FxHashMap<u64, SocketOptions>,
    wishes: RefCell<Wishes>,
}

/// What is to be done for all of them at once.
#[derive(Debug, Default)]
struct Wishes {
    lend: Vec<Change>,
    give_back: FxHashMap<u64, Effective>,
}

impl Realm {
    fn open(target: &Target, cookies: impl Iterator<Item = u64>) -> Option<Self> {
        let parts = Parts::open(target.namespace())?;
        let held = parts.read(cookies).ok()?;
        Some(Self {
            parts,
            held,
            wishes: RefCell::default(),
        })
    }

    /// A loan that is refused, because the program has changed something since, is none: no probe
    /// will come.
    fn carry_out(&self) {
        let Wishes { lend, give_back } = self.wishes.take();
        if !give_back.is_empty() {
            let cookies = give_back.keys().copied().collect();
            self.parts.put_back(cookies, |cookie, now| {
                let before = give_back.get(&cookie).unwrap_or(now);
                WayBack::of(now, &[&Group::lent(None, before, Vec::new())]).options
            });
        }
        if !lend.is_empty() {
            let _ = self.parts.set(lend);
        }
    }
}

/// Nothing is left lent.
impl Drop for Realm {
    fn drop(&mut self) {
        self.carry_out();
    }
}

/// One part of a connection.
#[derive(Debug)]
pub(super) struct Part {
    id: SocketId,
    diag: SockDiag,
    version: Option<KernelVersion>,
    own: SocketOptions,
    /// Its condition when it was last there.
    last: TcpInfo,
    lent: bool,
    realm: Rc<Realm>,
}

impl Pingable for Part {
    fn tcp_info(&mut self) -> Result<TcpInfo, SocketError> {
        let (cookie, version) = (self.id.cookie, self.version);
        let found = self.diag.socket_between(&self.id, true, |socket| {
            let info = socket.tcp_info.filter(|_| socket.cookie == cookie)?;
            Some(TcpInfo::decode(info, version))
        });
        let found = found.map_err(|error| SocketError::Call(error.into()))?;
        match found.flatten() {
            Some(info) => self.last = info,
            None => self.last.state = Some(TcpState::Close),
        }
        Ok(self.last)
    }

    /// Nothing shows how it ended; after a question, it was by the answer.
    fn signs(&mut self) -> Result<Signs, SocketError> {
        Ok(Signs {
            error: self.lent,
            hangup: true,
            read_hangup: true,
        })
    }

    fn options(&mut self) -> Result<Effective, SocketError> {
        Ok(self.realm.parts.effective(&self.own))
    }

    fn lend(&mut self, _: &Effective) -> Result<(), SocketError> {
        let mut change = Change::new(self.id.cookie, deadpeer::lent_to_ping());
        change.only_if = Some(self.own);
        self.realm.wishes.borrow_mut().lend.push(change);
        self.lent = true;
        Ok(())
    }

    fn give_back(&mut self, before: &Effective) {
        let mut wishes = self.realm.wishes.borrow_mut();
        wishes.give_back.insert(self.id.cookie, *before);
    }
}

/// What a question is put by.
#[derive(Debug)]
pub(super) enum Asked {
    /// A descriptor, borrowed.
    Whole(OwnedFd),
    /// A part of a Multipath TCP connection.
    Part(Box<Part>),
}

/// A question under way.
pub(super) type Asking = Ping<Asked>;

impl Asked {
    fn inner(&mut self) -> &mut dyn Pingable {
        match self {
            Self::Whole(descriptor) => descriptor,
            Self::Part(part) => &mut **part,
        }
    }
}

impl Pingable for Asked {
    fn tcp_info(&mut self) -> Result<TcpInfo, SocketError> {
        self.inner().tcp_info()
    }

    fn signs(&mut self) -> Result<Signs, SocketError> {
        self.inner().signs()
    }

    fn options(&mut self) -> Result<Effective, SocketError> {
        self.inner().options()
    }

    fn lend(&mut self, before: &Effective) -> Result<(), SocketError> {
        self.inner().lend(before)
    }

    fn give_back(&mut self, before: &Effective) {
        self.inner().give_back(before);
    }
}
