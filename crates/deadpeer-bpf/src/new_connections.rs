//! Options for every connection still to come in a cgroup: as it begins (sockops), and when its
//! program sets some itself (cgroup/setsockopt).

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::net::sockopt;
use zerocopy::IntoBytes as _;

use crate::kernel::{self, Kind, LinkInfo, MapShape, Place};
use crate::load::{Recipe, Target, Types};
use crate::records::{Adopted, Memory, Wish};
use crate::rule::{Counts, Rule, Whom};
use crate::{CallError, PinError, Unavailable, feature, pins};

/// A rule that holds in a cgroup and those below it, as long as this lives:
/// [`Engine::protect`](crate::Engine::protect).
#[derive(Debug)]
pub struct Protection {
    beginnings: OwnedFd,
    wishes: OwnedFd,
    memory: OwnedFd,
    adopted: OwnedFd,
}

/// Sockets that are a rule's though they were made in another cgroup.
pub(crate) const ADOPTED: MapShape =
    MapShape::of::<u32, Adopted>("adopted", Kind::InheritedStorage, 0);

/// A rule for single sockets, wherever they were made, and all that they accept, as long as this
/// lives: [`Engine::adopt`](crate::Engine::adopt).
#[derive(Debug)]
pub struct Adoption(Protection);

impl Adoption {
    pub(crate) fn attach(
        kernel: &Types<'_>,
        root: impl AsFd,
        rule: &Rule,
    ) -> Result<Self, Unavailable> {
        Protection::attach(kernel, root, rule, Whom::Adopted).map(Self)
    }

    /// Takes a socket in: what its program sets on it is heard from now on, and connections that it
    /// accepts begin under the rule. Nothing is set on the socket itself, nor on connections that
    /// wait in its queue: see [`Engine::set_adopting`](crate::Engine::set_adopting).
    ///
    /// `false`: it belongs to a cgroup that is not below the one where the rule was put, and is not
    /// reached; or it is a Multipath TCP socket, whose connections are made by a socket of the
    /// kernel's own.
    ///
    /// # Errors
    /// The descriptor is none of a socket, or the kernel has no memory for it.
    pub fn take_in(&self, socket: impl AsFd) -> Result<bool, CallError> {
        let number = socket.as_fd().as_raw_fd();
        kernel::map_update(&self.0.adopted, &number, Adopted { heard: 0 }.as_bytes())?;
        // As it is: the rule is asked, and says so.
        let keepalive = sockopt::socket_keepalive(&socket).map_err(CallError::of("getsockopt"))?;
        sockopt::set_socket_keepalive(&socket, keepalive).map_err(CallError::of("setsockopt"))?;
        let seen: Adopted = kernel::map_lookup(&self.0.adopted, &number)?;
        Ok(seen.heard != 0)
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// The counters can't be read.
    pub fn counts(&self) -> Result<Counts, CallError> {
        self.0.counts()
    }

    /// Where the sockets are kept that it holds for.
    pub(crate) fn map(&self) -> &OwnedFd {
        &self.0.adopted
    }
}

/// A rule that holds though nobody has it open: a link in the BPF file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Its directory.
    pub path: PathBuf,
    /// Its name: the last part of the path.
    pub name: String,
    /// The number of the cgroup; `None`: nothing is attached, because the cgroup is gone or its
    /// maker was killed halfway. Such a rest does nothing and can be removed.
    pub cgroup: Option<u64>,
    /// Whether it was made by an earlier version, and does not hold what programs set later.
    pub outdated: bool,
    /// What it does; `None` where that can't be read.
    pub rule: Option<Rule>,
    /// What it has done; `None` where that can't be read.
    pub counts: Option<Counts>,
}

