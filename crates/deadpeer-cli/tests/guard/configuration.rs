//! Configurations that are right, wrong, and not to be trusted; and a guard that is there already.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use deadpeer::SocketOptions;
use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::population::pair;
use crate::common::{Ran, run};
use crate::scene::{Scene, policy};

fn check(text: &str) -> (Ran, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guard.toml");
    fs::write(&path, text).unwrap();
    (checked(&path), path)
}

fn checked(path: &Path) -> Ran {
    run(&["guard", "--check", "--config", path.to_str().unwrap()])
}

const NAMED: &str = "[[policy]]\nname = \"a\"\ndeadline = \"30s\"\n";

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, place, said) in [
        (
            "[[policy]]\nname = \"a\"\ndeadlin = \"30s\"\n",
            ":3:1: ",
            "unknown key deadlin: did you mean deadline?",
        ),
        (
            &format!("{NAMED}match = {{ prot = 80 }}\n"),
            ":4:11: ",
            "unknown key prot: did you mean port?",
        ),
        (
            &format!("{NAMED}kill = \"always\"\n"),
            ":4:8: ",
            "it must be off, observe or enforce",
        ),
        (
            &format!("{NAMED}{NAMED}"),
            ":5:8: ",
            "two policies are called a",
        ),
        (
            "[[policy]]\nname = \"a\"\ndeadline = \"2s\"\n",
            ":3:12: ",
            "at least 5s",
        ),
        ("[brake]\nshare = 1.5\n", ":2:9: ", "1 at most"),
        (
            &format!("{NAMED}protect = \"enforce\"\nsupervise = \"enforce\"\n"),
            ":2:8: ",
            "only one of them",
        ),
        (
            &format!("{NAMED}supervise = \"off\"\n"),
            ":2:8: ",
            "kill needs supervise",
        ),
        (
            &format!("{NAMED}hooks = {{ before-kill = [\"true\"] }}\n"),
            ":4:25: ",
            "absolute path",
        ),
        (
            &format!("{NAMED}netns = true\n"),
            ":4:9: ",
            "a name, a path, the number of a process, or a list of them",
        ),
        (
            &format!("{NAMED}netns = [\"own\", \"\"]\n"),
            ":4:9: ",
            "netns: it is empty",
        ),
        ("policy = 3\n", ":1:10: ", ""),
        (
            &format!("{NAMED}kills-per-minute = -1\n"),
            ":4:20: ",
            "integer `-1`, expected a whole number",
        ),
        (
            "[[policy]]\nname = \"a\"\ndeadline = 30\n",
            ":3:12: ",
            "a duration goes in quotes, for example \"30s\"",
        ),
        (
            "[[policy]]\nname = \"a\"\n",
            ":1:1: ",
            "deadline is missing",
        ),
        (
            "[brake]\nq = 1\n",
            ":2:1: ",
            "unknown key q: there are share, peers",
        ),
        (
            "[[policy]]\nname = \"a\\u001b[31m\"\ndeadline = \"30s\"\n",
            ":2:8: ",
            "name: it has a control character",
        ),
    ] {
        let (ran, path) = check(text);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{text}");
        let begins = format!("deadpeer: {}{place}", path.display());
        assert!(ran.stderr.starts_with(&begins), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{text}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn what_is_right_is_shown() {
    let text = format!(
        "sweep = \"5s\"\nnever = [{{ process = \"sshd\" }}]\n[brake]\nshare = 0.5\npeers = 5\n{NAMED}match = {{ pod = \"web-0\" }}\nsupervise = \"enforce\"\nkill = \"enforce\"\nkills-per-minute = 5\n"
    );
    let (ran, _) = check(&text);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    assert!(
        ran.stdout.contains(
            "a: within 30s, protect observe, supervise enforce, kill enforce (at most 5 a minute)"
        ),
        "{}",
        ran.stdout
    );
}

/// A slip of the keyboard there changes whom a policy means, or who is never touched.
#[test]
fn what_is_not_there_is_named() {
    let (ran, _) = check(&format!(
        "never = [{{ user = \"nobody-such\" }}]\n{NAMED}netns = [\"own\", \"nowhere-such\"]\n"
    ));
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let said: Vec<&str> = ran.stdout.lines().skip(2).collect();
    let [netns, never] = said[..] else {
        panic!("{}", ran.stdout)
    };
    assert!(netns.starts_with("a: netns nowhere-such: "), "{netns}");
    assert_eq!(never, "never: user nobody-such: there is no such user");
}

#[test]
fn without_a_policy_everything_is_observed() {
    for text in ["", "sweep = \"5s\"\n"] {
        let (ran, _) = check(text);
        let observes = "default: within 30s, protect observe, supervise observe, kill observe";
        assert!(ran.stdout.contains(observes), "{}", ran.stdout);
    }
}

/// It may be made later.
#[test]
fn a_user_who_is_not_there_is_said() {
    let (ran, _) = check(&format!(
        "{NAMED}match = {{ user = \"no-such-user-anywhere\" }}\n"
    ));
    let said = "a: user no-such-user-anywhere: there is no such user\n";
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    assert!(ran.stdout.ends_with(said), "{}", ran.stdout);
}

/// A policy is for connections in the network namespaces that it names, and in no others.
#[test]
fn a_policy_is_for_the_namespaces_that_it_names() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("guard.toml");
        let once = |netns: &str| {
            let port = pair.port();
            let text = format!("{NAMED}match = {{ port = {port} }}\nnetns = {netns}\n");
            fs::write(&path, text).unwrap();
            let config = path.to_str().unwrap();
            let ran = run(&["guard", "--once", "--netns", "own", "--config", config]);
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{netns}");
            ran.stdout.contains("Policy a: protect")
        };
        // A test's process is in the machine's namespace, its thread alone is in this one.
        let process = std::process::id();
        for (netns, chooses) in [
            ("\"own\"", true),
            (&*format!("[{process}, \"own\"]"), true),
            (&*process.to_string(), false),
            ("\"no-such-name\"", false),
        ] {
            assert_eq!(once(netns), chooses, "{netns}");
        }
    });
}

