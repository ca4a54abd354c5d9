//! Lines with values in them.

use deadpeer_core::SocketOptions;

/// The line with each `{name}` replaced by its value; what has none is left alone, as are other
/// braces.
pub(crate) fn fill(line: &str, options: &SocketOptions, port: Option<u16>) -> String {
    let (idle, interval) = (options.keepidle_s, options.keepintvl_s);
    let (count, user_timeout) = (options.keepcnt, options.user_timeout_ms);
    let ms = |seconds: Option<u32>| seconds.map(|seconds| u64::from(seconds) * 1000);
    // From the first probe to the verdict, seconds.
    let probing = interval
        .zip(count)
        .map(|(interval, count)| u64::from(interval) * u64::from(count));
    let values = [
        ("{idle}", idle.map(u64::from)),
        ("{idle:ms}", ms(idle)),
        ("{interval}", interval.map(u64::from)),
        ("{interval:ms}", ms(interval)),
        ("{count}", count.map(u64::from)),
        ("{probing}", probing),
        ("{user-timeout}", user_timeout.map(u64::from)),
        (
            "{user-timeout:s}",
            user_timeout.map(|ms| u64::from(ms) / 1000),
        ),
        ("{port}", port.map(u64::from)),
    ];
    values
        .into_iter()
        .fold(line.to_owned(), |line, (name, value)| match value {
            Some(value) => line.replace(name, &value.to_string()),
            None => line,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where no port is known.
    fn fill(line: &str, options: &SocketOptions) -> String {
        super::fill(line, options, None)
    }

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
        assert_eq!(super::fill("-p {port}", &options, Some(6379)), "-p 6379");
        assert_eq!(fill("server { ... }", &options), "server { ... }");
    }

    #[test]
    fn what_is_not_set_is_left_to_be_seen() {
        assert_eq!(fill("{idle}", &SocketOptions::new()), "{idle}");
        assert_eq!(fill("{port}", &SocketOptions::new()), "{port}");
    }
}
