//! What is closed while its peer is gone, in the kernel's table: supervised sockets stay there no
//! longer than plain ones.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use deadpeer::{Supervision, Watch};
use deadpeer_sys::sock_diag::{Request, SockDiag, States};
use deadpeer_sys::sockopt;

/// How long is waited for the last of them.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is closed after a verdict is gone within this.
const AFTER_A_VERDICT: Duration = Duration::from_secs(5);
/// By how much a supervised one may go later than a plain one: timers are late.
const LATENESS: Duration = Duration::from_secs(3);
/// How often the table is read.
const TICK: Duration = Duration::from_millis(100);
/// Closed so long after the peer vanished, where no verdict is waited for.
const EARLY: [u64; 3] = [1, 8, 60];

/// What a connection was doing when its peer vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Doing {
    Nothing,
    Sending,
    Filling,
    HalfClosing,
}

impl Doing {
    const ALL: [Self; 4] = [
        Self::Nothing,
        Self::Sending,
        Self::Filling,
        Self::HalfClosing,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "idle",
            Self::Sending => "in flight",
            Self::Filling => "zero window",
            Self::HalfClosing => "half closed",
        }
    }

    /// What it does once the peer answers no more.
    fn go_on(self, mut socket: &TcpStream) -> Result<()> {
        match self {
            Self::Nothing | Self::Filling => {}
            Self::Sending => socket.write_all(b"lost")?,
            Self::HalfClosing => socket.shutdown(Shutdown::Write)?,
        }
        Ok(())
    }
}

/// One connection whose peer vanishes.
struct Case {
    doing: Doing,
    /// Supervised within so long; `None`: a plain socket.
    within: Option<u64>,
    /// Closed so long after the peer vanished; `None`: at the verdict.
    closed_at: Option<u64>,
    socket: Option<TcpStream>,
    cookie: u64,
    closed: Option<Instant>,
    gone_after: Option<Duration>,
    _peer: TcpStream,
}

/// Returns whether every supervised socket was gone in time.
pub(super) fn check(deadlines: &[u64]) -> Result<bool> {
    let mut watches = HashMap::new();
    for within in deadlines {
        let supervision = Supervision::within(Duration::from_secs(*within));
        watches.insert(*within, Watch::supervised(supervision)?);
    }
    let mut cases = all_cases(deadlines)?;
    fill(&cases)?;
    for (key, case) in (0..).zip(&cases) {
        let socket = case.socket.as_ref().context("open")?;
        if let Some(watch) = case.within.and_then(|within| watches.get_mut(&within)) {
            watch.add(socket, key)?;
        }
    }
    for case in &cases {
        sockopt::mute(&case._peer)?;
        case.doing.go_on(case.socket.as_ref().context("open")?)?;
    }
    let vanished = Instant::now();
    let mut table = SockDiag::open()?;
    while vanished.elapsed() < PATIENCE && cases.iter().any(|case| case.gone_after.is_none()) {
        for watch in watches.values_mut() {
            close_the_unreachable(watch, &mut cases)?;
        }
        close_those_due(vanished, &mut cases);
        note_the_gone(&mut table, &mut cases)?;
        thread::sleep(TICK);
    }
    Ok(print(&cases))
}

fn all_cases(deadlines: &[u64]) -> Result<Vec<Case>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut cases = Vec::new();
    for doing in Doing::ALL {
        // The plain ones first: theirs are the first windows to close.
        for within in [None]
            .into_iter()
            .chain(deadlines.iter().copied().map(Some))
        {
            let early = EARLY
                .into_iter()
                .filter(|at| within.is_none_or(|within| *at < within));
            let at_the_verdict = within.is_some().then_some(None);
            for closed_at in early.map(Some).chain(at_the_verdict) {
                let peer = TcpStream::connect(listener.local_addr()?)?;
                let (socket, _) = listener.accept()?;
                cases.push(Case {
                    doing,
                    within,
                    closed_at,
                    cookie: sockopt::cookie(&socket)?,
                    socket: Some(socket),
                    closed: None,
                    gone_after: None,
                    _peer: peer,
                });
            }
        }
    }
    Ok(cases)
}

