//! Hosts joined by a wire that can do any fault.
//!
//! A [`Host`] is a network namespace with addresses of both families; programs and closures run in
//! it. All hosts hang on one [`Wire`]: a router in user space that reads and writes their links
//! through packet sockets and asks a list of [`router::Rule`]s what becomes of each packet. What it
//! decides is computed by [`router::Router`] from the packet, the time and a seed, without any
//! input or output, so that it is tested by arithmetic; [`wire`] carries it out.
//!
//! ```no_run
//! use deadpeer_lab::{End, Lab, router::{Action, Condition, Rule}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lab = Lab::with_hosts(["client", "server"]).start()?;
//! let [client, server] = lab.hosts() else { unreachable!() };
//! let listener = server.enter(|| std::net::TcpListener::bind("[::]:80"))??;
//! let stream = client.enter(|| std::net::TcpStream::connect((server.v4(), 80)))??;
//! let cut = lab.wire().add(Rule::new("cut", Condition::any(), Action::Drop))?;
//! // ... and see who notices
//! assert!(lab.wire().count(cut)?.is_some_and(|count| count.acted > 0));
//! # Ok(())
//! # }
//! ```
//!
//! It needs no `ip`, no netem, no nftables, no `/dev/net/tun` and, inside an [`enclosure`], no
//! privilege. The namespaces have no name, so that nothing is left of them once the last process in
//! them has ended.

#[macro_use]
mod named;

pub mod enclosure;
mod error;
pub mod fault;
mod host;
mod lab;
mod link;
pub mod matrix;
pub mod method;
pub mod peer;
pub mod router;
pub mod scenario;
pub mod state;
pub mod stories;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trial;
pub mod wire;

pub use error::LabError;
pub use host::{Host, Process};
pub use lab::{Lab, LabPlan};
pub use router::End;
pub use wire::Wire;
