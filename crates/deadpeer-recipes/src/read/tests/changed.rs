//! What is to be changed: the patch applied is read again, and does what the recipe chose.

use super::*;

/// Each program's configuration, and what its patch must and must not contain.
const CASES: &[(&str, &str, &[&str])] = &[
    (
        "redis",
        "# mine\ntcp-keepalive 300 \nsave 1 1\n",
        &["-tcp-keepalive 300 \n+tcp-keepalive "],
    ),
    (
        "redis",
        "save 1 1\r\nport 1\r\n",
        &["@@ -2,0 +3,1 @@\n+tcp-keepalive 14\r\n"],
    ),
    (
        "pgbouncer",
        "[databases]\r\n[pgbouncer]\r\nlisten_port = 1\r\n",
        &["@@ -2,0 +3,5 @@\n+tcp_keepalive = 1\r\n+tcp_keepidle = "],
    ),
    (
        "redis",
        "# tcp-keepalive 300\nsave 1 1",
        &["@@ -1,0 +2,1 @@\n+tcp-keepalive "],
    ),
    (
        "nginx",
        "events {}\nhttp {\n  server {\n    listen 80 default_server; # web\n    listen 81 so_keepalive=on;\n  }\n}\n",
        &[
            "-    listen 80 default_server; # web\n",
            "+    listen 80 default_server so_keepalive=",
            "; # web\n",
            "-    listen 81 so_keepalive=on;",
        ],
    ),
    (
        "nginx",
        "# what a server block includes\nlisten 192.0.2.1:80;\n",
        &["+listen 192.0.2.1:80 so_keepalive="],
    ),
    (
        "nginx",
        "events {} http { server { listen 80; location / { proxy_pass http://a; } } }\n",
        &["proxy_socket_keepalive on;"],
    ),
    (
        "haproxy",
        "defaults\n\tmode http\nfrontend f\n\tbind :80 # here\n\tdefault_backend b\nbackend b\n\tserver s 192.0.2.1:80\n",
        &[
            "+\tbind :80 tcp-ut ",
            "ms # here\n+\toption clitcpka\n+\tclitcpka-idle ",
            "+\tserver s 192.0.2.1:80 tcp-ut ",
            "+\toption srvtcpka\n",
        ],
    ),
    (
        "rsyslog",
        "module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"514\")\ninput(type=\"imtcp\" port=\"515\" keepAlive.time=\"60\")\n",
        &[
            "-module(load=\"imtcp\")\n+module(load=\"imtcp\" keepalive=\"on\" keepalive.time=\"",
            "+input(type=\"imtcp\" port=\"515\" keepAlive.time=\"21\")",
        ],
    ),
    (
        "elasticsearch",
        "cluster.name: a\nnetwork:\n  host: 0.0.0.0\n  tcp:\n    # slow\n    keep_idle: 300\n",
        &[
            "-    keep_idle: 300\n",
            "+    keep_interval: ",
            "+    keep_idle: ",
        ],
    ),
    (
        "elasticsearch",
        "node.name: a\nnetwork: {host: 0.0.0.0}\n",
        &[
            "+network: {tcp: {keep_alive: true, keep_idle: ",
            "}, host: 0.0.0.0}\n",
        ],
    ),
    (
        "kubernetes",
        "apiVersion: v1\nkind: Pod\nspec:\n  securityContext:\n    sysctls:\n    - name: net.ipv4.tcp_keepalive_time\n      value: \"600\"\n  containers:\n  - image: a\n",
        &[
            "+      value: \"",
            "+    - {name: net.ipv4.tcp_keepalive_probes, value: \"",
        ],
    ),
    (
        "kubernetes",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - image: a\n---\napiVersion: v1\nkind: Service\n",
        &[
            "@@ -5,0 +6,5 @@\n+      securityContext:\n+        sysctls:\n+          - {name: net.ipv4.tcp_keepalive_time, ",
        ],
    ),
    (
        "envoy",
        "static_resources:\n  listeners:\n  - address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n  clusters:\n  - name: a\n    type: STATIC\n  - {name: b, upstream_connection_options: {tcp_keepalive: {keepalive_time: 100}}}\n",
        &[
            "+  - socket_options:\n+      - {level: 1, name: 9, int_value: 1, state: STATE_PREBIND}\n",
            "+    address: {socket_address: ",
            "+  - upstream_connection_options:\n+      tcp_keepalive:\n+        keepalive_time: ",
            "{tcp_keepalive: {keepalive_interval: ",
        ],
    ),
    (
        "nats",
        "port: 4222\nping_interval: \"2m\" # slow\n",
        &[
            "-ping_interval: \"2m\" # slow\n+ping_interval: 7s # slow\n",
            "+ping_max: 2\n",
        ],
    ),
    (
        "postgresql",
        "listen_addresses = '*'\n#tcp_keepalives_idle = 0\t\t# seconds\ntcp_user_timeout = 0 # off\n",
        &[
            "+tcp_keepalives_idle = ",
            "-tcp_user_timeout = 0 # off\n",
            " # off\n",
        ],
    ),
    (
        "pgbouncer",
        "[databases]\na = host=b\n[pgbouncer]\npool_mode = session\n[users]\n",
        &["@@ -3,0 +4,"],
    ),
    (
        "mariadb",
        "[server]\n[mariadbd]\nbind-address = ::\n",
        &["+tcp_keepalive_time = "],
    ),
    (
        "squid",
        "http_port 3128\nhttp_access deny all\n",
        &["+http_port 3128 tcpkeepalive="],
    ),
    (
        "stunnel",
        "[s]\naccept = 1\nconnect = 2\n",
        &["+socket = l:SO_KEEPALIVE=1\n", "+socket = r:TCP_KEEPCNT="],
    ),
    (
        "rsyslog",
        "module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"514\")\n",
        &["+module(load=\"imtcp\" keepalive=\"on\" keepalive.time=\""],
    ),
    (
        "openssh-server",
        "UsePAM yes\nMatch User a\n  X11Forwarding no\n",
        &["@@ -1,0 +2,2 @@\n+ClientAliveInterval "],
    ),
    (
        "openssh-server",
        "#ClientAliveInterval 0\nClientAliveCountMax 9\n",
        &[
            "+ClientAliveInterval ",
            "-ClientAliveCountMax 9\n+ClientAliveCountMax 3\n",
        ],
    ),
    (
        "rabbitmq",
        "listeners.tcp.default = 5672\n",
        &["+heartbeat = 15\n"],
    ),
    (
        "sysctl",
        "vm.swappiness=1\nnet.ipv4.tcp_keepalive_time=600\n",
        &["-net.ipv4.tcp_keepalive_time=600\n"],
    ),
    (
        "systemd-socket",
        "[Unit]\n[Socket]\nListenStream=1\n[Install]\n",
        &["@@ -2,0 +3,4 @@\n+KeepAlive = yes\n"],
    ),
    (
        "libpq",
        "A=1\nURL=postgresql://db/a\n",
        &["+URL=postgresql://db/a?keepalives=1&keepalives_idle="],
    ),
    (
        "libpq",
        "DSN='host=db port=1'\n",
        &["+DSN='host=db port=1 keepalives=1 keepalives_idle="],
    ),
    (
        "elasticsearch",
        "cluster.name: a\nnetwork.tcp.keep_idle: 900 # long\n",
        &["# long\n", "+network.tcp.keep_count: "],
    ),
];

