//! The filters every verb that looks at connections understands.
//!
//! A value that can match nothing is refused here, in one sentence: a typing error must not look
//! like a machine without connections.

mod chosen;

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use deadpeer_core::TcpState;
use deadpeer_host::filter::{self, Container, Glob, Missing, PastFilter, Selector, User};
use deadpeer_host::{Endpoint, Filter, Scope};

use crate::exit::Stop;
use crate::names::{Ends, ends, state};
pub(crate) use chosen::Chosen;

/// Which connections. Repeat a filter for "any of these"; different filters must all agree.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters (values of the same filter: any; different filters: all)")]
pub(crate) struct FilterArgs {
    /// Owned by this process
    #[arg(long, value_name = "PID", value_parser = filter::pid)]
    pid: Vec<u32>,
    /// Owned by a process with this name; * matches any characters, ? matches one
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    process: Vec<String>,
    /// With this port at either end: a number, or a service such as https
    #[arg(long, value_name = "PORT", value_parser = filter::port)]
    port: Vec<u16>,
    /// With this local endpoint: address, prefix or host, with or without a :port, or :port alone
    #[arg(long, value_name = "ENDPOINT", value_parser = ends)]
    local: Vec<Ends>,
    /// With this remote endpoint: address, prefix or host, with or without a :port, or :port alone
    #[arg(long, value_name = "ENDPOINT", value_parser = ends)]
    peer: Vec<Ends>,
    /// In this state, such as established or listen, also as ss, netstat and lsof write it
    #[arg(long, value_name = "STATE", hide_possible_values = true, value_parser = state)]
    state: Vec<TcpState>,
    /// Owned by this user, a name or a number
    #[arg(long, value_name = "USER", value_parser = user)]
    user: Vec<u32>,
    /// Created in this cgroup (v2) or below it: a path below /sys/fs/cgroup
    #[arg(long, value_name = "PATH", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    cgroup: Vec<String>,
    /// Created in this container or pod: a container ID or the first digits of one, a pod UID, the
    /// name of a container (Docker, Podman) or machine (nspawn, LXC), or, where Kubernetes keeps
    /// logs, of a pod or container
    #[arg(long, value_name = "ID|NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    container: Vec<String>,
    /// In this network namespace: a name (ip netns), a path, the PID of a process in it, own (the
    /// one this runs in), or all of the machine's. Default: all for root outside of containers, own
    /// otherwise; --pid finds its process in any
    #[arg(long, value_name = "NAME|PATH|PID|own|all", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    netns: Option<String>,
    /// Everything: explicitly no filter
    #[arg(long, conflicts_with_all = ["pid", "process", "port", "local", "peer", "state", "user", "cgroup", "container"])]
    all: bool,
}

impl FilterArgs {
    /// What they choose, for verbs that take everything only from those who say so. `refused` says
    /// what to do about it.
    pub(crate) fn chosen_or(&self, refused: &str) -> Result<Chosen, Stop> {
        match self.all || !self.to_string().is_empty() {
            true => self.chosen(),
            false => Err(Stop::because(refused)),
        }
    }

    /// Whether everything was asked for.
    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    /// The cgroup, if one is all that was asked for.
    pub(crate) fn only_cgroup(&self) -> Option<&str> {
        let alone = Self {
            cgroup: self.cgroup.clone(),
            ..Self::default()
        };
        self.one_of(&alone, &self.cgroup).map(String::as_str)
    }

    /// The container, if one is all that was asked for.
    pub(crate) fn only_container(&self) -> Option<Container> {
        let alone = Self {
            container: self.container.clone(),
            ..Self::default()
        };
        self.one_of(&alone, &self.container).map(Container::new)
    }

