//! `deadpeer watch`: connections as they die, and why.

mod begin;
mod local;
mod record;
mod request;
mod stats;
mod tally;
mod wait;

use std::io::Write;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use deadpeer_host::deaths::{Death, Deaths};
use deadpeer_host::filter::cgroup;

use crate::audit::words::{In, PlaceWords};
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::death;
use local::Local;
use record::Record;
pub(crate) use request::{Request, WatchArgs, cause};
use tally::Tally;
use wait::{Wait, Woken};

/// The pause after deaths were seen: with many of them, the next come together.
const BREATH: Duration = Duration::from_millis(5);

/// Watches until it is told to stop.
pub(crate) fn run(request: &Request, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    let mut deaths = request.open()?;
    let wait = Wait::open()?;
    let until = request.stop_after.map(|time| Instant::now() + time);
    let mut watch = Watch {
        request,
        output,
        tally: Tally::new(),
        cgroups: cgroup::Paths::default(),
        record: Record::begin(request.record.as_deref())?,
        stats: stats::Stats::new(request.every, output),
        local: Local::of(&request.chosen.namespace),
    };
    watch.begin(&deaths, out)?;
    let exit = loop {
        let seen = watch.drain(&mut deaths, out)?;
        out.flush()?;
        let total = watch.tally.counts.total();
        let enough = request.count.is_some_and(|count| total >= count);
        if enough || until.is_some_and(|until| Instant::now() >= until) {
            break Exit::Yes;
        }
        // What comes meanwhile is kept by the kernel.
        if seen > 0 && is_over(wait.pause(BREATH)?)? {
            break Exit::Interrupted;
        }
        let due = [
            deaths.poll_timeout(Instant::now()),
            watch.stats.due_in(&watch.tally),
            until.map(|until| until.saturating_duration_since(Instant::now())),
        ];
        let limit = due.into_iter().flatten().min();
        if is_over(wait.on(&[Some(deaths.as_fd()), watch.local.source()], limit)?)? {
            break Exit::Interrupted;
        }
    };
    watch.drain(&mut deaths, out)?;
    watch.end(&deaths, out)?;
    Ok(exit)
}

fn is_over(woken: Woken) -> Result<bool, Stop> {
    match woken {
        Woken::Ready | Woken::Elapsed => Ok(false),
        Woken::Interrupted => Ok(true),
        Woken::NobodyReads => Err(Stop::PipeClosed),
    }
}

/// Where it was, if that is elsewhere.
fn place(death: &Death) -> String {
    let owner = death.owner.as_ref();
    let workload = owner.and_then(|owner| owner.process.workload());
    let place = In(PlaceWords {
        netns: death.netns.as_deref(),
        workload: workload.map(|workload| &**workload),
    });
    place.to_string()
}

/// What is shown, and what has been so far.
struct Watch<'a> {
    request: &'a Request,
    output: Output,
    tally: Tally,
    cgroups: cgroup::Paths,
    record: Record,
    stats: stats::Stats,
    local: Local,
}

impl Watch<'_> {
    fn begin(&self, deaths: &Deaths, out: &mut impl Write) -> Result<(), Stop> {
        match self.output {
            Output::Text(_) => begin::begin(deaths, &self.request.chosen),
            Output::Json => line(out, &deaths.to_record())?,
        }
        Ok(out.flush()?)
    }

    /// Shows what has happened; says how many deaths there were.
    fn drain(&mut self, deaths: &mut Deaths, out: &mut impl Write) -> Result<u64, Stop> {
        let mut failed = None;
        let mut seen = 0;
        self.local.listen();
        deaths.drain(|death| {
            seen += 1;
            if failed.is_none() {
                failed = self.show(death, out).err();
            }
        })?;
        self.tally.lost = deaths.lost();
        self.tally.nobodys = deaths.nobodys();
        self.record.lost(self.tally.lost);
        self.record.tell();
        if self.request.stats && failed.is_none() {
            failed = self.stats.refresh(&mut self.tally, out).err();
        }
        match failed {
            Some(stop) => Err(stop),
            None => Ok(seen),
        }
    }

    fn show(&mut self, death: &Death, out: &mut impl Write) -> Result<(), Stop> {
        if !self.request.asks_for(death) {
            match death.is_ordinary() {
                true => {
                    self.tally.ordinary += 1;
                    self.record.take(death);
                }
                false => self.tally.others += 1,
            }
            return Ok(());
        }
        let total = self.tally.counts.total();
        if self.request.count.is_some_and(|count| total >= count) {
            return Ok(());
        }
        self.tally.counts.add(death);
        self.record.take(death);
        if self.request.stats {
            return Ok(());
        }
        self.output.gaps(out, self.local.before(death))?;
        let cgroup = death.cgroup;
        let cgroup = cgroup.and_then(|number| self.cgroups.of(number, Instant::now()));
        let record = death.to_record_at(cgroup.as_deref());
        match self.output {
            Output::Text(look) => {
                let place = place(death);
                Ok(death::write(&record, &place, death::time, look, out)?)
            }
            Output::Json => line(out, &record),
        }
    }

    fn end(&mut self, deaths: &Deaths, out: &mut impl Write) -> Result<(), Stop> {
        self.tally.lost = deaths.lost();
        match self.output {
            Output::Text(look) if self.request.stats => {
                self.stats.last(&mut self.tally, look, out)?
            }
            Output::Text(look) => stats::summary(&self.tally, look, out)?,
            Output::Json => line(out, &self.tally.to_record())?,
        }
        out.flush()?;
        self.record.end()
    }
}
