//! From the number that a socket carries back to the cgroup's directory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// The hierarchy is read no more often than this, and reading takes at most a twentieth of our
/// time.
const SHORTEST: Duration = Duration::from_secs(1);
const REST: u32 = 20;
/// So many cgroups that have ended are kept: their last connections die after them.
const ENDED: usize = 4096;

/// The paths of cgroups (v2) by number, below the root of the hierarchy, as `/proc/PID/cgroup` has
/// them. A number that is not known makes it read the hierarchy again.
#[derive(Debug, Default)]
pub struct Paths {
    known: FxHashMap<u64, Arc<Path>>,
    /// How many there were when the hierarchy was last read.
    alive: usize,
    next_read: Option<Instant>,
}

impl Paths {
    /// The path of the cgroup with this number, of one that has ended too if it was there when the
    /// hierarchy was last read. `None`: it came and went between two readings, or no hierarchy of
    /// version 2 is mounted.
    pub fn of(&mut self, number: u64, now: Instant) -> Option<Arc<Path>> {
        let known = self.known.get(&number);
        if known.is_none() && self.next_read.is_none_or(|next| now >= next) {
            let begun = Instant::now();
            self.read(super::root()?);
            let took = begun.elapsed();
            self.next_read = Some(now + took + (took * REST).max(SHORTEST));
        }
        self.known.get(&number).cloned()
    }

    fn read(&mut self, root: &Path) {
        if self.known.len() > self.alive + ENDED {
            self.known.clear();
        }
        self.alive = 0;
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            // Directories that vanish meanwhile are left out.
            let Ok(metadata) = fs::metadata(&directory) else {
                continue;
            };
            waiting.extend(super::below(&directory));
            let path = directory.strip_prefix(root).unwrap_or(&directory);
            self.known
                .insert(metadata.ino(), Path::new("/").join(path).into());
            self.alive += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_directories_and_ended_ones_stay_known() {
        let root = std::env::temp_dir().join(format!("deadpeer-paths-{}", std::process::id()));
        fs::create_dir_all(root.join("a.slice/b.scope")).unwrap();
        let number = |path: &Path| fs::metadata(path).unwrap().ino();
        let (top, b) = (number(&root), number(&root.join("a.slice/b.scope")));
        let mut paths = Paths::default();
        paths.read(&root);
        fs::remove_dir(root.join("a.slice/b.scope")).unwrap();
        paths.read(&root);
        fs::remove_dir_all(&root).unwrap();
        paths.next_read = Some(Instant::now() + SHORTEST);
        let mut of = |number| paths.of(number, Instant::now());
        assert_eq!(of(top).as_deref(), Some(Path::new("/")));
        assert_eq!(of(b).as_deref(), Some(Path::new("/a.slice/b.scope")));
        assert_eq!(of(u64::MAX), None);
    }
}