/// Closes all the windows at about the same time: a peer's silence is told from the next probes,
/// and those are as far apart as the window has been closed for.
fn fill(cases: &[Case]) -> Result<()> {
    let filling = |case: &&Case| case.doing == Doing::Filling;
    let sockets: Vec<_> = cases
        .iter()
        .filter(filling)
        .filter_map(|case| case.socket.as_ref())
        .collect();
    for socket in &sockets {
        socket.set_nonblocking(true)?;
    }
    let mut open = sockets.len();
    while open > 0 {
        for &(mut socket) in &sockets {
            while socket.write(&[0; 65_536]).is_ok() {}
        }
        open = 0;
        for socket in &sockets {
            open += usize::from(deadpeer::inspect(socket)?.snd_wnd != Some(0));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn close_the_unreachable(watch: &mut Watch, cases: &mut [Case]) -> Result<()> {
    let mut events = Vec::new();
    watch.wait(&mut events, Some(Duration::ZERO))?;
    for event in events {
        // Behind a closed window a lowered `tcp_retries2` may be the first to tell.
        if event.news.is_gone()
            && let Some(case) = usize::try_from(event.key)
                .ok()
                .and_then(|key| cases.get_mut(key))
        {
            case.close();
        }
    }
    Ok(())
}

fn close_those_due(vanished: Instant, cases: &mut [Case]) {
    for case in cases {
        let is_due = |at| vanished.elapsed() >= Duration::from_secs(at);
        if case.closed_at.is_some_and(is_due) {
            case.close();
        }
    }
}

/// Of all sockets in the kernel's table.
pub(super) fn cookies(table: &mut SockDiag) -> Result<HashSet<u64>> {
    let mut there = HashSet::new();
    let request = Request {
        states: States::ALL,
        tcp_info: false,
    };
    table.dump(request, |socket| {
        there.insert(socket.cookie);
        ControlFlow::Continue(())
    })?;
    Ok(there)
}

fn note_the_gone(table: &mut SockDiag, cases: &mut [Case]) -> Result<()> {
    let there = cookies(table)?;
    for case in cases {
        if let (Some(closed), None) = (case.closed, case.gone_after)
            && !there.contains(&case.cookie)
        {
            case.gone_after = Some(closed.elapsed());
        }
    }
    Ok(())
}

impl Case {
    fn close(&mut self) {
        if self.socket.take().is_some() {
            self.closed = Some(Instant::now());
        }
    }

    /// How long the kernel may keep it.
    fn allowed(&self, cases: &[Case]) -> Option<Duration> {
        self.within?;
        let Some(closed_at) = self.closed_at else {
            return Some(AFTER_A_VERDICT);
        };
        let plain = cases.iter().find(|other| {
            other.within.is_none()
                && other.doing == self.doing
                && other.closed_at == Some(closed_at)
        })?;
        Some(plain.gone_after.unwrap_or(PATIENCE) + LATENESS)
    }
}

fn print(cases: &[Case]) -> bool {
    println!("| state | watched | closed | gone from the kernel's table |");
    println!("|---|---|---|--:|");
    let mut all_in_time = true;
    for case in cases {
        let in_time = match (case.gone_after, case.allowed(cases)) {
            (_, None) => true,
            (Some(gone), Some(allowed)) => gone <= allowed,
            (None, Some(_)) => false,
        };
        all_in_time &= in_time;
        println!(
            "| {} | {} | {} | {}{} |",
            case.doing.words(),
            case.within
                .map_or("no".to_owned(), |within| format!("within {within} s")),
            case.closed_at
                .map_or("at the verdict".to_owned(), |at| format!("after {at} s")),
            match case.gone_after {
                Some(gone) => format!("after {:.1} s", gone.as_secs_f64()),
                None => "not at all".to_owned(),
            },
            if in_time { "" } else { ": TOO LATE" },
        );
    }
    all_in_time
}
