//! Boxes in the path that forget idle connections, and after how long.

use std::time::Duration;

use crate::duration;

/// Idle limits as their makers document them: AWS load balancers' and Azure's idle timeouts, Google
/// Cloud's connection tracking, IPVS' default for TCP (ipvsadm(8), `--set`).
const KNOWN: [(&str, u64); 5] = [
    ("aws-alb", 60),
    ("azure", 240),
    ("aws-nlb", 350),
    ("gcp", 600),
    ("ipvs", 900),
];

/// Reads a name of such a box, or a duration.
///
/// # Errors
/// What it can be, in words.
pub fn parse(text: &str) -> Result<Duration, String> {
    if let Some((_, seconds)) = KNOWN.iter().find(|(name, _)| *name == text) {
        return Ok(Duration::from_secs(*seconds));
    }
    duration::parse(text).map_err(|_| {
        let names = KNOWN.map(|(name, seconds)| format!("{name} ({seconds}s)"));
        format!(
            "neither a duration like 350s nor one of {}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_durations() {
        assert_eq!(parse("aws-nlb"), Ok(Duration::from_secs(350)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        let refused = parse("my-firewall").unwrap_err();
        assert!(refused.contains("gcp (600s)"), "{refused}");
    }
}
