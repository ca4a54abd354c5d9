#!/usr/bin/env python3
"""Records captures of connections whose end is known, one pcap and one JSON file each.

    python3 record.py DIRECTORY [SCENE...]

Runs in two network namespaces of its own, joined by a veth; needs root, unshare(1), ip(8), ss(8) and tcpdump(8). A host that vanished is a socket with a filter that drops every packet; one that restarted is a socket
that was closed in repair mode, without a word (tcp(7), TCP_REPAIR). Timeouts are a few seconds where people use minutes:
the kernel does the same with either, and a recording takes two minutes instead of two hours.

Every JSON file is the truth about its capture: what the scene did and what the kernel told the application, and when.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

HERE, THERE = "192.0.2.1", "192.0.2.2"
SO_DETACH_FILTER = 27
TCP_REPAIR, TCP_USER_TIMEOUT = 19, 18
SNAPLEN = "96"

SCENES = {}


def scene(port, interface="veth0"):
    def add(function):
        SCENES[function.__name__.replace("_", "-")] = (function, port, interface)
        return function
    return add


# ---- scenes: each returns what is true of its connections, in the order of their first packets


@scene(8888, "any")
def keepalive(net):
    """A server whose keepalive settings are the system's: tcp_keepalive_time=2, _intvl=1, _probes=4 instead of 120, 75, 9."""
    return systems_keepalive(net, 2, 1, 4)


@scene(8888, "any")
def keepalive_in_minutes(net):
    """The same with tcp_keepalive_time=120 and the rest as Linux has it. Takes a quarter of an hour."""
    return systems_keepalive(net, 120, 75, 9)


def systems_keepalive(net, idle_s, interval_s, count):
    for name, value in [("time", idle_s), ("intvl", interval_s), ("probes", count)]:
        with open(f"/proc/sys/net/ipv4/tcp_keepalive_{name}", "w") as file:
            file.write(str(value))
    server, client = net.connection(server_here=True)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.sendall(b"hello")
    server.recv(9)
    # The first probe is answered, the second and its repetitions are not.
    time.sleep(idle_s * 1.03 + 3)
    vanish(client)
    death = wait_for_error(server, 2 * (idle_s + interval_s * count))
    return [died("client", "keepalive", "idle", "gave-up", death, idle_s=idle_s, interval_s=interval_s, count=count)]


@scene(8889)
def keepalive_with_user_timeout(net):
    server, client = net.connection(server_here=True)
    keepalive_on(server, 1, 1, 9)
    server.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 3500)
    time.sleep(2.5)
    vanish(client)
    death = wait_for_error(server, 15)
    return [died("client", "keepalive", "idle", "gave-up", death, idle_s=1, interval_s=1)]


@scene(8890)
def data_lost(net):
    """The user timeout ends it without a packet; later the other side draws a RST."""
    server, client = net.connection(server_here=True)
    server.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 3000)
    client.sendall(b"hello")
    server.recv(9)
    time.sleep(0.5)
    vanish(client)
    server.sendall(b"x" * 200)
    death = wait_for_error(server, 15)
    server.close()
    time.sleep(2)
    come_back(client)
    client.send(b"still here")
    wait_for_error(client, 5)
    return [died("client", "retransmission", "in-flight", "gave-up", death, user_timeout_ms=3000)]


@scene(8891)
def window_closed(net):
    """The client stops to read, answers probes for a while, and vanishes."""
    server, client = net.connection(server_here=True, receive=2048)
    server.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 12000)
    server.setblocking(False)
    fill(server)
    time.sleep(2.5)
    vanish(client)
    death = wait_for_error(server, 30)
    # Long enough to see that no further probe comes.
    time.sleep(12)
    net.knock()
    return [died("client", "window-probes", "zero-window", "gave-up", death), alive("refused")]


@scene(8892)
def slow_reader(net):
    """The window stays closed for six seconds, everybody lives."""
    server, client = net.connection(server_here=True, receive=2048)
    server.setblocking(False)
    fill(server)
    time.sleep(6)
    drain(client, 1.0)
    server.close()
    drain(client, 1.0)
    client.close()
    time.sleep(0.3)
    return [alive("closed", window_probes_of_server=True)]


@scene(8893)
def restarted(net):
    """The server's host restarts; the client's keepalive finds out."""
    server, client = net.connection(server_here=False)
    keepalive_on(client, 3, 1, 3)
    client.sendall(b"hello")
    server.recv(9)
    forget(server)
    death = wait_for_error(client, 15)
    return [died("server", "other-host", "idle", "forgotten", death)]


@scene(8894)
def destroyed(net):
    """An administrator destroys the server's socket: ss -K."""
    server, client = net.connection(server_here=True)
    client.sendall(b"hello")
    server.recv(9)
    time.sleep(1.5)
    shown = subprocess.run(["ss", "-Ktn", "state", "established", "sport", "=", ":8894"],
                           capture_output=True, text=True, check=True).stdout
    assert "8894" in shown, "this kernel destroys no sockets (CONFIG_INET_DIAG_DESTROY)"
    death = wait_for_error(client, 5)
    return [alive("aborted", by="server", cause=death["errno"])]


