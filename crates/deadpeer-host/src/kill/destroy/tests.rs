//! Destroying in a table that does what kernels do.

use std::net::TcpListener;
use std::time::Duration;

use super::*;

/// A table in which everything is there from the start.
struct Kernel {
    there: Vec<(u64, Option<NonZeroU32>)>,
    /// Whether it says of what no program holds that it is destroyed, and keeps it (before Linux
    /// 6.12).
    keeps_closed: bool,
    /// What it was told to destroy, in that order.
    told: Vec<u64>,
}

impl Kernel {
    fn with(targets: &[Target], keeps_closed: bool) -> Self {
        let there = targets.iter().map(|one| (one.id.cookie, one.inode));
        Self {
            there: there.collect(),
            keeps_closed,
            told: Vec::new(),
        }
    }
}

impl Sockets for Kernel {
    fn destroy(&mut self, id: &SocketId) -> Result<(), DestroyError> {
        self.told.push(id.cookie);
        let place = self.there.iter().position(|one| one.0 == id.cookie);
        let place = place.ok_or(DestroyError::Gone)?;
        let is_held = self.there[place].1.is_some();
        if is_held || !self.keeps_closed {
            self.there.remove(place);
        }
        Ok(())
    }

    fn each(&mut self, each: &mut dyn FnMut(u64, Option<NonZeroU32>)) -> Result<(), DumpError> {
        self.there.iter().for_each(|one| each(one.0, one.1));
        Ok(())
    }
}

/// What names some socket; the cookie is the caller's.
fn id(cookie: u64) -> SocketId {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let local = listener.local_addr().expect("an address");
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    let mut id = None;
    let mut diag = SockDiag::open().expect("sock_diag");
    let found = diag.dump(request, |socket| {
        id = (socket.local == local).then(|| socket.id()).or(id);
        ControlFlow::Continue(())
    });
    found.expect("the table can be read");
    let mut id = id.expect("the listener is there");
    id.cookie = cookie;
    id
}

/// Silent for so many seconds; `held` by a program or closed.
fn target(cookie: u64, silent_s: u64, held: bool) -> Target {
    Target {
        netns: None,
        workload: None,
        id: id(cookie),
        state: match held {
            true => TcpState::Established,
            false => TcpState::FinWait1,
        },
        inode: held.then_some(NonZeroU32::MIN),
        multipath: false,
        owners: Vec::new(),
        uid: 0,
        heard_ago: Some(Duration::from_secs(silent_s)),
        unanswered: 3,
        by_kernel: None,
        risk: None,
    }
}

fn destroy_all(kernel: &mut Kernel, targets: &[Target]) -> Destroyed {
    let targets: Vec<&Target> = targets.iter().collect();
    destroy_in(kernel, &targets).expect("nothing fails")
}

fn some() -> [Target; 4] {
    [
        target(1, 10, false),
        target(2, 90, false),
        target(3, 20, true),
        target(4, 40, false),
    ]
}

#[test]
fn where_the_kernel_keeps_what_was_closed_only_the_longest_silent_one_is_tried() {
    let targets = some();
    let mut kernel = Kernel::with(&targets, true);
    let done = destroy_all(&mut kernel, &targets);
    assert_eq!(kernel.told, [3, 2]);
    let expected = Destroyed {
        destroyed: 1,
        still_there: 1,
        spared: vec![4, 1],
        ..Destroyed::default()
    };
    assert_eq!(done, expected);
}

#[test]
fn elsewhere_all_of_them_go() {
    let targets = some();
    let mut kernel = Kernel::with(&targets, false);
    let done = destroy_all(&mut kernel, &targets);
    assert_eq!(kernel.told.len(), 4);
    assert_eq!((done.destroyed, done.still_there), (4, 0));
    assert_eq!(done.unheld, 3, "one of them a program held");
    assert!(done.spared.is_empty());
}

/// The first closed one ended by itself, which shows nothing of what the kernel keeps.
#[test]
fn who_was_gone_already_shows_nothing() {
    let targets = some();
    let mut kernel = Kernel::with(&targets, false);
    kernel.there.retain(|one| one.0 != 2);
    let done = destroy_all(&mut kernel, &targets);
    assert_eq!((done.destroyed, done.gone), (3, 1));
    assert!(done.spared.is_empty());
}
