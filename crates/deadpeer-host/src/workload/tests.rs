//! The shapes of cgroups, one by one, and the names that files tell.

use super::*;

const ID: &str = "4f1c8a2b9d3e7f60514233241506f7e8d9cab1b0c3d2e5f4a7968778695a4b3c";
const OTHER: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
const UID: &str = "0ed0cc75-9db7-4a3b-9b9a-b1e6f4c7d1a2";

/// What is said of a path: runtime, id or name, pod, unit.
fn said(path: &str) -> (Option<&'static str>, String, String, String) {
    let path = path
        .replace("<ID>", ID)
        .replace("<OTHER>", OTHER)
        .replace("<UID>", UID)
        .replace("<U_I_D>", &UID.replace('-', "_"));
    let workload = Workload::of(&format!("0::{path}\n")).unwrap_or_default();
    let text = |text: Option<Box<str>>| text.map_or_else(String::new, Into::into);
    let container = workload.container;
    let runtime = container.as_ref().and_then(|container| container.runtime);
    let called = container.and_then(|container| container.id.or(container.name));
    (
        runtime.map(Runtime::word),
        text(called),
        text(workload.pod.map(|pod| pod.uid)),
        text(workload.unit),
    )
}

#[test]
fn pods_of_kubernetes() {
    for (path, runtime) in [
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<U_I_D>.slice/cri-containerd-<ID>.scope",
            Some("containerd"),
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod<U_I_D>.slice/crio-<ID>.scope",
            Some("cri-o"),
        ),
        (
            "/kubepods.slice/kubepods-pod<U_I_D>.slice/docker-<ID>.scope",
            Some("docker"),
        ),
        ("/kubepods/burstable/pod<UID>/<ID>", None),
        ("/kubepods/pod<UID>/<ID>", None),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod<U_I_D>.slice:cri-containerd:<ID>",
            Some("containerd"),
        ),
        // systemd runs in it.
        (
            "/kubepods/besteffort/pod<UID>/<ID>/system.slice/nginx.service",
            None,
        ),
        // A cluster in a container of Docker: the innermost counts.
        (
            "/system.slice/docker-<OTHER>.scope/kubelet.slice/kubelet-kubepods.slice/kubepods-pod<U_I_D>.slice/cri-containerd-<ID>.scope",
            Some("containerd"),
        ),
    ] {
        let expected = (runtime, ID.to_owned(), UID.to_owned(), String::new());
        assert_eq!(said(path), expected, "{path}");
    }
    let static_pod = "8a6e1d4f9b0c7d3e2f1a5b6c7d8e9f00";
    let path = format!("/kubepods.slice/kubepods-burstable-pod{static_pod}.slice/crio-<ID>.scope");
    assert_eq!(said(&path).2, static_pod);
}

#[test]
fn containers_without_a_pod() {
    for (path, runtime, called) in [
        ("/system.slice/docker-<ID>.scope", "docker", ID),
        ("/docker/<ID>", "docker", ID),
        ("/docker/<ID>/init.scope", "docker", ID),
        ("/machine.slice/libpod-<ID>.scope", "podman", ID),
        ("/machine.slice/libpod-<ID>.scope/container", "podman", ID),
        ("/libpod_parent/libpod-<ID>", "podman", ID),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-<ID>.scope",
            "podman",
            ID,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_<OTHER>.slice/libpod-<ID>.scope/container",
            "podman",
            ID,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-<ID>.scope",
            "docker",
            ID,
        ),
        // Docker in Docker: the inner one.
        ("/docker/<OTHER>/docker/<ID>", "docker", ID),
        (
            "/system.slice/docker-<OTHER>.scope/docker/<ID>",
            "docker",
            ID,
        ),
        (
            "/system.slice/docker-<OTHER>.scope/system.slice/docker-<ID>.scope",
            "docker",
            ID,
        ),
        ("/system.slice/nerdctl-<ID>.scope", "nerdctl", ID),
        ("/lxc.payload.web1", "lxc", "web1"),
        ("/lxc.payload/web1/system.slice/ssh.service", "lxc", "web1"),
        ("/lxc/101/ns", "lxc", "101"),
        ("/machine.slice/machine-web.scope", "machine", "web"),
        (
            r"/machine.slice/machine-my\x2dweb.scope/payload",
            "machine",
            "my-web",
        ),
        (
            "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
            "machine",
            "web",
        ),
    ] {
        let expected = (
            Some(runtime),
            called.to_owned(),
            String::new(),
            String::new(),
        );
        assert_eq!(said(path), expected, "{path}");
    }
    assert_eq!(
        said("/default/<ID>"),
        (None, ID.to_owned(), String::new(), String::new())
    );
}

#[test]
fn units() {
    for (path, unit) in [
        ("/system.slice/nginx.service", "nginx.service"),
        (
            "/system.slice/system-postgresql.slice/postgresql@15-main.service",
            "postgresql@15-main.service",
        ),
        (
            r"/system.slice/systemd\x2dfsck.service",
            r"systemd\x2dfsck.service",
        ),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            "session-3.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
            "user@1000.service/x.service",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.x.slice/y.scope/z.service",
            "user@1000.service/y.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service",
            "user@1000.service",
        ),
        ("/runtime.slice/containerd.service", "containerd.service"),
        ("/azure.slice/walinuxagent.service", "walinuxagent.service"),
        ("/system.slice/_cgroup.service", "cgroup.service"),
        // Those who look after a container are not in it.
        (
            "/machine.slice/libpod-conmon-<ID>.scope",
            "libpod-conmon-<ID>.scope",
        ),
        (
            "/kubepods.slice/kubepods-pod<U_I_D>.slice/crio-conmon-<ID>.scope",
            "crio-conmon-<ID>.scope",
        ),
        ("/lxc.monitor.web1", ""),
        ("/podruntime/kubelet", "kubelet"),
        ("/system/apid", "apid"),
        ("/", ""),
        ("", ""),
        ("/docker", ""),
        ("/kubepods.slice", ""),
        ("/system.slice/docker-short.scope", "docker-short.scope"),
    ] {
        let expected = (None, String::new(), String::new(), unit.replace("<ID>", ID));
        assert_eq!(said(path), expected, "{path}");
    }
}

