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

/// Those with one deadline.
struct Group {
    watch: Watch,
    connections: Vec<Connection>,
    count: Count,
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
    let mut groups = Vec::new();
    for deadline in &spell.deadlines {
        let connections = (0..spell.connections).map(connect);
        let connections = connections.collect::<Result<_>>()?;
        groups.push(Group::watched(loss, *deadline, connections)?);
    }
    live_through(&lab, loss, &mut plain, &mut groups)?;
    let mut counts = Vec::new();
    let mut to_close = vec![(None, None, plain)];
    for group in groups {
        to_close.push((
            Some(group.count.deadline),
            Some(group.watch),
            group.connections,
        ));
        counts.push(group.count);
    }
    let mut left = Vec::new();
    if spell.orphans {
        lab.wire()
            .add(Rule::new("gone", Condition::any(), Action::Drop))?;
        left = left::behind(ours, loss, to_close)?;
    }
    Ok((counts, left))
}

/// Ten seconds without loss, and the spell.
fn live_through(
    lab: &Lab,
    loss: f64,
    plain: &mut [Connection],
    groups: &mut [Group],
) -> Result<()> {
    let start = Instant::now();
    let mut is_lossy = false;
    for turn in 0.. {
        let lossy_for = start.elapsed().saturating_sub(CLEAN);
        if lossy_for >= SPELL {
            break;
        }
        if !is_lossy && lossy_for > Duration::ZERO {
            for group in &mut *groups {
                group.count.early_foretold = group.foretold();
            }
            let when = Condition::any().chance(loss);
            lab.wire().add(Rule::new("loss", when, Action::Drop))?;
            is_lossy = true;
        }
        let mine = |connections: &mut [Connection]| {
            for connection in connections.iter_mut().skip(turn % TURNS).step_by(TURNS) {
                connection.live(turn);
            }
        };
        for group in &mut *groups {
            mine(&mut group.connections);
            group.listen(lossy_for)?;
        }
        mine(plain);
        let next = TURN * u32::try_from(turn).unwrap_or(u32::MAX);
        thread::sleep(next.saturating_sub(start.elapsed()));
    }
    Ok(())
}

impl Group {
    fn watched(loss: f64, deadline: u64, connections: Vec<Connection>) -> Result<Self> {
        let supervision = Supervision::within(Duration::from_secs(deadline));
        let mut watch = Watch::supervised(supervision)?;
        for connection in &connections {
            watch.add(&connection.near, connection.number as u64)?;
        }
        let count = Count {
            loss,
            deadline,
            live: connections.len(),
            early: 0,
            early_foretold: 0.0,
            foretold: 0,
            late: 0,
        };
        Ok(Self {
            watch,
            connections,
            count,
        })
    }

    /// `Watch::slip` says the same of 40 of 100.
    fn foretold(&mut self) -> f64 {
        let watch = &mut self.watch;
        let judges = (self.connections.iter()).filter_map(|c| Some(*watch.judge(&c.near)?));
        judges.map(|judge| judge.sudden_loss(self.count.loss)).sum()
    }

    /// Counts who is called dead.
    fn listen(&mut self, lossy_for: Duration) -> Result<()> {
        let mut events = Vec::new();
        self.watch.wait(&mut events, Some(Duration::ZERO))?;
        for event in events {
            let silence = match event.news {
                News::Judged(Verdict::Unreachable { since, .. }) => since,
                News::Died(death) => death.evidence.silence.unwrap_or_default(),
                News::Judged(_) | _ => continue,
            };
            let index = usize::try_from(event.key)?;
            let connection = self.connections.get_mut(index).context("a connection")?;
            if std::mem::replace(&mut connection.is_over, true) {
                continue;
            }
            let late = self.watch.slip(&connection.near).map(|slip| slip.late);
            let measured = lossy_for.saturating_sub(silence);
            if measured < Duration::from_secs(self.count.deadline) {
                self.count.early += 1;
            } else if late > Some(Duration::ZERO) {
                self.count.foretold += 1;
            } else {
                self.count.late += 1;
            }
        }
        Ok(())
    }
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
