//! Connections still to come, protected in a cgroup of the test's own, by a rule in a BPF file
//! system of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::capabilities::can_drop_capabilities;
use crate::common::of_type;
use crate::common::room::Room;
use crate::sockets::has_bpf;

#[test]
fn a_rule_may_be_a_containers() {
    in_private_netns(|| {
        let Some(mut room) = Room::new("container") else {
            return;
        };
        let id = format!("{:064x}", std::process::id());
        let scope = room.cgroup.join(format!("docker-{id}.scope"));
        std::fs::create_dir(&scope).unwrap();
        let rehearse = |container: &str| {
            format!(
                "{} protect --new-connections --container {container} --within 30s --dry-run 2>&1",
                env!("CARGO_BIN_EXE_deadpeer")
            )
        };
        let rehearsed = room.run(&rehearse(&id));
        std::fs::remove_dir(&scope).unwrap();
        let is_named = |line: &String| line.contains(&format!("docker-{id}.scope: probe"));
        assert!(rehearsed.iter().any(is_named), "{rehearsed:?}");
        let refused = room.run(&rehearse(&id)).concat();
        assert!(refused.contains("there is no such container"), "{refused}");
    });
}

/// What a rule has set on new connections is not their program's doing.
#[test]
fn a_rule_with_a_longer_deadline_is_named() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("longer") else {
            return;
        };
        if room.run("command -v python3").is_empty() {
            return skip("no python3");
        }
        let cgroup = room.cgroup.display().to_string();
        let made = room.deadpeer(&format!(
            "--new-connections --cgroup {cgroup} --within 60s --yes --json"
        ));
        assert_eq!(made[0]["holds"], true, "{made:?}");
        let script = "import socket as s, time; l = s.create_server(('127.0.0.1', 8000)); c = s.create_connection(l.getsockname()); a = l.accept()[0]; print('accepted', flush=True); time.sleep(60)";
        let begun = room.run(&format!(
            "d=$(mktemp -d); mkfifo $d/said; (echo 0 > {cgroup}/cgroup.procs && exec python3 -c \"{script}\") > $d/said & p=$!; read said < $d/said; rm -r $d; echo $said"
        ));
        assert_eq!(begun, ["accepted"]);
        let lines = room.deadpeer("--port 8000 --within 25s --yes --json");
        room.run("kill $p; wait");
        let said = lines.iter().find(|line| line["code"] == "overwritten");
        let said = said.unwrap_or_else(|| panic!("{lines:?}"));
        let text = said["text"].as_str().unwrap();
        assert!(text.starts_with("The rule "), "{text}");
        assert!(
            text.contains("on what python3 accepts on port 8000: "),
            "{text}"
        );
        room.deadpeer("--remove all --json");
    });
}

#[test]
fn a_rule_holds_until_it_is_removed() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("rule") else {
            return;
        };
        if room.run("command -v python3").is_empty() {
            return skip("no python3");
        }
        assert_eq!(room.fresh(), ["(0, 7200) (0, 7200)"]);
        let cgroup = room.cgroup.display().to_string();
        let rehearsed = room.run(&format!(
            "{} protect --new-connections --cgroup {cgroup} --within 30s --dry-run",
            env!("CARGO_BIN_EXE_deadpeer")
        ));
        assert!(
            rehearsed
                .iter()
                .any(|line| line.contains("Nothing was changed")),
            "{rehearsed:?}"
        );
        assert_eq!(room.fresh(), ["(0, 7200) (0, 7200)"]);

        let made = room.deadpeer(&format!(
            "--new-connections --cgroup {cgroup} --within 30s --yes --json"
        ));
        assert_eq!(made[0]["holds"], true, "{made:?}");
        let fresh = room.fresh();
        assert!(
            !fresh[0].contains("(0,") && !fresh[0].contains("7200"),
            "{fresh:?}"
        );

        let listed = room.deadpeer("--list --json");
        let [standing] = &of_type(&listed, "standing_protection")[..] else {
            panic!("{listed:?}");
        };
        assert_eq!(
            (&standing["holds"], &standing["protected"]),
            (&true.into(), &2.into())
        );
        let name = standing["name"].as_str().unwrap();
        // A second one of the same cgroup would hide the first.
        let again = room.run(&format!(
            "{} protect --new-connections --cgroup {cgroup} --within 30s --yes --json",
            env!("CARGO_BIN_EXE_deadpeer")
        ));
        assert!(
            again
                .last()
                .is_some_and(|said| said.contains("already exists")),
            "{again:?}"
        );

        let removed = room.deadpeer(&format!("--remove {name} --json"));
        assert_eq!(removed[0]["type"], "removed_protection");
        assert_eq!(room.fresh(), ["(0, 7200) (0, 7200)"]);
        assert!(of_type(&room.deadpeer("--list --json"), "standing_protection").is_empty());
    });
}

