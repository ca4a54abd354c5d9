//! PostgreSQL, a process for each client, with psql as the client. It refuses to run as root, also
//! as that of a user namespace.

use std::fs;
use std::path::PathBuf;

use deadpeer_sys::testing::skip;

use crate::report::Report;
use crate::room::Room;

const NOTICES: [&str; 4] = [
    "tcp_keepalives_idle=2",
    "tcp_keepalives_interval=1",
    "tcp_keepalives_count=3",
    "tcp_user_timeout=4500",
];

/// A database of its own for each test, and what to test it with.
struct Database {
    room: Room,
    programs: PathBuf,
    data: PathBuf,
}

impl Database {
    fn new() -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL is not installed");
            return None;
        };
        let room = Room::new();
        let data = room.path().join("data");
        let mut initdb = room.command(programs.join("initdb"));
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres"])
            .args(["--locale=C", "--pgdata"])
            .arg(&data);
        let made = initdb.output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        fs::write(
            data.join("pg_hba.conf"),
            "host all all all trust\nlocal all all trust\n",
        )
        .unwrap();
        Some(Self {
            room,
            programs,
            data,
        })
    }

    fn test(&self, client: &[&str], settings: &[&str]) -> Option<Report> {
        let mut command = self.room.command(self.room.path().join("deadpeer"));
        command.args(["test", "--json", "--within", "8s", "--port", "5432"]);
        command.args(["--fault", "power-off,reboot,close", "--clients", "2"]);
        command.arg("--only-tried").args(client).arg("--");
        command.arg(self.programs.join("postgres"));
        command.arg("-D").arg(&self.data);
        command.arg("-k").arg(self.room.path());
        command.args(["-F", "-h", "*"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let ran = self.room.run_with(command)?;
        assert_eq!(ran.stderr, "");
        Some(Report::read(&ran))
    }
}

#[test]
fn its_settings_decide() {
    let Some(database) = Database::new() else {
        return;
    };
    database.room.file("query", b"select 1;\n");
    let psql = format!(
        "exec {} -q -h $DEADPEER_SERVER -p $DEADPEER_PORT -U postgres postgres",
        database.programs.join("psql").display()
    );
    let client = ["--send", "query", "--client", &psql];
    let Some(noticed) = database.test(&client, &NOTICES) else {
        return;
    };
    assert_eq!(noticed.summary.verdict, "passed", "{noticed:#?}");
    noticed.passed("power-off idle", "keepalive", 3.0..6.0);
    noticed.passed("power-off in-flight", "retransmission", 4.0..7.0);
    noticed.passed("close idle", "server", 0.0..2.0);
    noticed.kept("alive outage");

    let unnoticed = database.test(&client, &[]).unwrap();
    assert_eq!(unnoticed.summary.verdict, "failed");
    let advice = "keepalive 7200/75/9 on accepted sockets gives up only after";
    unnoticed.failed("power-off idle", "not-noticed", advice);
    unnoticed.failed("power-off in-flight", "not-noticed", "no TCP_USER_TIMEOUT");
}

#[test]
fn a_session_is_begun_without_a_client() {
    let Some(database) = Database::new() else {
        return;
    };
    let client = ["--send", "postgres", "--may-drop-slow"];
    let Some(report) = database.test(&client, &NOTICES) else {
        return;
    };
    assert_eq!(report.summary.verdict, "passed", "{report:#?}");
    report.passed("power-off idle", "keepalive", 3.0..6.0);
    report.passed("power-off in-flight", "retransmission", 4.0..7.0);
}

/// Debian keeps the programs of each version in a folder of its own, the newest last.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("postgres").is_file() && folder.join("psql").is_file())
        .max()
}
