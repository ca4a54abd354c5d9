//! How many files this process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as it goes without privilege, for verbs that may open the tables of many
/// network namespaces, two files each. What a shell or systemd gives, 1024, is for programs that
/// use select(2). A program started later would inherit it: verbs that start one leave it alone.
pub(crate) fn raise_limit() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // With fewer, what could not be opened is named.
    let _ = setrlimit(Resource::Nofile, files);
}
