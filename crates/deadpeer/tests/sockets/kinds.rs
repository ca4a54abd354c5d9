//! The socket types of std, socket2, mio and tokio, over both families.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use deadpeer::{Apply, Effective, SocketOptions, TcpState};
use deadpeer_sys::testing::in_private_netns;

use crate::{every_option, pair};

/// Applies every option, and finds each in the answer, in a fresh reading, and on no other socket.
fn takes_every_option(socket: impl AsFd) {
    let asked = every_option();
    let before = deadpeer::options(&socket).unwrap();
    let applied = asked.apply(&socket).unwrap();
    assert_eq!(applied.effective, expected(&asked, before));
    assert_eq!(deadpeer::options(&socket), Ok(applied.effective));
    assert_eq!(
        (applied.unsupported.len(), applied.differences.len()),
        (0, 0)
    );
    assert!(applied.is_complete());
}

fn expected(asked: &SocketOptions, before: Effective) -> Effective {
    let mut expected = asked.resolve(&deadpeer::running_kernel().unwrap().sysctls);
    if asked.rto_max_ms.is_none() {
        expected.rto_max_ms = before.rto_max_ms;
    }
    expected
}

#[test]
fn of_std() {
    in_private_netns(|| {
        for address in ["127.0.0.1", "::1"] {
            takes_every_option(TcpListener::bind((address, 0)).unwrap());
            let (client, server) = pair(address);
            takes_every_option(&client);
            takes_every_option(server.as_fd());
            takes_every_option(OwnedFd::from(server));
            let info = deadpeer::inspect(&client).unwrap();
            assert!(info.state.is_some_and(|state| state != TcpState::Listen));
        }
    });
}

#[test]
fn of_socket2() {
    in_private_netns(|| {
        use socket2::{Domain, Socket, Type};
        for (domain, address) in [(Domain::IPV4, "127.0.0.1:0"), (Domain::IPV6, "[::1]:0")] {
            let listener = Socket::new(domain, Type::STREAM, None).unwrap();
            takes_every_option(&listener);
            let address: SocketAddr = address.parse().unwrap();
            listener.bind(&address.into()).unwrap();
            listener.listen(1).unwrap();
            takes_every_option(&listener);

            let client = Socket::new(domain, Type::STREAM, None).unwrap();
            takes_every_option(&client);
            client.connect(&listener.local_addr().unwrap()).unwrap();
            takes_every_option(&client);
        }
    });
}

#[test]
fn of_mio() {
    in_private_netns(|| {
        let listener = mio::net::TcpListener::bind("[::1]:0".parse().unwrap()).unwrap();
        takes_every_option(&listener);
        let client = mio::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        takes_every_option(&client);
        let (server, _) = listener.accept().unwrap();
        takes_every_option(&server);
    });
}

#[test]
fn of_tokio() {
    in_private_netns(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            use tokio::net::{TcpListener, TcpSocket, TcpStream};
            takes_every_option(TcpSocket::new_v6().unwrap());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            takes_every_option(&listener);
            let client = TcpStream::connect(listener.local_addr().unwrap());
            let (client, server) = tokio::join!(client, listener.accept());
            takes_every_option(client.unwrap());
            takes_every_option(server.unwrap().0);
        });
    });
}

#[test]
fn of_two_sockets_only_one_is_touched() {
    in_private_netns(|| {
        let (client, server): (TcpStream, TcpStream) = pair("127.0.0.1");
        let before = deadpeer::options(&server);
        every_option().apply(&client).unwrap();
        assert_eq!(deadpeer::options(&server), before);
    });
}
