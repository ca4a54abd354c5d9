//! An orderly end is told as one.

use std::net::TcpStream;

use deadpeer_sys::testing::in_private_netns;

use crate::programs::Program;
use crate::scene::SOON;

#[test]
fn servers_tell_an_orderly_end() {
    in_private_netns(|| {
        for (server, words) in [
            ("thread_server", "finished"),
            ("mio_server", "gone: "),
            ("tokio_server", "finished"),
        ] {
            let mut server = Program::start(server, &["127.0.0.1:0", "10"], "listening at ");
            let client = TcpStream::connect(server.address()).unwrap();
            drop(client);
            let line = server.line(SOON);
            assert!(line.contains(words), "{line:?}");
        }
    });
}
