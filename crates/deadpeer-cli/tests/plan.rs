//! `deadpeer plan`: the promise, the refusal, and code that really sets what it says.

mod common;

use std::fs;
use std::os::fd::AsRawFd as _;
use std::process::Command;

use deadpeer::SocketOptions;

use common::population::pair;
use common::{json, run};

/// A deadline that every kernel can keep once slow readers may be dropped.
const DROP: [&str; 4] = ["--within", "60s", "--slow-readers", "drop"];

fn plan(args: &[&str]) -> common::Ran {
    run(&[&["plan"], args].concat())
}

#[test]
fn the_answer_speaks_of_every_silence() {
    let ran = plan(&[&DROP[..], &["--kernel", "modern"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for said in [
        "TCP_USER_TIMEOUT",
        "while idle                after ",
        "with data in flight       after ",
        "before a late write       after ",
        "behind a closed window    after ",
        "while connecting          after ",
        "after our FIN             after ",
        "what was written last survives an outage of",
        "an hour",
        "is dropped after",
        "--code LANGUAGE",
        "--for PROGRAM",
    ] {
        assert!(
            ran.stdout.contains(said),
            "{said:?} is missing in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn json_says_what_the_words_say() {
    let lines = json(&[&["plan", "--json", "--kernel", "modern"], &DROP[..]].concat());
    let [plan] = lines.as_slice() else {
        panic!("one line, not {lines:?}")
    };
    assert_eq!(plan["type"], "plan");
    assert_eq!(plan["within_ms"], 60_000);
    for silence in [
        "idle",
        "in_flight",
        "late_write",
        "zero_window",
        "connecting",
        "after_fin",
    ] {
        let worst = &plan["notices_in"][silence]["worst"];
        let latest = worst["latest_ms"]
            .as_u64()
            .unwrap_or_else(|| panic!("{silence}: {worst}"));
        assert!(latest <= 60_000, "{silence}: {latest}");
    }
    assert_eq!(plan["notices_in"]["slow_reader"]["notice"], "within");
    let survived = &plan["notices_in"]["after_close"]["outage_survived_ms"];
    assert!(survived.as_u64() > Some(10_000), "{survived}");
    assert_eq!(plan["sysctls"], serde_json::json!({}));
}

#[test]
fn what_is_written_last_can_be_asked_to_survive() {
    let args = ["--within", "120s", "--kernel", "modern"];
    let lines = json(&[&["plan", "--json", "--after-close", "3s"], &args[..]].concat());
    assert_eq!(lines[0]["after_close_ms"], 3_000);
    let survived = lines[0]["notices_in"]["after_close"]["outage_survived_ms"].as_u64();
    assert!(survived >= Some(3_000), "{}", lines[0]);
    let refused = plan(&[&["--after-close", "40s"], &args[..]].concat());
    assert_eq!(refused.code, 1);
    assert!(
        refused.stdout.contains("survives an outage of"),
        "{}",
        refused.stdout
    );
    let (_, wish) = refused
        .stdout
        .split_once("Try --after-close ")
        .expect("what can be had");
    let wish = wish.split_once(',').expect("the nearest deadline, too").0;
    assert_eq!(
        plan(&[&["--after-close", wish], &args[..]].concat()).code,
        0
    );
}

/// A deadline of an hour would leave the connection silent for longer than the balancer waits.
#[test]
fn a_deadline_and_a_middlebox_are_both_kept() {
    let options = |args: &[&str]| {
        let lines = common::json(&[&["plan", "--json", "--within", "1h"], args].concat());
        assert_eq!(lines[0]["type"], "plan", "{lines:?}");
        (
            lines[0]["options"]["tcp_keepidle_s"].as_u64().unwrap(),
            lines[0]["middlebox_ms"].clone(),
        )
    };
    let (idle, limit) = options(&["--kernel", "modern"]);
    assert!(idle > 350 && limit.is_null(), "{idle}");
    let (idle, limit) = options(&["--kernel", "modern", "--middlebox", "aws-nlb"]);
    assert!((300..350).contains(&idle), "{idle}");
    assert_eq!(limit, 350_000);
    let ran = plan(&[
        "--within",
        "1h",
        "--middlebox",
        "350s",
        "--kernel",
        "modern",
    ]);
    let said = format!("5m 50s: hears a probe after {idle} s");
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    let within = [
        "--within",
        "1h",
        "--middlebox",
        "350s",
        "--kernel",
        "modern",
    ];
    let code = plan(&[&within[..], &["--code", "rust"]].concat()).stdout;
    let rust = ".middlebox(Duration::from_secs(350))";
    assert!(code.contains(rust), "{code}");

    let ran = plan(&[
        "--within",
        "1h",
        "--middlebox",
        "900ms",
        "--kernel",
        "modern",
    ]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let said = "a middlebox that forgets after 0.9 s hears no probe in time";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
}

/// A short deadline that one lost probe uses up is given to whoever insists, and named.
#[test]
fn the_one_probe_trap_is_named() {
    let trap = "One lost probe ends the connection to a live peer";
    let args = [
        "--within",
        "3s",
        "--slow-readers",
        "drop",
        "--kernel",
        "before-6.15",
    ];
    let asked =
        |lost| plan(&[&args[..], &["--path-rto", "300ms", "--survive-lost", lost]].concat());
    let ran = asked("0");
    let lost = "lost probes that a live peer survives     0";
    assert_eq!(
        ran.stdout.contains(trap),
        ran.stdout.contains(lost),
        "{}",
        ran.stdout
    );
    assert!(!asked("1").stdout.contains(trap));
}

#[test]
fn where_all_peers_are_near_sooner_deadlines_can_be_kept() {
    let args = [
        "--within",
        "20s",
        "--kernel",
        "6.1",
        "--sysctl",
        "--except",
        "zero-window",
    ];
    assert_eq!(plan(&args).code, 1);
    let near = [&["--path-rto", "250ms"], &args[..]].concat();
    let ran = plan(&near);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("retransmission timeout (rto in TCP_INFO) is at most 250 ms"),
        "{}",
        ran.stdout
    );
    let rust = plan(&[&["--code", "rust"], &near[..]].concat()).stdout;
    assert!(
        rust.contains(".path_rto(Duration::from_millis(250))"),
        "{rust}"
    );
    let lines = json(&[&["plan", "--json"], &near[..]].concat());
    assert_eq!(lines[0]["assumed_rto_ms"], 250);
}

/// With 5 retransmissions and an RTO just below 0.42 or 0.9 s the kernel waits for twice as long as
/// at 0.2 s, because the budget of 12.6 s ends just after the fifth.
#[test]
fn a_refusal_says_which_tcp_retries2_would_do() {
    let old = ["--within", "30s", "--kernel", "6.1", "--sysctl"];
    let five = plan(&[&old[..], &["net.ipv4.tcp_retries2=5"]].concat());
    assert_eq!(five.code, 1);
    for said in [
        "a peer that vanishes with data in flight is noticed after 30.5 s at the soonest",
        "let tcp_retries2 of the network namespace be lowered to 4 and promise nothing for zero-window",
        "Try --sysctl --except zero-window, or",
    ] {
        assert!(five.stdout.contains(said), "{said}: {}", five.stdout);
    }
    let four = plan(&[&old[..], &["net.ipv4.tcp_retries2=4"]].concat());
    assert!(
        four.stdout.contains("--except zero-window, or"),
        "{}",
        four.stdout
    );
    let kept = plan(
        &[
            &old[..],
            &["net.ipv4.tcp_retries2=4", "--except", "zero-window"],
        ]
        .concat(),
    );
    assert_eq!(kept.code, 0, "{}", kept.stdout);
}

/// The machine that is planned for need not be this one.
#[test]
fn an_old_kernel_keeps_slow_readers_with_a_sysctl() {
    let old = [
        "--within",
        "60s",
        "--kernel",
        "6.1",
        "--except",
        "zero-window",
    ];
    let refused = plan(&old);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stdout.contains("Try --sysctl, or"),
        "{}",
        refused.stdout
    );

    let chosen = plan(&[&old[..], &["--sysctl"]].concat());
    assert_eq!(chosen.code, 0, "{}", chosen.stdout);
    for said in [
        "net.ipv4.tcp_retries2 = 5",
        "They reach every connection",
        "is kept",
    ] {
        assert!(
            chosen.stdout.contains(said),
            "{said:?} is missing in\n{}",
            chosen.stdout
        );
    }
    let lines = json(&[&["plan", "--json", "--sysctl"], &old[..]].concat());
    assert_eq!(
        lines[0]["sysctls"],
        serde_json::json!({ "net.ipv4.tcp_retries2": 5 })
    );
    let code = plan(&[&old[..], &["--sysctl", "--code", "sysctl"]].concat()).stdout;
    assert!(code.contains("\nnet.ipv4.tcp_retries2 = 5\n"), "{code}");

    // Where the machine has it already, nothing is left to set.
    let has = ["--sysctl", "net.ipv4.tcp_retries2=5"];
    let lines = json(&[&["plan", "--json"], &has[..], &old[..]].concat());
    assert_eq!(
        (&lines[0]["type"], &lines[0]["sysctls"]),
        (&"plan".into(), &serde_json::json!({}))
    );
}

#[test]
fn an_unknown_kernel_or_sysctl_is_refused() {
    for (args, said) in [
        (["--kernel", "newest"], "like 6.1"),
        (
            ["--sysctl", "net.ipv4.tcp_retires2=5"],
            "did you mean net.ipv4.tcp_retries2?",
        ),
        (["--sysctl", "tcp_retries2=1000"], "takes 0 to 255"),
        (["--sysctl", "tcp_retries2"], "name=value"),
    ] {
        let ran = plan(&[&["--within", "60s"], &args[..]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            ran.stderr.contains(said),
            "{said:?} is missing in {}",
            ran.stderr
        );
    }
}

#[test]
fn an_excepted_silence_is_named_and_may_be_late() {
    let args = [
        &DROP[..],
        &["--except", "late-write,connecting", "--kernel", "modern"],
    ]
    .concat();
    let ran = plan(&args);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stdout.matches("(not promised)").count(),
        2,
        "{}",
        ran.stdout
    );
    let code = plan(&[&args[..], &["--code", "rust"]].concat()).stdout;
    assert!(code.contains("(not promised: late-write, connecting)."));
    assert!(code.contains(".except(deadpeer::forecast::Silence::LateWrite)"));
}

#[test]
fn what_cannot_be_kept_is_refused_with_what_can() {
    let old = ["--within", "60s", "--kernel", "before-6.15"];
    let ran = plan(&old);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(
        ran.stdout.starts_with("60 s cannot be kept: "),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("nearest deadline"), "{}", ran.stdout);
    assert!(ran.stdout.contains("slow readers"), "{}", ran.stdout);

    let lines = json(&[&["plan", "--json"], &old[..]].concat());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["type"], "refusal");
    let nearest = lines[0]["nearest_ms"].as_u64().unwrap();
    assert!(nearest > 60_000);
    // The nearest deadline can really be kept.
    let within = format!("{nearest}ms");
    assert_eq!(
        plan(&["--within", &within, "--kernel", "before-6.15"]).code,
        0
    );

    // Where code is asked for, a file of code must not be a sentence.
    let code = plan(&[&old[..], &["--code", "c"]].concat());
    assert_eq!((code.code, code.stdout.as_str()), (1, ""));
    assert!(code.stderr.contains("cannot be kept"));
}

#[test]
fn the_c_code_compiles_without_a_warning_and_sets_the_options() {
    let Ok(folder) = compile_c() else {
        return;
    };
    let pair = pair(&SocketOptions::default());
    deadpeer_sys::sockopt::set_keepalive(&pair.client, false).unwrap();
    let program = folder.path().join("set");
    let done = Command::new(program)
        .stdin(std::os::fd::OwnedFd::from(pair.client.try_clone().unwrap()))
        .status()
        .unwrap();
    assert_eq!(done.code(), Some(0));
    assert_holds_the_plan(&pair.client);
}

/// The plan's function with a `main` that calls it for its standard input.
fn compile_c() -> Result<tempfile::TempDir, ()> {
    if Command::new("cc").arg("--version").output().is_err() {
        deadpeer_sys::testing::skip("there is no C compiler");
        return Err(());
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("set.c");
    let code = plan(&[&DROP[..], &["--code", "c"]].concat()).stdout;
    fs::write(
        &source,
        code + "\nint main(void) { return notice_vanished_peer(0) ? 1 : 0; }\n",
    )
    .unwrap();
    let compiled = Command::new("cc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-Wno-missing-prototypes",
            "-o",
        ])
        .args([folder.path().join("set"), source])
        .output()
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    Ok(folder)
}

/// The snapshots are compiled into this test and run: what the command prints is what works. After
/// a change of what is planned: `SNAPSHOTS=overwrite cargo test -p deadpeer-cli --test plan`, then
/// once more without.
#[expect(
    unreachable_pub,
    reason = "whoever pastes it decides how far it reaches"
)]
mod rust {
    include!("snapshots/plan-rust.txt");
}
#[expect(
    unreachable_pub,
    reason = "whoever pastes it decides how far it reaches"
)]
mod libc_alone {
    include!("snapshots/plan-libc.txt");
}

