//! Short files, of keys that other programs have as well.

use super::super::OwnEnd;
use super::*;
use crate::recipe::Syntax;

/// Files of a few everyday keys, of which other programs have some as well; and a line more that
/// the program does not know.
const EVERYDAY: [(&str, &str, &str); 22] = [
    ("redis", "port 6380\nbind 0.0.0.0\n", "exec redis-server"),
    ("redis", "dir /data\n", "respawn"),
    ("mosquitto", "port 1883\nuser mosquitto\n", "respawn"),
    (
        "mosquitto",
        "connection a\naddress b:1883\ntopic # out\n",
        "exec mosquitto",
    ),
    ("squid", "cache_mem 64 MB\nvisible_hostname a\n", "respawn"),
    ("postgresql", "port = 5433\n", "respawn = yes"),
    (
        "postgresql",
        "ssl = on\nlog_statement = 'all'\n",
        "PermitEmpty = no",
    ),
    ("openssh-server", "Port 22\n", "ExecStart /bin/true"),
    (
        "openssh-server",
        "Port 2222\nMatch User a\n  Banner none\n",
        "exec sshd",
    ),
    (
        "openssh-client",
        "Host a\n  User b\n  Port 22\n",
        "exec ssh",
    ),
    (
        "mariadb",
        "[server]\nbind-address = ::\n",
        "ExecStart = mariadbd",
    ),
    (
        "mariadb",
        "[galera]\nwsrep_on = ON\n",
        "[Service]\nUser = mysql",
    ),
    (
        "stunnel",
        "pid = /run/s.pid\nsetuid = stunnel4\n",
        "ExecStart = stunnel",
    ),
    (
        "rabbitmq",
        "log.console = true\nlisteners.tcp.1 = :::5672\n",
        "exec = rabbitmq",
    ),
    (
        "sysctl",
        "net.core.somaxconn = 1024\nfs.file-max = 9\n",
        "PATH = /bin",
    ),
    ("nats", "port: 4222\nhttp_port: 8222\n", "image: nats"),
    (
        "nats",
        "listen: 0.0.0.0:4222\ncluster { name: a }\n",
        "services: a",
    ),
    (
        "elasticsearch",
        "http.port: 9200\ndiscovery.type: single-node\n",
        "image: es",
    ),
    (
        "nginx",
        "gzip on;\nclient_max_body_size 9m;\n",
        "respawn yes;",
    ),
    (
        "memcached",
        "-m 64\n-l 0.0.0.0\n-o idle_timeout=20\n",
        "exec memcached",
    ),
    ("squid", "acl a src 10.0.0.0/8\n", "use_backend a"),
    (
        "systemd-socket",
        "[Socket]\nBacklog = 9\n",
        "[Service]\nExecStart = a",
    ),
];

#[test]
fn a_file_of_everyday_keys_is_the_programs_if_it_knows_all_of_them() {
    for (program, text, strange) in EVERYDAY {
        if let Err(error) = reading(program, text) {
            panic!("{text:?}: {error}");
        }
        let error = reading(program, &format!("{text}{strange}\n")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("doesn't look like"), "{program}: {said}");
    }
    for (program, text) in [
        ("mosquitto", "listener 1883\nallow_anonymous true\n"),
        ("postgresql", "listen_addresses = '*'\nport = 5432\n"),
        (
            "haproxy",
            "defaults\n mode tcp\nlisten a\n bind :80\n server b c:80\n",
        ),
        ("nginx", "events {}\nhttp { server { listen 80; } }\n"),
        (
            "pgbouncer",
            "[databases]\n* = host=db\n[pgbouncer]\nlisten_port = 6432\n",
        ),
        ("mariadb", "[mysqld]\nbind-address = 0.0.0.0\n"),
        ("rabbitmq", "listeners.tcp.default = 5672\n"),
        ("squid", "http_port 3128\n"),
        ("systemd-socket", "[Socket]\nListenStream=80\n"),
        ("stunnel", "[a]\naccept = 1\nconnect = 2\n"),
        (
            "rsyslog",
            "module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"514\")\n",
        ),
    ] {
        if let Err(error) = reading(program, text) {
            panic!("{text:?}: {error}");
        }
    }
}

#[test]
fn what_a_file_of_options_sets_is_read() {
    let reading = reading("memcached", "-m 64\n-o idle_timeout=20\n").unwrap();
    let ends = reading.own.iter().map(|own| own.ends);
    let within = OwnEnd::After(Duration::from_secs(20));
    assert_eq!(ends.collect::<Vec<_>>(), [within]);
    assert!(reading.diffs.is_empty(), "{reading:?}");
}

/// Files whose text may be read as each other's: a key and a value on a line.
const ALIKE: [Syntax; 3] = [Syntax::Words, Syntax::Ssh, Syntax::Postgresql];

#[test]
fn no_other_program_has_a_key_by_which_one_is_known() {
    let readers = || {
        let recipes = crate::all().iter();
        recipes.filter_map(|recipe| Some((&recipe.name, recipe.read.as_ref()?)))
    };
    let alike = |one: Syntax, other: Syntax| {
        one == other || (ALIKE.contains(&one) && ALIKE.contains(&other))
    };
    for (name, how) in readers() {
        for (other, theirs) in readers().filter(|(other, _)| *other != name) {
            let keys = theirs.marks.iter().chain(&theirs.everyday);
            let keys: Vec<_> = keys.filter(|_| alike(how.syntax, theirs.syntax)).collect();
            let mut marks = how.marks.iter();
            let shared = marks.find(|mark| keys.iter().any(|key| mark.eq_ignore_ascii_case(key)));
            assert_eq!(
                shared, None,
                "{name} is not known by it, {other} has it as well"
            );
        }
    }
}

#[test]
fn keys_that_two_programs_have_make_no_file_of_either() {
    let error = |program, text| reading(program, text).unwrap_err().to_string();
    let client = error("openssh-server", "Host a\n  PubkeyAuthentication no\n");
    assert!(client.contains("doesn't look like"), "{client}");
    let tinyproxy = error(
        "redis",
        "User a\nPort 8888\nMaxClients 9\nAllow 127.0.0.1\n",
    );
    assert!(tinyproxy.contains("doesn't look like"), "{tinyproxy}");
    let unit = error("stunnel", "[Socket]\nAccept = yes\nListenStream = 22\n");
    assert!(unit.contains("doesn't look like"), "{unit}");
    let prose = error(
        "mosquitto",
        "A namespace is given to a\nlistener of the proxy.\n",
    );
    assert!(prose.contains("doesn't look like"), "{prose}");
    let dhcpcd = error("openssh-client", "hostname\nclientid\npersistent\n");
    assert!(dhcpcd.contains("doesn't look like"), "{dhcpcd}");
    let both = "Port 22\nPubkeyAuthentication yes\n";
    for (path, expected) in [
        ("/etc/ssh/sshd_config", false),
        ("/etc/ssh/ssh_config", true),
    ] {
        let (file, arguments) = (Some((path, both)), &[][..]);
        let source = Source { file, arguments };
        let (client, within) = (find("openssh-client").unwrap(), Duration::from_secs(30));
        let kernel = Kernel::before_rto_max(Some(250));
        let read = read(client, within, &kernel, source, &mut Folder::default());
        assert_eq!(read.is_ok(), expected, "{path}: {read:?}");
    }
}
