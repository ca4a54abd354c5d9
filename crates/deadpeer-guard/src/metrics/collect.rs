//! What is shown, one metric after the other.

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::deaths::Deaths;
use super::names::Names;
use super::write::{Metric, Metrics};
use super::{Board, ExportReading, HistoryReading};
use crate::readings::{Configured, HoldReason, Noticed, QuestionResult, Readings, ServiceReading};

impl Collector for Board {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.metrics();
        let mut metrics = metrics.iter();
        metrics.try_for_each(|metric| metric.encode(&mut encoder))
    }
}

impl Board {
    /// Everything that is shown.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Metrics::default();
        let state = &*self.lock();
        metrics.machine(&state.readings);
        metrics.configuration(state.readings.configured);
        metrics.policies(&state.readings);
        metrics.services(&state.readings, &state.names);
        metrics.deaths(&state.deaths);
        if let Some(history) = state.history {
            metrics.history(history);
        }
        if let Some(export) = state.export {
            metrics.export(export);
        }
        let help = "Services without a name of their own, counted as the service other";
        metrics.gauge("services_folded", help, state.names.folded() as f64);
        metrics.0
    }
}

fn seconds(noticed: Noticed) -> f64 {
    match noticed {
        Noticed::By(at) => at.as_secs_f64(),
        Noticed::Never => f64::INFINITY,
    }
}

impl Metrics {
    fn machine(&mut self, readings: &Readings) {
        let help = "The running version; always 1";
        let version = [(env!("CARGO_PKG_VERSION"), 1.0)];
        self.gauges("build_info", help, "version", version);
        let swept = &readings.swept;
        self.counter("sweeps", "Sweeps over all connections", swept.sweeps);
        self.counter("sweeps_failed", "Sweeps that failed", swept.failed);
        let help = "How long the last sweep took";
        let took_s = swept.took.as_secs_f64();
        self.measured("sweep_duration", help, Unit::Seconds, took_s);
        let help = "Connections that the last sweep saw";
        self.gauge("sweep_connections", help, swept.connections as f64);
        let help = "Network namespaces, by whether they are guarded or could not be entered";
        let namespaces = [
            ("guarded", swept.namespaces as f64),
            ("closed", swept.namespaces_closed as f64),
        ];
        self.gauges("namespaces", help, "state", namespaces);
        self.capabilities(&readings.capabilities);
        let help = "Whether sockets are read and deaths are heard by eBPF, all of them";
        self.gauge("ebpf", help, f64::from(readings.ebpf));
        if let Some(lost) = readings.deaths_lost {
            let help = "Deaths that came faster than they could be read";
            self.counter("events_lost", help, lost);
        }
        let holding = HoldReason::ALL.map(|reason| {
            let holds = readings.holding.iter().any(|hold| hold.reason == reason);
            (reason.word(), f64::from(holds))
        });
        let help = "Whether connections are let live for this reason though their peers seem gone";
        self.gauges("holding", help, "reason", holding);
    }

