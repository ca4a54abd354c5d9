//! Running programs whose configuration is asked for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use deadpeer_recipes::Recipe;
use deadpeer_sys::ProcessStat;

/// A process that was started with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) arguments: Vec<String>,
    /// Where it stands: relative paths begin there.
    pub(crate) folder: PathBuf,
    /// The inode of its network namespace.
    pub(crate) netns: Option<u64>,
    /// Whether a unit of systemd started it, as packages have it.
    pub(crate) of_a_unit: bool,
}

/// The processes of a recipe, each the first of its family: a worker's command line tells nothing.
pub(crate) fn programs(recipe: &Recipe) -> Vec<Running> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| comm(*pid).is_some_and(|comm| recipe.processes.contains(&comm)))
        .map(|pid| first_of_family(recipe, pid))
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter().filter_map(Running::of).collect()
}

/// The recipe of a process, and the first of its family; the error is a sentence.
pub(crate) fn recipe_of(pid: u32) -> Result<(&'static Recipe, Running), String> {
    let comm = comm(pid).ok_or_else(|| format!("there is no process {pid}"))?;
    let recipe = deadpeer_recipes::of_process(&comm)
        .ok_or_else(|| format!("process {pid} is {comm:?}, and there is no recipe for that"))?;
    let running = Running::of(first_of_family(recipe, pid));
    let running = running.ok_or_else(|| format!("process {pid} can't be looked into"))?;
    Ok((recipe, running))
}

impl Running {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // One that has ended, and whose parent has not asked for its exit code (proc(5)).
        if line.is_empty() {
            return None;
        }
        let line = String::from_utf8_lossy(&line);
        let arguments = line.trim_end_matches('\0').split('\0').map(str::to_owned);
        Some(Self {
            pid,
            arguments: arguments.collect(),
            folder: fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_else(|_| "/".into()),
            // "net:[4026531833]" is a file that can be asked for its inode.
            netns: fs::metadata(format!("/proc/{pid}/ns/net"))
                .ok()
                .map(|netns| netns.ino()),
            of_a_unit: fs::read_to_string(format!("/proc/{pid}/cgroup"))
                .is_ok_and(|cgroups| cgroups.lines().any(is_of_a_unit)),
        })
    }
}

/// `0::/system.slice/redis-server.service`
fn is_of_a_unit(cgroup: &str) -> bool {
    cgroup.contains(":/system.slice/") && cgroup.ends_with(".service")
}

/// The ancestor that was started by somebody else.
fn first_of_family(recipe: &Recipe, pid: u32) -> u32 {
    /// Nobody nests deeper.
    const DEEPEST: usize = 16;
    let mut first = pid;
    for _ in 0..DEEPEST {
        let parent = ProcessStat::of(first).map(|stat| stat.parent);
        let related = parent
            .filter(|parent| comm(*parent).is_some_and(|comm| recipe.processes.contains(&comm)));
        match related {
            Some(parent) => first = parent,
            None => break,
        }
    }
    first
}

fn comm(pid: u32) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(comm.trim_end_matches('\n').to_owned())
}
