-- What a daemon with the first step of the schema had written.
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    name TEXT,
    email TEXT,
    scopes TEXT,
    reach TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER,
    disabled_at INTEGER
) STRICT;
INSERT INTO people VALUES ('owner', 'owner', NULL, NULL, NULL, NULL, 1795779727101, NULL, NULL);
INSERT INTO people VALUES ('ann', 'member', 'Ann', 'ann@example.org', 'profile memory:read memory:write registry:read registry:write', '[]', 1795779000000, 1795779000000, NULL);
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
INSERT INTO identities VALUES ('https://login.example', 'ann-1', 'ann', 1795779000000);
CREATE INDEX identities_person ON identities (person);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    reach TEXT,
    memory_of TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER,
    old_hash BLOB UNIQUE,
    old_until INTEGER
) STRICT;
INSERT INTO keys VALUES ('3e7d56cbb5ad5686cf03', X'4C5FA7F756C06A89B800C0C58FB7EF413EC56838EA8965ED9B64ADADDD476448', 'anns', 'ann', 'profile memory:read memory:write', NULL, NULL, 1795779746975, NULL, NULL, NULL, NULL, NULL);
CREATE INDEX keys_person ON keys (person);
CREATE TABLE visits (
    hash BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX visits_expires ON visits (expires_at);
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    secret BLOB,
    name TEXT NOT NULL,
    redirects TEXT NOT NULL,
    grants TEXT NOT NULL,
    scopes TEXT,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
INSERT INTO clients VALUES ('5b176cd96bc2ff993533', NULL, 'Old agent', '["https://app.test/callback"]', 'authorization_code refresh_token', NULL, 1795779738530, NULL);
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    audience TEXT,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX grants_client ON grants (client);
CREATE INDEX grants_person ON grants (person);
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    of_grant TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    redirect TEXT,
    challenge TEXT
) STRICT;
CREATE INDEX tokens_grant ON tokens (of_grant);
CREATE INDEX tokens_expires ON tokens (expires_at);
CREATE TABLE devices (
    hash BLOB PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    audience TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    wait_s INTEGER NOT NULL,
    asked_at INTEGER,
    of_grant TEXT REFERENCES grants (id) ON DELETE CASCADE,
    denied_at INTEGER
) STRICT;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    principal TEXT NOT NULL,
    person TEXT,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT,
    result INTEGER NOT NULL,
    detail TEXT,
    looks INTEGER NOT NULL
) STRICT;
INSERT INTO audit VALUES (7, 1795779746965, 'local:0', 'owner', 'socket', 'keys.create', NULL, 0, NULL, 0);
INSERT INTO audit VALUES (8, 1795779746965, 'local:0', 'owner', 'socket', 'keys.create', '3e7d56cbb5ad5686cf03', 201, NULL, 0);
CREATE INDEX audit_subject ON audit (subject, id) WHERE subject IS NOT NULL;
CREATE INDEX audit_principal ON audit (principal, id);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    session TEXT,
    facts TEXT NOT NULL
) STRICT;
INSERT INTO events VALUES (1, 1795779000000, 'session.renewed', 'shop', '{"rung":"login"}');
CREATE INDEX events_at ON events (at);
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    kinds TEXT,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    failing_since INTEGER,
    disabled_at INTEGER,
    disabled_why TEXT
) STRICT;
CREATE TABLE deliveries (
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    delivered_at INTEGER,
    status INTEGER,
    error TEXT,
    PRIMARY KEY (webhook, event)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_event ON deliveries (event);
CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    holder TEXT NOT NULL,
    purpose TEXT,
    taken_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX leases_sole ON leases (session) WHERE ended_at IS NULL;
CREATE INDEX leases_ended ON leases (ended_at);
PRAGMA user_version = 1;
