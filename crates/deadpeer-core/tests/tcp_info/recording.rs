//! Recordings of TCP_INFO, one for each scene and kernel.
//!
//! `fixtures/tcp_info/record.py` made them: Python's struct module read the numbers, and the scene
//! knew what it had sent. The bytes are a little-endian machine's.

use std::path::PathBuf;

use deadpeer_core::{KernelVersion, TcpInfo};
use serde_json::Value;

/// The kernel of which every number is checked.
pub(crate) const V6_18: KernelVersion = KernelVersion::new(6, 18);

pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) kernel: KernelVersion,
    pub(crate) bytes: Vec<u8>,
    json: Value,
}

impl Recording {
    /// Every scene of every kernel.
    pub(crate) fn all() -> Vec<Self> {
        let kernels = names_in(folder());
        assert!(kernels.len() > 1, "{kernels:?}");
        let kernels = kernels.iter().filter(|name| !name.ends_with(".py"));
        kernels
            .flat_map(|kernel| {
                let scenes = names_in(folder().join(kernel));
                assert_eq!(scenes.len(), 15, "one recording for each scene");
                let load = |file: &String| Self::read(kernel, file.trim_end_matches(".json"));
                scenes.iter().map(load).collect::<Vec<_>>()
            })
            .collect()
    }

    /// This scene on every kernel.
    pub(crate) fn on_each(name: &str) -> impl Iterator<Item = Self> {
        Self::all()
            .into_iter()
            .filter(move |recording| recording.name == name)
    }

    /// This scene on Linux 6.18.
    pub(crate) fn load(name: &str) -> Self {
        Self::read("6.18", name)
    }

    fn read(kernel: &str, name: &str) -> Self {
        let path = folder().join(kernel).join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).expect("a recording");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let hex = json["bytes"].as_str().expect("hex");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        let bytes = (0..hex.len()).step_by(2).map(byte).collect();
        let release = json["kernel"].as_str().expect("a release");
        assert!(release.starts_with(kernel), "{release} in {kernel}");
        Self {
            name: name.to_owned(),
            kernel: KernelVersion::parse(release).expect("a version"),
            bytes,
            json,
        }
    }

    pub(crate) fn decode(&self) -> TcpInfo {
        TcpInfo::decode(&self.bytes, Some(self.kernel))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.json["numbers"][name].as_u64()
    }

    pub(crate) fn known(&self, name: &str) -> Option<u64> {
        self.json["known"][name].as_u64()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tcp_info"
    ))
}

fn names_in(folder: PathBuf) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the fixtures are committed")
        .filter_map(|entry| entry.expect("readable").file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
