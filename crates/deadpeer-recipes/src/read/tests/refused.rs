//! What can't be read, and what can't be understood.

use super::*;

#[test]
fn a_file_of_another_program_is_known() {
    let haproxy = "global\n daemon\ndefaults\n mode http\nfrontend f\n bind :80\n";
    let error = reading("nginx", haproxy).unwrap_err().to_string();
    assert!(
        error.contains("looks like a configuration of haproxy, not of nginx"),
        "{error}"
    );
    let redis = "appendonly yes\nmaxmemory 1gb\ntcp-backlog 5\n";
    let error = reading("postgresql", redis).unwrap_err().to_string();
    assert!(error.contains("redis"), "{error}");
}

#[test]
fn a_file_of_a_program_that_nobody_knows_gets_no_patch() {
    let upstart = "description \"broker\"\nstart on net-device-up\nrespawn\nexec mosquitto\n";
    let hba = "local all all peer\nhost all all 127.0.0.1/32 md5\n";
    let comments = "# the hosts of this machine\n# more: man hosts\n";
    for foreign in [upstart, hba, comments] {
        for recipe in crate::all() {
            let Some(how) = recipe.read.as_ref() else {
                continue;
            };
            if let Ok(reading) = reading(&recipe.name, foreign) {
                panic!(
                    "{} takes {foreign:?} by {:?}: {reading:?}",
                    recipe.name, how.marks
                );
            }
        }
    }
    let error = reading("mosquitto", upstart).unwrap_err().to_string();
    let said = "/etc/f.conf doesn't look like a configuration of Mosquitto broker: ";
    assert!(error.starts_with(said), "{error}");
    // A running program's is its own, and one that is all in comments shows its keys.
    let own = reading_with("mosquitto", upstart, &["mosquitto"], &mut Folder::default());
    assert!(own.is_ok(), "{own:?}");
    let shown = reading("redis", "# tcp-keepalive 300\n# appendonly no\n");
    assert!(shown.is_ok(), "{shown:?}");
    assert!(reading("redis", "").is_ok());
    // One that sets nothing is its own if it is called so; the upstart job is called so as well.
    let called = |text| {
        let (file, arguments) = (Some(("/usr/lib/mosquitto.conf", text)), &[][..]);
        let source = Source { file, arguments };
        let (mosquitto, within) = (find("mosquitto").unwrap(), Duration::from_secs(30));
        let kernel = Kernel::before_rto_max(Some(250));
        read(mosquitto, within, &kernel, source, &mut Folder::default())
    };
    assert!(called("# by hand\n").is_ok());
    assert!(called(upstart).is_err());
    let error = reading("mosquitto", "# by hand\n").unwrap_err().to_string();
    assert!(error.contains("it sets nothing, and no comment"), "{error}");
    // A command line that no file holds.
    let error = reading("varnish", "-p tcp_keepalive_time=5\n").unwrap_err();
    assert!(error.to_string().contains("can't be read"), "{error}");
}

#[test]
fn broken_syntax_has_its_place_and_the_programs_own_check() {
    let error = reading("nginx", "http {\n  server {\n    listen 80\n  }\n}\n").unwrap_err();
    assert!(
        error.to_string().starts_with("/etc/f.conf:4:3: "),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("; the program's own check: nginx -t"),
        "{error}"
    );
}

#[test]
fn an_include_that_cannot_be_read_leaves_it_open() {
    let mut files = Folder::default();
    files
        .0
        .insert("conf.d/a.conf".into(), Err("permission denied".into()));
    let kept = "tcp_keepalives_idle = 5\ntcp_keepalives_interval = 2\ntcp_keepalives_count = 3\n\
                tcp_user_timeout = 10s\nmax_connections = 9\n";
    let sure = reading("postgresql", kept).unwrap();
    assert_eq!(sure.keeps(), Some(true), "{sure:?}");
    let text = format!("{kept}include 'conf.d/a.conf'\n");
    let reading = reading_with("postgresql", &text, &[], &mut files).unwrap();
    assert_eq!(reading.keeps(), None);
    assert!(reading.remarks[0].what.contains("permission denied"));
    assert_eq!(reading.remarks[0].place.line, 6);
}

#[test]
fn a_value_that_is_not_understood_is_said() {
    let reading = reading(
        "postgresql",
        "max_connections=1\ntcp_keepalives_idle = many\n",
    )
    .unwrap();
    assert_eq!(reading.keeps(), None);
    assert_eq!(reading.remarks.len(), 1);
    assert_eq!(reading.remarks[0].place.to_string(), "/etc/f.conf:2");
}

#[test]
fn files_that_include_each_other_end() {
    let mut files = Folder::default();
    files.0.insert("a".into(), Ok("include b;".into()));
    files.0.insert("b".into(), Ok("include a;".into()));
    let error = reading_with("nginx", "events {} include a;", &[], &mut files).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("included, perhaps by each other"),
        "{error}"
    );
}

#[test]
fn a_deadline_that_cannot_be_kept_gets_the_best_that_can() {
    let kernel = Kernel::before_rto_max(Some(250));
    let source = Source {
        file: Some(("f", "save 1 1\n")),
        arguments: &[],
    };
    let mut files = Folder::default();
    let second = Duration::from_secs(1);
    let reading = read(find("redis").unwrap(), second, &kernel, source, &mut files).unwrap();
    assert_eq!(reading.keeps(), Some(false));
    assert!(
        reading.diffs[0].contains("+tcp-keepalive 1\n"),
        "{reading:?}"
    );
}
