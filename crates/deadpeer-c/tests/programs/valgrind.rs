//! Programs under valgrind.

use std::path::Path;
use std::process::Command;

/// The program under valgrind, which fails for every error and every leak. `None` if there is no
/// valgrind.
pub(crate) fn valgrind(program: &Path) -> Option<Command> {
    Command::new("valgrind").arg("--version").output().ok()?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .args(["--errors-for-leak-kinds=all", "--show-leak-kinds=all"])
        .arg(program);
    Some(valgrind)
}
