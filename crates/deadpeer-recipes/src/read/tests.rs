//! Configurations as people write them, read by their recipes.

use std::time::Duration;

use deadpeer_core::{Kernel, SocketOptions};

use super::testing::Folder;
use super::{ReadError, Reading, Source, read};
use crate::find;
use crate::recipe::SideKind;

mod changed;
mod everyday;
mod promised;
mod refused;

/// Reads a text as the file of a program.
fn reading(program: &str, text: &str) -> Result<Reading, ReadError> {
    reading_with(program, text, &[], &mut Folder::default())
}

fn reading_with(
    program: &str,
    text: &str,
    arguments: &[&str],
    files: &mut Folder,
) -> Result<Reading, ReadError> {
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    let source = Source {
        file: Some(("/etc/f.conf", text)),
        arguments: &arguments,
    };
    let kernel = Kernel::before_rto_max(Some(250));
    read(
        find(program).unwrap(),
        Duration::from_secs(30),
        &kernel,
        source,
        files,
    )
}

/// The options of each group of accepted sockets.
fn accepted(reading: &Reading) -> Vec<SocketOptions> {
    of(reading, SideKind::Accepted)
}

fn of(reading: &Reading, side: SideKind) -> Vec<SocketOptions> {
    let sockets = reading.sockets.iter().filter(|one| one.side.side == side);
    sockets
        .map(|one| one.fit.as_ref().expect("understood").options)
        .collect()
}
