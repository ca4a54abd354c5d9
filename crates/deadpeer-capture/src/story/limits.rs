//! How long boxes between two hosts remember an idle connection, and what they do when it goes on.

use std::time::Duration;

/// What a box does with a connection that it has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Forgets {
    /// Drops what is sent on it.
    Silently,
    /// Answers the next packet with a RST.
    WithReset,
    /// Ends it when the time is over, with a FIN or a RST.
    AtOnce,
    /// No box forgot it: the side's own host ended it, as the distance of its RST
    /// shows.
    OwnHost,
}

/// An idle limit that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdleLimit {
    /// After how many seconds, if nobody changed it.
    pub seconds: u32,
    /// Whose it is.
    pub who: &'static str,
    /// What it does then.
    pub forgets: Forgets,
    /// Who says so.
    pub source: &'static str,
}

const fn limit(
    seconds: u32,
    who: &'static str,
    forgets: Forgets,
    source: &'static str,
) -> IdleLimit {
    IdleLimit {
        seconds,
        who,
        forgets,
        source,
    }
}

/// The limits, shortest first.
pub const IDLE_LIMITS: [IdleLimit; 19] = [
    limit(
        60,
        "AWS ALB and classic load balancers",
        Forgets::AtOnce,
        "measured",
    ),
    limit(
        180,
        "Azure private 5G",
        Forgets::Silently,
        "the vendor's documentation",
    ),
    limit(
        240,
        "Azure Load Balancer",
        Forgets::Silently,
        "Azure documentation, load-balancer-tcp-reset",
    ),
    limit(
        350,
        "AWS NLB and NAT gateway",
        Forgets::WithReset,
        "AWS documentation, update-idle-timeout",
    ),
    limit(
        350,
        "AWS Network Firewall, GWLB and Nitro v6 security groups",
        Forgets::Silently,
        "AWS documentation, API_FlowTimeouts and API_ConnectionTrackingConfiguration",
    ),
    limit(
        600,
        "nginx stream",
        Forgets::AtOnce,
        "nginx documentation, proxy_timeout",
    ),
    limit(
        600,
        "GCP VPC firewalls",
        Forgets::Silently,
        "GCP documentation, quoted in gitlab charts#2519",
    ),
    limit(
        900,
        "IPVS (Docker Swarm, kube-proxy)",
        Forgets::Silently,
        "measured",
    ),
    limit(
        1200,
        "GCP Cloud NAT",
        Forgets::Silently,
        "GCP documentation, Cloud NAT timeouts",
    ),
    limit(
        1800,
        "Juniper SRX",
        Forgets::Silently,
        "the vendor's documentation",
    ),
    limit(
        3600,
        "Envoy and Istio tcp_proxy",
        Forgets::AtOnce,
        "Envoy documentation, idle_timeout",
    ),
    limit(
        3600,
        "Cisco ASA, Palo Alto and many other firewalls",
        Forgets::Silently,
        "the vendors' documentation",
    ),
    limit(
        7200,
        "VMware NSX edge",
        Forgets::Silently,
        "the vendor's documentation",
    ),
    limit(
        7440,
        "NATs that follow RFC 5382",
        Forgets::Silently,
        "RFC 5382, REQ-5",
    ),
    limit(
        8000,
        "Cilium",
        Forgets::Silently,
        "GCP documentation, hosted Cloud NAT",
    ),
    limit(
        21_600,
        "Twilio SIMs",
        Forgets::Silently,
        "the vendor's documentation",
    ),
    limit(
        43_200,
        "VMware NSX distributed firewall",
        Forgets::Silently,
        "the vendor's documentation",
    ),
    limit(
        86_400,
        "kube-proxy's conntrack",
        Forgets::Silently,
        "Kubernetes documentation, conntrack-tcp-timeout-established",
    ),
    limit(
        432_000,
        "Linux conntrack",
        Forgets::Silently,
        "nf_conntrack_tcp_timeout_established",
    ),
];

/// Who ends what it closed with a RST if the other side's FIN does not come in so many seconds, as
/// measured.
const FIN_WAITS: [(u64, &str); 1] = [(120, "Windows")];

/// A silence that ended in so much of a second after a limit was ended by it.
const SLACK: Duration = Duration::from_millis(500);
/// Shorter ones are anybody's.
const LEAST: Duration = Duration::from_secs(30);

