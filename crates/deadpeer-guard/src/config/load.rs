//! Finding the files, and whether they can be trusted.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, statvfs};
use rustix::process::geteuid;

use super::check::Source;
use super::error::{ConfigError, Problem};
use super::file::{self, DropIn, Main};
use super::policy::Config;

/// The rights of others than the owner to write.
const OTHERS: Mode = Mode::WGRP.union(Mode::WOTH);

impl Config {
    /// Reads a configuration: the file, then the `*.toml` files of the directory `guard.d` beside
    /// it in the order of their names. Policies add up in that order, and the first that chooses a
    /// connection decides.
    ///
    /// # Errors
    /// One of them can't be read, could have been written by somebody else, or says something that
    /// has no meaning. Also a policy that cannot be kept on the running kernel.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::of_text(path, trusted(path)?)
    }

    /// The same, but nothing needs to be there: without the file it has no text.
    pub(crate) fn load_if_there(path: &Path) -> Result<Self, ConfigError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::of_text(path, String::new())
            }
            _ => Self::load(path),
        }
    }

    fn of_text(path: &Path, text: String) -> Result<Self, ConfigError> {
        let mut main: Main = file::parse(path, &text)?;
        let mut sources = vec![Source::of(path, text)];
        for path in drop_ins(path)? {
            let text = trusted(&path)?;
            let mut more: DropIn = file::parse(&path, &text)?;
            main.never.append(&mut more.never);
            let first = main.policies.len();
            main.policies.append(&mut more.policies);
            sources.push(Source::of(&path, text).from(first));
        }
        Self::checked(main, &sources)
    }
}

/// The `*.toml` files of `guard.d`, if there is one. Hidden ones are an editor's.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let directory = main.with_extension("d");
    let unreadable = |error| ConfigError::Read {
        path: directory.clone(),
        error,
    };
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    trust_directory(&directory)?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let is_toml = path.extension().is_some_and(|end| end == "toml");
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if is_toml && !name.starts_with(b".") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file that nobody else can have written.
fn trusted(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error| ConfigError::Read {
        path: path.to_owned(),
        error,
    };
    // A FIFO or a device would be waited for.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = fs::File::options()
        .read(true)
        .custom_flags(flags)
        .open(path);
    let mut file = file.map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = Mode::from_raw_mode(metadata.mode());
    trust(path, &metadata, mode.intersects(OTHERS))?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    trust_place(path)?;
    io::read_to_string(&mut file).map_err(unreadable)
}

/// Whoever may write the directory of a file can put another of root's in its place.
fn trust_place(path: &Path) -> Result<(), ConfigError> {
    // Where a symbolic link is, and where it leads.
    let led = fs::canonicalize(path).map_err(|error| ConfigError::Read {
        path: path.to_owned(),
        error,
    })?;
    for directory in [path, &led].into_iter().filter_map(Path::parent) {
        let is_here = directory.as_os_str().is_empty();
        trust_directory(if is_here { Path::new(".") } else { directory })?;
    }
    Ok(())
}

/// In a sticky directory, as /tmp, everybody can put files of their own, which are not trusted, and
/// nobody can take those of others away. Kubernetes mounts what everybody may write, and read-only.
fn trust_directory(path: &Path) -> Result<(), ConfigError> {
    let unreadable = |error| ConfigError::Read {
        path: path.to_owned(),
        error,
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let mode = Mode::from_raw_mode(metadata.mode());
    let mounted = statvfs(path).map_err(|errno| unreadable(errno.into()))?;
    let is_kept = mode.contains(Mode::SVTX) || mounted.f_flag.contains(StatVfsMountFlags::RDONLY);
    let writable = mode.intersects(OTHERS) && !is_kept;
    trust(path, &metadata, writable)
}

fn trust(path: &Path, metadata: &Metadata, writable: bool) -> Result<(), ConfigError> {
    let owner = metadata.uid();
    let problem = if owner != 0 && owner != geteuid().as_raw() {
        Problem::Foreign(owner)
    } else if writable {
        Problem::Writable
    } else {
        return Ok(());
    };
    Err(ConfigError::Untrusted {
        path: path.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Policies may all be in `guard.d`; and what is there and leads nowhere is not nothing.
    #[test]
    fn without_the_file_there_is_what_is_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("guard.toml");
        let name =
            || Config::load_if_there(&path).map(|config| config.policies[0].name.to_string());
        assert_eq!(name().unwrap(), "default");
        fs::create_dir(directory.path().join("guard.d")).unwrap();
        let policy = "[[policy]]\nname = \"web\"\ndeadline = \"30s\"\n";
        fs::write(directory.path().join("guard.d/web.toml"), policy).unwrap();
        assert_eq!(name().unwrap(), "web");
        symlink("nowhere", &path).unwrap();
        assert!(matches!(name(), Err(ConfigError::Read { .. })));
    }
}
