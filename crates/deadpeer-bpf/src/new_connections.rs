//! Options for every connection still to come in a cgroup (sockops).

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadpeer_core::SocketOptions;

use zerocopy::IntoBytes as _;

use crate::kernel::{self, Kind, LinkInfo, MapShape};
use crate::load::{Recipe, Target, Types};
use crate::records::{self, Memory, Options};
use crate::{CallError, PinError, Unavailable, feature, pins};

/// What new connections get, and what is left alone.
///
/// The program runs when connect(2) begins and when a connection is established, on both sides. It
/// compares what the socket has with this rule, in three groups, and sets a group only if the
/// socket's own values don't meet it. What an application has set and is as good or better stays;
/// nothing is ever loosened. What it sets later it has.
///
/// - *Keepalive* (`keepalive`, `keepidle_s`, `keepintvl_s`, `keepcnt`) is left alone if it is on
///   and finds a dead idle peer within [`idle_within`](Self::idle_within): `max(idle, interval) +
///   count * interval`, or with a user timeout `max(idle + interval, timeout + interval)`.
/// - *Data in flight* (`user_timeout_ms`, `rto_max_ms`) is left alone if the socket has a user
///   timeout of at most [`busy_within`](Self::busy_within); else `user_timeout_ms` is set, and
///   `rto_max_ms` if the socket's is longer.
/// - *Connecting* (`syncnt`) is set if the socket's is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The options to set. `None` leaves an option alone.
    pub options: SocketOptions,
    /// How long the application's own keepalive may take.
    pub idle_within: Duration,
    /// How long the application's own user timeout may be.
    pub busy_within: Duration,
    /// Whether whatever the application has set itself stays, however long it takes.
    pub keep_app_settings: bool,
}

impl Rule {
    /// Sets `options` where an application's own take longer than this.
    #[must_use]
    pub fn new(options: SocketOptions, idle_within: Duration, busy_within: Duration) -> Self {
        Self {
            options,
            idle_within,
            busy_within,
            keep_app_settings: false,
        }
    }
}

/// A rule that holds in a cgroup and those below it, as long as this lives:
/// [`Engine::protect`](crate::Engine::protect).
#[derive(Debug)]
pub struct Protection {
    link: OwnedFd,
    memory: OwnedFd,
}

/// A rule that holds though nobody has it open: a link in the BPF file system.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pinned {
    /// Its directory.
    pub path: PathBuf,
    /// Its name: the last part of the path.
    pub name: String,
    /// The number of the cgroup; `None`: nothing is attached, because the cgroup is gone or its
    /// maker was killed halfway. Such a rest does nothing and can be removed.
    pub cgroup: Option<u64>,
    /// What it does; `None` where that can't be read.
    pub rule: Option<Rule>,
    /// What it has done; `None` where that can't be read.
    pub counts: Option<Counts>,
}

/// What a protection has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Ends of connections on which something was set.
    pub protected: u64,
    /// Ends whose own values met the rule.
    pub spared: u64,
    /// Ends on which the kernel refused an option.
    pub refused: u64,
}

impl Protection {
    pub(crate) fn attach(
        kernel: &Types<'_>,
        cgroup: impl AsFd,
        rule: &Rule,
    ) -> Result<Self, Unavailable> {
        let failed = |error| feature::PROTECT.failed(error);
        let recipe = Recipe {
            feature: &feature::PROTECT,
            object: include_bytes!("../objects/protect.bpf.o"),
            target: Target::SocketOperations,
            maps: &[MapShape::of::<u32, Memory>("memory", Kind::Array, 1)],
            constants: &[],
        };
        // Older kernels take the program, and tell it nothing of most options: it would set
        // whatever the application has.
        if !recipe.is_there(kernel) {
            return Err(feature::PROTECT.not_yet());
        }
        let mut loaded = recipe.load(kernel)?;
        let memory = loaded.map("memory")?;
        kernel::map_update(&memory, &0_u32, rule.write().as_bytes()).map_err(failed)?;
        let link = kernel::link_attach(&loaded.program, Some(&cgroup)).map_err(failed)?;
        Ok(Self { link, memory })
    }

