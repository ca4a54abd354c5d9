//! The collector of OpenTelemetry that the guard sends what happened to, where that is built in
//! (feature `otlp`).

#[cfg(feature = "otlp")]
pub(super) use deadpeer_guard::otlp::{Endpoint, Exporter};
#[cfg(not(feature = "otlp"))]
pub(super) use left_out::{Endpoint, Exporter};

use deadpeer_guard::metrics::Board;
use tracing::info;

use crate::exit::Stop;

/// Begins to send to a collector, if there is one.
pub(super) fn begin(
    endpoint: Option<Endpoint>,
    board: Option<&Board>,
) -> Result<Option<Exporter>, Stop> {
    let begin = |(endpoint, board): (Endpoint, &Board)| {
        info!("deaths, kills and metrics go to {endpoint}");
        Exporter::start(endpoint, board.clone()).map_err(Stop::because)
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

    #[derive(Debug, Clone)]
    pub(crate) struct Endpoint(Infallible);

    impl FromStr for Endpoint {
        type Err = &'static str;

        fn from_str(_: &str) -> Result<Self, Self::Err> {
            Err("deadpeer was built without it: cargo install with --features otlp")
        }
    }

    impl fmt::Display for Endpoint {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0 {}
        }
    }

    #[derive(Debug)]
    pub(crate) struct Exporter(Infallible);

    impl Exporter {
        pub(crate) fn start(endpoint: Endpoint, _: Board) -> io::Result<Self> {
            match endpoint.0 {}
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
