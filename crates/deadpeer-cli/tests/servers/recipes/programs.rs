//! How each program is started with the lines of its recipe.

/// A program of Debian's, and what it takes to listen on all addresses as nobody.
pub(crate) struct Program {
    /// The recipe's name.
    pub(crate) recipe: &'static str,
    pub(crate) executable: &'static str,
    pub(crate) port: u16,
    /// A file; `{lines}` are the recipe's, `{folder}` is where everything is.
    pub(crate) configuration: &'static str,
    /// What a client says, where a program sets its sockets only once it has begun to talk.
    pub(crate) send: &'static str,
    /// What is done before, by sh.
    pub(crate) prepare: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// What the lines become in this configuration.
    pub(crate) lines: fn(String) -> String,
    /// Code that a server is written with: its only side is set on what was accepted.
    pub(crate) library: bool,
    /// Starts in a second, and is small enough to be installed for every run of the tests.
    pub(crate) quick: bool,
}

const A_SERVER: Program = Program {
    recipe: "",
    executable: "",
    port: 8080,
    configuration: "",
    send: "",
    prepare: "",
    arguments: &["{folder}/configuration"],
    lines: |lines| lines,
    library: false,
    quick: true,
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        recipe: "nginx",
        executable: "nginx",
        configuration: "daemon off; pid {folder}/pid; error_log stderr; events {} http {
            access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
            fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
            server { {lines} return 200 here; } }",
        arguments: &["-c", "{folder}/configuration", "-e", "stderr"],
        ..A_SERVER
    },
    Program {
        recipe: "redis",
        executable: "redis-server",
        port: 6379,
        configuration: "bind *\nprotected-mode no\nsave \"\"\n{lines}\n",
        ..A_SERVER
    },
    Program {
        recipe: "memcached",
        executable: "memcached",
        port: 11211,
        arguments: &["-l", "0.0.0.0"],
        ..A_SERVER
    },
    Program {
        recipe: "openssh-server",
        executable: "sshd",
        port: 2222,
        // More sessions that have not logged in than it takes by default are dropped by chance.
        configuration: "Port 2222\nHostKey {folder}/key\nPidFile none\nUsePAM no\n\
                        MaxStartups 100\n{lines}\n",
        send: "SSH-2.0-test\r\n",
        prepare: "ssh-keygen -q -t ed25519 -N '' -f {folder}/key",
        arguments: &["-D", "-e", "-f", "{folder}/configuration"],
        ..A_SERVER
    },
    Program {
        recipe: "postgresql",
        executable: "sh",
        port: 5432,
        configuration: "listen_addresses = '*'\nunix_socket_directories = '{folder}'\n{lines}\n",
        prepare: "bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
            $bin/initdb --no-sync --auth=trust --username=test --locale=C --pgdata={folder}/data >&2
            cp {folder}/configuration {folder}/data/postgresql.conf",
        arguments: &["-c", "exec $(ls -d /usr/lib/postgresql/*/bin | tail -1)/postgres -F -D {folder}/data"],
        ..A_SERVER
    },
    Program {
        recipe: "python",
        executable: "python3",
        configuration: "import socket, threading
def serve(s):
    import textwrap
    exec(textwrap.dedent('''
{lines}
'''), dict(s=s, socket=socket))
    while s.recv(100): pass
listener = socket.create_server(('0.0.0.0', 8080))
while True: threading.Thread(target=serve, args=[listener.accept()[0]]).start()
",
        library: true,
        ..A_SERVER
    },
    Program {
        recipe: "asyncio",
        executable: "python3",
        configuration: "import asyncio, socket, textwrap
async def serve(reader, writer):
    exec(textwrap.dedent('''
{lines}
'''), dict(writer=writer, socket=socket))
    while await reader.read(100): pass
async def main():
    server = await asyncio.start_server(serve, '0.0.0.0', 8080)
    await server.serve_forever()
asyncio.run(main())
",
        library: true,
        ..A_SERVER
    },
    Program {
        recipe: "c",
        executable: "sh",
        configuration: "#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 99)) abort();
  for (;;) {
    int fd = accept(listener, 0, 0);
    if (fork()) { close(fd); continue; }
    {lines}
    char byte;
    while (read(fd, &byte, 1) > 0);
    return 0;
  }
}
",
        prepare: "gcc -x c -o {folder}/server {folder}/configuration",
        arguments: &["-c", "exec {folder}/server"],
        library: true,
        ..A_SERVER
    },
    Program {
        recipe: "haproxy",
        executable: "haproxy",
        configuration: "defaults\n mode http\n timeout client 1h\n timeout connect 1s\n timeout server 1h
frontend f\n http-request return status 200\n{lines}\n",
        arguments: &["-db", "-f", "{folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "apache",
        executable: "apache2",
        configuration: "ServerRoot {folder}\nServerName test\nListen 0.0.0.0:8080\nAcceptFilter http none\nPidFile {folder}/pid
ErrorLog /dev/stderr\nMutex pthread
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
{lines}
",
        arguments: &["-D", "FOREGROUND", "-f", "{folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "lighttpd",
        executable: "lighttpd",
        configuration: "server.port = 8080\nserver.document-root = \"{folder}\"\nserver.max-read-idle = 3600\n{lines}\n",
        arguments: &["-D", "-f", "{folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "varnish",
        executable: "sh",
        // param.set of a running one, as -p of one that starts.
        arguments: &[
            "-c",
            "exec varnishd -F -n {folder}/work -a :8080 -b 127.0.0.1:1 -p timeout_idle=3600 {lines}",
        ],
        lines: |lines| {
            let set = lines.lines().map(|line| line.replace("varnishadm param.set ", "-p "));
            set.map(|line| {
                let (key, value) = line.rsplit_once(' ').unwrap();
                format!("{key}={value} ")
            })
            .collect()
        },
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "squid",
        executable: "squid",
        port: 3128,
        configuration: "{lines}\npid_filename {folder}/pid\ncache_log /dev/null\naccess_log none
http_access allow all\ncoredump_dir {folder}\nrequest_start_timeout 1 hour\nworkers 1\npinger_enable off\n",
        arguments: &["-N", "-f", "{folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "pgbouncer",
        executable: "pgbouncer",
        port: 6432,
        configuration: "[databases]\n[pgbouncer]\nlisten_addr = *\nlisten_port = 6432\nauth_type = any
unix_socket_dir =\n{lines}\n",
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "mariadb",
        executable: "mariadbd",
        port: 3306,
        configuration: "[mariadbd]\ndatadir = {folder}/data\nsocket = {folder}/socket\npid-file = {folder}/pid
bind-address = 0.0.0.0\nskip-grant-tables\nskip-networking = 0\nconnect_timeout = 3600\n{lines}\n",
        prepare: "mariadb-install-db --no-defaults --datadir={folder}/data --auth-root-authentication-method=normal >&2",
        arguments: &["--defaults-file={folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "mosquitto",
        executable: "mosquitto",
        port: 1883,
        configuration: "listener 1883\nallow_anonymous true\n{lines}\n",
        arguments: &["-c", "{folder}/configuration"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "stunnel",
        executable: "stunnel4",
        configuration: "foreground = yes\npid =\n[s]\naccept = 8080\nconnect = 127.0.0.1:1\ncert = {folder}/pem\n{lines}\n",
        prepare: "openssl req -quiet -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout {folder}/key -out {folder}/cert 2>/dev/null ||
            openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout {folder}/key -out {folder}/cert
            cat {folder}/key {folder}/cert > {folder}/pem; chmod 600 {folder}/pem",
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "rsyslog",
        executable: "rsyslogd",
        port: 5140,
        configuration: "{lines}\ninput(type=\"imtcp\" port=\"5140\")\naction(type=\"omfile\" file=\"{folder}/log\")\n",
        arguments: &["-n", "-f", "{folder}/configuration", "-i", "{folder}/pid"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "nats",
        executable: "nats-server",
        port: 4222,
        arguments: &["-a", "0.0.0.0", "-p", "4222"],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "etcd",
        executable: "etcd",
        port: 2379,
        arguments: &[
            "--data-dir",
            "{folder}/data",
            "--listen-client-urls",
            "http://0.0.0.0:2379",
            "--advertise-client-urls",
            "http://0.0.0.0:2379",
        ],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "rabbitmq",
        executable: "sh",
        port: 5672,
        configuration: "listeners.tcp.any = 0.0.0.0:5672\nloopback_users = none\n{lines}\n",
        // AMQP 0-9-1: who says nothing is sent away.
        send: "AMQP\0\0\u{9}\u{1}",
        prepare: "mv {folder}/configuration {folder}/rabbitmq.conf",
        arguments: &[
            "-c",
            "cd {folder}; export RABBITMQ_MNESIA_BASE={folder}/data RABBITMQ_LOG_BASE={folder}/logs
            export RABBITMQ_CONFIG_FILE={folder}/rabbitmq.conf RABBITMQ_NODENAME=test@localhost
            export RABBITMQ_ADVANCED_CONFIG_FILE={folder}/no RABBITMQ_CONF_ENV_FILE=/dev/null
            export RABBITMQ_ENABLED_PLUGINS_FILE={folder}/plugins RABBITMQ_PID_FILE={folder}/pid
            epmd & exec /usr/lib/rabbitmq/bin/rabbitmq-server",
        ],
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "node",
        executable: "node",
        configuration: "require('net').createServer(socket => {
  {lines}
  socket.on('error', () => {}); socket.resume();
}).listen(8080, '0.0.0.0');
",
        library: true,
        quick: false,
        ..A_SERVER
    },
    Program {
        recipe: "java",
        executable: "java",
        configuration: "import java.net.*;
import jdk.net.ExtendedSocketOptions;
class Server {
  public static void main(String[] arguments) throws Exception {
    ServerSocket listener = new ServerSocket(8080, 50, InetAddress.getByName(\"0.0.0.0\"));
    for (;;) {
      Socket socket = listener.accept();
      {lines}
      new Thread(() -> {
        try { while (socket.getInputStream().read() >= 0); socket.close(); } catch (Exception e) {
          try { socket.close(); } catch (Exception again) {}
        }
      }).start();
    }
  }
}
",
        prepare: "mv {folder}/configuration {folder}/Server.java; cd {folder}; javac Server.java",
        arguments: &["-cp", "{folder}", "Server"],
        library: true,
        quick: false,
        ..A_SERVER
    },
];