#[test]
fn the_rust_code_compiles_and_sets_the_options() {
    let code = plan(&[&DROP[..], &["--code", "rust"]].concat()).stdout;
    snapbox::assert_data_eq!(code, snapbox::file!["snapshots/plan-rust.txt"].raw());
    let pair = pair(&SocketOptions::default());
    rust::notice_vanished_peer(&pair.client).unwrap();
    assert_holds_the_plan(&pair.client);
}

#[test]
fn the_rust_code_without_deadpeer_compiles_and_sets_the_options() {
    let code = plan(&[&DROP[..], &["--code", "libc", "--kernel", "modern"]].concat()).stdout;
    snapbox::assert_data_eq!(code, snapbox::file!["snapshots/plan-libc.txt"].raw());
    let pair = pair(&SocketOptions::default());
    libc_alone::notice_vanished_peer(&pair.client).unwrap();
    let held = deadpeer::options(&pair.client).unwrap();
    let lines = json(&[&["plan", "--json", "--kernel", "modern"], &DROP[..]].concat());
    assert_eq!(lines[0]["options"]["tcp_keepidle_s"], held.keepidle_s);
    assert_eq!(
        lines[0]["options"]["tcp_user_timeout_ms"],
        held.user_timeout_ms.unwrap()
    );
}

