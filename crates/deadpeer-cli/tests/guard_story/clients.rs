//! Clients of the containers' programs, on hosts behind the lab's wire.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use deadpeer_lab::Host;
use socket2::{Domain, Socket, Type};

use crate::common::guarding::BOUND;
use crate::containers::Service;

pub(crate) struct Client {
    pub(crate) service: &'static Service,
    pub(crate) host: String,
    stream: TcpStream,
    /// How the answer ends that it has not read yet.
    owed: Option<&'static [u8]>,
}

impl Client {
    /// Connects as soon as the program lets it in. `port`: from where; 0: from anywhere.
    pub(crate) fn new(service: &'static Service, of: &Host, from: &Host, port: u16) -> Self {
        let bound = Instant::now() + BOUND;
        let address = SocketAddr::from((of.v4(), service.port));
        loop {
            let greeted = from.enter(|| greet(service, address, port)).unwrap();
            match greeted {
                Ok(stream) => {
                    return Self {
                        service,
                        host: from.name().to_owned(),
                        stream,
                        owed: None,
                    };
                }
                Err(error) => assert!(Instant::now() < bound, "{}: {error}", service.title),
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// A question is answered, after what was not read before.
    pub(crate) fn works(&mut self) {
        let who = || format!("{} on {}", self.service.title, self.host);
        if let Some(end) = self.owed.take() {
            read_until(&mut self.stream, end).unwrap_or_else(|error| panic!("{}: {error}", who()));
        }
        let asked = ask(&mut self.stream, self.service.question);
        asked.unwrap_or_else(|error| panic!("{}: {error}", who()));
    }

    /// Asks for much and reads nothing.
    pub(crate) fn dawdle(&mut self) {
        let [question, end] = self.service.much;
        self.stream.write_all(question).unwrap();
        self.owed = Some(end);
    }
}

fn greet(service: &Service, address: SocketAddr, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if port != 0 {
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    }
    socket.connect_timeout(&address.into(), BOUND)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(BOUND))?;
    ask(&mut stream, service.greeting)?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream, [question, end]: [&[u8]; 2]) -> io::Result<()> {
    stream.write_all(question)?;
    read_until(stream, end)
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<()> {
    let mut answer = Vec::new();
    let mut bytes = [0; 65_536];
    while !answer.ends_with(end) {
        match stream.read(&mut bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend(&bytes[..read]),
        }
    }
    Ok(())
}
