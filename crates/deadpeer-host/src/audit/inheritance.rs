//! Options that a listener has and a connection it accepted has not.

use deadpeer_core::{Effective, SocketOption};

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
    let (listener, connection, untouched) = (*listener, *connection, *untouched);
    let on_both = listener.keepalive && connection.keepalive;
    let missed = move |option: &SocketOption| {
        let counts = on_both || !option.is_keepalive() || *option == SocketOption::Keepalive;
        let value = |of: &Effective| of.get(*option);
        counts
            && option.facts().inherited
            && value(&listener) != value(&untouched)
            && value(&connection) == value(&untouched)
    };
    let options = SocketOption::ALL.into_iter().filter(missed);
    options.map(|option| option.facts().name)
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
