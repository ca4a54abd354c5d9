//! Under `protect --new-connections`, in a cgroup that a rule was made for before they start.

use std::net::Ipv4Addr;

use deadpeer_sys::testing::in_private_netns;

use crate::common::room::Room;
use crate::judge::{SETTLED, fault, sockets};
use crate::programs::Program;

#[test]
fn what_programs_set_later_keeps_the_deadline() {
    in_private_netns(|| {
        let Some(kernel) = sockets() else { return };
        let Some(mut room) = Room::new("set-later") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let cgroup = room.cgroup.display().to_string();
        let made = room.deadpeer(&format!(
            "--new-connections --cgroup {cgroup} --within 30s --yes --json"
        ));
        assert_eq!(made[0]["holds"], true, "{made:?}");
        let programs = Program::installed();
        for (program, port) in &programs {
            let script = folder.path().join(format!("{}.sh", program.name));
            std::fs::write(&script, program.script(*port, folder.path())).unwrap();
            let script = script.display();
            let started = room.run(&format!(
                "(echo 0 > {cgroup}/cgroup.procs && exec sh {script}) < /dev/null > {script}.txt 2>&1 &"
            ));
            assert_eq!(started, [""; 0]);
        }
        let clients: Vec<_> = programs
            .iter()
            .map(|(program, port)| (program.name, program.client(Ipv4Addr::LOCALHOST, *port)))
            .collect();
        std::thread::sleep(SETTLED);
        let faults: Vec<_> = clients
            .iter()
            .filter_map(|(name, client)| fault(&kernel, name, client.local_addr().unwrap()))
            .collect();
        let removed = room.deadpeer("--remove all --json");
        room.run(&format!("echo 1 > {cgroup}/cgroup.kill"));
        assert_eq!(faults, [""; 0]);
        assert_eq!(removed[0]["type"], "removed_protection");
    });
}
