# Programs as the situations start them, in the foreground, one function for each. The working
# directory is the situation's own, and everybody may write to it.

PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
PGUSER=test PGDATABASE=postgres
export PATH PGUSER PGDATABASE

nobody() {
  exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

# A Redis on port 6379 as Debian's comes, but for what is given.
redis() {
  exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save '' "$@"
}

# A PostgreSQL on port 5432 that trusts everybody.
postgres() {
  (nobody initdb -D "$PWD/pg" --no-sync --auth=trust --username=test --locale=C >/dev/null)
  printf 'host all all all trust\nhost replication all all trust\n' >>pg/pg_hba.conf
  # What is changed later is PostgreSQL's own.
  chown 65534:65534 pg/pg_hba.conf
  nobody postgres -D "$PWD/pg" -k "$PWD" -F -h 0.0.0.0 -p 5432 "$@"
}

# nginx.conf with this inside of its http block.
nginx_conf() {
  cat >nginx.conf <<CONF
daemon off; pid $PWD/nginx.pid; error_log stderr; events {}
http { access_log off; keepalive_timeout 1h; client_body_temp_path $PWD/a; proxy_temp_path $PWD/b;
fastcgi_temp_path $PWD/c; uwsgi_temp_path $PWD/d; scgi_temp_path $PWD/e;
$1
}
CONF
}

# nginx with this inside of its http block.
nginx_http() {
  nginx_conf "$1"
  exec nginx -e stderr -c "$PWD/nginx.conf"
}

# HAProxy with these sections.
haproxy_with() {
  printf '%s\n' "$1" >haproxy.cfg
  exec haproxy -db -f haproxy.cfg
}

# The cgroup that a container has, below one of this situation's own, for what follows.
container() {
  for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e $root/cgroup.controllers ] || continue
    cgroup=$root/deadpeer-${PWD##*/.}/$1
    mkdir -p "$cgroup"
    echo $$ >"$cgroup/cgroup.procs"
    return
  done
}

# A RabbitMQ whose STOMP listens on port 61613, and AMQP as well.
rabbitmq() {
  printf 'loopback_users = none\nstomp.listeners.tcp.default = 61613\n' >rabbitmq.conf
  echo '[rabbitmq_stomp].' >plugins
  export RABBITMQ_MNESIA_BASE="$PWD/data" RABBITMQ_LOG_BASE="$PWD/logs"
  export RABBITMQ_CONFIG_FILE="$PWD/rabbitmq.conf" RABBITMQ_NODENAME=test@localhost
  export RABBITMQ_ADVANCED_CONFIG_FILE="$PWD/no" RABBITMQ_CONF_ENV_FILE=/dev/null
  export RABBITMQ_ENABLED_PLUGINS_FILE="$PWD/plugins" RABBITMQ_PID_FILE="$PWD/pid"
  epmd &
  exec /usr/lib/rabbitmq/bin/rabbitmq-server
}
