//! One call, and what is promised is what the kernel holds.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use deadpeer::{ApplyError, ProtectError};
use deadpeer_sys::testing::in_private_netns;

use crate::pair;

#[test]
fn what_is_promised_is_set() {
    in_private_netns(|| {
        let (client, _server) = pair("127.0.0.1");
        // So long that every kernel can keep it without dropping slow readers.
        let deadline = Duration::from_secs(3_600);
        let protected = deadpeer::protect(&client, deadline).unwrap();
        let held = deadpeer::options(&client).unwrap();
        assert_eq!(held, protected.applied.effective);
        assert!(held.keepalive);
        assert_eq!(protected.plan.options().keepidle_s, Some(held.keepidle_s));
        assert!(protected.plan.forecast().idle.worst.meets(deadline));
    });
}

#[test]
fn a_deadline_that_cannot_be_kept_changes_nothing() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let before = deadpeer::options(&listener).unwrap();
        let refused = deadpeer::protect(&listener, Duration::from_secs(1)).unwrap_err();
        let ProtectError::Refused(refusal) = &refused else {
            panic!("{refused:?}");
        };
        assert!(refusal.nearest > Some(Duration::from_secs(1)));
        assert_eq!(deadpeer::options(&listener).unwrap(), before);
        let error = std::io::Error::from(refused.clone());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), refused.to_string());
    });
}

#[test]
fn what_is_not_tcp_is_refused() {
    in_private_netns(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let refused = deadpeer::protect(&socket, Duration::from_secs(3_600));
        assert_eq!(refused, Err(ProtectError::Apply(ApplyError::NotTcp)));
    });
}
