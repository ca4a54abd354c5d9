//! What `cargo xtask bench host` measures: each of the programs at work, in a process of its own.
//!
//! ```text
//! load start                     open the engine and load the program that shows the sockets
//! load dump                      a line for each socket of this network namespace, with its owners
//! load set                       set five options on all of them
//! load connect NUMBER            so many connections, made and reset: bare, under a rule, with options set by the program itself
//! load deaths NUMBER             so many: unseen, and with their deaths told and read
//! load idle SECONDS              watch a quiet namespace while there are deaths in another
//! ```
//!
//! All but the first two print numbers, nanoseconds of CPU an end of a connection where nothing
//! else is said: see each function. Needs root.
#![expect(clippy::print_stdout, reason = "a program at the command line")]

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpeer_bpf::{Change, Engine, Holding, Keepalive, Rule, Socket, Watched, Way, cgroup};
use deadpeer_core::{Effective, SocketOptions, Sysctls};
use deadpeer_sys::{clock, netns, sockopt};
use rustc_hash::FxHashMap;
use rustix::fs::{AtFlags, Mode};
use rustix::net::sockopt::set_socket_linger;
use rustix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["start"] => engine()?.sockets().map(drop).map_err(Into::into),
        ["dump"] => dump(),
        ["set"] => set(),
        ["connect", number] => connect(number.parse()?),
        ["deaths", number] => deaths(number.parse()?),
        ["idle", seconds] => idle(Duration::from_secs(seconds.parse()?)),
        _ => Err("see the beginning of crates/deadpeer-bpf/examples/load.rs".into()),
    }
}

fn engine() -> Result<Engine> {
    Ok(Engine::open(clock::hz().ok_or("no clock rate")?)?)
}