/// Makes a connection whenever it reads a line, and says which keepalive times all ends have.
const PAIRS: &str = "
import socket as s, sys
l, ends = s.create_server(('127.0.0.1', 0)), []
for _ in sys.stdin:
    c = s.create_connection(l.getsockname())
    ends += [c, l.accept()[0]]
    print(*[(e.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE), e.getsockopt(s.IPPROTO_TCP, s.TCP_KEEPIDLE)) for e in ends], flush=True)
";

#[test]
fn a_rule_takes_what_is_set_from_outside_for_no_wish_of_the_program() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("outside") else {
            return;
        };
        if room.run("command -v python3").is_empty() {
            return skip("no python3");
        }
        let cgroup = room.cgroup.display().to_string();
        let start = format!("echo 0 > {cgroup}/cgroup.procs && exec python3 -c \"$0\"");
        let mut program = Command::new("sh")
            .args(["-c", &start, PAIRS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut stdin = program.stdin.take().unwrap();
        let mut connect = || {
            stdin.write_all(b"\n").unwrap();
            lines.next().unwrap().unwrap()
        };
        connect();
        room.deadpeer(&format!(
            "--new-connections --cgroup {cgroup} --within 30s --yes --json"
        ));
        let old_and_new = connect();
        assert!(
            old_and_new.starts_with("(0, 7200) (0, 7200) (1, 9)"),
            "{old_and_new}"
        );
        let ping = format!(
            "{} ping -c 1 --pid {} --json",
            env!("CARGO_BIN_EXE_deadpeer"),
            program.id()
        );
        // Before that, the kernel sends no probe.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let said = room.run(&ping).join("\n");
        assert_eq!(said.matches("\"answer\":\"answered\"").count(), 4, "{said}");
        let asked = connect();
        assert!(asked.starts_with(&old_and_new), "{asked}");

        let all = format!("--pid {} --yes --json --no-bpf", program.id());
        room.deadpeer(&format!("--within 60s {all}"));
        let protected = connect();
        assert!(!protected.contains("7200"), "{protected}");
        let file = room.deadpeer("--list --json");
        let file = of_type(&file, "undo_file")[0]["file"].clone();
        room.deadpeer(&format!("--undo {} --yes --json", file.as_str().unwrap()));
        let undone = connect();
        assert!(undone.starts_with(&old_and_new), "{undone}");
        let _ = program.kill();
        let _ = program.wait();
    });
}

#[test]
fn a_rule_whose_cgroup_is_gone_says_so_and_can_be_removed() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("gone") else {
            return;
        };
        let cgroup = room.cgroup.display().to_string();
        room.deadpeer(&format!(
            "--new-connections --cgroup {cgroup} --within 30s --yes --json"
        ));
        std::fs::remove_dir(&room.cgroup).unwrap();
        // The kernel lets go of a cgroup a little after its directory is gone.
        let bound = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let listed = room.deadpeer("--list --json");
            let [standing] = &of_type(&listed, "standing_protection")[..] else {
                panic!("{listed:?}");
            };
            if standing["holds"] == false {
                break;
            }
            assert!(std::time::Instant::now() < bound, "{standing}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        room.deadpeer("--remove all --json");
        assert!(of_type(&room.deadpeer("--list --json"), "standing_protection").is_empty());
    });
}

#[test]
fn bpf_and_net_admin_are_enough() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("rights") else {
            return;
        };
        let rights =
            "setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all,+bpf,+net_admin";
        let command = env!("CARGO_BIN_EXE_deadpeer");
        let cgroup = room.cgroup.display().to_string();
        let made = room.run(&format!(
            "{rights} {command} protect --new-connections --cgroup {cgroup} --within 30s --yes --json"
        ));
        assert!(made[0].contains(r#""holds":true"#), "{made:?}");
        let removed = room.run(&format!("{rights} {command} protect --remove all --json"));
        assert!(removed[0].contains("removed_protection"), "{removed:?}");
    });
}

/// As with a container that is restarted: its id stays, and its cgroup is made anew.
#[test]
fn a_rule_of_a_cgroup_that_is_made_anew_is_replaced() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("anew") else {
            return;
        };
        if room.run("command -v python3").is_empty() {
            return skip("no python3");
        }
        let home = room.cgroup.display().to_string();
        let cgroup = format!("{home}/container");
        std::fs::create_dir(&cgroup).unwrap();
        let make = format!("--new-connections --cgroup {cgroup} --within 30s --yes --json");
        room.deadpeer(&make);
        // A socket that is still open keeps what is left of its cgroup, and with it the rule.
        let connect = "import socket as s, sys; l = s.create_server(('127.0.0.1', 0)); c = s.create_connection(l.getsockname()); print(1, flush=True); sys.stdin.read()";
        let start = format!("echo 0 > {cgroup}/cgroup.procs && exec python3 -c \"$0\"");
        let mut program = Command::new("sh")
            .args(["-c", &start, connect])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
        said.next().unwrap().unwrap();
        room.run(&format!("echo {} > {home}/cgroup.procs", program.id()));
        std::fs::remove_dir(&cgroup).unwrap();
        let listed = room.deadpeer("--list --json");
        let [standing] = &of_type(&listed, "standing_protection")[..] else {
            panic!("{listed:?}");
        };
        assert_eq!(standing["holds"], false);

        std::fs::create_dir(&cgroup).unwrap();
        let made = room.deadpeer(&make);
        assert_eq!(made[0]["holds"], true, "{made:?}");
        let _ = program.kill();
        let _ = program.wait();
        room.deadpeer("--remove all --json");
        std::fs::remove_dir(&cgroup).unwrap();
    });
}

