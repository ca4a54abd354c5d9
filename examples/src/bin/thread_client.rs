//! A client that waits for news and knows within the deadline when there will be none.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use deadpeer::{Apply, Cause};
use deadpeer_examples::Arguments;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let stream = TcpStream::connect(&arguments.address)?;
    arguments.plan()?.apply(&stream)?;
    println!("connected to {}", stream.peer_addr()?);
    for line in BufReader::new(stream).lines() {
        match line {
            Ok(line) => println!("heard {line}"),
            Err(error) => {
                println!("the server is gone: {}", Cause::from(&error));
                return Ok(());
            }
        }
    }
    println!("the server finished");
    Ok(())
}