/// As ss(8) with -tnp, and the settings that it can't see.
fn dump() -> Result<()> {
    let engine = engine()?;
    let mut holders: FxHashMap<u32, (u32, i32)> = FxHashMap::default();
    engine.socket_owners()?.each(|holder| {
        holders.insert(holder.inode.get(), (holder.pid, holder.fd));
        ControlFlow::Continue(())
    })?;
    let mut names: FxHashMap<u32, String> = FxHashMap::default();
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut written = Ok(());
    engine.sockets()?.each(|socket| {
        let holder = match socket.holding {
            Holding::File(inode) => holders.get(&inode.get()),
            Holding::AcceptQueue | Holding::Closed => None,
        };
        let name = holder.map(|(pid, _)| {
            names.entry(*pid).or_insert_with(|| {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
                name.unwrap_or_default().trim_end().to_owned()
            })
        });
        written = line(&mut out, socket, name.map(|name| name.as_str()), holder);
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    Ok(written?)
}

fn line(
    out: &mut impl io::Write,
    socket: &Socket,
    name: Option<&str>,
    holder: Option<&(u32, i32)>,
) -> io::Result<()> {
    write!(out, "{} {} {}", socket.state, socket.local, socket.peer)?;
    if let Some(options) = socket.options {
        let idle = match options.keepalive {
            Some(true) => options.keepidle_s,
            Some(false) | None => None,
        };
        match idle {
            Some(idle) => write!(out, " keepalive {idle}")?,
            None => out.write_all(b" -")?,
        }
    }
    if let (Some(name), Some((pid, fd))) = (name, holder) {
        write!(out, " {name} {pid} {fd}")?;
    }
    out.write_all(b"\n")
}

fn options() -> SocketOptions {
    let mut options = SocketOptions {
        keepalive: Some(true),
        keepidle_s: Some(9),
        keepintvl_s: Some(1),
        keepcnt: Some(8),
        ..SocketOptions::default()
    };
    // No user timeout: with one, the first probe that is lost among 200,000 at once ends a
    // connection.
    options.rto_max_ms = Some(1000);
    options
}

/// Longer than the sockets have been silent: a probe on each of them at once would be measured with
/// it.
const IDLE_S: u32 = 900;

/// Prints how many sockets were set, of how many, and the milliseconds of CPU that it took: loading
/// the program, telling it the sockets, setting and reading back.
fn set() -> Result<()> {
    let engine = engine()?;
    let mut changes = Vec::new();
    engine.sockets()?.each(|socket| {
        if socket.options.is_some() {
            let mut options = options();
            options.keepidle_s = Some(IDLE_S);
            changes.push(Change::new(socket.cookie, options));
        }
        ControlFlow::Continue(())
    })?;
    let of = changes.len();
    let begin = cpu();
    let mut done = 0;
    engine.set(changes, |outcome| {
        done += u32::from(outcome.refused.is_none() && outcome.after.keepidle_s == Some(IDLE_S));
    })?;
    println!("{done} {of} {}", (cpu() - begin).as_secs_f64() * 1e3);
    Ok(())
}

/// Connections of a turn: a few milliseconds, in which a busy machine does not change its pace.
const TURN: u32 = 200;

/// Ways to treat `number` connections take turns, each at each place in the order. Returns the
/// nanoseconds of CPU that an end of a connection takes in each: of its median turn.
fn in_turns<const WAYS: usize>(
    number: u32,
    mut turn: impl FnMut(usize) -> Result<Duration>,
) -> Result<[u128; WAYS]> {
    let mut spent = [(); WAYS].map(|()| Vec::new());
    for round in 0..(number / TURN) as usize {
        for place in 0..WAYS {
            let way = (round + place) % WAYS;
            spent[way].push(turn(way)?);
        }
    }
    Ok(spent.map(|mut turns| {
        turns.sort_unstable();
        turns[turns.len() / 2].as_nanos() / u128::from(2 * TURN)
    }))
}

/// Prints what an end of a connection takes, all of its life: bare, under a rule, and with the
/// options set by the program itself.
fn connect(number: u32) -> Result<()> {
    netns::isolate()?;
    let group = Group::enter()?;
    let engine = engine()?;
    let way = Way::new(options(), Duration::from_secs(20));
    let untouched = Effective::untouched(&Sysctls::DEFAULT);
    let rule = Rule::new(way, way, Keepalive::from(&untouched), 2);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let [bare, protected, by_itself] = in_turns(number, |way| match way {
        0 => spent_on(&listener, |_| Ok(())),
        1 => {
            let protection = engine.protect(&group.directory, &rule)?;
            let spent = spent_on(&listener, |_| Ok(()))?;
            let counts = protection.counts()?;
            assert!(counts.protected >= 2 * u64::from(TURN), "{counts:?}");
            Ok(spent)
        }
        _ => spent_on(&listener, set_by_itself),
    })?;
    println!("{bare} {protected} {by_itself}");
    Ok(())
}

fn set_by_itself(end: &TcpStream) -> io::Result<()> {
    let options = options();
    let done = (|| {
        sockopt::set_keepidle_s(end, options.keepidle_s.unwrap_or_default())?;
        sockopt::set_keepintvl_s(end, options.keepintvl_s.unwrap_or_default())?;
        sockopt::set_keepcnt(end, options.keepcnt.unwrap_or_default())?;
        sockopt::set_rto_max_ms(end, options.rto_max_ms.unwrap_or_default())?;
        sockopt::set_keepalive(end, true)
    })();
    done.map_err(io::Error::other)
}

/// Prints what an end of a connection takes, unseen and with its death told and read, and how many
/// deaths were lost.
fn deaths(number: u32) -> Result<()> {
    netns::isolate()?;
    let here = u32::try_from(netns::inode(netns::open_current()?)?)?;
    let engine = engine()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut lost = 0;
    let [unseen, told] = in_turns(number, |way| {
        if way == 0 {
            return spent_on(&listener, |_| Ok(()));
        }
        let mut report = engine.deaths(Watched::Namespace(here), 4 << 20)?;
        let mut told = 0;
        let spent = spent_on(&listener, |_| Ok(()))?;
        let begin = cpu();
        report.drain(|death| told += u32::from(death.at > Duration::ZERO));
        let reading = cpu() - begin;
        // Those of the warming up are read as well.
        let all = 2 * (TURN + TURN / 10);
        lost += all - told.min(all);
        Ok(spent + reading * (2 * TURN) / all)
    })?;
    println!("{unseen} {told} {lost}");
    Ok(())
}

/// Prints how many deaths there were elsewhere, and the nanoseconds of CPU that waiting for one
/// here took.
fn idle(time: Duration) -> Result<()> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            netns::private(|| {
                let listener = TcpListener::bind("127.0.0.1:0").ok()?;
                let mut ends = 0;
                while !done.load(Ordering::Acquire) {
                    live_and_die(&listener, 100, |_| Ok(())).ok()?;
                    ends += 200;
                }
                Some(ends)
            })
        });
        let spent = scope.spawn(|| wait_for_nothing(time).map_err(|error| error.to_string()));
        let spent = spent.join().map_err(|_| "the watcher panicked")?;
        done.store(true, Ordering::Release);
        let ends = elsewhere.join().map_err(|_| "the others panicked")??;
        println!("{} {}", ends.ok_or("no connections")?, spent?.as_nanos());
        Ok(())
    })
}