#[test]
fn a_rest_of_a_killed_maker_is_said_and_can_be_removed() {
    in_private_netns(|| {
        let Some(mut room) = Room::new("rest") else {
            return;
        };
        assert_eq!(room.run("mkdir -p /sys/fs/bpf/deadpeer/web"), [""; 0]);
        let command = env!("CARGO_BIN_EXE_deadpeer");
        let listed = room.run(&format!("{command} protect --list")).join(" ");
        let said = "web: not in force, because its cgroup is gone or setting it up was interrupted; remove it with --remove web";
        assert!(listed.contains(said), "{listed}");
        let removed = room.deadpeer("--remove web --json");
        assert_eq!(removed[0]["type"], "removed_protection");
        assert_eq!(room.run("ls /sys/fs/bpf | grep deadpeer"), [""; 0]);
    });
}

#[test]
fn what_an_earlier_version_or_a_killed_maker_left_is_replaced() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("replaced") else {
            return;
        };
        let cgroup = room.cgroup.display().to_string();
        let rule = format!("--new-connections --cgroup {cgroup} --within 30s --yes --json");
        let made = room.deadpeer(&rule);
        let name = made[0]["name"].as_str().unwrap().to_owned();
        // Earlier versions had no wishes; a maker pins rule, wishes and link in this order.
        for missing in ["wishes", "link", "link wishes", "link wishes rule"] {
            let gone = format!("cd /sys/fs/bpf/deadpeer/{name} && rm {missing}; cd /");
            assert_eq!(room.run(&gone), [""; 0]);
            let again = room.deadpeer(&rule);
            assert_eq!(again[0]["holds"], true, "without {missing}: {again:?}");
            let fresh = room.fresh();
            assert!(!fresh[0].contains("7200"), "without {missing}: {fresh:?}");
        }
        room.deadpeer("--remove all --json");
        assert_eq!(room.fresh(), ["(0, 7200) (0, 7200)"]);
    });
}

#[test]
fn a_listener_that_was_made_in_another_cgroup_is_named_before_the_rule_is_made() {
    in_private_netns(|| {
        if !has_bpf() {
            return;
        }
        let Some(mut room) = Room::new("elsewhere") else {
            return;
        };
        let (home, unit) = (room.cgroup.display().to_string(), "unit.socket");
        let listen = format!(
            "import socket, time; l = socket.create_server(('127.0.0.1', 0)); print('here', flush=True); open('{home}/service/cgroup.procs', 'w').write('0'); time.sleep(600)"
        );
        let started = format!(
            "mkdir {home}/{unit} {home}/service; (echo 0 > {home}/{unit}/cgroup.procs; exec python3 -c \"{listen}\") > /dev/null 2>&1 &"
        );
        assert_eq!(room.run(&started), [""; 0]);
        let waited = format!(
            "for i in $(seq 600); do read pid < {home}/service/cgroup.procs && break; sleep 0.1; done; cat {home}/service/cgroup.procs | wc -l"
        );
        assert_eq!(room.run(&waited), ["1"]);
        let command = env!("CARGO_BIN_EXE_deadpeer");
        let mut rule = |cgroup: &str, how: &str| {
            room.run(&format!(
                "{command} protect --new-connections --cgroup {home}/{cgroup} --within 30s {how} 2>&1; echo $?"
            ))
        };
        for how in ["--dry-run", "--yes"] {
            let said = rule("service", how).join(" ");
            assert!(said.ends_with(" 1"), "{said}");
            assert!(said.contains("python3 accepts on 127.0.0.1:"), "{said}");
            assert!(said.contains(&format!("/{unit} --within 30s")), "{said}");
        }
        let removed = format!("{command} protect --remove all > /dev/null; echo $?");
        // With a rule where it was made nothing is left to say.
        assert_eq!(rule(unit, "--yes").last().unwrap(), "0");
        let said = rule("service", "--dry-run").join(" ");
        assert!(
            said.ends_with(" 0") && !said.contains("accepts on"),
            "{said}"
        );
        assert_eq!(room.run(&removed), ["0"]);
        room.run(&format!("echo 1 > {home}/cgroup.kill; for i in $(seq 100); do rmdir {home}/{unit} {home}/service && break; sleep 0.1; done"));
    });
}
