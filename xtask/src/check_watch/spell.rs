//! A path that loses much from one moment on, while data flows: how many live connections are
//! called dead, and how much the judge had measured of the loss by then.

mod left;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use deadpeer::{News, Supervision, Verdict, Watch};
use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};

use left::Left;

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
    /// Its number among those of its group.
    number: usize,
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
    /// How many of these their judges foretold at most, when the loss began.
    early_foretold: f64,
    /// Later, though the verdict had been said to come late.
    foretold: usize,
    /// Later, and nothing had been said.
    late: usize,
}

/// What is looked at.
#[derive(Clone)]
pub(super) struct Spell {
    pub(super) deadlines: Vec<u64>,
    /// So many connections for each deadline.
    pub(super) connections: usize,
    pub(super) seed: u64,
    /// Also what is left behind by those that are closed when the path has gone.
    pub(super) orphans: bool,
}

/// Returns whether at most one of a thousand that had measured the loss for a deadline was called
/// dead without a word before, and of the others no more than were foretold.
pub(super) fn check(spell: &Spell) -> Result<bool> {
    let threads = LOSSES.map(|loss| {
        let spell = spell.clone();
        thread::spawn(move || measure(loss, &spell))
    });
    let (mut counts, mut left) = (Vec::new(), Vec::new());
    for thread in threads {
        let measured = thread.join().ok().context("a thread panicked")??;
        counts.extend(measured.0);
        left.extend(measured.1);
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
    let goes_in_time = !spell.orphans || left::print(&left);
    Ok(counts.iter().all(Count::is_right) && goes_in_time)
}

impl Count {
    fn is_right(&self) -> bool {
        // By chance more come than are foretold on average.
        let by_chance = 2.0 * self.early_foretold.sqrt();
        self.late <= self.live.div_ceil(1_000)
            && self.early as f64 <= self.early_foretold + by_chance
    }
}

fn measure(loss: f64, spell: &Spell) -> Result<(Vec<Count>, Vec<Left>)> {
    let lab = Lab::with_hosts(["ours", "theirs"])
        .seed(spell.seed)
        .start()?;
    let [ours, theirs] = lab.hosts() else {
        anyhow::bail!("two hosts");
    };
    let listener = theirs.enter(|| TcpListener::bind("[::]:80"))??;
    let connect = |number| {
        let near = ours.enter(|| TcpStream::connect((theirs.v4(), 80)))??;
        let (far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        anyhow::Ok(Connection {
            near,
            far,
            number,
            is_over: false,
        })
    };
    let mut plain = Vec::new();
    if spell.orphans {
        plain = (0..spell.connections).map(connect).collect::<Result<_>>()?;
    }
    let mut all = Vec::new();
    for deadline in &spell.deadlines {
        let supervision = Supervision::within(Duration::from_secs(*deadline));
        let mut watch = Watch::supervised(supervision)?;
        let mut group = Vec::new();
        for number in 0..spell.connections {
            let connection = connect(number)?;
            watch.add(&connection.near, number as u64)?;
            group.push(connection);
        }
        let count = Count {
            loss,
            deadline: *deadline,
            live: spell.connections,
            early: 0,
            early_foretold: 0.0,
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
            for (watch, group, count) in &mut all {
                count.early_foretold = foretold(watch, group, loss);
            }
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
        for connection in plain.iter_mut().skip(turn % TURNS).step_by(TURNS) {
            connection.live(turn);
        }
        let next = TURN * u32::try_from(turn).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_sub(start.elapsed()));
    }
    let mut groups = vec![(None, None, plain)];
    let mut counts = Vec::new();
    for (watch, group, count) in all {
        groups.push((Some(count.deadline), Some(watch), group));
        counts.push(count);
    }
    let mut left = Vec::new();
    if spell.orphans {
        lab.wire()
            .add(Rule::new("gone", Condition::any(), Action::Drop))?;
        left = left::behind(ours, loss, groups)?;
    }
    Ok((counts, left))
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

/// `Watch::slip` says the same of 40 of 100.
fn foretold(watch: &mut Watch, group: &[Connection], loss: f64) -> f64 {
    let judges = group.iter().filter_map(|c| Some(*watch.judge(&c.near)?));
    judges.map(|judge| judge.sudden_loss(loss)).sum()
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
        let late = watch.slip(&connection.near).map(|slip| slip.late);
        let measured = lossy_for.saturating_sub(silence);
        if measured < Duration::from_secs(count.deadline) {
            count.early += 1;
        } else if late > Some(Duration::ZERO) {
            count.foretold += 1;
        } else {
            count.late += 1;
        }
    }
    Ok(())
}
