//! nginx: `so_keepalive` on and off; several processes that share a listener.

use crate::report::Report;
use crate::room::{Room, installed};

fn nginx(listen: &str, args: &str) -> Option<Report> {
    let nginx = installed("nginx")?;
    let room = Room::new();
    let folder = room.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .concat();
    let configuration = format!(
        "daemon off;
         pid {folder}/pid;
         worker_processes 3;
         events {{}}
         http {{
             access_log off;
             {temporary}
             server {{
                 listen {listen};
                 return 200 \"here\\n\";
             }}
         }}"
    );
    let configuration = room.file("nginx.conf", configuration.as_bytes());
    let configuration = configuration.to_str().unwrap();
    room.test(
        &format!("--port 8080 {args}"),
        &[&nginx, "-c", configuration, "-e", "stderr"],
    )
}

#[test]
fn keepalive_on() {
    let Some(report) = nginx(
        "8080 so_keepalive=3s:1s:3",
        "--within 8s --state idle --send http --only-tried",
    ) else {
        return;
    };
    assert_eq!(report.summary.verdict, "passed", "{report:#?}");
    report.passed("power-off idle", "keepalive", 4.5..7.0);
    report.passed("reboot idle", "reset", 1.0..4.5);
    report.kept("alive slow-reader");
}

#[test]
fn keepalive_off_over_ipv6() {
    let Some(report) = nginx(
        "[::]:8080 so_keepalive=off",
        "--within 6s --fault power-off,close --state idle,sending --send http",
    ) else {
        return;
    };
    assert_eq!(report.summary.address, "[fd77::2]:8080");
    assert_eq!(report.summary.verdict, "failed");
    report.failed("power-off idle", "not-noticed", "keepalive is off");
    report.failed("power-off sending", "not-noticed", "unacknowledged data");
    report.passed("close idle", "server", 0.0..1.0);
    report.kept("alive outage");
}