/// Compares what the kernel holds with what the plan for this kernel says.
fn assert_holds_the_plan(socket: &std::net::TcpStream) {
    let held = deadpeer::options(socket).unwrap();
    let lines = json(&[&["plan", "--json"], &DROP[..]].concat());
    let options = &lines[0]["options"];
    assert!(held.keepalive, "{}", socket.as_raw_fd());
    assert_eq!(options["tcp_keepidle_s"], held.keepidle_s);
    assert_eq!(options["tcp_keepintvl_s"], held.keepintvl_s);
    assert_eq!(options["tcp_keepcnt"], held.keepcnt);
    assert_eq!(
        options["tcp_user_timeout_ms"],
        held.user_timeout_ms.unwrap()
    );
}

#[test]
fn sysctl_lines_can_be_read_by_sysctl() {
    let code = plan(&[&DROP[..], &["--code", "sysctl"]].concat()).stdout;
    let mut settings = 0;
    for line in code.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line:?}"));
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        assert!(fs::metadata(&file).is_ok(), "{file} is no sysctl");
        assert!(value.parse::<u32>().is_ok(), "{line:?}");
        settings += 1;
    }
    assert!(settings >= 3, "{code}");
    assert!(
        code.contains("SO_KEEPALIVE") && code.contains("TCP_USER_TIMEOUT"),
        "{code}"
    );
}

