//! Standard input, as far as the connections have room for it.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

/// What is taken at a time, in bytes.
const PIECE: usize = 16 * 1024;

/// Standard input until its end.
#[derive(Debug)]
pub(super) struct Input {
    stdin: std::io::Stdin,
    ended: bool,
}

/// What a look at standard input brought.
pub(super) enum Taken {
    Some(Vec<u8>),
    End,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            stdin: std::io::stdin(),
            ended: false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what there is. Waits if there is nothing: ask poll(2) before.
    pub(super) fn take(&mut self) -> Taken {
        let mut piece = vec![0; PIECE];
        match rustix::io::read(&self.stdin, &mut piece) {
            Ok(0) => self.end(),
            Ok(len) => {
                piece.truncate(len);
                Taken::Some(piece)
            }
            Err(Errno::INTR | Errno::AGAIN) => Taken::Some(Vec::new()),
            // A terminal that is gone, a closed descriptor: there is nothing more to say.
            Err(_) => self.end(),
        }
    }

    fn end(&mut self) -> Taken {
        self.ended = true;
        Taken::End
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }
}
