//! `cargo xtask install-c`: the C library where compilers and programs look for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use deadpeer_workspace::{build_release, root, target_directory};

#[cfg(test)]
mod tests;

/// Where to put it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the library will live.
    #[arg(long, value_name = "FOLDER", default_value = "/usr/local")]
    prefix: PathBuf,
    /// The folder of libraries, below the prefix unless it begins with a slash: lib64,
    /// lib/x86_64-linux-gnu.
    #[arg(long, value_name = "FOLDER", default_value = "lib")]
    libdir: PathBuf,
    /// A folder that stands for the root for now, for who makes packages; else that of the variable
    /// DESTDIR.
    #[arg(long, value_name = "FOLDER")]
    destdir: Option<PathBuf>,
}

/// Builds the library for release, and installs the header, both libraries and `deadpeer.pc`.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(
        arguments.prefix.is_absolute(),
        "--prefix {} is no absolute path",
        arguments.prefix.display()
    );
    build_release(&["--package", "deadpeer-c"])?;
    let installed = install(&target_directory()?.join("release"), arguments)?;
    for path in installed {
        println!("{}", path.display());
    }
    Ok(true)
}

/// Installs what was built in a folder, and says what.
fn install(built: &Path, arguments: &Arguments) -> Result<Vec<PathBuf>> {
    let version = env!("CARGO_PKG_VERSION");
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    let include = arguments.prefix.join("include");
    let libraries = arguments.prefix.join(&arguments.libdir);
    let whole_name = format!("libdeadpeer.so.{version}");
    let soname = format!("libdeadpeer.so.{major}");
    let mut tree = Tree::new(arguments.destdir.clone());
    let header = root().join("crates/deadpeer-c/include/deadpeer.h");
    tree.copy(&header, &include.join("deadpeer.h"))?;
    let archive = "libdeadpeer.a";
    tree.copy(&built.join(archive), &libraries.join(archive))?;
    tree.copy(&built.join("libdeadpeer.so"), &libraries.join(&whole_name))?;
    // Programs look for the one, compilers for the other.
    tree.link(&whole_name, &libraries.join(&soname))?;
    tree.link(&soname, &libraries.join("libdeadpeer.so"))?;
    let description = description(&arguments.prefix, &libraries, version);
    tree.write(&description, &libraries.join("pkgconfig/deadpeer.pc"))?;
    Ok(tree.installed)
}

/// What pkg-config(1) reads.
fn description(prefix: &Path, libraries: &Path, version: &str) -> String {
    format!(
        "prefix={}\n\
         libdir={}\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: deadpeer\n\
         Description: Is the other end of this TCP connection still there?\n\
         Version: {version}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -ldeadpeer\n\
         Libs.private: -lpthread -ldl -lm\n",
        prefix.display(),
        libraries.display()
    )
}

/// Files under a folder that stands for the root.
struct Tree {
    top: PathBuf,
    installed: Vec<PathBuf>,
}

impl Tree {
    fn new(destdir: Option<PathBuf>) -> Self {
        let destdir = destdir.or_else(|| std::env::var_os("DESTDIR").map(PathBuf::from));
        Self {
            top: destdir.unwrap_or_else(|| "/".into()),
            installed: Vec::new(),
        }
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
        let place = self.place(to)?;
        fs::copy(from, &place)
            .map(drop)
            .with_context(|| format!("copying {} to {}", from.display(), place.display()))
    }

    fn write(&mut self, text: &str, to: &Path) -> Result<()> {
        let place = self.place(to)?;
        fs::write(&place, text).with_context(|| format!("writing {}", place.display()))
    }

    fn link(&mut self, target: &str, at: &Path) -> Result<()> {
        let place = self.place(at)?;
        symlink(target, &place).with_context(|| format!("linking {}", place.display()))
    }

    /// Makes room: the folder is there, and an older file is not.
    fn place(&mut self, path: &Path) -> Result<PathBuf> {
        let below_root = path.strip_prefix("/").unwrap_or(path);
        let place = self.top.join(below_root);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        // A program that runs keeps the file it was started with.
        match fs::remove_file(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("replacing {}", place.display()))?;
            }
            Ok(()) | Err(_) => {}
        }
        self.installed.push(place.clone());
        Ok(place)
    }
}
