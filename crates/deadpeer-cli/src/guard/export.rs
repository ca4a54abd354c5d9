//! The collector of OpenTelemetry that the guard sends what happened to, where that is built in
//! (feature `otlp`).

#[cfg(feature = "otlp")]
pub(super) use deadpeer_guard::otlp::{Endpoint, Exporter};
#[cfg(not(feature = "otlp"))]
pub(super) use left_out::{Endpoint, Exporter};

use deadpeer_guard::metrics::Board;
use tracing::info;

use crate::exit::Stop;

/// Refuses a collector to which this program could send nothing.
pub(super) fn check(endpoint: Option<&Endpoint>) -> Result<(), Stop> {
    match endpoint {
        Some(to) if cfg!(not(feature = "otlp")) => Err(Stop::because(format!(
            "--otlp {to}: deadpeer was built without it: cargo install with --features otlp"
        ))),
        _ => Ok(()),
    }
}

/// Begins to send to a collector, if there is one.
pub(super) fn begin(
    endpoint: Option<Endpoint>,
    board: Option<&Board>,
) -> Result<Option<Exporter>, Stop> {
    let begin = |(endpoint, board): (Endpoint, &Board)| {
        let to = endpoint.to_string();
        let exporter = Exporter::start(endpoint, board.clone())
            .map_err(|error| Stop::because(format!("--otlp {to}: {error}")))?;
        info!("deaths, kills and metrics go to {to}");
        Ok(exporter)
    };
    endpoint.zip(board).map(begin).transpose()
}

/// There is no collector that this program could send to.
#[cfg(not(feature = "otlp"))]
mod left_out {
    use std::convert::Infallible;
    use std::{fmt, io, str::FromStr};

    use deadpeer_guard::Event;
    use deadpeer_guard::metrics::{Board, ExportReading};

    /// Whatever was typed.
    #[derive(Debug, Clone)]
    pub(crate) struct Endpoint(String);

    impl FromStr for Endpoint {
        type Err = Infallible;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            Ok(Self(text.to_owned()))
        }
    }

    impl fmt::Display for Endpoint {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }

    #[derive(Debug)]
    pub(crate) struct Exporter(Infallible);

    impl Exporter {
        pub(crate) fn start(_: Endpoint, _: Board) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn hear(&self, _: &Event) {
            match self.0 {}
        }

        pub(crate) fn reading(&self) -> ExportReading {
            match self.0 {}
        }

        pub(crate) fn finish(self) {
            match self.0 {}
        }
    }
}
