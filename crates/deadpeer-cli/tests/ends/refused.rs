//! What cannot be meant, or cannot be done, is said in one sentence with exit code 2.

use deadpeer_sys::testing::in_private_netns;

use crate::common::run;

#[test]
fn refusals_are_one_sentence() {
    in_private_netns(|| {
        for (args, said) in [
            ("listen", "[ADDRESS]:PORT"),
            ("listen 8888", "write for example :8888"),
            ("listen ::1:8888", "an IPv6 address goes in brackets"),
            ("listen 192.0.2.1:8888", "cannot listen on 192.0.2.1:8888"),
            ("listen :8888 --within 0s", "longer than zero"),
            ("listen :8888 --method guess", "invalid value 'guess'"),
            (
                "listen :8888 --method poll --kernel-only",
                "cannot be used with",
            ),
            ("listen :8888 --slow-readers drop", "--kernel-only"),
            (
                "listen :8888 --kernel-only --within 5s",
                "the nearest deadline that can is",
            ),
            (
                "listen :8888 --method keepalive --within 4s",
                "cannot be set for less than 5s",
            ),
            (
                "listen :8888 --method recv --no-read",
                "would notice nothing",
            ),
            ("connect localhost", "the port is missing"),
            ("connect :8888", "the host is missing"),
            ("connect localhost:0", "port 0"),
            (
                "connect 127.0.0.1:1",
                "nobody listens at the peer's address",
            ),
            ("connect 192.0.2.1:1", "there is no route to its network"),
            ("connect nosuch.invalid:80", "nosuch.invalid has no address"),
        ] {
            let ran = run(&args.split(' ').collect::<Vec<_>>());
            assert_eq!(ran.code, 2, "{args}: {ran:?}");
            let sentence = ran.stderr.lines().last().unwrap_or_default();
            assert!(sentence.starts_with("deadpeer: "), "{args}: {ran:?}");
            assert!(sentence.contains(said), "{args}: {ran:?}");
            assert_eq!(ran.stdout, "", "{args}");
        }
    });
}
