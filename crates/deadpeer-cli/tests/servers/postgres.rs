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

#[test]
fn its_settings_decide() {
    let Some(programs) = programs() else {
        return skip("PostgreSQL is not installed");
    };
    let room = Room::new();
    let data = room.path().join("data");
    let mut initdb = room.command(programs.join("initdb"));
    initdb
        .args(["--no-sync", "--auth=trust", "--username=test"])
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
    room.file("query", b"select 1;\n");

    let test = |settings: &[&str]| -> Option<Report> {
        let server = programs.join("postgres");
        let psql = programs.join("psql");
        let client = format!(
            "exec {} -q -h $DEADPEER_SERVER -p $DEADPEER_PORT -U test postgres",
            psql.display()
        );
        let mut command = room.command(room.path().join("deadpeer"));
        command.args(["test", "--json", "--within", "8s", "--port", "5432"]);
        command.args(["--fault", "power-off,reboot,close", "--clients", "2"]);
        command.args(["--send", "query", "--client", &client, "--"]);
        command.arg(server).arg("-D").arg(&data);
        command.arg("-k").arg(room.path()).args(["-F", "-h", "*"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let ran = room.run_with(command)?;
        assert_eq!(ran.stderr, "");
        Some(Report::read(&ran))
    };
    let Some(noticed) = test(&NOTICES) else {
        return;
    };
    assert_eq!(noticed.summary.verdict, "passed", "{noticed:#?}");
    noticed.passed("power-off idle", "keepalive", 3.0..6.0);
    noticed.passed("power-off in-flight", "retransmission", 4.0..7.0);
    noticed.passed("close idle", "server", 0.0..2.0);
    noticed.kept("alive outage");

    let unnoticed = test(&[]).unwrap();
    assert_eq!(unnoticed.summary.verdict, "failed");
    let advice = "keepalive 7200/75/9 on accepted sockets gives up only after";
    unnoticed.failed("power-off idle", "not-noticed", advice);
    unnoticed.failed("power-off in-flight", "not-noticed", "no TCP_USER_TIMEOUT");
}

/// Debian keeps the programs of each version in a folder of its own, the newest last.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("postgres").is_file() && folder.join("psql").is_file())
        .max()
}
