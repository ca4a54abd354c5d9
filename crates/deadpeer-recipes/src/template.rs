//! Lines with values in them.

use deadpeer_core::SocketOptions;

/// What may stand between braces.
const PLACEHOLDERS: [&str; 7] = [
    "idle",
    "idle:ms",
    "interval",
    "interval:ms",
    "count",
    "user-timeout",
    "user-timeout:s",
];

/// The line with each `{name}` replaced; other braces are left alone.
///
/// `{probing}` is the interval times the count: the seconds from the first probe to the verdict.
pub(crate) fn fill(line: &str, options: &SocketOptions) -> String {
    let mut filled = line.to_owned();
    for name in PLACEHOLDERS {
        if let Some(value) = value(name, options) {
            filled = filled.replace(&format!("{{{name}}}"), &value.to_string());
        }
    }
    if let (Some(interval), Some(count)) = (options.keepintvl_s, options.keepcnt) {
        filled = filled.replace("{probing}", &(interval * count).to_string());
    }
    filled
}

fn value(name: &str, options: &SocketOptions) -> Option<u64> {
    let seconds = |value: Option<u32>| value.map(u64::from);
    let ms = |value: Option<u32>| value.map(|seconds| u64::from(seconds) * 1000);
    match name {
        "idle" => seconds(options.keepidle_s),
        "idle:ms" => ms(options.keepidle_s),
        "interval" => seconds(options.keepintvl_s),
        "interval:ms" => ms(options.keepintvl_s),
        "count" => seconds(options.keepcnt),
        "user-timeout" => seconds(options.user_timeout_ms),
        "user-timeout:s" => options.user_timeout_ms.map(|ms| u64::from(ms) / 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_place_of_their_names() {
        let options = SocketOptions::new()
            .keepidle_s(10)
            .keepintvl_s(3)
            .keepcnt(4)
            .user_timeout_ms(25_000);
        assert_eq!(fill("a={idle}:{interval}:{count};", &options), "a=10:3:4;");
        assert_eq!(fill("{idle:ms} {interval:ms}", &options), "10000 3000");
        assert_eq!(
            fill("{user-timeout} {user-timeout:s}", &options),
            "25000 25"
        );
        assert_eq!(fill("{probing}", &options), "12");
        assert_eq!(fill("server { ... }", &options), "server { ... }");
    }

    #[test]
    fn what_is_not_set_is_left_to_be_seen() {
        assert_eq!(fill("{idle}", &SocketOptions::new()), "{idle}");
    }
}