#[test]
fn a_patch_changes_the_lines_concerned_and_no_other() {
    for (program, text, parts) in CASES {
        let reading = reading(program, text).unwrap();
        let diff = reading.diffs.concat();
        for part in *parts {
            assert!(
                diff.contains(part),
                "{program}: {part:?} is missing in\n{diff}\nby hand: {:?}, {:?}",
                reading.by_hand,
                reading.remarks
            );
        }
        assert!(
            reading.by_hand.is_empty(),
            "{program}: {:?}",
            reading.by_hand
        );
    }
}

/// `patch` of Debian takes it, and what comes of it wants no change.
#[test]
fn a_patch_is_taken_by_patch_and_wants_no_second_one() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    for (program, text, _) in CASES {
        let diff = reading(program, text).unwrap().diffs.concat();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let file = folder.path().join("etc/f.conf");
        std::fs::write(&file, text).unwrap();
        let patch = Command::new("patch")
            .args(["-p1", "-s", "-d"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .spawn();
        let Ok(mut patch) = patch else {
            return deadpeer_sys::testing::skip("patch is not installed");
        };
        patch
            .stdin
            .take()
            .unwrap()
            .write_all(diff.as_bytes())
            .unwrap();
        assert!(patch.wait().unwrap().success(), "{program}:\n{diff}");
        let patched = std::fs::read_to_string(&file).unwrap();
        let again = reading(program, &patched).unwrap();
        assert_eq!(again.diffs, Vec::<String>::new(), "{program}:\n{patched}");
        assert_eq!(again.by_hand, Vec::<String>::new(), "{program}");
    }
}

#[test]
fn what_an_include_says_is_changed_there() {
    let mut files = Folder::default();
    let more = "tcp_keepalives_idle = 7200\n";
    files.0.insert("conf.d/*.conf".into(), Ok(String::new()));
    files.0.insert("conf.d/a.conf".into(), Ok(more.into()));
    let text = "listen_addresses = '*'\ninclude_dir 'conf.d'\n";
    let reading = reading_with("postgresql", text, &[], &mut files).unwrap();
    let diff = reading.diffs.concat();
    assert!(diff.contains("--- conf.d/a.conf\n"), "{diff}");
    assert!(diff.contains("-tcp_keepalives_idle = 7200\n"), "{diff}");
}

#[test]
fn what_alter_system_has_written_is_for_hands() {
    let text = "# Do not edit this file manually!\nwork_mem = '64MB'\n";
    let source = Source {
        file: Some(("/data/postgresql.auto.conf", text)),
        arguments: &[],
    };
    let reading = read(
        find("postgresql").unwrap(),
        Duration::from_secs(30),
        &Kernel::before_rto_max(Some(250)),
        source,
        &mut Folder::default(),
    );
    let reading = reading.unwrap();
    assert_eq!(reading.diffs, Vec::<String>::new());
    assert!(
        reading.by_hand[0].starts_with("tcp_keepalives_idle = "),
        "{reading:?}"
    );
}

#[test]
fn what_a_command_line_says_is_for_hands() {
    let arguments = ["redis-server", "/etc/f.conf", "--tcp-keepalive", "600"];
    let text = "save 1 1\n";
    let reading = reading_with("redis", text, &arguments, &mut Folder::default()).unwrap();
    assert_eq!(reading.diffs, Vec::<String>::new());
    assert!(
        reading.by_hand[0].starts_with("tcp-keepalive "),
        "{reading:?}"
    );
}

#[test]
fn what_is_as_good_as_it_can_be_is_left_alone() {
    let best = crate::advise(
        find("nginx").unwrap(),
        Duration::from_secs(30),
        &Kernel::before_rto_max(Some(250)),
    );
    let line = best.sides[0].lines[0].clone();
    let text = format!("events {{}} http {{ server {{ {line} }} }}");
    let reading = reading("nginx", &text).unwrap();
    assert!(
        reading.diffs.is_empty() && reading.by_hand.is_empty(),
        "{reading:?}"
    );
    assert_eq!(
        reading.keeps(),
        Some(false),
        "data in flight is not bounded"
    );
}
