//! PostgreSQL: `tcp_keepalives_*` and `tcp_user_timeout` hold for each connection, its listener has
//! none of them.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Instant;

use deadpeer_sys::testing::skip;

use crate::audit::Audit;
use crate::program::{BOUND, NOBODY, Program, as_user, hang_up, try_ask, with_program};
use crate::settings::Settings;

const ADDRESS: &str = "127.0.0.1:5432";

const SETTINGS: [&str; 4] = [
    "tcp_keepalives_idle=5",
    "tcp_keepalives_interval=2",
    "tcp_keepalives_count=3",
    "tcp_user_timeout=12000",
];
const CONFIGURED: Settings = Settings::keepalive(5, 2, 3).user_timeout_ms(12_000);

/// ReadyForQuery, outside a transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

#[test]
fn each_connection_has_what_is_configured() {
    with_data(|executable, data| {
        let mut server = start(executable, data, &SETTINGS);
        let client = log_in(&mut server);

        let audit = Audit::each(&["--within", "30s", "--process", "postgres"]);
        let accepted = audit.accepted(&client);
        accepted.check(&server, "postgres", CONFIGURED);
        audit
            .listener(ADDRESS)
            .check(&server, "postgres", Settings::UNTOUCHED);
        // The user timeout leaves room for a fourth probe; after close() it lets the last
        // retransmission go out after 6 s.
        assert_eq!(
            accepted.finding_codes(),
            ["keepcnt-ignored", "loses-at-close"]
        );
        // Idle, busy or late: soon enough. The listener's own settings don't count.
        assert_eq!(accepted.over_deadline, Some(false), "{accepted:?}");
        assert_eq!(audit.code, 0);
        let sooner = Audit::each(&["--within", "20s", "--process", "postgres"]);
        assert_eq!(
            sooner.code, 1,
            "a write before keepalive's verdict takes longer"
        );
    });
}

/// A reload is taken note of at a session's next command: the one whose client is gone never gives
/// any.
#[test]
fn a_reload_reaches_an_idle_session_at_its_next_command() {
    with_data(|executable, data| {
        let mut server = start(executable, data, &[]);
        let mut idle = log_in(&mut server);
        let accepted = |client: &TcpStream| {
            let audit = Audit::each(&["--process", "postgres"]);
            audit.accepted(client)
        };
        accepted(&idle).check(&server, "postgres", Settings::keepalive(7200, 75, 9));

        let lines: String = SETTINGS.iter().map(|line| format!("{line}\n")).collect();
        let file = data.join("postgresql.conf");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(&file, before + &lines).unwrap();
        let audit = Audit::each(&["--process", "postgres"]);
        let owners = &audit.listener(ADDRESS).owners;
        hang_up(owners.iter().map(|owner| owner.pid).min().unwrap());
        // New sessions have it, which proves that the reload is done.
        let bound = Instant::now() + BOUND;
        loop {
            let new = log_in(&mut server);
            if accepted(&new).settings == Some(CONFIGURED) {
                break;
            }
            assert!(Instant::now() < bound, "the reload is done in time");
        }
        accepted(&idle).check(&server, "postgres", Settings::keepalive(7200, 75, 9));
        try_ask(&mut idle, b"Q\0\0\0\x0dselect 1\0", READY).unwrap();
        accepted(&idle).check(&server, "postgres", CONFIGURED);
    });
}

/// Debian keeps the programs of each version in a folder of its own, the newest last.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("postgres").is_file())
        .max()
}

/// Runs something with the server and a data directory of its own.
fn with_data(run: impl FnOnce(&Path, &Path) + Send) {
    let Some(programs) = programs() else {
        return skip("PostgreSQL is not installed");
    };
    with_program(programs.join("postgres").to_str().unwrap(), |executable| {
        let folder = tempfile::tempdir().unwrap();
        // The server refuses to run as root.
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        let data = folder.path().join("data");
        init(&programs, &data);
        run(executable, &data);
    });
}

fn init(programs: &Path, data: &Path) {
    let options = [
        "--no-sync",
        "--auth=trust",
        "--username=nobody",
        "--locale=C",
        "--pgdata",
    ];
    let mut initdb = as_user(
        Some(NOBODY),
        &programs.join("initdb"),
        &[&options[..], &[data.to_str().unwrap()]].concat(),
    );
    let made = initdb.current_dir("/").output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn start(executable: &Path, data: &Path, settings: &[&str]) -> Program {
    let data = data.to_str().unwrap();
    let mut args = vec!["-D", data, "-k", data, "-F", "-h", "127.0.0.1"];
    args.extend(settings.iter().flat_map(|setting| ["-c", setting]));
    Program::start_as(Some(NOBODY), executable, &args)
}

/// It listens before it lets anybody in.
fn log_in(server: &mut Program) -> TcpStream {
    let bound = Instant::now() + BOUND;
    loop {
        let mut client = server.connect(ADDRESS);
        match try_ask(&mut client, &startup(), READY) {
            Ok(()) => return client,
            Err(said) => assert!(
                said.contains("starting up") && Instant::now() < bound,
                "{said}"
            ),
        }
    }
}

/// The first message of protocol 3.0: its length, the version, names with their values, and an end.
fn startup() -> Vec<u8> {
    let rest = b"\0\x03\0\0user\0nobody\0database\0postgres\0\0";
    let length = u32::try_from(4 + rest.len()).unwrap();
    [&length.to_be_bytes()[..], rest].concat()
}