fn wait_for_nothing(time: Duration) -> Result<Duration> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    netns::isolate()?;
    let here = u32::try_from(netns::inode(netns::open_current()?)?)?;
    let mut report = engine()?.deaths(Watched::Namespace(here), 4 << 20)?;
    let time = Timespec {
        tv_sec: time.as_secs().try_into()?,
        tv_nsec: 0,
    };
    let thread = || clock_gettime(ClockId::ThreadCPUTime);
    let begin = thread();
    let woken = poll(&mut [PollFd::new(&report, PollFlags::IN)], Some(&time))?;
    let spent = duration(thread()) - duration(begin);
    report.drain(|death| assert!(death.at.is_zero(), "nothing died here"));
    assert_eq!(woken, 0, "nobody woke us");
    Ok(spent)
}

/// The CPU time of a turn, once everything is warm.
fn spent_on(
    listener: &TcpListener,
    new: impl Fn(&TcpStream) -> io::Result<()>,
) -> Result<Duration> {
    live_and_die(listener, TURN / 10, &new)?;
    let begin = cpu();
    live_and_die(listener, TURN, &new)?;
    Ok(cpu() - begin)
}

/// Connections that are made, accepted and reset: none is left in TIME_WAIT.
fn live_and_die(
    listener: &TcpListener,
    number: u32,
    new: impl Fn(&TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    for _ in 0..number {
        let caller = TcpStream::connect(address)?;
        let (called, _) = listener.accept()?;
        new(&caller)?;
        new(&called)?;
        set_socket_linger(&caller, Some(Duration::ZERO))?;
        drop(caller);
        drop(called);
    }
    Ok(())
}

/// A cgroup that this process is in.
struct Group {
    root: std::os::fd::OwnedFd,
    name: String,
    directory: std::os::fd::OwnedFd,
}

impl Group {
    fn enter() -> Result<Self> {
        let root = cgroup::root()?;
        let name = format!("deadpeer-load-{}", std::process::id());
        rustix::fs::mkdirat(&root, &name, Mode::RWXU)?;
        let directory = cgroup::open(&root, name.as_ref())?;
        let group = Self {
            root,
            name,
            directory,
        };
        move_to(&group.directory)?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = move_to(&self.root);
        let _ = rustix::fs::unlinkat(&self.root, &self.name, AtFlags::REMOVEDIR);
    }
}

fn move_to(group: &std::os::fd::OwnedFd) -> Result<()> {
    use rustix::fs::OFlags;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(group, "cgroup.procs", flags, Mode::empty())?;
    rustix::io::write(file, b"0")?;
    Ok(())
}

/// User and system time of this process.
fn cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: rustix::time::Timespec) -> Duration {
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}
