//! What must hold for any answer of sock_diag. The fuzzer calls it, and so do the tests of the
//! parser.

use deadpeer_sys::sock_diag::{Family, MessageKind, messages};

/// The input is one datagram.
pub(crate) fn check(datagram: &[u8]) {
    let mut failed = false;
    let mut count = 0;
    for message in messages(datagram) {
        assert!(!failed, "nothing is read behind a malformed message");
        count += 1;
        let Ok(message) = message else {
            failed = true;
            continue;
        };
        if let MessageKind::Socket(socket) = message.kind {
            if let Some(info) = socket.tcp_info {
                let whole = datagram.as_ptr_range();
                let part = info.as_ptr_range();
                assert!(whole.start <= part.start && part.end <= whole.end);
                assert!(info.len() + 92 <= datagram.len());
            }
            assert!(socket.family == Family::V6 || socket.local.is_ipv4());
            assert!(socket.family == Family::V6 || socket.peer.is_ipv4());
        }
    }
    assert!(count <= datagram.len() / 16 + 1, "a message takes 16 bytes");
}
