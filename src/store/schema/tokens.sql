-- The authorization server: who may ask for tokens, what people allowed, and what was handed out for it.
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    secret BLOB,                     -- SHA-256; NULL: a public client
    name TEXT NOT NULL,
    redirects TEXT NOT NULL,         -- JSON list
    grants TEXT NOT NULL,            -- grant types, space-separated
    scopes TEXT,                     -- what it registered; NULL: nothing in particular
    created_at INTEGER NOT NULL,
    used_at INTEGER                  -- when it last got something allowed, or a token
) STRICT;
-- What a person allowed a client, once. All tokens that follow from it are one family, and end with it.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    audience TEXT,                   -- the resource that was named (RFC 8707)
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX grants_client ON grants (client);
CREATE INDEX grants_person ON grants (person);
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,           -- SHA-256
    kind TEXT NOT NULL,              -- code, access, refresh
    of_grant TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,                 -- of a code or a refresh token: it is good once
    redirect TEXT,                   -- of a code: where it was sent
    challenge TEXT                   -- of a code: S256 of the verifier (RFC 7636)
) STRICT;
CREATE INDEX tokens_grant ON tokens (of_grant);
CREATE INDEX tokens_expires ON tokens (expires_at);
-- Terminals that wait until a person allows them something elsewhere (RFC 8628).
CREATE TABLE devices (
    hash BLOB PRIMARY KEY,           -- SHA-256 of the device code
    user_code TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    audience TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    wait_s INTEGER NOT NULL,         -- least seconds between two questions
    asked_at INTEGER,                -- when it last asked
    of_grant TEXT REFERENCES grants (id) ON DELETE CASCADE,
    denied_at INTEGER
) STRICT;
