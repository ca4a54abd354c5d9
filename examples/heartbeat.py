#!/usr/bin/env python3
"""The other end of a deadpeer heartbeat, in plain Python. docs/heartbeat.md is the specification.

heartbeat.py listen HOST:PORT [SECONDS]    echoes what one peer sends
heartbeat.py connect HOST:PORT [SECONDS]   sends what it reads, prints what comes
heartbeat.py test heartbeat-vectors.json   reads the streams of the specification
"""
import json, os, random, select, socket, struct, sys, time

HELLO, PING, PONG, TOO_OFTEN, DATA, END, BYE = range(1, 8)
BOUNDS = {HELLO: (14, 128), PING: (16, 16), PONG: (16, 16), TOO_OFTEN: (0, 0), DATA: (1, 16384), END: (0, 0), BYE: (1, 124)}

def frame(kind, payload=b""):
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload

def decode(data, said):
    """Takes whole frames from the front of `data`; `said` holds the kinds that came before."""
    def check(rule, word):
        if not rule: raise ValueError(word)
    while data:
        check(HELLO in said or data[0] == HELLO, "not-heartbeat")
        if len(data) < 4: return
        kind, length = data[0], int.from_bytes(data[1:4], "big")
        check(kind in BOUNDS, "unknown-kind")
        check(BYE not in said and not (END in said and kind in (DATA, END)), "misplaced")
        check(length <= BOUNDS[kind][1], "oversized")
        check(length >= BOUNDS[kind][0], "undersized")
        if len(data) < 4 + length: return
        payload = bytes(data[4:4 + length])
        check(kind != HELLO or payload[:4] == b"dphb", "not-heartbeat")
        check(kind != HELLO or payload[4] == 1, "wrong-version")
        check(kind != BYE or payload[1:] == payload[1:].decode(errors="replace").encode(), "garbled")
        del data[:4 + length]
        said.add(kind)
        yield kind, payload

def talk(peer, deadline, source, take):
    """Runs one connection to its end, and raises if that is not in order."""
    clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    every, limit, heard, spoke, pinged, woken = deadline / 5, deadline, *[clock()] * 4
    out = bytearray(frame(HELLO, struct.pack(">4sBBII", b"dphb", 1, 0, int(every * 1000), 1000)))
    data, said, asked, sequence, pace, ended = bytearray(), set(), set(), 0, every, False
    peer.setblocking(False)
    while out or not (ended and END in said):  # Both have said all: the end.
        inputs = [peer] + ([] if ended or out else [source])
        ready = select.select([one for one in inputs if one], [peer] if out else [], [], every / 4)
        now, before = clock(), woken
        heard, woken = min(now, heard + max(0, now - before - every)), now  # What we slept is not their silence.
        if peer in ready[0]:
            more, heard = peer.recv(65536), now  # Any byte proves life.
            if not more and not data and said & {END, BYE}: return
            if not more: raise EOFError("truncated" if data else "no goodbye")
            data += more
            for kind, payload in decode(data, said):
                if kind == HELLO:  # The slower side wins.
                    every = max(deadline / 5, int.from_bytes(payload[10:14], "big") / 1000)
                    limit = max(deadline, 3 * every)
                if kind == PING: out += frame(PONG, payload)
                if kind == PONG and payload not in asked: raise ValueError("unasked-pong")
                if kind == PONG: asked = {ping for ping in asked if ping[:8] > payload[:8]}
                if kind == TOO_OFTEN: every, limit = 2 * every, max(limit, 6 * every)
                if kind == DATA: out += take(payload)
                if kind == END and not source and not ended: ended, out = True, out + frame(END)
                if kind == BYE and payload[0]: raise ConnectionError(payload[1:].decode())
        if source in ready[0]:
            words = os.read(source.fileno(), 16384)
            ended, out = not words, out + (frame(DATA, words) if words else frame(END))
        if asked and now - heard >= limit: raise TimeoutError("silent")
        if not out and now >= max(min(heard, spoke), pinged) + pace:
            sequence, pinged, pace = sequence + 1, now, every * random.uniform(0.75, 1)
            asked.add(ping := struct.pack(">QQ", sequence, int(now * 1e9)))
            out += frame(PING, ping)
        if out:
            try: del out[:peer.send(out)]; spoke = now
            except BlockingIOError: pass

def test(path):
    names = dict(zip(BOUNDS, "hello ping pong too-often data end bye".split()))
    for stream in json.load(open(path))["streams"]:
        data, frames, error = bytearray.fromhex(stream["hex"]), [], None
        try:
            for kind, p in decode(data, set()):
                fields = {HELLO: lambda: dict(zip(("every_ms", "floor_ms"), struct.unpack(">II", p[6:14]))),
                          DATA: lambda: {"hex": p.hex()}, BYE: lambda: {"reason": p[0], "text": p[1:].decode()}}
                if kind in (PING, PONG): fields[kind] = lambda: {"sequence": struct.unpack(">Q", p[:8])[0], "echo": p[8:].hex()}
                frames.append({"kind": names[kind], **fields.get(kind, dict)()})
            error = "truncated" if data else None
        except ValueError as wrong: error = str(wrong)
        assert (frames, error) == (stream["frames"], stream.get("error")), (stream["name"], frames, error)
        print("ok", stream["name"])

def show(payload):
    sys.stdout.buffer.write(payload); sys.stdout.flush()
    return b""

if __name__ == "__main__":
    verb, where, *seconds = sys.argv[1:]
    if verb == "test": sys.exit(test(where))
    host, port = where.rsplit(":", 1)
    try:
        if verb == "listen":
            listener = socket.create_server((host, int(port)))
            print("listening at %s:%d" % listener.getsockname()[:2], flush=True)
            talk(listener.accept()[0], float(*seconds or [30]), None, lambda data: frame(DATA, data))
        else: talk(socket.create_connection((host, int(port))), float(*seconds or [30]), sys.stdin, show)
        print("finished", flush=True)
    except (OSError, ValueError, EOFError) as error: sys.exit(print(f"the peer is gone: {error}", flush=True) or 1)
