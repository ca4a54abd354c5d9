# A machine for the commands of the documents, within namespaces of its own: the programs that they
# name, an interface, and what they leave behind. `once N COMMAND` runs one as on a
# terminal and says what it came to, `until_stopped` interrupts it after a while, `aside` does so
# beside the others, and `later` begins a test as nobody.
set -u
mount --make-rprivate /
for folder in /run /var/lib; do mount -t tmpfs tmpfs "$folder"; done
mkdir /var/lib/deadpeer
cp /etc/hosts hosts
echo "192.0.2.2 HERE THERE db.example" >>hosts
mount --bind hosts /etc/hosts
ip link set lo up
ip link add eth0 type veth peer name away
ip addr add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip link set away up

mkdir bin nobody nobody/data
chown -R 65534:65534 nobody
ln -s "$DEADPEER" bin/deadpeer
postgres=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
PATH=$PWD/bin:$PATH:/usr/sbin:$postgres
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cp "$REPOSITORY/crates/deadpeer-capture/tests/captures/openings.pcap" capture.pcap
cp capture.pcap capture.pcapng
ln -s "$REPOSITORY/crates" crates
cp "$REPOSITORY/crates/deadpeer-lab/scenarios/power-off.toml" my.toml
printf '#!/bin/sh\nexit 0\n' >importer
cat >nobody/my-server <<'END'
#!/usr/bin/env python3
import socket
listener = socket.create_server(("0.0.0.0", 8080))
clients = []
while True:
    clients.append(listener.accept())
END
chmod +x importer nobody/my-server
mkdir -p nobody/target/release
cp nobody/my-server nobody/target/release
cd nobody
as_nobody initdb --no-sync --auth=trust -U postgres -D data >initdb.log
echo 'host all all all trust' >>data/pg_hba.conf
echo 'select 1;' >query
cp -a data other
cd ..

# The pid that a help text has.
echo 4710 >/proc/sys/kernel/ns_last_pid
redis-server --bind '*' --protected-mode no --save '' --tcp-keepalive 0 >redis.log &
(cd nobody && exec setpriv --reuid 65534 --regid 65534 --clear-groups postgres -F -D other -k "$PWD" -h '*') >postgres.log 2>&1 &
listens() { while ! (exec 3<>"/dev/tcp/192.0.2.2/$1") 2>/dev/null; do sleep 0.1; done; }
for port in 6379 5432; do listens $port; done
python3 -c '
import socket, time
clients = [socket.create_connection(("192.0.2.2", port)) for port in (6379, 6379, 5432)]
print("connected", flush=True)
time.sleep(3600)' >clients.log &
while ! grep -q connected clients.log; do sleep 0.1; done
# What other commands ask or connect to.
serve() {
  deadpeer listen :8888 >listen.log 2>&1 &
  listens 8888
  deadpeer guard >guard.log 2>&1 &
  while ! deadpeer guard status >status.log 2>&1; do sleep 0.1; done
}

# On a terminal: what is typed into it is said by `$3`, and the rest bounds it. The end of its input
# would take script(1) two seconds.
typed() { "${@:4}" script -qec "$2" /dev/null >"$1.said" 2>&1 < <("$3" && exec sleep 120); }
agrees() { echo y; }
# The terminal interrupts whoever is in its foreground; a signal to script(1) might meet a shell only,
# and leave a guard to itself, to which a hangup is no end.
agrees_then_interrupts() { echo y && sleep 2 && printf '\003'; }
told() { echo "$1 $2"; }
once() {
  typed "$1" "$2" agrees timeout -k 5 60
  told "$1" $?
  # The names of undo files that the documents have.
  for undo in /var/lib/deadpeer/protect-*.undo.json; do
    for name in 1760000000-4711 1795192820-1846; do
      [[ -e $undo && ! -e /var/lib/deadpeer/protect-$name.undo.json ]] &&
        cp "$undo" "/var/lib/deadpeer/protect-$name.undo.json"
    done
  done
}
until_stopped() {
  typed "$1" "$2" agrees_then_interrupts timeout -k 5 60
  told "$1" $?
}
aside() {
  until_stopped "$@" &
  tests+=($!)
}
later() {
  (cd nobody && typed "../$1" "$2" agrees timeout -k 5 100 setpriv --reuid 65534 --regid 65534 --clear-groups
   told "$1" $?) &
  tests+=($!)
}
tests=()
