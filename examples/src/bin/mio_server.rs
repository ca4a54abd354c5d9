//! One thread, an event loop, and every connection supervised.
//!
//! The watch is one more source of events. It tells who is unreachable; the server decides what
//! becomes of them.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use deadpeer::{Event, News, Supervision, Verdict, Watch};
use deadpeer_examples::Arguments;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);
const WATCH: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let mut server = Server::bind(&arguments)?;
    println!("listening at {}", server.listener.local_addr()?);
    let mut ready = Events::with_capacity(256);
    loop {
        server.poll.poll(&mut ready, None)?;
        for event in &ready {
            match event.token() {
                LISTENER => server.accept()?,
                WATCH => server.hear()?,
                token => server.echo(token),
            }
        }
    }
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    watch: Watch,
    connections: HashMap<Token, TcpStream>,
    next: usize,
}

impl Server {
    fn bind(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(arguments.address.parse()?)?;
        let mut watch = Watch::supervised(Supervision::within(arguments.deadline))?;
        let registry = poll.registry();
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        registry.register(&mut watch, WATCH, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            watch,
            connections: HashMap::new(),
            next: FIRST_CONNECTION,
        })
    }

    fn accept(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let (mut stream, _) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let token = Token(self.next);
            self.next += 1;
            let registry = self.poll.registry();
            registry.register(&mut stream, token, Interest::READABLE)?;
            self.watch.add(&stream, token.0 as u64)?;
            self.connections.insert(token, stream);
        }
    }

    /// Hears what the watch has to tell, until it has nothing more.
    fn hear(&mut self) -> Result<(), Box<dyn Error>> {
        let mut events = Vec::new();
        loop {
            self.watch.wait(&mut events, Some(Duration::ZERO))?;
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                self.act(event);
            }
        }
    }

    fn act(&mut self, event: &Event) {
        let token = Token(event.key as usize);
        match event.news {
            News::Died(death) => self.close(token, &format!("gone: {death}")),
            News::Judged(Verdict::Unreachable { since, unanswered }) => {
                let since = since.as_secs_f32();
                let why =
                    format!("gone: silent for {since:.1} s, {unanswered} questions unanswered");
                self.close(token, &why);
            }
            // A peer that reads nothing for a while is no reason to part.
            News::Judged(_) | _ => {}
        }
    }

    fn echo(&mut self, token: Token) {
        if let Some(stream) = self.connections.get_mut(&token)
            && let Err(error) = echo_what_is_there(stream)
        {
            let why = format!("gone: {}", deadpeer::Cause::from(&error));
            self.close(token, &why);
        }
    }

    /// Closing is all it takes: the watch holds nothing of the socket.
    fn close(&mut self, token: Token, why: &str) {
        if let Some(stream) = self.connections.remove(&token) {
            match stream.peer_addr() {
                Ok(peer) => println!("{peer} is {why}"),
                Err(_) => println!("a connection is {why}"),
            }
        }
    }
}

/// Small messages fit into the send buffer; a server of large ones would wait for room.
fn echo_what_is_there(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => stream.write_all(&buffer[..len])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
