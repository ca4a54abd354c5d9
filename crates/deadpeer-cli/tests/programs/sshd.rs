//! OpenSSH: `TCPKeepAlive` turns the system's keepalive on or off on each connection.

use std::path::Path;
use std::process::Command;

use crate::audit::Audit;
use crate::common::{installed, json, run};
use crate::program::{Program, ask, with_program};
use crate::settings::Settings;

pub(crate) const ADDRESS: &str = "127.0.0.1:22";

/// Newer versions serve a connection by programs of their own.
const NAMES: [&str; 3] = ["sshd", "sshd-session", "sshd-auth"];

#[test]
fn keepalive_on() {
    shows(
        "yes",
        Settings {
            so_keepalive: true,
            ..Settings::UNTOUCHED
        },
    );
}

#[test]
fn keepalive_off() {
    shows("no", Settings::UNTOUCHED);
}

/// What its configuration says of timeouts of its own stands beside what the kernel does.
#[test]
fn its_own_questions_are_told() {
    with_program("sshd", |executable| {
        let folder = tempfile::tempdir().unwrap();
        let more = "yes\nClientAliveInterval 5\nClientAliveCountMax 1";
        let mut server = start(executable, folder.path(), more);
        let _client = server.connect(ADDRESS);
        let args = ["--within", "30s", "--local", ADDRESS];
        let audit = Audit::grouped(&args);
        let service = audit
            .lines
            .iter()
            .find(|line| line["type"] == "service")
            .unwrap();
        let own = &service["remedy"]["own"][0];
        assert_eq!(own["key"], "ClientAliveInterval", "{service:#}");
        // 5 s and one of rounding, three times.
        assert_eq!(own["ends_ms"], 18_000);
        assert_eq!(own["lines"][0]["text"], "ClientAliveInterval 5");
        let each = json(&[&["audit", "--each", "--json"], &args[..]].concat());
        let same = each.iter().find(|line| line["type"] == "service").unwrap();
        assert_eq!(same["remedy"], service["remedy"]);
        let said = run(&[&["audit"], &args[..]].concat()).stdout;
        let sooner = "the program itself ends it after 18 s (ClientAliveInterval)";
        assert!(said.contains(sooner), "{said}");
        // The kernel misses the deadline, and the program says that it doesn't.
        for more in [&[][..], &["--each"]] {
            let audit = run(&[&["audit"], &args[..], more].concat());
            assert_eq!(audit.code, 3, "{}", audit.stdout);
            let why = "their programs end them in time themselves, by their configuration.";
            assert!(audit.stdout.contains(why), "{}", audit.stdout);
            assert!(audit.stdout.contains(sooner), "{}", audit.stdout);
        }
        // Where the file is gone it can't be told, and that is said.
        drop(folder);
        let said = run(&[&["audit"], &args[..]].concat()).stdout;
        let unknown = "whether ClientAliveInterval would end it sooner is not known: ";
        assert!(said.contains(unknown), "{said}");
    });
}

fn shows(keepalive: &str, configured: Settings) {
    with_program("sshd", |executable| {
        let folder = tempfile::tempdir().unwrap();
        let mut server = start(executable, folder.path(), keepalive);
        let mut client = server.connect(ADDRESS);
        // Its greeting comes after its socket options; the answer to ours after the processes have
        // parted.
        ask(&mut client, b"SSH-2.0-test\r\n", b"diffie-hellman");
        let audit = Audit::each(&["--local", ADDRESS]);
        let accepted = audit.accepted(&client);
        accepted.check_owners(&server, &NAMES);
        accepted.check_settings(configured);
        audit
            .listener(ADDRESS)
            .check(&server, "sshd", Settings::UNTOUCHED);
    });
}

pub(crate) fn start(executable: &Path, folder: &Path, keepalive: &str) -> Program {
    let key = folder.join("key");
    let made = Command::new(installed("ssh-keygen").expect("ssh-keygen comes with sshd"))
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let configuration = folder.join("sshd_config");
    let text = format!(
        "ListenAddress {ADDRESS}\nHostKey {}\nPidFile none\nTCPKeepAlive {keepalive}\n",
        key.display()
    );
    std::fs::write(&configuration, text).unwrap();
    // It insists on a folder below /run, which systemd makes for it elsewhere. This one is in its
    // own mount namespace.
    let script = r#"mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$0" -D -e -f "$1""#;
    let [executable, configuration] =
        [executable, &configuration].map(|path| path.to_str().unwrap());
    Program::start(Path::new("sh"), &["-c", script, executable, configuration])
}
