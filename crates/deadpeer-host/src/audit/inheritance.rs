//! Options that a listener has and a connection it accepted has not.

use deadpeer_core::Effective;

/// The options (by the kernel's name) that were set on a listener, while this connection of it
/// still has what a socket has that nobody set anything on (`untouched`).
///
/// An accepted socket gets its listener's options when its handshake ends; what is set on the
/// listener later never reaches it. An option that the connection has a value of its own for is no
/// such case.
pub fn missed(
    listener: &Effective,
    connection: &Effective,
    untouched: &Effective,
) -> impl Iterator<Item = &'static str> + use<> {
    let on_both = listener.keepalive && connection.keepalive;
    [
        ("SO_KEEPALIVE", listener.keepalive && !connection.keepalive),
        (
            "TCP_KEEPIDLE",
            on_both && not_passed_on(listener, connection, untouched, |all| all.keepidle_s),
        ),
        (
            "TCP_KEEPINTVL",
            on_both && not_passed_on(listener, connection, untouched, |all| all.keepintvl_s),
        ),
        (
            "TCP_KEEPCNT",
            on_both && not_passed_on(listener, connection, untouched, |all| all.keepcnt),
        ),
        (
            "TCP_USER_TIMEOUT",
            not_passed_on(listener, connection, untouched, |all| all.user_timeout_ms),
        ),
        (
            "TCP_RTO_MAX_MS",
            not_passed_on(listener, connection, untouched, |all| all.rto_max_ms),
        ),
    ]
    .into_iter()
    .filter_map(|(option, missed)| missed.then_some(option))
}

fn not_passed_on<V: PartialEq>(
    listener: &Effective,
    connection: &Effective,
    untouched: &Effective,
    option: impl Fn(&Effective) -> V,
) -> bool {
    option(listener) != option(untouched) && option(connection) == option(untouched)
}

#[cfg(test)]
mod tests {
    use deadpeer_core::{SocketOptions, Sysctls};

    use super::*;

    fn resolve(set: impl FnOnce(&mut SocketOptions)) -> Effective {
        let mut options = SocketOptions::default();
        set(&mut options);
        options.resolve(&Sysctls::DEFAULT)
    }

    fn names(listener: &Effective, connection: &Effective) -> Vec<&'static str> {
        missed(
            listener,
            connection,
            &Effective::untouched(&Sysctls::DEFAULT),
        )
        .collect()
    }

    #[test]
    fn what_the_listener_has_and_the_connection_has_not() {
        let listener = resolve(|set| {
            set.keepalive = Some(true);
            set.keepidle_s = Some(60);
            set.user_timeout_ms = Some(30_000);
        });
        let untouched = resolve(|_| {});
        assert_eq!(
            names(&listener, &untouched),
            ["SO_KEEPALIVE", "TCP_USER_TIMEOUT"]
        );
        let keepalive_alone = resolve(|set| set.keepalive = Some(true));
        assert_eq!(
            names(&listener, &keepalive_alone),
            ["TCP_KEEPIDLE", "TCP_USER_TIMEOUT"]
        );
        assert_eq!(names(&listener, &listener), [""; 0]);
    }

    #[test]
    fn values_of_its_own_were_not_missed() {
        let listener = resolve(|set| {
            set.keepalive = Some(true);
            set.keepidle_s = Some(60);
        });
        let own = resolve(|set| {
            set.keepalive = Some(true);
            set.keepidle_s = Some(10);
        });
        assert_eq!(names(&listener, &own), [""; 0]);
        assert_eq!(names(&resolve(|_| {}), &own), [""; 0]);
    }
}
