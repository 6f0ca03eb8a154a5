-- What is registered here. A row stays when it is unregistered, so that its old id can come back with its password.
CREATE TABLE instances (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    person TEXT REFERENCES people (id) ON DELETE CASCADE,  -- NULL: registered by nobody who is known
    name TEXT NOT NULL,
    description TEXT,
    email TEXT,
    tags TEXT NOT NULL,              -- JSON object
    capabilities TEXT,               -- JSON object
    salt BLOB NOT NULL,              -- one for both hashes: a check costs the same whether one or two are good
    cost TEXT NOT NULL,              -- Argon2id's, as m=KIB,t=PASSES,p=LANES
    hash BLOB NOT NULL,
    next_hash BLOB,                  -- of a password that was given out and never used yet; the other one is good until then
    retry_key BLOB UNIQUE,           -- SHA-256 of the idempotency key, until the password is first used
    retry_print BLOB,                -- SHA-256 of what was registered with it
    status TEXT NOT NULL,            -- online, offline, unregistered
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    heard_at INTEGER,                -- the newest heartbeat, to the minute
    used_at INTEGER                  -- when its password was last shown, to the minute
) STRICT;
CREATE INDEX instances_person ON instances (person, seq);
CREATE INDEX instances_status ON instances (status, seq);
-- Short-lived tokens of instances.
CREATE TABLE instance_tokens (
    hash BLOB PRIMARY KEY,           -- SHA-256
    instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_tokens_instance ON instance_tokens (instance);
CREATE INDEX instance_tokens_expires ON instance_tokens (expires_at);
-- Roles that an instance offers in a chat.
CREATE TABLE instance_roles (
    instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    system_prompt TEXT,
    icon TEXT,
    is_active INTEGER NOT NULL,
    enable_l0_retrieval INTEGER NOT NULL,
    enable_l1_retrieval INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT;
