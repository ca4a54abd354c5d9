//! Multipath TCP connections. Made on the calling thread, so in its network namespace.

use std::io::{self, Read as _};
use std::net::SocketAddr;

use deadpeer_sys::testing::skip;
use socket2::{Domain, Protocol, Socket, Type};

/// A listener with an accepted connection, its server's end last.
pub(crate) struct Multipath {
    pub(crate) address: SocketAddr,
    pub(crate) listener: Socket,
    pub(crate) client: Socket,
    pub(crate) server: Socket,
}

impl Multipath {
    pub(crate) fn new() -> Option<Self> {
        Self::listener("127.0.0.1:0".parse().unwrap()).map(Self::connected)
    }

    pub(crate) fn connected((listener, address): (Socket, SocketAddr)) -> Self {
        let (client, server) = connect(&listener, address);
        Self {
            address,
            listener,
            client,
            server,
        }
    }

    /// One more connection to the listener, its client first.
    pub(crate) fn another(&self) -> (Socket, Socket) {
        connect(&self.listener, self.address)
    }

    pub(crate) fn socket() -> io::Result<Socket> {
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP))
    }

    pub(crate) fn listener(address: SocketAddr) -> Option<(Socket, SocketAddr)> {
        let listener = match Self::socket() {
            Ok(listener) => listener,
            Err(error) => {
                skip(&format!("no Multipath TCP: {error}"));
                return None;
            }
        };
        listener.bind(&address.into()).unwrap();
        listener.listen(8).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        Some((listener, address))
    }

    /// Sends something each way: until then, what it was made of can be plain TCP.
    pub(crate) fn talk(&self) {
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            assert_eq!(from.send(b"x").unwrap(), 1);
            assert_eq!((&*to).read(&mut [0]).unwrap(), 1);
        }
    }

    /// The listener's address, as an argument.
    pub(crate) fn end(&self) -> String {
        self.address.to_string()
    }
}

fn connect(listener: &Socket, address: SocketAddr) -> (Socket, Socket) {
    let client = Multipath::socket().unwrap();
    client.connect(&address.into()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}
