//! `deadpeer guard`: the daemon, begun, checked and asked.

mod ask;
mod check;
mod export;
mod log;
mod memory;
mod once;
mod request;
mod show;

pub(crate) use request::{GuardArgs, Request};

use std::io::Write;
use std::time::Instant;

use deadpeer_guard::live::{Alone, runtime_directory};
use deadpeer_guard::metrics::Board;
use deadpeer_guard::{Daemon, Event, Guard, Readings, SIGNALS, Witness};
use deadpeer_host::undo::default_directory;
use deadpeer_sys::signals::{Inbox, Signal};

use crate::exit::{Exit, Stop};
use crate::output::Output;
use export::Exporter;
use memory::Memory;
use request::Task;

/// Does what is asked.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    match &request.task {
        Task::Check => check::run(request, output, out),
        Task::Once => once::run(request, output, out),
        Task::Ask(asked) => ask::run(*asked, output, out),
        Task::Run => guard(request, output),
    }
}

/// Guards until a signal says to end.
fn guard(request: &Request, output: Output) -> Result<Exit, Stop> {
    export::check(request.otlp.as_ref())?;
    let servers = show::bind(request.listen)?;
    let config = request.load()?;
    // Before anything that could start a thread.
    let signals = Inbox::open(&SIGNALS).map_err(crate::drive::unwatched)?;
    log::begin(matches!(output, Output::Json))?;
    let alone = Alone::take(&runtime_directory())?;
    let guard = Guard::open(config, request.scope.clone(), default_directory())?;
    for what in guard.lacks() {
        tracing::warn!("{what}");
    }
    let daemon = Daemon::new(guard, request.source.clone(), signals, alone)
        .map_err(|error| Stop::because(format!("guard: {error}")))?;
    let memory = Memory::begin(request.history.as_deref())?;
    let board = show::begin(servers, request.otlp.is_some())?;
    let exporter = export::begin(request.otlp.clone(), board.as_ref())?;
    let mut witnesses = Witnesses {
        memory,
        board,
        exporter,
    };
    let ended = daemon.run(&mut witnesses);
    let signal = ended.map_err(|error| Stop::because(format!("guard: {error}")))?;
    witnesses.memory.end();
    if let Some(exporter) = witnesses.exporter {
        exporter.finish();
    }
    // Any other is a supervisor's way to end a service.
    Ok(match signal == Signal::INT {
        true => Exit::Interrupted,
        false => Exit::Yes,
    })
}

/// Who remembers, and who shows and sends, if that is asked for.
struct Witnesses {
    memory: Memory,
    board: Option<Board>,
    exporter: Option<Exporter>,
}

impl Witness for Witnesses {
    fn hear(&mut self, event: &Event) {
        self.memory.take(event);
        if let Some(board) = &self.board {
            board.count(event);
        }
        if let Some(exporter) = &self.exporter {
            exporter.hear(event);
        }
    }

    fn see(&mut self, readings: &Readings, next_sweep: Instant) {
        self.memory.unseen(readings.deaths_lost.unwrap_or(0));
        self.memory.tell();
        if let Some(board) = &self.board {
            board.show(readings, self.memory.reading(), next_sweep);
            if let Some(exporter) = &self.exporter {
                board.show_export(exporter.reading());
            }
        }
    }
}
