//! Who holds which socket, of the processes in one network namespace.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU32;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

/// The sockets held by the processes of a namespace, by inode, and how many processes there are.
#[derive(Debug, Default, Clone)]
pub(super) struct Holders {
    pub(super) processes: usize,
    held: HashMap<NonZeroU32, (u32, RawFd)>,
}

impl Holders {
    /// Looks through `/proc`. The processes of a server are our own children's, so that nothing of
    /// them is hidden.
    pub(super) fn in_namespace(inode: u64) -> Self {
        let namespace = PathBuf::from(format!("net:[{inode}]"));
        let mut holders = Self::default();
        for process in entries(Path::new("/proc")) {
            let Some(pid) = number(&process) else {
                continue;
            };
            if fs::read_link(process.join("ns/net")).is_ok_and(|link| link == namespace) {
                holders.processes += 1;
                holders.add(pid, &process.join("fd"));
            }
        }
        holders
    }

    /// A process that holds this socket, and its descriptor.
    pub(super) fn of(&self, socket: NonZeroU32) -> Option<(u32, RawFd)> {
        self.held.get(&socket).copied()
    }

    fn add(&mut self, pid: u32, descriptors: &Path) {
        for descriptor in entries(descriptors) {
            let socket = fs::read_link(&descriptor).ok();
            let inode = socket.and_then(|link| {
                let link = link.to_str()?;
                link.strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .parse()
                    .ok()
            });
            if let (Some(inode), Some(fd)) = (inode, number(&descriptor)) {
                self.held.insert(inode, (pid, fd));
            }
        }
    }
}

/// The entries of a folder, none if it is gone.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    path.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn our_own_socket_is_held_by_us() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fd = listener.as_raw_fd();
        let socket = fs::metadata(format!("/proc/self/fd/{fd}")).unwrap().ino();
        let socket = NonZeroU32::new(u32::try_from(socket).unwrap()).unwrap();
        let namespace = deadpeer_sys::netns::open_current().unwrap();
        let namespace = deadpeer_sys::netns::inode(namespace).unwrap();
        let holders = Holders::in_namespace(namespace);
        assert!(holders.processes >= 1);
        assert_eq!(holders.of(socket), Some((std::process::id(), fd)));
        assert!(Holders::in_namespace(1).of(socket).is_none());
    }
}