@scene(8895)
def lone_bytes(net):
    """As a person types: single bytes, some of which are lost for a second; then a pause with keepalive."""
    server, client = net.connection(server_here=True)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(3):
        client.sendall(b"k")
        server.recv(1)
        time.sleep(0.3)
    vanish(server)
    client.sendall(b"e")
    time.sleep(1.2)
    come_back(server)
    server.recv(1)
    keepalive_on(client, 1, 1, 9)
    time.sleep(3.5)
    return [alive("open", probes_of_client=[2, 4], retransmissions_of_client=True)]


@scene(8896)
def midway(net):
    """The capture begins when the connection has long been idle."""
    net.stop()
    server, client = net.connection(server_here=True)
    keepalive_on(server, 1, 1, 3)
    time.sleep(0.5)
    net.start()
    time.sleep(3.5)
    vanish(client)
    death = wait_for_error(server, 15)
    return [died("client", "keepalive", "idle", "gave-up", death, idle_s=1, interval_s=1, count=3)]


@scene(8897)
def late_start(net):
    """The capture begins when nobody answers any more."""
    net.stop()
    server, client = net.connection(server_here=True)
    keepalive_on(server, 1, 2, 5)
    vanish(client)
    time.sleep(4.5)
    net.start()
    death = wait_for_error(server, 20)
    return [died("client", "keepalive", "idle", "gave-up", death, interval_s=2)]


@scene(8898)
def openings(net):
    """One that nobody answers, one that is refused, one that goes well, one that stays half closed."""
    with net.there():
        deaf = net.listener(THERE)
    vanish(deaf)
    lost = socket.socket()
    lost.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2)
    lost.setblocking(False)
    lost.connect_ex((THERE, net.port))
    death = wait_for_error(lost, 20)
    come_back(deaf)
    deaf.close()
    refused = socket.socket()
    refusal = refused.connect_ex((THERE, net.port))
    server, client = net.connection(server_here=False)
    client.sendall(b"question")
    server.recv(9)
    server.sendall(b"answer")
    client.recv(9)
    client.close()
    server.close()
    server, client = net.connection(server_here=False)
    server.shutdown(socket.SHUT_WR)
    # Long enough to see that no further SYN of the first one comes.
    time.sleep(5)
    client.sendall(b"more")
    time.sleep(0.3)
    return [
        died("server", "handshake", "connecting", "gave-up", death),
        alive("refused", cause=refusal),
        alive("closed"),
        alive("half-closed", by="server"),
    ]


@scene(8899, "any")
def twice(net):
    """Captured on a router that sees every packet come in and go out."""
    with net.beyond() as beyond:
        with net.there():
            listener = net.listener(THERE)
        with beyond():
            client = socket.create_connection((THERE, net.port))
        server, _ = listener.accept()
        net.kept.append((server, client))
        for n in range(4):
            client.sendall(b"k" * (1 + n % 2))
            server.recv(9)
        keepalive_on(server, 1, 1, 3)
        time.sleep(3.4)
        vanish(client)
        death = wait_for_error(server, 15)
    return [died("client", "keepalive", "idle", "gave-up", death, idle_s=1, interval_s=1, count=3, twice=True)]


@scene(8900)
def patience(net):
    """The application closes before its kernel has given up."""
    server, client = net.connection(server_here=True)
    client.sendall(b"hello")
    server.recv(9)
    vanish(client)
    server.sendall(b"x" * 200)
    time.sleep(4)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    at = time.time()
    server.close()
    time.sleep(0.5)
    return [died("client", "application", "in-flight", "aborted", {"at": at, "errno": None})]


@scene(8901)
def both_probe(net):
    """Both ends use keepalive."""
    server, client = net.connection(server_here=True)
    keepalive_on(server, 1, 1, 9)
    keepalive_on(client, 1, 1, 9)
    time.sleep(6.5)
    return [alive("open", all_probes_answered=True)]


@scene(8902)
def ipv6(net):
    server, client = net.connection(server_here=True, address="2001:db8::1")
    keepalive_on(server, 1, 1, 2)
    client.sendall(b"hello")
    server.recv(9)
    time.sleep(2.3)
    vanish(client)
    death = wait_for_error(server, 15)
    return [died("client", "keepalive", "idle", "gave-up", death, idle_s=1, interval_s=1, count=2)]


# ---- what the scenes are made of


def died(gone, noticed, silence, ending, death, **more):
    return {"gone": gone, "noticed": noticed, "silence": silence, "ending": ending,
            "noticed_at": death["at"], "errno": death["errno"], **more}


def alive(ending, **more):
    return {"gone": None, "ending": ending, **more}


def keepalive_on(sock, idle, interval, count):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)


def vanish(sock):
    """Every packet for this socket is dropped before TCP sees it."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(drop_all))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_ATTACH_FILTER if hasattr(socket, "SO_ATTACH_FILTER") else 26, program)


def come_back(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def forget(sock):
    """The kernel forgets the connection without a packet."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def wait_for_error(sock, within):
    """Waits until the kernel gives the connection up, and says when and with which errno."""
    sock.setblocking(False)
    poll = select.poll()
    poll.register(sock, 0)
    events = poll.poll(within * 1000)
    at = time.time()
    assert events and events[0][1] & select.POLLERR, f"no error within {within} s: {events}"
    errno = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    time.sleep(0.3)
    return {"at": at, "errno": errno}


