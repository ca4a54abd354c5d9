//! An echo server whose connections are gone within a minute of their peer's vanishing.
//!
//! `cargo run --example server`, then `nc localhost 8888`. The options are set once, on the listener:
//! every connection inherits them.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use deadpeer::{Apply, Policy, SlowReaders};

fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::detect_within(Duration::from_secs(60)).slow_readers(SlowReaders::Drop);
    let plan = policy.plan(&deadpeer::running_kernel()?)?;
    println!("{plan}");

    let listener = TcpListener::bind(("localhost", 8888))?;
    let applied = plan.apply(&listener)?;
    if !applied.is_complete() {
        println!("this kernel does not know {:?}", applied.unsupported);
    }

    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || match echo(&stream) {
            Ok(()) => println!("{:?} finished", stream.peer_addr()),
            // A vanished peer ends here, with ETIMEDOUT or what a router had to say.
            Err(error) => println!("{:?} is gone: {error}", stream.peer_addr()),
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
