//! The programs: how each is started on a port, and what a client says first.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use deadpeer_sys::testing::skip;

use crate::common::installed;

/// What a program may take to start and to answer, on a busy machine.
const BOUND: Duration = Duration::from_secs(40);

/// A program of which every connection is to be judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Has to be installed.
    executable: &'static str,
    /// A line of shell: PORT, and DIR, which everybody may write to.
    start: &'static str,
    /// What it is told; it answers that, or greets.
    hello: &'static [u8],
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
/// PostgreSQL's question whether to encrypt.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// MQTT 3.1.1, no keep alive.
const MQTT_CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";

pub(crate) const PROGRAMS: [Program; 18] = [
    // Sets 300/100/3.
    Program {
        name: "redis",
        executable: "redis-server",
        start: "exec redis-server --port $PORT --bind 0.0.0.0 --protected-mode no --save ''",
        hello: b"PING\r\n",
    },
    // Sets 30/1/10.
    Program {
        name: "node",
        executable: "node",
        start: "exec node -e \"require('net').createServer({keepAlive: true, keepAliveInitialDelay: 30000}, s => { s.on('error', () => {}); s.write('here') }).listen($PORT, '0.0.0.0')\"",
        hello: b"",
    },
    // Written in Go: 15/15 on every connection, and since Go 1.23 the count as well.
    Program {
        name: "caddy",
        executable: "caddy",
        start: "printf '{\\nadmin off\\n}\\n:%s {\\nrespond here\\n}\\n' $PORT > $DIR/Caddyfile; HOME=$DIR XDG_DATA_HOME=$DIR XDG_CONFIG_HOME=$DIR exec caddy run --adapter caddyfile --config $DIR/Caddyfile",
        hello: GET,
    },
    // Go, with 30 s of its own.
    Program {
        name: "etcd",
        executable: "etcd",
        start: "peers=http://127.0.0.1:$((PORT + 1000)); exec etcd --data-dir $DIR/etcd --listen-client-urls http://0.0.0.0:$PORT --advertise-client-urls http://127.0.0.1:$PORT --listen-peer-urls $peers --initial-advertise-peer-urls $peers --initial-cluster default=$peers",
        hello: b"GET /version HTTP/1.1\r\nHost: test\r\n\r\n",
    },
    // Go that switches keepalive off.
    Program {
        name: "nats",
        executable: "nats-server",
        start: "exec nats-server -a 0.0.0.0 -p $PORT",
        hello: b"",
    },
    Program {
        name: "memcached",
        executable: "memcached",
        start: "exec memcached -u nobody -l 0.0.0.0 -p $PORT",
        hello: b"version\r\n",
    },
    Program {
        name: "nginx",
        executable: "nginx",
        start: "{ echo \"daemon off; pid $DIR/nginx; error_log stderr; events {} http { access_log off; client_body_temp_path $DIR/a; proxy_temp_path $DIR/b; fastcgi_temp_path $DIR/c; uwsgi_temp_path $DIR/d; scgi_temp_path $DIR/e; server { listen $PORT so_keepalive=60:20:9; return 200 here; } }\"; } > $DIR/nginx.conf; exec nginx -e stderr -c $DIR/nginx.conf",
        hello: GET,
    },
    // A user timeout on its listener, keepalive after accept(): one lost probe would end it.
    Program {
        name: "haproxy",
        executable: "haproxy",
        start: "printf 'defaults\\n mode http\\n timeout client 5m\\n timeout connect 5s\\n timeout server 5m\\nfrontend f\\n bind :%s tcp-ut 20s\\n option clitcpka\\n clitcpka-idle 15s\\n clitcpka-intvl 15s\\n clitcpka-cnt 3\\n http-request return status 200\\n' $PORT > $DIR/haproxy.cfg; exec haproxy -db -f $DIR/haproxy.cfg",
        hello: GET,
    },
    Program {
        name: "apache",
        executable: "apache2",
        start: "m=/usr/lib/apache2/modules; printf \"ServerName test\\nServerRoot $DIR\\nPidFile $DIR/apache.pid\\nListen $PORT\\nLoadModule mpm_event_module $m/mod_mpm_event.so\\nLoadModule authz_core_module $m/mod_authz_core.so\\nUser nobody\\nGroup nogroup\\nErrorLog /dev/stderr\\nKeepAliveTimeout 300\\nTimeout 300\\n\" > $DIR/apache.conf; exec apache2 -D FOREGROUND -f $DIR/apache.conf",
        hello: GET,
    },
    Program {
        name: "mosquitto",
        executable: "mosquitto",
        start: "printf \"listener $PORT 0.0.0.0\\nallow_anonymous true\\n\" > $DIR/mosquitto.conf; exec mosquitto -c $DIR/mosquitto.conf",
        hello: MQTT_CONNECT,
    },
    Program {
        name: "sshd",
        executable: "sshd",
        start: "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f $DIR/key; exec /usr/sbin/sshd -D -e -f /dev/null -o UsePAM=no -h $DIR/key -p $PORT",
        hello: b"",
    },
    Program {
        name: "postgres",
        executable: "postgres",
        start: "cd $DIR; as='setpriv --reuid 65534 --regid 65534 --clear-groups'; $as initdb -D $DIR/pg --no-sync --auth=trust --username=test --locale=C > /dev/null; echo 'host all all all trust' > $DIR/pg/pg_hba.conf; exec $as postgres -D $DIR/pg -k $DIR -F -h '*' -p $PORT -c tcp_keepalives_idle=120 -c tcp_user_timeout=90000",
        hello: SSL_REQUEST,
    },
    Program {
        name: "pgbouncer",
        executable: "pgbouncer",
        start: "printf \"[databases]\\n* = host=127.0.0.1\\n[pgbouncer]\\nlisten_addr = 0.0.0.0\\nlisten_port = $PORT\\nunix_socket_dir =\\nauth_type = any\\ntcp_keepidle = 200\\ntcp_keepintvl = 20\\ntcp_user_timeout = 60000\\n\" > $DIR/pgbouncer.ini; exec setpriv --reuid 65534 --regid 65534 --clear-groups pgbouncer $DIR/pgbouncer.ini",
        hello: SSL_REQUEST,
    },
    Program {
        name: "python",
        executable: "python3",
        start: "exec python3 -c \"
import asyncio
async def here(reader, writer):
    writer.write(b'here')
    await reader.read()
async def main():
    await (await asyncio.start_server(here, '0.0.0.0', $PORT)).serve_forever()
asyncio.run(main())\"",
        hello: b"",
    },
    // Listens as Go does since 1.24, by Multipath TCP, and sets what Go sets.
    Program {
        name: "multipath",
        executable: "python3",
        start: "exec python3 -c \"
import socket
try:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError:
    listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('0.0.0.0', $PORT))
listener.listen()
all = []
while True:
    end, _ = listener.accept()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 9)):
        end.setsockopt(socket.IPPROTO_TCP, option, value)
    end.send(b'here')
    all.append(end)\"",
        hello: b"",
    },
    // Sets 300/100/3 and a user timeout on each connection, whatever its listener has.
    Program {
        name: "socat",
        executable: "socat",
        start: "exec socat TCP4-LISTEN:$PORT,fork,reuseaddr,keepalive,keepidle=300,keepintvl=100,keepcnt=3,setsockopt-int=6:18:20000 SYSTEM:'echo here; exec sleep 300'",
        hello: b"",
    },
    Program {
        name: "lighttpd",
        executable: "lighttpd",
        start: "printf \"server.document-root = \\\"$DIR\\\"\\nserver.port = $PORT\\nserver.max-keep-alive-idle = 300\\nserver.max-read-idle = 300\\n\" > $DIR/lighttpd.conf; exec lighttpd -D -f $DIR/lighttpd.conf",
        hello: GET,
    },
    Program {
        name: "java",
        executable: JAVA,
        start: "cat > $DIR/Here.java <<'END'
import java.net.*;
import java.util.*;
import static jdk.net.ExtendedSocketOptions.*;
public class Here {
    public static void main(String[] args) throws Exception {
        ServerSocket listener = new ServerSocket(Integer.parseInt(args[0]));
        List<Socket> all = new ArrayList<>();
        while (true) {
            Socket end = listener.accept();
            all.add(end);
            end.setKeepAlive(true);
            end.setOption(TCP_KEEPIDLE, 45);
            end.setOption(TCP_KEEPINTERVAL, 15);
            end.getOutputStream().write(\"here\".getBytes());
        }
    }
}
END
exec java -Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1 $DIR/Here.java $PORT",
        hello: b"",
    },
];

