-- The history of deadpeer, version 1. Times are microseconds since 1970 in UTC, hours are hours since 1970.
-- A name that is no UTF-8 is a BLOB. NULL is what nobody saw.

-- Whose a connection was.
CREATE TABLE owner (
  id INTEGER PRIMARY KEY,
  process,                      -- the name of the process
  known_by TEXT,                -- closing, holding, connecting or listening
  direction TEXT NOT NULL,      -- accepted or outgoing
  local_address TEXT NOT NULL,
  uid INTEGER,
  cgroup INTEGER,               -- the number of the cgroup (v2)
  cgroup_path,                  -- its path below the root of the hierarchy
  place TEXT                    -- network namespace, container, pod and unit, as in `deadpeer watch --json`
);
CREATE INDEX owner_by_process ON owner (process, cgroup);

-- Why it died, in the words of `deadpeer watch --json`.
CREATE TABLE reason (
  id INTEGER PRIMARY KEY,
  cause TEXT NOT NULL,
  text TEXT NOT NULL,
  certain INTEGER NOT NULL,     -- 0: what fits the counters best
  decided_by TEXT,              -- the setting that decided
  decided_by_text TEXT,         -- with its value
  advice TEXT,
  state TEXT                    -- the state it died in
);

-- The options that were in force, as the object `settings` of `deadpeer watch --json`.
CREATE TABLE settings (id INTEGER PRIMARY KEY, options TEXT NOT NULL);

-- Who destroyed connections.
CREATE TABLE destroyer (id INTEGER PRIMARY KEY, process, pid INTEGER NOT NULL, known_by TEXT NOT NULL);

CREATE TABLE death (
  at INTEGER PRIMARY KEY,       -- where two died in the same microsecond, the second is one later
  owner INTEGER NOT NULL REFERENCES owner,
  reason INTEGER NOT NULL REFERENCES reason,
  settings INTEGER REFERENCES settings,
  destroyer INTEGER REFERENCES destroyer,
  pid INTEGER,
  local_port INTEGER NOT NULL,
  peer_address TEXT NOT NULL,
  peer_port INTEGER NOT NULL,
  cookie INTEGER NOT NULL,
  age_ms INTEGER,
  age_exact INTEGER NOT NULL,   -- 0: at least so old
  silent_ms INTEGER,
  tcpi_bytes_received INTEGER,
  received_flags INTEGER,       -- how many of them were flags and no data
  tcpi_bytes_acked INTEGER,
  acked_flags INTEGER,
  unread_bytes INTEGER,
  unacked_bytes INTEGER,
  tcpi_probes INTEGER,
  tcpi_retransmits INTEGER
);

-- Connections that both ends closed in order: counted, not kept.
CREATE TABLE closes (hour INTEGER PRIMARY KEY, closes INTEGER NOT NULL);

-- Deaths that are missing here.
CREATE TABLE lost (at INTEGER NOT NULL, deaths INTEGER NOT NULL, why TEXT NOT NULL);

-- When somebody watched, from when to when.
CREATE TABLE watched (since INTEGER PRIMARY KEY, until INTEGER NOT NULL);

-- The longest silence of an hour that ended with a sign of life of the peer.
CREATE TABLE survived (
  hour INTEGER NOT NULL,
  network TEXT NOT NULL,        -- of the peer: a /24 of IPv4, a /48 of IPv6
  silent_ms INTEGER NOT NULL,
  PRIMARY KEY (hour, network)
) WITHOUT ROWID;

-- The same, to be read by people.
CREATE VIEW deaths AS SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', death.at / 1e6, 'unixepoch') AS time,
  reason.cause, reason.certain, reason.decided_by_text AS decided_by, reason.state,
  owner.process, death.pid, owner.direction,
  owner.local_address, death.local_port, death.peer_address, death.peer_port,
  death.age_ms, death.silent_ms,
  death.tcpi_bytes_received - death.received_flags AS received_bytes,
  death.tcpi_bytes_acked - death.acked_flags AS acked_bytes,
  death.unread_bytes, death.unacked_bytes, death.tcpi_probes, death.tcpi_retransmits,
  destroyer.process AS destroyed_by, owner.uid, owner.cgroup_path, settings.options, death.at, death.cookie
FROM death
JOIN owner ON owner.id = death.owner
JOIN reason ON reason.id = death.reason
LEFT JOIN settings ON settings.id = death.settings
LEFT JOIN destroyer ON destroyer.id = death.destroyer;