    /// Keeps the rule after we are gone: as the directory `name` below `deadpeer` in a mounted BPF
    /// file system (`/sys/fs/bpf`), with the rule and the link in it. It holds until
    /// [`Pinned::remove`], until the cgroup is removed, or until the file system is unmounted.
    ///
    /// Killed halfway, this leaves a rest that holds nothing, which [`pinned`] shows without a
    /// cgroup.
    ///
    /// # Errors
    /// Nothing is kept then, and the rule ends.
    pub fn pin(self, bpffs: &Path, name: &str) -> Result<Pinned, PinError> {
        let directory = pins::make(bpffs, name)?;
        let pin = |object: &OwnedFd, file| pins::put(object, &directory.join(file));
        // The rule before the link: what is in force can always be shown.
        let done = pin(&self.memory, RULE).and_then(|()| pin(&self.link, LINK));
        if let Err(error) = done {
            // As far as it is there.
            let _ = pins::remove(&directory, &[LINK, RULE]);
            return Err(error);
        }
        Ok(Pinned::read(directory))
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// The counters can't be read.
    pub fn counts(&self) -> Result<Counts, CallError> {
        kernel::map_look_up(&self.memory, &0_u32).map(|memory| Counts::read(&memory))
    }
}

/// The protections that are pinned in a BPF file system, by name; none if there is none.
///
/// # Errors
/// The directory exists and can't be read.
pub fn pinned(bpffs: &Path) -> Result<Vec<Pinned>, PinError> {
    let directories = pins::all(bpffs)?;
    Ok(directories.into_iter().map(Pinned::read).collect())
}

/// The two files of a pinned protection.
const RULE: &str = "rule";
const LINK: &str = "link";

impl Pinned {
    /// Ends it: connections that it set options on keep them.
    ///
    /// # Errors
    /// The files can't be removed. It holds as long as the link is there.
    pub fn remove(&self) -> Result<(), PinError> {
        pins::remove(&self.path, &[LINK, RULE])
    }

    fn read(path: PathBuf) -> Self {
        let link = pins::open(&path.join(LINK)).and_then(kernel::link_info);
        let memory = pins::open(&path.join(RULE));
        let memory = memory.and_then(|memory| kernel::map_look_up::<Memory>(memory, &0_u32));
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            cgroup: match link {
                // 0 is what the kernel shows of a cgroup that is gone.
                Ok(LinkInfo::Cgroup(id)) if id != 0 => Some(id),
                Ok(LinkInfo::Cgroup(_) | LinkInfo::Other) | Err(_) => None,
            },
            rule: memory.as_ref().ok().map(|memory| Rule::read(&memory.rule)),
            counts: memory.as_ref().ok().map(Counts::read),
            path,
        }
    }
}

impl Rule {
    fn write(&self) -> Memory {
        let ms = |within: Duration| u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        Memory {
            rule: records::Rule {
                set: Options::to_set(&self.options),
                idle_within: ms(self.idle_within),
                busy_within: ms(self.busy_within),
                keep_app_settings: u32::from(self.keep_app_settings),
                unused: [0; 2],
            },
            protected: 0,
            spared: 0,
            refused: 0,
        }
    }

    fn read(rule: &records::Rule) -> Self {
        let ms = |within: u32| Duration::from_millis(u64::from(within));
        Self {
            options: rule.set.as_set(),
            idle_within: ms(rule.idle_within),
            busy_within: ms(rule.busy_within),
            keep_app_settings: rule.keep_app_settings != 0,
        }
    }
}

impl Counts {
    fn read(memory: &Memory) -> Self {
        Self {
            protected: memory.protected,
            spared: memory.spared,
            refused: memory.refused,
        }
    }
}