#[test]
fn files_beside_it_add_policies_in_the_order_of_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guard.toml");
    let beside = directory.path().join("guard.d");
    fs::create_dir(&beside).unwrap();
    fs::write(&path, NAMED).unwrap();
    fs::write(beside.join("2.toml"), NAMED.replace("\"a\"", "\"c\"")).unwrap();
    fs::write(beside.join("1.toml"), NAMED.replace("\"a\"", "\"b\"")).unwrap();
    for ignored in ["ignored.txt", ".#1.toml", "1.toml~"] {
        fs::write(beside.join(ignored), "nonsense").unwrap();
    }
    let ran = checked(&path);
    let names: Vec<&str> = ran
        .stdout
        .lines()
        .skip(1)
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(names, ["a", "b", "c"], "{}{}", ran.stdout, ran.stderr);
    // The second time that a name is given stands in a file of its own.
    fs::write(beside.join("3.toml"), NAMED).unwrap();
    let ran = checked(&path);
    assert!(
        ran.stderr.contains("guard.d/3.toml:2:8: two policies"),
        "{}",
        ran.stderr
    );
    fs::write(beside.join("3.toml"), "sweep = \"1s\"\n").unwrap();
    assert!(
        checked(&path)
            .stderr
            .contains("guard.d/3.toml:1:1: unknown")
    );
}

#[test]
fn what_others_could_have_written_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guard.toml");
    fs::write(&path, NAMED).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let ran = checked(&path);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("may write it, so it is not trusted"),
        "{}",
        ran.stderr
    );
    let missing = checked(&directory.path().join("none.toml"));
    assert_eq!(missing.code, 2);
    assert!(
        missing.stderr.contains("No such file"),
        "{}",
        missing.stderr
    );
}

/// Whatever is wrong with a file beside it, nothing is taken over, and its name is said.
#[test]
fn files_beside_it_are_no_less_suspicious() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guard.toml");
    let beside = directory.path().join("guard.d");
    fs::create_dir(&beside).unwrap();
    fs::write(&path, NAMED).unwrap();
    let file = beside.join("1.toml");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let refused = |path: &Path, said: &str| {
        let ran = checked(&directory.path().join("guard.toml"));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{said}");
        let begins = format!("deadpeer: {}: ", path.display());
        assert!(ran.stderr.starts_with(&begins), "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    };
    fs::write(&file, NAMED.replace("\"a\"", "\"b\"")).unwrap();
    mode(&file, 0o646);
    refused(&file, "may write it");
    mode(&file, 0o644);
    mode(&beside, 0o777);
    refused(&beside, "may write it");
    mode(&beside, 0o755);
    assert_eq!(checked(&path).code, 0);
    fs::write(&file, b"\xff\xfe").unwrap();
    refused(&file, "UTF-8");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    refused(&file, "No such file");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(&file, "it is not a regular file");
    fs::remove_dir(&file).unwrap();
    // It would be waited for.
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
    refused(&file, "it is not a regular file");
    fs::remove_file(&file).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        refused(&path, "65534");
    }
}

