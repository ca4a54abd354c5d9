//! The names that Docker and Podman give, from the files that they keep.
//!
//! Docker writes `/var/lib/docker/containers/ID/config.v2.json` for each container, with `Name`
//! (`/web`); Podman lists its containers in `/var/lib/containers/storage/DRIVER-containers/`
//! `containers.json`, with `id` and `names`, and those of a user without root's rights below
//! `~/.local/share`. Where else their configuration puts that, nobody looks. The files are root's
//! or our own, or they are not believed.

use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::cgroup::is_id;
use crate::distrust;

/// So large a file is not believed: 16 MiB hold some twenty thousand containers.
const LARGEST: u64 = 16 << 20;

/// Names by the ids.
pub(super) type Called = FxHashMap<Box<str>, Box<str>>;

/// An entry of Podman's list.
#[derive(Deserialize)]
struct Stored {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
}

/// What matters of Docker's file of a container.
#[derive(Deserialize)]
struct Configured {
    #[serde(rename = "Name")]
    name: String,
}

/// Of the containers of this machine that we may know.
pub(super) fn of_this_machine() -> Called {
    let mut called = docker(Path::new("/var/lib/docker/containers"));
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let ours = home.map(|home| home.join(".local/share/containers/storage"));
    for store in ours
        .into_iter()
        .chain(["/var/lib/containers/storage".into()])
    {
        called.extend(podman(&store));
    }
    called
}

/// Of a folder with a folder for each container.
pub(super) fn docker(containers: &Path) -> Called {
    let ids = names(containers).filter(|id| is_id(id));
    ids.filter_map(|id| {
        let configured = read::<Configured>(&containers.join(&id).join("config.v2.json"))?;
        let name = configured.name.trim_start_matches('/');
        (!name.is_empty()).then(|| (id.into(), name.into()))
    })
    .collect()
}

/// Of a store, whatever keeps the layers of its images (`overlay`, `vfs`, `btrfs`).
pub(super) fn podman(store: &Path) -> Called {
    let lists = names(store).filter(|name| name.ends_with("-containers"));
    let stored =
        lists.filter_map(|list| read::<Vec<Stored>>(&store.join(list).join("containers.json")));
    let named = stored.flatten().filter(|stored| is_id(&stored.id));
    named
        .filter_map(|stored| {
            let name = stored.names?.into_iter().next()?;
            Some((stored.id.into(), name.into()))
        })
        .collect()
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Option<T> {
    let bytes = distrust::read(file, LARGEST).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}
