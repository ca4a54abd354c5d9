//! A run within a run: the sooner of both holds, whichever is outside, and whatever the program
//! sets.

use deadpeer_sys::testing::skip;

use crate::common::run;

/// Sets what Redis does on an accepted connection, and says what is in force on both ends.
const PROGRAM: &str = "
import socket as s
l = s.create_server(('127.0.0.1', 0))
c = s.create_connection(l.getsockname())
a = l.accept()[0]
options = [(s.SOL_SOCKET, s.SO_KEEPALIVE, 1), (s.IPPROTO_TCP, s.TCP_KEEPIDLE, 300), (s.IPPROTO_TCP, s.TCP_KEEPINTVL, 100), (s.IPPROTO_TCP, s.TCP_KEEPCNT, 3)]
for option in options: a.setsockopt(*option)
print(*[e.getsockopt(level, option) for e in (c, a) for level, option, _ in options])
";

#[test]
fn the_sooner_of_both_holds() {
    let command = env!("CARGO_BIN_EXE_deadpeer");
    let alone =
        |deadline: &str| run(&["run", "--within", deadline, "--", "python3", "-c", PROGRAM]);
    let soon = alone("30s");
    if !soon.stderr.contains("every connection") {
        return skip(&soon.stderr);
    }
    for (outer, inner) in [("30s", "120s"), ("120s", "30s")] {
        let both = [
            "run", "--within", outer, "--quiet", "--", command, "run", "--within", inner,
            "--quiet", "--", "python3", "-c", PROGRAM,
        ];
        let ran = run(&both);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stdout, soon.stdout, "{outer} around {inner}");
    }
    assert_ne!(alone("120s").stdout, soon.stdout);
}
