-- People: who may be behind a principal. The first is made with the store, and is the owner of this machine.
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    role TEXT NOT NULL,              -- owner, member
    name TEXT,
    email TEXT,                      -- only where the issuer has verified it
    scopes TEXT,                     -- of a member: space-separated; NULL for an owner, who may have all
    reach TEXT,                      -- of a member: sessions as JSON list of SITE or SITE:ACCOUNT; NULL: every one
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER,
    disabled_at INTEGER
) STRICT;
-- By which accounts at an OpenID provider a person is known: never by an address, which may go to another one.
CREATE TABLE identities (
    issuer TEXT NOT NULL,            -- iss
    subject TEXT NOT NULL,           -- sub
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
CREATE INDEX identities_person ON identities (person);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,       -- SHA-256 of the key
    name TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    reach TEXT,                      -- as in people
    memory_of TEXT,                  -- the only user whose memory it reaches
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER,
    old_hash BLOB UNIQUE,            -- of the value before the last rotation
    old_until INTEGER                -- how long that one is still good
) STRICT;
CREATE INDEX keys_person ON keys (person);
