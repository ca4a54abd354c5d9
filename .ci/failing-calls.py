"""Lets every system call of deadpeer's verbs fail once, in turn, by strace's fault injection.

usage: failing-calls.py DEADPEER

Whatever fails, the verb ends with one of its exit codes and without a panic, what it said to have done is so, and whatever
it has changed is undone by its undo file, or was put back. As root, in a network namespace of its own.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile

CLONE_NEWNET = 0x40000000
ERRNOS = {
    "openat": ["EMFILE", "ENOMEM"],
    "socket": ["EMFILE", "ENOBUFS"],
    "setsockopt": ["ENOMEM", "ENOBUFS", "EINTR"],
    "getsockopt": ["ENOBUFS"],
    "sendto": ["ENOBUFS", "EINTR"],
    "recvfrom": ["ENOBUFS", "EINTR"],
    "recvmsg": ["ENOBUFS", "EINTR"],
    "read": ["EINTR", "EIO"],
    "write": ["EINTR", "ENOSPC"],
    "fsync": ["EIO"],
    "rename": ["ENOSPC"],
    "linkat": ["ENOSPC"],
    "link": ["ENOSPC"],
    "unlink": ["EIO"],
    "mkdir": ["ENOSPC"],
    "pidfd_open": ["EMFILE", "ENOMEM"],
    "pidfd_getfd": ["EMFILE", "EPERM"],
    "fstat": ["ENOMEM"],
    "flock": ["EINTR", "ENOLCK"],
    "bpf": ["EPERM", "ENOMEM"],
    "getdents64": ["ENOMEM"],
}
AT_MOST = int(os.environ.get("LONG_CALLS", "1000"))


def options(end):
    of_tcp = [end.getsockopt(socket.IPPROTO_TCP, n) for n in (4, 5, 6, 18)]
    return [end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *of_tcp]


class Scene:
    """A listener with a connection, whose both ends are ours."""

    def __init__(self, deadpeer):
        self.deadpeer = deadpeer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(self.listener.getsockname())
        self.server = self.listener.accept()[0]
        self.port = str(self.listener.getsockname()[1])
        self.ends = [self.listener, self.client, self.server]
        self.first = [options(end) for end in self.ends]
        self.state = tempfile.mkdtemp()

    def run(self, args, trace=()):
        env = dict(os.environ, XDG_STATE_HOME=self.state, RUST_BACKTRACE="0")
        command = [*trace, self.deadpeer, *args]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)

    def files(self):
        folder = os.path.join(self.state, "deadpeer")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [os.path.join(folder, name) for name in names if name.endswith(".undo.json")]

    def back(self, way):
        for path in self.files():
            self.run(["protect", "--undo", path, "--yes", *way])
        return [options(end) for end in self.ends] == self.first

    def close(self):
        for end in self.ends:
            end.close()
        shutil.rmtree(self.state)


def verbs():
    for way in ([], ["--no-bpf"]):
        protect = ["protect", "--within", "30s", "--yes", *way]
        yield "protect", protect, way, False
        yield "undo", protect, way, True
    yield "ping", ["ping", "-c", "1"], ["--no-bpf"], False
    yield "audit", ["audit", "--within", "30s"], ["--no-bpf"], False


def try_one(deadpeer, verb, args, way, undoes, call, errno, nth):
    """Returns whether the call was made so often, and what went wrong."""
    scene = Scene(deadpeer)
    log = os.path.join(scene.state, "strace")
    trace = ["strace", "-f", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:error={errno}:when={nth}"]
    args = [*args, "--port", scene.port]
    if undoes:
        scene.run(args)
        args = ["protect", "--undo", scene.files()[0], "--yes", *way]
    ran = scene.run(args, trace)
    with open(log, encoding="utf-8", errors="replace") as lines:
        injected = "(INJECTED)" in lines.read()
    wrong = []
    if "error while loading shared libraries" in ran.stderr:
        # The call was the dynamic linker's.
        scene.close()
        return injected, wrong
    if ran.returncode not in (0, 1, 2, 3):
        wrong.append(f"exit code {ran.returncode}: {ran.stderr}")
    if "panicked" in ran.stderr:
        wrong.append(ran.stderr)
    if undoes and ran.returncode == 0 and [options(end) for end in scene.ends] != scene.first:
        wrong.append(f"undone, it says: {ran.stdout}")
    if not scene.back(way):
        wrong.append(f"no way back: {scene.files()} {ran.stdout} {ran.stderr}")
    scene.close()
    return injected, wrong


def main():
    deadpeer = os.path.abspath(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit("a network namespace takes root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tried, bad = 0, 0
    for verb, args, way, undoes in verbs():
        for call, errnos in ERRNOS.items():
            for errno in errnos:
                for nth in range(1, AT_MOST + 1):
                    injected, wrong = try_one(deadpeer, verb, args, way, undoes, call, errno, nth)
                    if not injected:
                        break
                    tried += 1
                    for what in wrong:
                        bad += 1
                        print(f"{verb} {' '.join(way)}: {call} number {nth} with {errno}: {what}", flush=True)
    print(f"{tried} system calls failed, {bad} of them to no good end")
    sys.exit(1 if bad or not tried else 0)


if __name__ == "__main__":
    main()