    fn capabilities(&mut self, capabilities: &[(&'static str, bool)]) {
        let help = "Whether the guard has this capability, which some of its work needs";
        let all = capabilities
            .iter()
            .map(|(name, has)| ([*name], f64::from(*has)));
        self.gauges_of(("capability", help, None), ["capability"], all, f64::max);
    }

    fn configuration(&mut self, configured: Configured) {
        let is_ok = f64::from(configured.last_reload_ok);
        let help = "Whether the configuration that was read last is in force (0: the one before)";
        self.gauge("config_last_reload_successful", help, is_ok);
        if let Some(since) = configured.since {
            let since = since.duration_since(SystemTime::UNIX_EPOCH);
            let name = "config_last_reload_success_timestamp";
            let help = "When the configuration in force was loaded";
            let since_s = since.unwrap_or(Duration::ZERO).as_secs_f64();
            self.measured(name, help, Unit::Seconds, since_s);
        }
    }

    fn policies(&mut self, readings: &Readings) {
        let kills = readings
            .kills
            .iter()
            .map(|((policy, mode, result), count)| {
                ([policy.as_ref(), mode.name(), result.word()], *count)
            });
        let help = "Connections whose peers are gone, by what was done about them";
        let labels = ["policy", "mode", "result"];
        self.counters("kills", help, labels, kills);
        let spared = readings
            .spared
            .iter()
            .map(|((policy, why), count)| ([policy.as_ref(), why.word()], *count));
        let help = "Times that a connection was let live though its peer seemed gone";
        self.counters("spared", help, ["policy", "why"], spared);
        let changes = readings
            .changes
            .iter()
            .map(|((policy, what), count)| ([policy.as_ref(), what.word()], *count));
        let help = "Sockets whose options were set";
        self.counters("changes", help, ["policy", "what"], changes);
    }

    fn services(&mut self, readings: &Readings, names: &Names) {
        self.protection(&readings.services, names);
        let questions = readings.questions.iter().map(|((service, result), count)| {
            let result = match result {
                QuestionResult::Answered => "answered",
                QuestionResult::Unanswered => "unanswered",
            };
            ([names.of(service), result], *count)
        });
        let help = "Peers that had to answer something, by what they did";
        self.counters("questions", help, ["service", "result"], questions);
        let overwritten = readings.overwritten.iter();
        let overwritten = overwritten.map(|(service, count)| ([names.of(service)], *count));
        let help = "Sockets whose programs had set back what a policy had set";
        self.counters("overwritten", help, ["service"], overwritten);
    }

    fn protection(&mut self, services: &[ServiceReading], names: &Names) {
        let connections = services.iter().flat_map(|reading| {
            let (service, direction) = (names.of(&reading.service), reading.direction());
            let counts = reading.connections.iter();
            counts.map(move |(kept, count)| ([service, direction, kept.word()], *count as f64))
        });
        let help = "Connections, by whether a vanished peer is noticed within the deadline of their policy";
        let labels = ["service", "direction", "protection"];
        let add = |before, more| before + more;
        self.gauges_of(("connections", help, None), labels, connections, add);
        let notice = services.iter().flat_map(|reading| {
            let service = names.of(&reading.service);
            let silences = reading.notice.iter();
            silences.map(move |(silence, at)| ([service, silence.name()], seconds(*at)))
        });
        let help = "When the kernel would notice on the worst connection that its peer is gone";
        let metric = ("notice", help, Some(Unit::Seconds));
        self.gauges_of(metric, ["service", "silence"], notice, f64::max);
    }

    fn deaths(&mut self, deaths: &Deaths) {
        let by_service = deaths
            .by_service
            .iter()
            .map(|((service, cause), count)| ([service.as_str(), *cause], *count));
        let help = "Connections that died and were not closed in order by both ends";
        self.counters("deaths", help, ["service", "cause"], by_service);
        let help = "Connections that both ends closed in order";
        self.counter("ordinary_closes", help, deaths.ordinary);
        let help = "How long peers had been silent when their connections died";
        self.silences("death_silence", help, &deaths.silences);
    }

    fn history(&mut self, history: HistoryReading) {
        let help = "Deaths in the history";
        self.gauge("history_records", help, history.records as f64);
        let help = "Size of the history on disk";
        self.measured("history", help, Unit::Bytes, history.bytes as f64);
        let help = "Deaths that will never be in the history";
        self.counter("history_lost", help, history.lost);
        let help = "Whether the history cannot be written";
        let is_unwritable = f64::from(history.is_unwritable);
        self.gauge("history_unwritable", help, is_unwritable);
    }

    fn export(&mut self, export: ExportReading) {
        let results = [("accepted", export.accepted), ("lost", export.lost)];
        let results = results.map(|(result, count)| ([result], count));
        let help = "Log records for the collector, by whether it took them";
        self.counters("exported_records", help, ["result"], results.into_iter());
    }
}