/// Too large to be installed for this alone: tried where it is there.
const JAVA: &str = "java";

impl Program {
    /// Those that are installed, each with a port of its own. The others are skipped aloud.
    pub(crate) fn installed() -> Vec<(Self, u16)> {
        let ports = PROGRAMS.into_iter().zip(7001..);
        ports
            .filter(|(program, _)| {
                let found = is_installed(program.executable);
                if !found && program.executable != JAVA {
                    skip(&format!("{} is not installed", program.executable));
                }
                found
            })
            .collect()
    }

    /// What a shell is to do to become the program.
    pub(crate) fn script(&self, port: u16, room: &Path) -> String {
        let folder = room.join(self.name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        format!(
            "PATH=$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin); PORT={port}; DIR={}; {}",
            folder.display(),
            self.start
        )
    }

    /// A client that has been answered.
    pub(crate) fn client(&self, address: Ipv4Addr, port: u16) -> TcpStream {
        let bound = Instant::now() + BOUND;
        let mut client = loop {
            match TcpStream::connect(SocketAddr::from((address, port))) {
                Ok(client) => break client,
                Err(error) => {
                    assert!(Instant::now() < bound, "{}: {error}", self.name);
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        };
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.write_all(self.hello).unwrap();
        let said = client.read(&mut [0; 4096]);
        assert!(matches!(said, Ok(1..)), "{} says {said:?}", self.name);
        client
    }
}

fn is_installed(executable: &str) -> bool {
    let debians = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debians = debians.flatten().map(|version| version.path().join("bin"));
    installed(executable).is_some() || debians.any(|folder| folder.join(executable).is_file())
}
