//! Finding the files, and whether they can be trusted.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use super::error::{ConfigError, Problem};
use super::file::{self, DropIn, Main};
use super::policy::{Config, Source};

impl Config {
    /// Reads a configuration: the file, then the `*.toml` files of the directory `guard.d` beside
    /// it in the order of their names. Policies add up in that order, and the first that chooses a
    /// connection decides.
    ///
    /// # Errors
    /// One of them can't be read, could have been written by somebody else, or says something that
    /// has no meaning. Also a policy that cannot be kept on the running kernel.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = trusted(path)?;
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
    trust(&directory, &fs::metadata(&directory).map_err(unreadable)?)?;
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
    trust(path, &metadata)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    io::read_to_string(&mut file).map_err(unreadable)
}

fn trust(path: &Path, metadata: &Metadata) -> Result<(), ConfigError> {
    let owner = metadata.uid();
    let problem = if owner != 0 && owner != geteuid().as_raw() {
        Problem::Foreign(owner)
    } else if metadata.mode() & 0o022 != 0 {
        Problem::Writable
    } else {
        return Ok(());
    };
    Err(ConfigError::Untrusted {
        path: path.to_owned(),
        problem,
    })
}