/// Runs a program for the plan's code in a language, on a socket that is its standard input.
fn assert_sets_the_options(language: &str, file: &str, rest: &str, command: &[&str]) {
    if Command::new(command[0]).arg("--help").output().is_err() {
        return deadpeer_sys::testing::skip(&format!("there is no {}", command[0]));
    }
    let folder = tempfile::tempdir().unwrap();
    let code = plan(&[&DROP[..], &["--code", language]].concat()).stdout;
    let text = match rest.contains("{code}") {
        true => rest.replace("{code}", &code),
        false => code + rest,
    };
    fs::write(folder.path().join(file), text).unwrap();
    let pair = pair(&SocketOptions::default());
    deadpeer_sys::sockopt::set_keepalive(&pair.client, false).unwrap();
    let done = Command::new(command[0])
        .args(&command[1..])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .stdin(std::os::fd::OwnedFd::from(pair.client.try_clone().unwrap()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{language}: {said}");
    assert_holds_the_plan(&pair.client);
}

#[test]
fn the_python_code_runs_and_sets_the_options() {
    let rest = "\nnotice_vanished_peer(socket.socket(fileno=0))\n";
    assert_sets_the_options("python", "set.py", rest, &["python3", "set.py"]);
}

/// Node has no name for the user timeout, and libuv sets the interval and the count itself.
#[test]
fn the_node_code_runs_and_sets_what_node_can() {
    let code = plan(&[&DROP[..], &["--code", "node"]].concat()).stdout;
    let folder = tempfile::tempdir().unwrap();
    let before = "const socket = new (require('net').Socket)({ fd: 0 });\n";
    let program = format!("{before}{code}\nprocess.exit(0);\n");
    fs::write(folder.path().join("set.js"), program).unwrap();
    let pair = pair(&SocketOptions::default());
    let mut node = Command::new("node");
    node.arg("set.js")
        .current_dir(folder.path())
        .stdin(std::os::fd::OwnedFd::from(pair.client.try_clone().unwrap()));
    let Ok(done) = node.output() else {
        return deadpeer_sys::testing::skip("there is no node");
    };
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let held = deadpeer::options(&pair.client).unwrap();
    assert!(held.keepalive, "{held:?}");
    assert_eq!((held.keepintvl_s, held.keepcnt), (1, 10));
    let idle = format!("setKeepAlive(true, {});", held.keepidle_s * 1000);
    assert!(code.contains(&idle), "{held:?}: {code}");
}

#[test]
#[ignore = "takes Go: cargo xtask check-recipes"]
fn the_go_code_compiles_and_sets_the_options() {
    let rest = "package main

import (
\t\"net\"
\t\"os\"
\t\"syscall\"
)

{code}
func main() {
\tconnection, err := net.FileConn(os.Stdin)
\tif err != nil {
\t\tpanic(err)
\t}
\traw, err := connection.(*net.TCPConn).SyscallConn()
\tif err == nil {
\t\terr = noticeVanishedPeer(raw)
\t}
\tif err != nil {
\t\tpanic(err)
\t}
}
";
    assert_sets_the_options("go", "set.go", rest, &["go", "run", "set.go"]);
}

#[test]
#[ignore = "takes Mono: cargo xtask check-recipes"]
fn the_csharp_code_compiles_and_sets_the_options() {
    // Mono is of before .NET 5: the method that the code calls is given to it.
    let rest = "
static class Before5
{
    [System.Runtime.InteropServices.DllImport(\"libc\")]
    static extern int setsockopt(int fd, int level, int option, byte[] value, int length);
    public static void SetRawSocketOption(this Socket socket, int level, int option, byte[] value)
    {
        if (setsockopt(0, level, option, value, value.Length) != 0) throw new Exception();
    }
    static void Main()
    {
        VanishedPeer.Notice(new Socket(SocketType.Stream, ProtocolType.Tcp));
    }
}
";
    let make = "mcs -langversion:latest -out:set.exe set.cs >&2 && exec mono set.exe";
    assert_sets_the_options("csharp", "set.cs", rest, &["sh", "-c", make]);
}

/// Java can't be given a descriptor: the program sets its own socket and says what that has then.
#[test]
#[ignore = "takes a JDK: cargo xtask check-recipes"]
fn the_java_code_compiles_and_sets_the_options() {
    let code = plan(&[&DROP[..], &["--code", "java"]].concat()).stdout;
    let options = ["TCP_KEEPIDLE", "TCP_KEEPINTERVAL", "TCP_KEEPCOUNT"];
    let shown = options.map(|option| {
        format!("System.out.println(socket.getOption(ExtendedSocketOptions.{option}));")
    });
    let program = format!(
        "import java.net.*;\nimport jdk.net.ExtendedSocketOptions;\nclass Set {{
         public static void main(String[] arguments) throws Exception {{
         Socket socket = new Socket();\n{code}\n{}\n}}}}\n",
        shown.concat()
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Set.java"), program).unwrap();
    let java = |command: &str, argument: &str| {
        let mut command = Command::new(command);
        command.arg(argument).current_dir(folder.path()).output()
    };
    let Ok(compiled) = java("javac", "Set.java") else {
        return deadpeer_sys::testing::skip("there is no javac");
    };
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    let ran = java("java", "Set").unwrap();
    let values = String::from_utf8(ran.stdout).unwrap();
    for (option, value) in options.iter().zip(values.lines()) {
        assert!(
            code.contains(&format!("{option}, {value});")),
            "{option}: {values} {code}"
        );
    }
    assert_eq!(values.lines().count(), options.len());
}

#[test]
fn what_a_language_cannot_set_is_said_in_its_code() {
    for (language, call) in [
        (
            "java",
            "socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, ",
        ),
        ("node", "socket.setKeepAlive(true, "),
    ] {
        let code = plan(&[&DROP[..], &["--code", language]].concat()).stdout;
        assert!(code.contains(call), "{code}");
        assert!(
            code.starts_with("// Not within 1m with data in flight: noticed after 1"),
            "{code}"
        );
    }
    let code = plan(&[&DROP[..], &["--code", "csharp"]].concat()).stdout;
    assert!(
        code.contains("SetRawSocketOption(option[0], option[1], "),
        "{code}"
    );
}

#[test]
fn a_program_is_told_in_its_own_words() {
    let ran = plan(&["--for", "Redis", "--within", "30s", "--kernel", "6.1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{}", ran.stdout);
    for said in [
        "    tcp-keepalive 14\n",
        "  while idle                after ",
        "  ! with data in flight       after 15m ",
        "deadpeer run --within 30s -- COMMAND",
        "CONFIG SET tcp-keepalive",
    ] {
        assert!(
            ran.stdout.contains(said),
            "{said:?} is missing in\n{}",
            ran.stdout
        );
    }

    let ran = plan(&["--for", "postgres", "--within", "30s", "--kernel", "6.1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("    tcp_user_timeout = "),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_remedy_as_json_holds_its_lines_and_what_they_miss() {
    let lines = json(&["plan", "--json", "--for", "nginx", "--within", "30s"]);
    let [remedy] = lines.as_slice() else {
        panic!("one line, not {lines:?}")
    };
    assert_eq!(
        (&remedy["type"], &remedy["kept"]),
        (&"remedy".into(), &false.into())
    );
    let [clients, servers, ..] = remedy["sides"].as_array().unwrap().as_slice() else {
        panic!("two sides at least, not {remedy}")
    };
    let line = clients["lines"][0].as_str().unwrap();
    assert!(line.contains("so_keepalive="), "{line}");
    assert_eq!(
        clients["misses"],
        serde_json::json!(["in-flight", "late-write"])
    );
    assert_eq!(servers["lines"][0], "proxy_socket_keepalive on;");
}

#[test]
fn what_is_not_known_is_refused_with_what_was_meant() {
    let ran = plan(&["--for", "pgbuoncer", "--within", "30s"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr.contains("did you mean pgbouncer?"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);

    let list = plan(&["--list"]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    assert!(list.stdout.lines().count() >= 40, "{}", list.stdout);
    assert_eq!(plan(&[]).code, 2);
    let both = plan(&["--for", "go", "--within", "30s", "--code", "c"]);
    assert_eq!(both.code, 2);
}
