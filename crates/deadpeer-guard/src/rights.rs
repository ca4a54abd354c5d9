//! Which of the capabilities that guarding takes we have (capabilities(7)).

use rustix::thread::{CapabilitySet, capabilities};

use crate::config::Config;
use crate::event::Mode;

/// All of them, with what they are called.
const TAKEN: [(&str, CapabilitySet); 5] = [
    ("CAP_BPF", CapabilitySet::BPF),
    ("CAP_NET_ADMIN", CapabilitySet::NET_ADMIN),
    ("CAP_PERFMON", CapabilitySet::PERFMON),
    ("CAP_SYS_ADMIN", CapabilitySet::SYS_ADMIN),
    ("CAP_SYS_PTRACE", CapabilitySet::SYS_PTRACE),
];

/// Those that we have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights(CapabilitySet);

impl Rights {
    /// Those of the calling thread.
    pub(crate) fn now() -> Self {
        // Without an answer nothing is promised.
        let ours = capabilities(None).map(|ours| ours.effective);
        Self(ours.unwrap_or(CapabilitySet::empty()))
    }

    /// Each by its name, and whether we have it.
    pub(crate) fn all(self) -> Vec<(&'static str, bool)> {
        let has = |(name, right)| (name, self.0.contains(right));
        TAKEN.into_iter().map(has).collect()
    }

    /// Whether sockets can be destroyed.
    pub(crate) fn destroy(self) -> bool {
        self.0.contains(CapabilitySet::NET_ADMIN)
    }

    /// What a configuration asks for and cannot be done, a sentence each. What eBPF and other
    /// namespaces take is told where they are opened.
    pub(crate) fn lacking(self, config: &Config) -> Vec<String> {
        let mut all = Vec::new();
        let kill = config.policies.iter();
        let kill = kill.filter(|policy| policy.kill == Mode::Enforce);
        let names: Vec<&str> = kill.map(|policy| &*policy.name).collect();
        if !names.is_empty() && !self.destroy() {
            let names = names.join(", ");
            all.push(format!(
                "nothing is destroyed, though a policy says so ({names}): that needs CAP_NET_ADMIN"
            ));
        }
        if !self.0.contains(CapabilitySet::SYS_PTRACE) {
            all.push(
                "the owners of other users' connections are not seen, and no policy chooses these by process: that needs CAP_SYS_PTRACE".to_owned(),
            );
        }
        all
    }
}
