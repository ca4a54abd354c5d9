//! Numbers that mean something else by the time a socket's turn comes: between listing and
//! changing, its process ends and another gets its number, or its descriptor is closed and another
//! socket gets that.

mod processes;

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpeer_core::{Kernel, Policy};
use deadpeer_host::protect::{Aim, CarryOut, Outcome, Survey, backlog};
use deadpeer_host::undo::{Record, UndoFile, boot_id};
use deadpeer_host::{Filter, Namespace, Table, Work as _};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

/// One test at a time: a child of the other, between fork and exec, holds for a moment whatever
/// this one has just closed.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection, and the listener that accepted it.
struct Pair {
    listener: TcpListener,
    _client: TcpStream,
    server: TcpStream,
}

impl Pair {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        Self {
            listener,
            _client: client,
            server,
        }
    }

    /// Chooses the server's end and the listener.
    fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        let address = self.listener.local_addr().unwrap().to_string();
        filter.local = vec![address.parse().unwrap()];
        filter
    }
}

/// Tables that read and change each in its own way, as far as this machine has it.
fn tables() -> Vec<Table> {
    let descriptors = Table::open(&Namespace::Own).unwrap();
    let mut kernel = Table::open(&Namespace::Own).unwrap();
    match kernel.use_bpf() {
        Ok(()) => vec![descriptors, kernel],
        Err(why) => {
            deadpeer_sys::testing::skip(&format!("no eBPF: {why}"));
            vec![descriptors]
        }
    }
}

/// Surveys what the filter chooses, lets something happen, and changes what was surveyed.
fn protect(table: &mut Table, filter: &Filter, meanwhile: impl FnOnce()) -> Outcome {
    let kernel: Kernel = *table.kernel();
    let aim = Aim::new(&Policy::detect_within(Duration::from_secs(30)), &kernel).unwrap();
    let survey = Survey::take(table, filter, &aim).unwrap();
    assert!(survey.changes() > 0);
    meanwhile();
    let record = Record::new(boot_id().unwrap(), table.namespace(), Some(30_000));
    let file = format!(
        "deadpeer-identity-{}-{}",
        std::process::id(),
        table.uses_bpf()
    );
    let file = std::env::temp_dir().join(file);
    let mut undo = UndoFile::at(file, record).unwrap();
    let now = Instant::now();
    let mut change = CarryOut::new(survey, table, filter, &aim, &mut undo, backlog(), now);
    // Nothing here is a burst, so it never has to wait.
    while let Some(due) = change.poll_timeout() {
        assert!(due <= Instant::now());
        change.handle_timeout(Instant::now()).unwrap();
    }
    let outcome = change.into_outcome();
    undo.remove().unwrap();
    outcome
}

fn is_protected(socket: impl AsFd) -> bool {
    sockopt::effective(socket).unwrap().keepalive
}

#[test]
fn a_descriptor_that_is_another_socket_by_now_is_not_taken_for_it() {
    let _alone = alone();
    in_private_netns(|| {
        for mut table in tables() {
            let (meant, mut other) = (Pair::new(), Pair::new());
            let filter = meant.filter();
            let kept = meant.listener.try_clone().unwrap();
            let number = meant.server;
            let mut number = std::os::fd::OwnedFd::from(number);
            let outcome = protect(&mut table, &filter, || {
                // Closes the one that was meant, and gives its number to the other.
                rustix::io::dup2(&other.server, &mut number).unwrap();
            });
            assert!(is_protected(&kept), "the listener is still there");
            assert_eq!((outcome.changed, outcome.gone), (1, 1), "{outcome:?}");
            assert!(!is_protected(&number) && !is_protected(&other.server));
            other.server = number.into();
        }
    });
}
