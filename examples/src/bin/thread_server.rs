//! A thread for each connection, protected by the kernel alone.
//!
//! The options are set once, on the listener: every connection inherits them. A thread that waits
//! in `read` for a peer that vanished gets an error within the deadline, and ends.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use deadpeer::{Apply, Cause};
use deadpeer_examples::Arguments;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let plan = arguments.plan()?;
    println!("{plan}");

    let listener = TcpListener::bind(&arguments.address)?;
    let applied = plan.apply(&listener)?;
    if !applied.is_complete() {
        println!("this kernel does not know {:?}", applied.unsupported);
    }
    println!("listening at {}", listener.local_addr()?);

    for stream in listener.incoming() {
        let stream = stream?;
        let peer = stream.peer_addr()?;
        thread::spawn(move || match echo(&stream) {
            Ok(()) => println!("{peer} finished"),
            Err(error) => println!("{peer} is gone: {}", Cause::from(&error)),
        });
    }
    Ok(())
}

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..len])?;
    }
}
