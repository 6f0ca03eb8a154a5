-- Loads: a person's workspaces, one of them the current one, and what a registry gave them.
CREATE TABLE loads (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    email TEXT,
    tags TEXT NOT NULL,              -- JSON object: model_name, is_cot and whatever else is registered with it
    avatar BLOB,
    avatar_kind TEXT,                -- media type
    is_current INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    registry TEXT,                   -- '' this daemon's own; else a URL; NULL: not registered
    instance TEXT,                   -- the id there; it stays when the load is unregistered
    sealed BLOB,                     -- the password there, where it is a foreign registry's; age
    registered_at INTEGER,           -- NULL: not at present
    retry_key BLOB,                  -- what a registration under way sends, with its idempotency key; sealed, where it goes to a foreign one
    connect INTEGER NOT NULL DEFAULT 0  -- whether it shall be connected
) STRICT;
CREATE UNIQUE INDEX loads_name ON loads (person, name);
CREATE UNIQUE INDEX loads_current ON loads (person) WHERE is_current;
