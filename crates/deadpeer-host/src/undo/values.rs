//! Socket options as the file writes them: by the kernel's names, each with its unit; what is not
//! touched is left out.

use deadpeer_core::SocketOptions;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    #[serde(skip_serializing_if = "Option::is_none")]
    so_keepalive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_keepidle_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_keepintvl_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_keepcnt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_user_timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_rto_max_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_syncnt: Option<u32>,
}

pub(super) fn serialize<S: Serializer>(
    options: &SocketOptions,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let values = Values {
        so_keepalive: options.keepalive,
        tcp_keepidle_s: options.keepidle_s,
        tcp_keepintvl_s: options.keepintvl_s,
        tcp_keepcnt: options.keepcnt,
        tcp_user_timeout_ms: options.user_timeout_ms,
        tcp_rto_max_ms: options.rto_max_ms,
        tcp_syncnt: options.syncnt,
    };
    values.serialize(serializer)
}

/// Refuses values that the kernel would refuse.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketOptions, D::Error> {
    let values = Values::deserialize(deserializer)?;
    let mut options = SocketOptions::default();
    options.keepalive = values.so_keepalive;
    options.keepidle_s = values.tcp_keepidle_s;
    options.keepintvl_s = values.tcp_keepintvl_s;
    options.keepcnt = values.tcp_keepcnt;
    options.user_timeout_ms = values.tcp_user_timeout_ms;
    options.rto_max_ms = values.tcp_rto_max_ms;
    options.syncnt = values.tcp_syncnt;
    options.check().map_err(serde::de::Error::custom)?;
    Ok(options)
}
