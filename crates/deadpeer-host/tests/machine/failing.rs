//! System calls that fail, any of them, in any order: what can't be done is said in one sentence,
//! and no socket is left half changed.
//!
//! `LONG_SEEDS=10000 cargo test -p deadpeer-host --test machine failing` tries more than the few,
//! `LONG_SEEDS=700..800` these alone.

use std::fmt::Display;
use std::net::{TcpListener, TcpStream};
use std::ops::{ControlFlow, Range};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadpeer_core::{Effective, Kernel, Policy, SlowReaders, TcpInfo};
use deadpeer_host::protect::{Aim, CarryOut, Survey, backlog};
use deadpeer_host::undo::{
    Journal, LoanRecord, Record, Restored, UndoFile, Undoing, boot_id, restore,
};
use deadpeer_host::{
    Filter, Namespace, Query, Questions, Reply, Scope, Settings, Table, Tables, Target, Work as _,
};
use deadpeer_sys::faults::{Calls, FAULTS, Plan, during};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::wait_for;

/// A listener with a connection, and where what it had is recorded.
struct Scene {
    listener: TcpListener,
    _client: TcpStream,
    server: TcpStream,
    folder: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let (listener, client, server) = crate::connection("127.0.0.1");
        let number = listener.local_addr().unwrap().port();
        let name = format!("deadpeer-failing-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            listener,
            _client: client,
            server,
            folder,
        }
    }

    fn sockets(&self) -> [BorrowedFd<'_>; 2] {
        [self.listener.as_fd(), self.server.as_fd()]
    }

    fn settings(&self) -> [Effective; 2] {
        self.sockets()
            .map(|socket| sockopt::effective(socket).unwrap())
    }

    fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        let end = self.listener.local_addr().unwrap().to_string();
        filter.local = vec![end.parse().unwrap()];
        filter
    }

    /// The undo files that are there, all of them to be read.
    fn files(&self) -> Vec<UndoFile> {
        let journal = Journal::read(&self.folder).unwrap();
        assert!(journal.unreadable.is_empty(), "{:?}", journal.unreadable);
        journal.files
    }

    /// Undoes all that is recorded, with no call failing.
    fn undo(&self) {
        for mut file in self.files() {
            let undone = undo(&mut file).unwrap();
            assert!(undone.is_complete(), "{undone:?}");
            file.remove().unwrap();
        }
    }

    fn protect(&self) -> Result<(), String> {
        let filter = self.filter();
        let mut table = Table::open(&Namespace::Own).map_err(sentence)?;
        let kernel: Kernel = *table.kernel();
        // That any kernel can keep.
        let policy = Policy::detect_within(Duration::from_secs(30)).slow_readers(SlowReaders::Drop);
        let aim = Aim::new(&policy, &kernel).unwrap();
        let survey = Survey::take(&mut table, &filter, &aim).map_err(sentence)?;
        let record = record(&table);
        let mut undo = UndoFile::in_directory(&self.folder, record).map_err(sentence)?;
        let now = Instant::now();
        let jobs = survey.changes() as u64;
        let mut work = CarryOut::new(survey, &mut table, &filter, &aim, &mut undo, backlog(), now);
        while let Some(due) = work.poll_timeout() {
            assert!(due <= Instant::now(), "two sockets are no burst");
            work.handle_timeout(Instant::now()).map_err(sentence)?;
        }
        let outcome = work.into_outcome();
        let had_their_turn = outcome.changed + outcome.gone + outcome.failed.values().sum::<u64>();
        assert!(had_their_turn >= jobs, "{outcome:?}");
        assert_eq!(outcome.gone, 0, "{outcome:?}");
        Ok(())
    }

    fn ask(&self, target: &Target) -> Result<Reply, String> {
        let table = Table::open(&Namespace::Own).map_err(sentence)?;
        let record = record(&table);
        let loans = LoanRecord::on_record(&self.folder, record, [target]).map_err(sentence)?;
        let now = Instant::now();
        let mut questions = Questions::new(vec![target], Duration::from_millis(200), now);
        while let Some(due) = questions.poll_timeout() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let Ok(()) = questions.handle_timeout(Instant::now());
        }
        let reply = questions.into_replies(Instant::now()).remove(0).unwrap();
        let left = loans.end();
        assert_eq!(left.is_some(), !self.files().is_empty());
        if let Reply::Failed(error) = reply {
            sentence(error);
        }
        Ok(reply)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn record(table: &Table) -> Record {
    Record::new(boot_id().unwrap(), table.namespace(), Some(30_000))
}

fn undo(file: &mut UndoFile) -> Result<Restored, String> {
    let mut table = Table::open(&Namespace::Own).map_err(sentence)?;
    let mut none = Journal::default();
    restore(file, &mut none, &mut table, Undoing::InEarnest).map_err(sentence)
}

/// What an operator reads: one line that names the call or the file.
fn sentence(error: impl Display) -> String {
    let said = error.to_string();
    assert!(said.len() > 10 && !said.contains(['\n', '{']), "{said:?}");
    said
}

fn read(scene: &Scene) -> Result<Vec<Settings>, String> {
    let mut table = Table::open(&Namespace::Own).map_err(sentence)?;
    let query = Query {
        filter: scene.filter(),
        ..Query::default()
    };
    let mut read = Vec::new();
    let coverage = table
        .each(&query, |connection| {
            read.push(connection.settings);
            ControlFlow::Continue(())
        })
        .map_err(sentence)?;
    assert!(coverage.interrupted || read.len() == 2, "{coverage:?}");
    let unread = read
        .iter()
        .filter(|settings| settings.effective().is_none());
    assert_eq!(unread.count() as u64, coverage.unread.values().sum::<u64>());
    Ok(read)
}