/// Who may write its directory can put another file in its place; not where that is sticky or
/// mounted read-only.
#[test]
fn nor_is_a_file_in_a_directory_that_others_may_write() {
    let directory = tempfile::tempdir().unwrap();
    let (links, files) = (
        directory.path().join("links"),
        directory.path().join("files"),
    );
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for folder in [&links, &files] {
        fs::create_dir(folder).unwrap();
        mode(folder, 0o755);
    }
    let (link, file) = (links.join("guard.toml"), files.join("guard.toml"));
    fs::write(&file, NAMED).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for (folder, untrusted) in [
        (&links, 0o777),
        (&links, 0o775),
        (&files, 0o757),
        (&files, 0o770),
    ] {
        mode(folder, untrusted);
        let ran = checked(&link);
        let said = "everybody, or a group, may write it, so it is not trusted";
        let said = format!("deadpeer: {}: {said}\n", folder.display());
        assert_eq!((ran.code, ran.stderr), (2, said), "{untrusted:o}");
        mode(folder, untrusted | 0o1000);
        assert_eq!(checked(&link).code, 0, "{untrusted:o}");
        mode(folder, 0o755);
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&links, Some(65_534), None).unwrap();
        let ran = checked(&link);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("65534"), "{}", ran.stderr);
    }
    mode(&files, 0o777);
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let on_read_only = |program: &str, args: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        crate::common::ran(command.arg(&files).arg(program).args(args).output())
    };
    let tried = on_read_only("true", &[]);
    if tried.code != 0 {
        return skip(&format!("nothing can be mounted: {tried:?}"));
    }
    let check = ["guard", "--check", "--config", file.to_str().unwrap()];
    let ran = on_read_only(env!("CARGO_BIN_EXE_deadpeer"), &check);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
}

#[test]
fn a_second_guard_is_refused_and_a_wrong_reload_keeps_the_first() {
    inside(|| {
        let Some(mut scene) = Scene::new(1) else {
            return;
        };
        scene.guard(&policy(""));
        let second = scene.run(&["guard"]);
        assert_eq!(second.code, 2);
        assert!(
            second.stderr.contains("another guard is running (process "),
            "{}",
            second.stderr
        );
        scene.configure("nonsense");
        let refused = scene.run(&["guard", "reload"]);
        assert_eq!(refused.code, 2);
        assert!(
            refused.stderr.contains("guard.toml:1:"),
            "{}",
            refused.stderr
        );
        let status = scene.ask("status").unwrap();
        assert_eq!(
            (&status["policies"], &status["last_reload_ok"]),
            (&1.into(), &false.into())
        );
        scene.configure(&policy("kill = \"off\""));
        assert_eq!(scene.ask("reload").unwrap()["last_reload_ok"], true);
    });
}

#[test]
fn nobody_to_ask() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::common::deadpeer(&["guard", "status"]);
    command.env("RUNTIME_DIRECTORY", directory.path());
    let ran = crate::common::ran(command.output());
    assert_eq!((ran.code, &*ran.stdout), (2, ""));
    assert!(
        ran.stderr.contains("no guard is running here"),
        "{}",
        ran.stderr
    );
}

fn shipped(path: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../dist")
            .join(path),
    )
    .unwrap()
}

#[test]
fn policies_for_kubernetes_are_right() {
    for (overlay, policies) in [("base", "1 policy"), ("example", "2 policies")] {
        let (ran, _) = check(&shipped(&format!("kubernetes/{overlay}/guard.toml")));
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{overlay}");
        let right = format!("The configuration is right: {policies}.\n");
        assert!(ran.stdout.starts_with(&right), "{}", ran.stdout);
    }
}

/// Those of the unit, and of its drop-in for containers.
#[test]
fn capabilities_in_kubernetes_are_those_of_the_unit() {
    for (unit, pod, item) in [
        ("deadpeer-guard.service", "base/daemonset.yaml", "- "),
        ("containers.conf", "pods/capabilities.yaml", "value: "),
    ] {
        let unit = shipped(&format!("systemd/{unit}"));
        let mut bounds = unit
            .lines()
            .filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let of_unit: Vec<&str> = bounds.next().unwrap().split(' ').collect();
        let pod = shipped(&format!("kubernetes/{pod}"));
        let items = pod
            .lines()
            .filter_map(|line| line.trim().strip_prefix(item)?.split_once(" # "));
        let of_pod: Vec<String> = items.map(|(name, _)| format!("CAP_{name}")).collect();
        assert_eq!(of_pod, of_unit);
    }
}
