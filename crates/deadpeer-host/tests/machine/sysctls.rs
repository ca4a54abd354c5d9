//! A sysctl of a namespace: recorded, set, and put back unless somebody has set it since. Planned
//! as for a kernel without `TCP_RTO_MAX_MS`, since no other needs one.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadpeer_core::{Kernel, Policy, Silence};
use deadpeer_host::protect::{Aim, CarryOut, SetSysctlError, Survey, backlog};
use deadpeer_host::undo::{
    Journal, Record, Restored, SysctlChange, SysctlFate, UndoFile, Undoing, boot_id, restore,
};

use deadpeer_host::{Filter, Namespace, Table, Work as _};
use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{netns, sockopt, sysctl};

use crate::Holder;

const NAME: &str = "tcp_retries2";

/// A table, its files, and what has to be set.
struct Scene {
    table: Table,
    folder: PathBuf,
    aim: Aim,
    change: SysctlChange,
}

impl Scene {
    fn new(name: &str, place: &Namespace) -> Self {
        let table = Table::open(place).unwrap();
        let folder = std::env::temp_dir().join(format!("deadpeer-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let policy = Policy::detect_within(Duration::from_secs(30));
        let policy = policy.sysctls(true).except(Silence::ZeroWindow);
        let mut kernel: Kernel = *table.kernel();
        kernel.rto_max_option = false;
        let aim = Aim::new(&policy, &kernel).unwrap();
        let change = aim.sysctl().expect("this takes a sysctl");
        assert!(change.after < change.before);
        Self {
            table,
            folder,
            aim,
            change,
        }
    }

    fn undo_file(&self) -> UndoFile {
        let record = Record::new(boot_id().unwrap(), self.table.namespace(), Some(30_000));
        UndoFile::in_directory(&self.folder, record).unwrap()
    }

    fn set(&self) -> UndoFile {
        let mut undo = self.undo_file();
        self.change.carry_out(&self.table, &mut undo).unwrap();
        assert!(undo.path().exists());
        undo
    }

    /// Changes every socket of the namespace.
    fn protect_sockets(&mut self) -> UndoFile {
        let mut undo = self.undo_file();
        let filter = Filter::default();
        let survey = Survey::take(&mut self.table, &filter, &self.aim).unwrap();
        let (now, table) = (Instant::now(), &mut self.table);
        let mut work = CarryOut::new(survey, table, &filter, &self.aim, &mut undo, backlog(), now);
        while let Some(due) = work.poll_timeout() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            work.handle_timeout(Instant::now()).unwrap();
        }
        undo
    }

    /// Undoes what the file on the disk says.
    fn undo(&mut self, file: &UndoFile) -> Restored {
        let mut read = UndoFile::read(file.path()).unwrap();
        restore(
            &mut read,
            &mut Journal::default(),
            &mut self.table,
            Undoing::InEarnest,
        )
        .unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn now() -> u32 {
    sysctl::get(NAME).unwrap()
}

#[test]
fn what_was_set_goes_back() {
    in_private_netns(|| {
        let mut scene = Scene::new("sysctl-back", &Namespace::Own);
        let change = scene.change;
        let file = scene.set();
        assert_eq!(now(), change.after);
        let undone = scene.undo(&file);
        assert_eq!(undone.sysctls, [(change, SysctlFate::Restored)]);
        assert!(undone.is_complete());
        assert_eq!(now(), change.before);
        // Undone before; killed between the record and the change, it is the same.
        let again = scene.undo(&file);
        assert_eq!(again.sysctls, [(change, SysctlFate::Unchanged)]);
        assert_eq!(now(), change.before);
    });
}

#[test]
fn what_somebody_else_has_set_since_stays() {
    in_private_netns(|| {
        let mut scene = Scene::new("sysctl-overtaken", &Namespace::Own);
        let file = scene.set();
        sysctl::write(NAME, 7).unwrap();
        let undone = scene.undo(&file);
        assert_eq!(undone.sysctls, [(scene.change, SysctlFate::Overtaken(7))]);
        assert_eq!(now(), 7);
    });
}

#[test]
fn what_changed_after_the_plan_is_not_set() {
    in_private_netns(|| {
        let scene = Scene::new("sysctl-late", &Namespace::Own);
        sysctl::write(NAME, 9).unwrap();
        let mut undo = scene.undo_file();
        let refused = scene.change.carry_out(&scene.table, &mut undo);
        assert!(
            matches!(refused, Err(SetSysctlError::Overtaken { now: 9, .. })),
            "{refused:?}"
        );
        assert_eq!((now(), undo.is_written()), (9, false));
    });
}

#[test]
fn what_the_kernel_refuses_leaves_no_file() {
    in_private_netns(|| {
        let scene = Scene::new("sysctl-refused", &Namespace::Own);
        let mut undo = scene.undo_file();
        let mut change = scene.change;
        // Its values end at 255.
        change.after = 70_000;
        let refused = change.carry_out(&scene.table, &mut undo);
        assert!(
            matches!(refused, Err(SetSysctlError::Access(_))),
            "{refused:?}"
        );
        assert_eq!(
            (now(), undo.is_written(), undo.path().exists()),
            (change.before, false, false)
        );
        assert!(undo.record().sysctls.is_empty());
    });
}

#[test]
fn sysctl_and_sockets_are_undone_in_any_order() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut scene = Scene::new("sysctl-order", &Namespace::Own);
        let options = || sockopt::effective(&listener).unwrap();
        let before = (options(), now());
        for sockets_first in [true, false] {
            let mut files = [scene.set(), scene.protect_sockets()];
            assert!(options().keepalive && now() == scene.change.after);
            if sockets_first {
                files.reverse();
            }
            for file in &files {
                assert!(scene.undo(file).is_complete());
            }
            assert_eq!((options(), now()), before);
        }
    });
}

#[test]
fn another_namespace_is_reached_and_ours_is_not() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = Holder::of(listener);
        // Move on: the holder stays behind in the first namespace.
        netns::isolate().unwrap();
        let ours = now();
        let place = Namespace::Process(holder.pid());
        let theirs = || place.run(now).unwrap();
        let mut scene = Scene::new("sysctl-there", &place);
        let file = scene.set();
        assert_eq!((ours, theirs()), (now(), scene.change.after));
        scene.undo(&file);
        assert_eq!((ours, theirs()), (now(), scene.change.before));
    });
}