def fill(sock):
    """Writes until nothing more fits."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(b"x" * 1000)


def drain(sock, quiet):
    sock.settimeout(quiet)
    with contextlib.suppress(TimeoutError):
        while sock.recv(1 << 16):
            pass


def ip(arguments):
    subprocess.run(["ip", *arguments.split()], check=True)


class Net:
    """Two hosts and a capture on this one."""

    def __init__(self, port, interface, path):
        self.port, self.interface, self.path = port, interface, path
        self.kept = []
        self.here = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.other = unshared()
        self.other_fd = os.open(f"/proc/{self.other.pid}/ns/net", os.O_RDONLY)
        ip(f"link add veth0 type veth peer name veth1 netns {self.other.pid}")
        self.set_up("veth0", HERE, "2001:db8::1")
        with self.there():
            self.set_up("veth1", THERE, "2001:db8::2")
        self.dump = None
        self.start()

    @staticmethod
    def set_up(link, address, v6):
        ip("link set lo up")
        ip(f"addr add {address}/24 dev {link}")
        ip(f"addr add {v6}/64 dev {link} nodad")
        ip(f"link set {link} up")

    def there(self):
        return self.inside(self.other_fd)

    @contextlib.contextmanager
    def inside(self, namespace):
        enter(namespace)
        try:
            yield
        finally:
            enter(self.here)

    @contextlib.contextmanager
    def beyond(self):
        """A third host, to which this one is the router; what it yields lets one act there."""
        third = unshared()
        try:
            ip(f"link add veth2 type veth peer name veth3 netns {third.pid}")
            self.set_up("veth2", "198.51.100.1", "2001:db8:1::1")
            with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
                file.write("1")
            namespace = os.open(f"/proc/{third.pid}/ns/net", os.O_RDONLY)
            with self.there():
                ip(f"route add default via {HERE}")
            with self.inside(namespace):
                self.set_up("veth3", "198.51.100.2", "2001:db8:1::2")
                ip("route add default via 198.51.100.1")
            yield lambda: self.inside(namespace)
        finally:
            third.kill()
            third.wait()

    def start(self):
        command = ["tcpdump", "-Z", "root", "-U", "-n", "-s", SNAPLEN, "--immediate-mode", "-i", self.interface,
                   "-w", self.path, "tcp or icmp" if self.interface != "any" else ""]
        self.dump = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = ""
        while "listening on" not in said:
            line = self.dump.stderr.readline()
            said += line
            assert line, f"tcpdump: {said}"

    def stop(self):
        if self.dump:
            time.sleep(0.2)
            self.dump.send_signal(signal.SIGINT)
            self.dump.communicate()
            self.dump = None

    def listener(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen()
        return listener

    def connection(self, server_here, address=None, receive=None):
        """A server's and a client's socket, one on each host."""
        address = address or (HERE if server_here else THERE)
        mine, other = (contextlib.nullcontext, self.there) if server_here else (self.there, contextlib.nullcontext)
        with mine():
            listener = self.listener(address)
        with other():
            client = socket.socket(listener.family)
            if receive:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            client.connect((address, self.port))
        server, _ = listener.accept()
        listener.close()
        # What a scene does not close stays open until the capture has ended.
        self.kept.append((server, client))
        return server, client

    def knock(self):
        """A connection that is refused: a packet which shows that the capture went on."""
        socket.socket().connect_ex((THERE, self.port))
        time.sleep(0.2)

    def close(self):
        self.stop()
        self.other.kill()
        self.other.wait()


def unshared():
    """A process in a network namespace of its own."""
    process = subprocess.Popen(["unshare", "-n", "sleep", "3600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ours = os.stat("/proc/self/ns/net").st_ino
    while os.stat(f"/proc/{process.pid}/ns/net").st_ino == ours:
        time.sleep(0.01)
    return process


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def record(name, directory):
    function, port, interface = SCENES[name]
    path = os.path.join(directory, f"{name}.pcap")
    net = Net(port, interface, path)
    try:
        truth = function(net)
    finally:
        net.close()
    about = (function.__doc__ or "").strip()
    with open(os.path.join(directory, f"{name}.json"), "w") as file:
        json.dump({"about": about, "kernel": os.uname().release, "connections": truth}, file, indent=2)
        file.write("\n")
    print(f"{name}: {os.path.getsize(path)} bytes", flush=True)


def main():
    directory, *names = sys.argv[1:]
    if os.environ.get("INSIDE") != "1":
        os.environ["INSIDE"] = "1"
        for name in names or SCENES:
            # Each scene in a namespace of its own: sysctls and addresses begin afresh.
            command = ["unshare", "-n", sys.executable, os.path.abspath(__file__), directory, name]
            subprocess.run(command, check=True)
        return
    for name in names:
        record(name, directory)


main()
