//! What is in force.

use deadpeer_core::SocketOptions;

use super::*;
use crate::read::OwnEnd;

fn keepalive(idle: u32, interval: u32, count: u32) -> SocketOptions {
    SocketOptions::new()
        .keepalive(true)
        .keepidle_s(idle)
        .keepintvl_s(interval)
        .keepcnt(count)
}

#[test]
fn nginx_sets_each_listener_and_its_namesakes() {
    let reading = reading(
        "nginx",
        "events {} http { server { listen 80 so_keepalive=10s:5s:3; }
        server { listen 80; listen 81; listen unix:/run/x; } server { listen 82 so_keepalive=1m::4; } }",
    )
    .unwrap();
    let untouched = SocketOptions::new().keepalive(false);
    let partly = SocketOptions::new()
        .keepalive(true)
        .keepidle_s(60)
        .keepcnt(4);
    assert_eq!(accepted(&reading), [keepalive(10, 5, 3), untouched, partly]);
    assert_eq!(of(&reading, SideKind::Upstream), []);
    assert_eq!(reading.keeps(), Some(false));
}

#[test]
fn nginx_blocks_follow_those_around_them_and_includes_are_read() {
    let mut files = Folder::default();
    let site = "server { listen 80; location / { proxy_pass http://a; }
        location /b { proxy_socket_keepalive off; proxy_pass http://b; } }";
    files.0.insert("sites/one".into(), Ok(site.into()));
    let text = "events {} http { proxy_socket_keepalive on; include sites/*; }";
    let reading = reading_with("nginx", text, &[], &mut files).unwrap();
    let [on, off] = of(&reading, SideKind::Upstream)[..] else {
        panic!("{reading:?}")
    };
    assert_eq!((on.keepalive, off.keepalive), (Some(true), Some(false)));
    let at = reading.sockets[0].at.as_ref().unwrap();
    assert_eq!(at.place.to_string(), "sites/one:1");
}

#[test]
fn haproxy_follows_its_defaults() {
    let reading = reading(
        "haproxy",
        "global\n log x\ndefaults\n option clitcpka\n clitcpka-idle 10s\n clitcpka-intvl 3\n clitcpka-cnt 4\n\
         frontend a\n bind :80 tcp-ut 20s\nfrontend b\n no option clitcpka\n bind :81\nbackend c\n server s 192.0.2.1:80\n",
    )
    .unwrap();
    let off = SocketOptions::new().keepalive(false);
    let first = keepalive(10, 3, 4).user_timeout_ms(20_000);
    assert_eq!(accepted(&reading), [first, off]);
    assert_eq!(of(&reading, SideKind::Upstream), [off]);
}

#[test]
fn postgresql_takes_the_last_word_also_of_its_command_line() {
    let text = "tcp_keepalives_idle = 1min\ntcp_keepalives_interval=10s\ntcp_keepalives_idle=20\n\
                tcp_user_timeout = '25 s'\nmax_connections=9\n";
    let arguments = ["postgres", "-D", "/x", "-c", "tcp_keepalives_count=5"];
    let reading = reading_with("postgresql", text, &arguments, &mut Folder::default()).unwrap();
    let said = keepalive(20, 10, 5).user_timeout_ms(25_000);
    assert_eq!(accepted(&reading), [said]);
}

#[test]
fn what_programs_make_of_a_number() {
    for (program, text, options) in [
        (
            "redis",
            "tcp-keepalive 60\nsave \"\"\n",
            keepalive(60, 20, 3),
        ),
        ("redis", "save \"\"\n", keepalive(300, 100, 3)),
        (
            "redis",
            "tcp-keepalive 0\n",
            SocketOptions::new().keepalive(false),
        ),
        (
            "squid",
            "http_port 3128 tcpkeepalive=60,30,90\n",
            keepalive(60, 30, 3),
        ),
        (
            "mariadb",
            "[mariadbd]\ntcp-keepalive-time = 9\n[mysqldump]\ntcp_keepalive_time=1\n",
            SocketOptions::new().keepalive(true).keepidle_s(9),
        ),
        (
            "pgbouncer",
            "[pgbouncer]\ntcp_keepalive = 0\ntcp_user_timeout=5000\n",
            SocketOptions::new().keepalive(false).user_timeout_ms(5000),
        ),
        (
            "stunnel",
            "socket = l:SO_KEEPALIVE=1\n[s]\naccept = 1\nsocket=l:TCP_KEEPIDLE=7\nconnect=2\n",
            SocketOptions::new().keepalive(true).keepidle_s(7),
        ),
        (
            "rsyslog",
            "module(load=\"imtcp\" KeepAlive=\"on\" KeepAlive.Time=\"7\")\n",
            SocketOptions::new().keepalive(true).keepidle_s(7),
        ),
        (
            "sysctl",
            "net.ipv4.tcp_keepalive_time = 60\n",
            SocketOptions::new().keepalive(true).keepidle_s(60),
        ),
        (
            "elasticsearch",
            "network:\n  tcp.keep_idle: 60\ncluster.name: a\n",
            SocketOptions::new().keepalive(true).keepidle_s(60),
        ),
        (
            "systemd-socket",
            "[Socket]\nListenStream=80\nKeepAlive=yes\nKeepAliveTimeSec=1min\n",
            SocketOptions::new().keepalive(true).keepidle_s(60),
        ),
    ] {
        let reading = reading(program, text).unwrap();
        assert_eq!(accepted(&reading), [options], "{program}: {reading:?}");
        assert_eq!(reading.remarks, [], "{program}");
    }
}

#[test]
fn a_uri_is_read_and_its_password_shown_nowhere() {
    let text = "DATABASE_URL=\"postgresql://app:geheim@db/app?keepalives_idle=60&tcp_user_timeout=9000\"\n";
    let reading = reading("libpq", text).unwrap();
    let [options] = of(&reading, SideKind::Upstream)[..] else {
        panic!("{reading:?}")
    };
    assert_eq!(
        (options.keepidle_s, options.user_timeout_ms),
        (Some(60), Some(9000))
    );
    assert!(!format!("{reading:?}").contains("geheim"));
    assert!(reading.passwords_hidden);
}

#[test]
fn time_outs_of_the_programs_own_are_counted_from_the_worst_that_is_written() {
    let ends = |program: &str, text: &str, key: &str| {
        let reading = reading(program, text).unwrap();
        let mut own = reading.own.iter();
        own.find(|own| own.timeout.key == key).unwrap().ends
    };
    let after = |seconds| OwnEnd::After(Duration::from_secs(seconds));
    let alive = "ClientAliveInterval";
    // (5 s and one of rounding) for each of twice two questions, and one more.
    let text = "ClientAliveInterval 5\nClientAliveCountMax 2\n";
    assert_eq!(ends("openssh-server", text, alive), after(30));
    let text = "ClientAliveInterval 5\nMatch User a\nClientAliveInterval 0\n";
    assert_eq!(ends("openssh-server", text, alive), OwnEnd::Never);
    assert_eq!(ends("openssh-server", "UsePAM no\n", alive), OwnEnd::Never);
    assert_eq!(ends("rabbitmq", "heartbeat = 10\n", "heartbeat"), after(20));
    let text = "timeout 90\nsave 60 1\n";
    assert_eq!(ends("redis", text, "timeout"), after(90));
    let text = "events {} http { send_timeout 20s; server { send_timeout 9s; } }";
    assert_eq!(ends("nginx", text, "send_timeout"), after(20));
    let text = "defaults\n timeout client 5000\nfrontend f\n timeout client 1m\n";
    assert_eq!(ends("haproxy", text, "timeout client"), after(60));
    let text = "events {} http { server { send_timeout 20s; } }";
    assert_eq!(
        ends("nginx", text, "send_timeout"),
        after(60),
        "the default holds elsewhere"
    );
    assert_eq!(
        ends(
            "nginx",
            "events {} http { send_timeout $x; }",
            "send_timeout"
        ),
        OwnEnd::Unknown
    );
}

#[test]
fn nginx_has_a_line_for_each_kind_of_upstream() {
    for kind in ["proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"] {
        let scheme = if kind == "proxy" { "http://" } else { "" };
        let text = |line: &str| {
            format!(
                "events {{}} http {{ server {{\n{line}location /a {{ {kind}_pass {scheme}192.0.2.1:9000; }}\n\
                 location /b {{ {kind}_pass {scheme}unix:/run/b.sock; }} }} }}"
            )
        };
        let upstream = |line: &str| {
            let reading = reading("nginx", &text(line)).unwrap();
            let of = format!("{kind}_pass");
            let mut sockets = reading.sockets.iter();
            let one = sockets.find(|one| one.side.of.as_deref() == Some(of.as_str()));
            let options = one.unwrap().fit.as_ref().unwrap().options;
            (options.keepalive, reading.diffs.concat())
        };
        let (off, patch) = upstream("");
        let on = format!("{kind}_socket_keepalive on;");
        assert_ne!(off, Some(true), "{kind}");
        assert!(patch.contains(&on), "{kind}: {patch}");
        let (kept, patch) = upstream(&format!("{on}\n"));
        assert_eq!(kept, Some(true), "{kind}");
        assert!(!patch.contains(&on), "{kind}: {patch}");
    }
}

#[test]
fn sshd_keeps_a_deadline_by_its_own_questions() {
    let text = "ClientAliveInterval 3\nClientAliveCountMax 3\n";
    assert_eq!(reading("openssh-server", text).unwrap().keeps(), Some(true));
    assert_eq!(
        reading("openssh-server", "UsePAM yes\n").unwrap().keeps(),
        Some(false)
    );
}

#[test]
fn etcd_keeps_a_deadline_by_its_pings() {
    let ends = |text: &str| reading("etcd", text).unwrap().own[0].ends;
    let listens = "listen-client-urls: http://192.0.2.1:2379\n";
    let hours = Duration::from_secs(2 * 3600 + 20);
    assert_eq!(ends(listens), OwnEnd::After(hours));
    let advised = crate::advise(
        find("etcd").unwrap(),
        Duration::from_secs(30),
        &Kernel::before_rto_max(None),
    );
    let lines = &advised.own[0].lines;
    assert_eq!(
        lines[..],
        ["grpc-keepalive-interval: 23s", "grpc-keepalive-timeout: 7s"]
    );
    let text = format!("{listens}{}\n", lines.join("\n"));
    assert_eq!(ends(&text), OwnEnd::After(Duration::from_secs(30)));
}