/// Version 1 beside version 2: Docker without systemd keeps its containers in version 1 alone.
#[test]
fn any_hierarchy_may_show_the_container() {
    let text = format!("9:name=systemd:/docker/{ID}\n4:memory:/docker/{ID}\n0::/\n");
    let workload = Workload::of(&text).unwrap();
    assert_eq!(workload.container.unwrap().id.as_deref(), Some(ID));
    let text =
        "4:memory:/\n1:name=systemd:/system.slice/ssh.service\n0::/system.slice/ssh.service\n";
    assert_eq!(Workload::of(text).unwrap().to_string(), "ssh.service");
    assert_eq!(Workload::of("0::/\n"), None);
    assert_eq!(Workload::of(""), None);
}

#[test]
fn a_name_that_is_no_escape_stays_as_it_is() {
    for (name, plain) in [
        (r"my\x2dweb", "my-web"),
        (r"a\x2", r"a\x2"),
        (r"\xzz\x41", r"\xzzA"),
        ("", ""),
    ] {
        assert_eq!(cgroup::unescaped(name), plain, "{name}");
    }
}

#[test]
fn logs_name_pods_and_containers_and_a_sandbox_has_none() {
    let root = std::env::temp_dir().join(format!("deadpeer-logs-{}", std::process::id()));
    for directory in [format!("pods/shop_web-0_{UID}"), "containers".to_owned()] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let log = format!("containers/web-0_shop_the-nginx-{ID}.log");
    std::fs::write(root.join(log), "").unwrap();
    for other in ["containers/nonsense.log", "containers/a_b-c.log", "pods/x"] {
        std::fs::write(root.join(other), "").unwrap();
    }
    let nowhere = root.join("nowhere");
    let logs = Names::read(&root, &nowhere, &nowhere);
    std::fs::remove_dir_all(&root).unwrap();
    let named = |id: &str| {
        let text = format!("0::/kubepods/burstable/pod{UID}/{id}\n");
        Workload::of(&text).unwrap().named_by(&logs).to_string()
    };
    assert_eq!(named(ID), "shop/web-0/the-nginx");
    assert_eq!(named(OTHER), format!("shop/web-0/{}", &OTHER[..12]));
    for (called, found) in [
        ("the-nginx", true),
        ("web-0", true),
        ("shop/web-0", true),
        ("shop/web-0/the-nginx", true),
        ("shop", false),
    ] {
        assert_eq!(
            logs.ids_of(|name| name == called) == [ID],
            found,
            "{called}"
        );
    }
    let elsewhere = Names::read(&root, &nowhere, &nowhere);
    assert_eq!(elsewhere, Names::default());
    let workload = Workload::of(&format!("0::/kubepods/pod{UID}/{ID}\n")).unwrap();
    let shown = workload.named_by(&elsewhere).to_string();
    assert_eq!(shown, format!("pod {UID}/{}", &ID[..12]));
}

/// As Docker 20.10 and Podman 4.3.1 write them; what is no file of theirs is no name.
#[test]
fn stores_name_the_containers_of_docker_and_podman() {
    let root = std::env::temp_dir().join(format!("deadpeer-stores-{}", std::process::id()));
    let (docker, podman) = (root.join("docker"), root.join("podman"));
    let third = ID.replace('4', "5");
    for folder in [
        docker.join(ID),
        docker.join(&third),
        podman.join("overlay-containers"),
    ] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let configured = format!(r#"{{"StreamConfig":{{}},"ID":"{ID}","Name":"/shop-db","Path":"x"}}"#);
    std::fs::write(docker.join(ID).join("config.v2.json"), configured).unwrap();
    // A link is not followed.
    let link = docker.join(&third).join("config.v2.json");
    std::os::unix::fs::symlink(docker.join(ID).join("config.v2.json"), link).unwrap();
    let stored = format!(
        r#"[{{"id":"{OTHER}","names":["web"],"image":"a","layer":"b","metadata":"{{}}",
             "created":"2026-11-30T13:18:19Z","flags":{{"MountLabel":""}}}},
            {{"id":"no id","names":["x"]}},{{"id":"{third}"}}]"#
    );
    std::fs::write(podman.join("overlay-containers/containers.json"), stored).unwrap();
    let names = Names::read(&root, &docker, &podman);
    std::fs::remove_dir_all(&root).unwrap();
    let named = |path: String| {
        let workload = Workload::of(&format!("0::{path}\n")).unwrap();
        workload.named_by(&names).to_string()
    };
    assert_eq!(named(format!("/system.slice/docker-{ID}.scope")), "shop-db");
    assert_eq!(named(format!("/machine.slice/libpod-{OTHER}.scope")), "web");
    assert_eq!(
        named(format!("/docker/{third}")),
        format!("docker {}", &third[..12])
    );
    assert_eq!(names.ids_of(|name| name == "web"), [OTHER]);
    assert_eq!(names.ids_of(|name| name == "shop-db"), [ID]);
    assert!(names.ids_of(|name| name == "x").is_empty());
}