    /// The one value, if nothing else was asked for.
    fn one_of<'s>(&self, alone: &Self, values: &'s [String]) -> Option<&'s String> {
        let nothing_else = alone.to_string() == self.to_string() && self.netns.is_none();
        values.first().filter(|_| values.len() == 1 && nothing_else)
    }

    /// What they choose, once what they name has been looked up on this machine.
    pub(crate) fn chosen(&self) -> Result<Chosen, Stop> {
        let scope = self.scope();
        Ok(Chosen {
            filter: self.filter()?,
            selector: self.selector(),
            namespace: scope.one().cloned().unwrap_or_default(),
            scope,
            netns: self.netns.clone(),
            words: self.to_string(),
            processes: self.process.clone(),
        })
    }

    fn scope(&self) -> Scope {
        match &self.netns {
            Some(text) => {
                let Ok(scope) = text.parse();
                scope
            }
            None if Scope::usual() == Scope::All || self.pid.is_empty() => Scope::usual(),
            None => Scope::OfProcesses(self.pid.clone()),
        }
    }

    /// What they choose of connections that are over: what they name need not be there any more.
    pub(crate) fn past(&self) -> Result<PastFilter, Stop> {
        if self.netns.is_some() {
            return Err(Stop::because(
                "the history does not tell network namespaces apart: leave --netns out",
            ));
        }
        Ok(PastFilter::of(&self.selector())?)
    }

    /// What was typed, to be looked up when it is used.
    fn selector(&self) -> Selector {
        let mut selector = Selector::default();
        let globs = self.process.iter().map(|name| Glob::new(name.as_bytes()));
        selector.pids.clone_from(&self.pid);
        selector.processes = globs.collect();
        selector.ports.clone_from(&self.port);
        selector.local = endpoints(&self.local);
        selector.peer = endpoints(&self.peer);
        selector.states.clone_from(&self.state);
        selector.users = self.user.iter().map(|id| User::Id(*id)).collect();
        selector.cgroups = self.cgroup.iter().map(PathBuf::from).collect();
        selector.containers = self.container.iter().map(Container::new).collect();
        selector
    }

    fn filter(&self) -> Result<Filter, Stop> {
        let resolved = self.selector().resolve()?;
        match resolved.missing.first() {
            None => Ok(resolved.filter),
            Some(missing) => Err(Stop::because(match missing {
                Missing::Process(pid) => format!("--pid {pid}: {missing}"),
                Missing::User(user) => format!("--user {user}: {missing}"),
                Missing::Cgroup(path) => format!("--cgroup {}: {missing}", path.display()),
                Missing::Container(container) => format!("--container {container}: {missing}"),
            })),
        }
    }
}

/// The filters as they were typed, for sentences.
impl fmt::Display for FilterArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = Vec::new();
        let mut add = |flag: &str, values: Vec<String>| {
            typed.extend(values.into_iter().map(|value| format!("--{flag} {value}")));
        };
        add("pid", texts(&self.pid));
        add("process", texts(&self.process));
        add("port", texts(&self.port));
        add("local", texts(&self.local));
        add("peer", texts(&self.peer));
        add("state", texts(&self.state));
        add("user", texts(&self.user));
        add("cgroup", texts(&self.cgroup));
        add("container", texts(&self.container));
        f.write_str(&typed.join(" "))
    }
}

fn endpoints(ends: &[Ends]) -> Vec<Endpoint> {
    let all = ends.iter().flat_map(|ends| &ends.endpoints);
    all.copied().collect()
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// A name from the user database, or a number as it is.
fn user(text: &str) -> Result<u32, String> {
    let Ok(user) = text.parse::<User>();
    let id = user
        .id()
        .map_err(|error| format!("cannot look up the user: {error}"))?;
    id.ok_or_else(|| Missing::User(user).to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        filters: FilterArgs,
    }

    fn parse(line: &str) -> Result<FilterArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.filters)
    }

    #[test]
    fn repeated_filters_are_collected() {
        let args = parse("x --port 80 --port 443 --peer 10.0.0.0/8 --state listen").unwrap();
        let filter = args.filter().unwrap();
        assert_eq!(filter.ports, [80, 443]);
        assert!(filter.states.contains(TcpState::Listen));
        assert!(!filter.states.contains(TcpState::Established));
        assert_eq!(
            args.to_string(),
            "--port 80 --port 443 --peer 10.0.0.0/8 --state listen"
        );
    }

    #[test]
    fn impossible_values_are_refused_with_a_reason() {
        for (line, said) in [
            ("x --port 99999", "a port is a number from 1 to 65535"),
            ("x --port 0", "a port is a number from 1 to 65535"),
            (
                "x --port no-such-service",
                "a port is a number from 1 to 65535",
            ),
            ("x --pid 0", "a pid is a positive number"),
            ("x --pid self", "a pid is a positive number"),
            ("x --pid=-1", "a pid is a positive number"),
            ("x --state foo", "established"),
            ("x --user no-such-user-anywhere", "there is no such user"),
            (
                "x --peer nonsense",
                "not an address, prefix or address:port",
            ),
            (
                "x --local 1.2.3.4:99999",
                "not an address, prefix or address:port",
            ),
            ("x --all --port 80", "cannot be used with"),
            ("x --process=", "value is required"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn what_is_not_on_this_machine_is_refused() {
        for line in [
            "x --pid 2147483647",
            "x --cgroup no/such/cgroup/anywhere",
            "x --container no-such-container",
        ] {
            let error = parse(line).unwrap().filter().unwrap_err();
            assert!(
                matches!(&error, Stop::Failed(said) if !said.contains('\n')),
                "{error:?}"
            );
        }
    }

    #[test]
    fn root_is_a_user_and_so_is_a_number() {
        assert_eq!(user("root"), Ok(0));
        assert_eq!(user("12345"), Ok(12345));
    }
}