/// How many seeds, or which.
fn wanted() -> Option<Range<u64>> {
    let wanted = std::env::var("LONG_SEEDS").ok()?;
    let (first, end) = wanted.split_once("..").unwrap_or(("0", &wanted));
    Some(first.parse().unwrap()..end.parse().unwrap())
}

/// What has failed among more than the few.
///
/// 755: an option was refused, then what was set before it, and that once more.
const FOUND: [u64; 1] = [755];

fn seeds() -> Vec<u64> {
    wanted().map_or_else(|| (0..16).chain(FOUND).collect(), Iterator::collect)
}

/// Some calls of the work fail once, in one way or, where more is wanted, every call in each; and
/// then some of them together. Seeds from a later one on are tried alone.
fn plans(calls: usize) -> impl Iterator<Item = Plan> {
    let wanted = wanted();
    let (ways, step) = wanted.as_ref().map_or((1, 9), |_| (FAULTS.len(), 1));
    let alone = wanted.is_some_and(|seeds| seeds.start > 0);
    let one = move |number| {
        let faults = FAULTS.iter().cycle().skip(number).take(ways);
        faults.map(move |fault| Plan::one(number, *fault))
    };
    let singly = if alone { 0 } else { calls };
    let each = (0..singly).step_by(step).flat_map(one);
    let together = seeds().into_iter();
    each.chain(together.map(move |seed| Plan::seeded(seed, calls)))
}

fn assert_bites(all: &[Calls]) {
    let failed = all.iter().filter(|calls| !calls.failed.is_empty()).count();
    assert!(failed * 2 > all.len(), "{failed} of {}", all.len());
}

#[test]
fn what_is_read_is_so_or_is_said_to_be_unread() {
    in_private_netns(|| {
        let scene = Scene::new();
        let (whole, calls) = during(Plan::none(), || read(&scene));
        let whole = whole.unwrap();
        let mut tried = Vec::new();
        for plan in plans(calls.made) {
            let (read, calls) = during(plan, || read(&scene));
            for settings in read.unwrap_or_default() {
                let is_so = whole.contains(&settings);
                assert!(is_so || settings.effective().is_none(), "{calls:?}");
            }
            tried.push(calls);
        }
        assert_bites(&tried);
    });
}

#[test]
fn sockets_are_protected_whole_or_not_at_all_and_there_is_a_way_back() {
    in_private_netns(|| {
        let scene = Scene::new();
        let first = scene.settings();
        let (done, calls) = during(Plan::none(), || scene.protect());
        done.unwrap();
        let protected = scene.settings();
        assert!(
            protected
                .iter()
                .zip(&first)
                .all(|(now, first)| now != first)
        );
        scene.undo();
        assert_eq!(scene.settings(), first);
        let mut tried = Vec::new();
        for plan in plans(calls.made) {
            let (_, calls) = during(plan, || scene.protect());
            for (place, now) in scene.settings().iter().enumerate() {
                let is_whole = [first[place], protected[place]].contains(now);
                assert!(is_whole, "{calls:?}: {now:?}");
            }
            scene.undo();
            assert_eq!(scene.settings(), first, "{calls:?}");
            tried.push(calls);
        }
        assert_bites(&tried);
    });
}

#[test]
fn undone_means_undone_and_a_file_stays_until_then() {
    in_private_netns(|| {
        let scene = Scene::new();
        let first = scene.settings();
        let mut tried = Vec::new();
        let undoing = |plan| {
            scene.protect().unwrap();
            let mut file = scene.files().remove(0);
            let (undone, calls) = during(plan, || undo(&mut file));
            if undone.is_ok_and(|undone| undone.is_complete()) {
                assert_eq!(scene.settings(), first, "{calls:?}");
            }
            scene.undo();
            assert_eq!(scene.settings(), first, "{calls:?}");
            calls
        };
        let calls = undoing(Plan::none());
        for plan in plans(calls.made) {
            tried.push(undoing(plan));
        }
        assert_bites(&tried);
    });
}

#[test]
fn what_was_lent_to_a_question_comes_back_or_is_on_record() {
    in_private_netns(|| {
        let target = |scene: &Scene| {
            let mut tables = Tables::open(&Scope::One(Namespace::Own)).unwrap();
            let (mut targets, _) = Target::all(&mut tables, &scene.filter()).unwrap();
            targets.remove(0)
        };
        let mut most = 0;
        let mut tried = Vec::new();
        // Whoever was asked has been heard: each is asked once.
        for seeds in seeds().chunks(60) {
            let scenes: Vec<Scene> = seeds.iter().map(|_| Scene::new()).collect();
            let first = scenes[0].settings();
            let youngest = scenes.last().unwrap();
            wait_for(&youngest.server, |row| {
                let heard = row.info.as_ref().and_then(TcpInfo::heard_ago);
                heard > Some(Duration::from_millis(1_050))
            });
            for (scene, seed) in scenes.iter().zip(seeds) {
                let target = target(scene);
                let plan = match most {
                    0 => Plan::none(),
                    most => Plan::seeded(*seed, most),
                };
                let (_, calls) = during(plan, || scene.ask(&target));
                most = most.max(calls.made);
                scene.undo();
                assert_eq!(scene.settings(), first, "{calls:?}");
                tried.push(calls);
            }
        }
        assert_bites(&tried);
    });
}
