//! The children of a process, theirs, and so on.

use std::fs;

/// The process and all below it that can be seen, as `/proc` shows them now.
///
/// A process whose parent has ended belongs to the next subreaper above (prctl(2),
/// `PR_SET_CHILD_SUBREAPER`).
pub(super) fn descendants(of: u32) -> Vec<u32> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let children = children(*pid);
        found.extend(children);
        next += 1;
    }
    found
}

/// Needs `CONFIG_PROC_CHILDREN`, which every distribution has.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| numbers(&text))
        .collect()
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_grandchildren_are_found() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = shell.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let found = descendants(std::process::id());
        assert!(
            found.contains(&shell.id()) && found.contains(&grandchild),
            "{found:?}"
        );
        let pid = rustix::process::Pid::from_raw(grandchild as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        shell.wait().unwrap();
    }

    #[test]
    fn who_has_ended_has_no_children() {
        assert_eq!(descendants(u32::MAX), [u32::MAX]);
    }
}
