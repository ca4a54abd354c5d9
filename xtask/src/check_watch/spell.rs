//! A path that loses much from one moment on, while data flows: how many live connections are
//! called dead, and how much the judge had measured of the loss by then.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use deadpeer::{News, Supervision, Verdict, Watch};
use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};

/// How long everything arrives before.
const CLEAN: Duration = Duration::from_secs(10);
/// How long it is lossy.
const SPELL: Duration = Duration::from_secs(300);
/// Ten writes a second, of turns of this length.
const TURN: Duration = Duration::from_millis(10);
const TURNS: usize = 10;
/// The shares of packets that are lost each way.
const LOSSES: [f64; 2] = [0.25, 0.4];
/// What is written, in turns: a few bytes, and three segments.
const WRITES: [usize; 2] = [20, 4_096];

struct Connection {
    near: TcpStream,
    far: TcpStream,
    /// Whether it was called dead, or ended.
    is_over: bool,
}

/// What came out for one loss and one deadline.
struct Count {
    loss: f64,
    deadline: u64,
    live: usize,
    /// Whose silence began before the loss had been there for a deadline.
    early: usize,
    /// How many of these `Supervision::sudden_loss` foretells at most.
    early_foretold: f64,
    /// Later, though the verdict had been said to come late.
    foretold: usize,
    /// Later, and nothing had been said.
    late: usize,
}

/// Returns whether at most one of a thousand that had measured the loss for a deadline was called
/// dead without a word before, and of the others no more than were foretold.
pub(super) fn check(deadlines: &[u64], connections: usize, seed: u64) -> Result<bool> {
    let threads = LOSSES.map(|loss| {
        let deadlines = deadlines.to_vec();
        thread::spawn(move || measure(loss, &deadlines, connections, seed))
    });
    let mut counts = Vec::new();
    for thread in threads {
        counts.extend(thread.join().ok().context("a thread panicked")??);
    }
    println!(
        "| lost each way | deadline | live connections | called dead: measured for less than a deadline | foretold at most | later, foretold by slip | later |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for count in &counts {
        let Count {
            loss,
            deadline,
            live,
            early,
            early_foretold,
            foretold,
            late,
        } = count;
        println!(
            "| {:.0} % | {deadline} s | {live} | {early} | {early_foretold:.1} | {foretold} | {late} |",
            loss * 100.0
        );
    }
    Ok(counts.iter().all(Count::is_right))
}

impl Count {
    fn is_right(&self) -> bool {
        // By chance more come than are foretold on average.
        let by_chance = 2.0 * self.early_foretold.sqrt();
        self.late <= self.live.div_ceil(1_000)
            && self.early as f64 <= self.early_foretold + by_chance
    }
}

fn measure(loss: f64, deadlines: &[u64], connections: usize, seed: u64) -> Result<Vec<Count>> {
    let lab = Lab::with_hosts(["ours", "theirs"]).seed(seed).start()?;
    let [ours, theirs] = lab.hosts() else {
        anyhow::bail!("two hosts");
    };
    let listener = theirs.enter(|| TcpListener::bind("[::]:80"))??;
    let mut all = Vec::new();
    for deadline in deadlines {
        let supervision = Supervision::within(Duration::from_secs(*deadline));
        let mut watch = Watch::supervised(supervision)?;
        let mut group = Vec::new();
        for key in 0..connections {
            let near = ours.enter(|| TcpStream::connect((theirs.v4(), 80)))??;
            let (far, _) = listener.accept()?;
            near.set_nodelay(true)?;
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
            watch.add(&near, key as u64)?;
            group.push(Connection {
                near,
                far,
                is_over: false,
            });
        }
        let count = Count {
            loss,
            deadline: *deadline,
            live: connections,
            early: 0,
            early_foretold: supervision.sudden_loss(loss) * connections as f64,
            foretold: 0,
            late: 0,
        };
        all.push((watch, group, count));
    }
    let start = Instant::now();
    let mut is_lossy = false;
    for turn in 0.. {
        let lossy_for = start.elapsed().saturating_sub(CLEAN);
        if lossy_for >= SPELL {
            break;
        }
        if !is_lossy && lossy_for > Duration::ZERO {
            let when = Condition::any().chance(loss);
            lab.wire().add(Rule::new("loss", when, Action::Drop))?;
            is_lossy = true;
        }
        for (watch, group, count) in &mut all {
            for connection in group.iter_mut().skip(turn % TURNS).step_by(TURNS) {
                connection.live(turn);
            }
            listen(watch, group, count, lossy_for)?;
        }
        let next = TURN * u32::try_from(turn).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_sub(start.elapsed()));
    }
    Ok(all.into_iter().map(|(_, _, count)| count).collect())
}

impl Connection {
    fn live(&mut self, turn: usize) {
        if self.is_over {
            return;
        }
        let data = [b'x'; 4_096];
        let length = WRITES[turn / TURNS % WRITES.len()];
        // What doesn't fit waits for its turn.
        let _ = self.near.write(&data[..length]);
        let mut read = [0; 16_384];
        while self.far.read(&mut read).is_ok_and(|count| count > 0) {}
    }
}

fn listen(
    watch: &mut Watch,
    group: &mut [Connection],
    count: &mut Count,
    lossy_for: Duration,
) -> Result<()> {
    let mut events = Vec::new();
    watch.wait(&mut events, Some(Duration::ZERO))?;
    for event in events {
        let silence = match event.news {
            News::Judged(Verdict::Unreachable { since, .. }) => since,
            News::Died(death) => death.evidence.silence.unwrap_or_default(),
            News::Judged(_) | _ => continue,
        };
        let index = usize::try_from(event.key)?;
        let connection = group.get_mut(index).context("a connection")?;
        if std::mem::replace(&mut connection.is_over, true) {
            continue;
        }
        let slip = watch.slip(&connection.near).unwrap_or_default();
        let measured = lossy_for.saturating_sub(silence);
        if measured < Duration::from_secs(count.deadline) {
            count.early += 1;
        } else if slip > Duration::ZERO {
            count.foretold += 1;
        } else {
            count.late += 1;
        }
    }
    Ok(())
}