impl Protection {
    pub(crate) fn attach(
        kernel: &Types<'_>,
        cgroup: impl AsFd,
        rule: &Rule,
        whom: Whom,
    ) -> Result<Self, Unavailable> {
        let failed = |error| feature::PROTECT.failed(error);
        let recipe = Recipe {
            feature: &feature::PROTECT,
            object: include_bytes!("../objects/protect.bpf.o"),
            target: Target::SocketOperations,
            maps: &[
                MapShape::of::<u32, Memory>("memory", Kind::Array, 1),
                ADOPTED,
            ],
            shared: &[],
            constants: &[],
        };
        // Older kernels take the program, and tell it nothing of most options: it would set
        // whatever the application has.
        if !recipe.is_there(kernel) {
            return Err(feature::PROTECT.not_yet());
        }
        let mut loaded = recipe.load(kernel)?;
        let (memory, adopted) = (loaded.map("memory")?, loaded.map(ADOPTED.name)?);
        kernel::map_update(&memory, &0_u32, rule.write(whom).as_bytes()).map_err(failed)?;
        let hearing = Recipe {
            feature: &feature::WISHES,
            object: include_bytes!("../objects/wishes.bpf.o"),
            target: Target::SetSocketOption,
            maps: &[
                // As many as there are sockets.
                MapShape::of::<u32, Wish>("wishes", Kind::SocketStorage, 0),
            ],
            shared: &[("memory", &memory), (ADOPTED.name, &adopted)],
            constants: &[],
        };
        let hearing = hearing.load(kernel)?;
        let attach = |program, place| kernel::link_attach(program, place).map_err(failed);
        // What a program sets is heard before there is anything to hold against it.
        let wishes = attach(&hearing.program, Place::SetSocketOption(&cgroup))?;
        let beginnings = attach(&loaded.program, Place::SocketOperations(&cgroup))?;
        Ok(Self {
            beginnings,
            wishes,
            memory,
            adopted,
        })
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
        // The rule before the links: what is in force can always be shown.
        let done = pin(&self.memory, RULE)
            .and_then(|()| pin(&self.wishes, WISHES))
            .and_then(|()| pin(&self.beginnings, LINK));
        if let Err(error) = done {
            // As far as it is there.
            let _ = pins::remove(&directory, &FILES);
            return Err(error);
        }
        Ok(Pinned::read(directory))
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// The counters can't be read.
    pub fn counts(&self) -> Result<Counts, CallError> {
        kernel::map_lookup(&self.memory, &0_u32).map(|memory| Counts::read(&memory))
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

/// The files of a pinned protection, and the order in which they are removed.
const FILES: [&str; 3] = [LINK, WISHES, RULE];
const RULE: &str = "rule";
const LINK: &str = "link";
const WISHES: &str = "wishes";

impl Pinned {
    /// Ends it: connections that it set options on keep them.
    ///
    /// # Errors
    /// The files can't be removed. It holds as long as the link is there.
    pub fn remove(&self) -> Result<(), PinError> {
        for link in [LINK, WISHES] {
            // At once: the kernel lets go of what had a name only after a while. What is no link
            // any more holds nothing.
            let _ = pins::open(&self.path.join(link)).and_then(kernel::link_detach);
        }
        pins::remove(&self.path, &FILES)
    }

    fn read(path: PathBuf) -> Self {
        let link = pins::open(&path.join(LINK)).and_then(kernel::link_info);
        let memory = pins::open(&path.join(RULE)).ok().and_then(read_memory);
        let hears = pins::open(&path.join(WISHES)).is_ok();
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            cgroup: match &link {
                // 0 is what the kernel shows of a cgroup that is gone.
                Ok(LinkInfo::Cgroup(id)) if *id != 0 => Some(*id),
                Ok(LinkInfo::Cgroup(_) | LinkInfo::Other) | Err(_) => None,
            },
            outdated: link.is_ok() && (memory.is_none() || !hears),
            rule: memory.as_ref().map(|memory| Rule::read(&memory.rule)),
            counts: memory.as_ref().map(Counts::read),
            path,
        }
    }
}

/// `None` where a version of deadpeer made it that kept something else there.
fn read_memory(map: OwnedFd) -> Option<Memory> {
    let is_ours = kernel::map_value_size(&map) == Ok(size_of::<Memory>());
    let memory = is_ours.then(|| kernel::map_lookup::<Memory>(map, &0_u32));
    memory?.ok()
}