/// The round number of seconds that a silence took; `None`: it took none. What is round among
/// seconds is not among hours, where one in ten would fit it by chance.
pub(crate) fn round(silence: Duration) -> Option<u64> {
    let step = match silence.as_secs() {
        0..600 => 10,
        600..3600 => 60,
        _ => 600,
    };
    let nearest = (silence.as_millis() as u64 + step * 500) / (step * 1000) * step;
    let off = silence.abs_diff(Duration::from_secs(nearest));
    (silence >= LEAST && off <= Duration::from_millis(500)).then_some(nearest)
}

/// Who is known to use this limit and to do so with what comes after it. Some of those that drop it
/// can be told to reset it.
pub(crate) fn who(silence: Duration, forgets: Forgets) -> Vec<&'static str> {
    let fitting = || IDLE_LIMITS.iter().filter(|limit| limit.fits(silence));
    let resets = |limit: &&IdleLimit| limit.forgets != Forgets::Silently;
    let names = |found: Vec<&IdleLimit>| found.into_iter().map(|limit| limit.who).collect();
    let resetting: Vec<_> = fitting().filter(resets).collect();
    match forgets {
        Forgets::OwnHost => Vec::new(),
        Forgets::Silently => names(fitting().filter(|limit| !resets(limit)).collect()),
        Forgets::WithReset | Forgets::AtOnce if resetting.is_empty() => names(fitting().collect()),
        Forgets::WithReset | Forgets::AtOnce => names(resetting),
    }
}

/// Who waits so long for the other side's FIN.
pub(crate) fn fin_wait(silence: Duration) -> Option<&'static str> {
    let fits = |seconds| silence.abs_diff(Duration::from_secs(seconds)) < SLACK;
    let found = FIN_WAITS.iter().find(|(seconds, _)| fits(*seconds));
    found.map(|(_, who)| *who)
}

/// The limit in seconds that a silence fits before a RST: a known one, or a round number.
pub(crate) fn known(silence: Duration, forgets: Forgets) -> Option<u64> {
    let whole = (silence.as_millis() as u64 + 500) / 1000;
    if who(silence, forgets).is_empty() {
        round(silence)
    } else {
        Some(whole)
    }
}

/// The longest limit that a silence exceeded, of those who say nothing when the time is over.
pub(crate) fn exceeded(silence: Duration) -> Option<&'static IdleLimit> {
    let over = |limit: &&IdleLimit| limit.forgets != Forgets::AtOnce && silence > limit.time();
    IDLE_LIMITS.iter().rev().find(over)
}

/// Whether who survived one silence survived the other too, as far as timers are exact and no limit
/// is known that lies between.
pub(crate) fn outlives(survived: Duration, silence: Duration) -> bool {
    let between = |limit: &IdleLimit| (survived..silence).contains(&limit.time());
    survived >= silence || survived + silence / 100 >= silence && !IDLE_LIMITS.iter().any(between)
}

impl IdleLimit {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    fn fits(&self, silence: Duration) -> bool {
        silence + SLACK >= self.time() && silence < self.time() + SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_stand_in_order_and_are_found() {
        assert!(IDLE_LIMITS.is_sorted_by_key(|limit| limit.seconds));
        let seconds = Duration::from_secs;
        let idle = Duration::from_millis(350_010);
        let firewalls = "AWS Network Firewall, GWLB and Nitro v6 security groups";
        assert_eq!(who(idle, Forgets::AtOnce), ["AWS NLB and NAT gateway"]);
        assert_eq!(who(idle, Forgets::Silently), [firewalls]);
        // It can be told to reset.
        let azure = who(seconds(240), Forgets::WithReset);
        assert_eq!(azure, ["Azure Load Balancer"]);
        assert!(outlives(seconds(400), seconds(350)));
        assert!(outlives(Duration::from_millis(74_900), seconds(75)));
        assert!(!outlives(seconds(348), Duration::from_millis(350_500)));
        assert!(!outlives(seconds(300), seconds(350)));
        assert_eq!(round(Duration::from_millis(400_000)), Some(400));
        assert_eq!(round(Duration::from_millis(404_000)), None);
        assert_eq!(round(Duration::from_secs(20)), None);
        assert_eq!(round(Duration::from_millis(5_400_300)), Some(5400));
        assert_eq!(round(Duration::from_secs(8820)), None);
        let over = exceeded(Duration::from_secs(1000)).map(|limit| limit.seconds);
        assert_eq!(over, Some(900));
        assert_eq!(exceeded(Duration::from_secs(10)), None);
    }
}
