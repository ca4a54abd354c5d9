//! Protections that outlive their makers, in a BPF file system of the test's own.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadpeer_bpf::{PinError, cgroup, pinned};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::group::Group;
use crate::new_connections::{options_of, rule, shell};
use crate::sockets::protected;
use crate::with_engine;

/// A BPF file system that is mounted nowhere, and goes with the test.
struct FileSystem(OwnedFd);

impl FileSystem {
    fn make() -> Self {
        let context = fsopen("bpf", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_create(&context).unwrap();
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        Self(fsmount(&context, flags, MountAttrFlags::empty()).unwrap())
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

#[test]
fn a_pinned_protection_holds_until_it_is_removed() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let files = FileSystem::make();
        assert_eq!(pinned(&files.path()), Ok(vec![]));
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        let kept = protection.pin(&files.path(), "web").unwrap();
        // Its maker has nothing open any more.
        let options = options_of(engine, &group, shell);
        assert_eq!(options.keepidle_s, protected().keepidle_s);

        let all = pinned(&files.path()).unwrap();
        let [found] = all.as_slice() else {
            panic!("one, not {all:?}");
        };
        assert_eq!((&found.path, found.name.as_str()), (&kept.path, "web"));
        assert_eq!(found.cgroup, Some(cgroup::id(group.directory()).unwrap()));
        assert_eq!(found.rule, Some(rule()));
        assert_eq!(found.counts.map(|counts| counts.protected), Some(1));

        found.remove().unwrap();
        assert_eq!(pinned(&files.path()), Ok(vec![]));
        let options = options_of(engine, &group, shell);
        assert_eq!(options.keepalive, Some(false));
        // Twice does no harm.
        found.remove().unwrap();
    });
}

#[test]
fn what_cannot_be_pinned_is_said() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let files = FileSystem::make();
        let rule = rule();
        let pin = |bpffs: PathBuf, name| {
            let protection = engine.protect(group.directory(), &rule).unwrap();
            protection.pin(&bpffs, name)
        };
        for name in ["", "a/b", "..", "x.y"] {
            let error = pin(files.path(), name).unwrap_err();
            assert!(matches!(error, PinError::Name { .. }), "{name}: {error}");
        }
        let error = pin("/proc".into(), "web").unwrap_err();
        assert!(matches!(error, PinError::NoBpffs { .. }), "{error}");
        let kept = pin(files.path(), "web").unwrap();
        let error = pin(files.path(), "web").unwrap_err();
        assert_eq!(
            error,
            PinError::Taken {
                path: kept.path.clone()
            }
        );
        // The one that was there is as it was.
        assert_eq!(pinned(&files.path()), Ok(vec![kept]));
    });
}

#[test]
fn a_rest_of_a_killed_maker_is_shown_and_removed() {
    with_engine(|_| {
        let files = FileSystem::make();
        std::fs::create_dir_all(files.path().join("deadpeer/half")).unwrap();
        let all = pinned(&files.path()).unwrap();
        let [rest] = all.as_slice() else {
            panic!("one, not {all:?}");
        };
        assert_eq!((rest.cgroup, rest.rule), (None, None));
        rest.remove().unwrap();
        assert_eq!(pinned(&files.path()), Ok(vec![]));
    });
}

#[test]
fn a_protection_whose_cgroup_is_gone_is_shown_as_such() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let files = FileSystem::make();
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        protection.pin(&files.path(), "web").unwrap();
        drop(group);
        let end = Instant::now() + Duration::from_secs(30);
        let found = loop {
            let all = pinned(&files.path()).unwrap();
            let found = all.into_iter().next().expect("the file is there");
            // The kernel detaches what was attached a while after the directory is gone.
            if found.cgroup.is_none() {
                break found;
            }
            assert!(Instant::now() < end, "attached after 30 s");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(found.rule, Some(rule()));
        found.remove().unwrap();
    });
}

#[test]
fn cgroups_are_found_by_number() {
    with_engine(|_| {
        let Some(group) = Group::make() else { return };
        let root = cgroup::root().unwrap();
        let id = cgroup::id(group.directory()).unwrap();
        let path = cgroup::path_of(&root, id).expect("it is there");
        let again = cgroup::open(&root, &path).unwrap();
        assert_eq!(cgroup::id(again), Ok(id));
        assert_eq!(cgroup::path_of(&root, u64::MAX), None);
        assert_eq!(
            cgroup::path_of(&root, cgroup::id(&root).unwrap()),
            Some("/".into())
        );
    });
}

#[test]
fn a_protection_of_an_earlier_version_is_told_from_ours() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let files = FileSystem::make();
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        let kept = protection.pin(&files.path(), "web").unwrap();
        assert!(!kept.outdated);
        // They had a single link.
        std::fs::remove_file(kept.path.join("wishes")).unwrap();
        let [found] = &pinned(&files.path()).unwrap()[..] else {
            panic!("one is pinned");
        };
        assert!(found.outdated && found.cgroup.is_some(), "{found:?}");
        found.remove().unwrap();
        assert_eq!(pinned(&files.path()), Ok(vec![]));
    });
}
