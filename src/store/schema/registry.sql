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
    words TEXT NOT NULL,             -- what a search finds it by, as hashes; person and status are added by the triggers below
    salt BLOB NOT NULL,              -- one for both hashes: a check costs the same whether one or two are good
    cost TEXT NOT NULL,              -- Argon2id's, as m=KIB,t=PASSES,p=LANES
    hash BLOB NOT NULL,
    next_hash BLOB,                  -- of a password that was given out and never used yet; the other one is good until then
    ceiling TEXT,                    -- scope words that tokens for the password can at most have; NULL: as of one whom nobody knows
    next_ceiling TEXT,               -- the same for the password that was not used yet
    retry_key BLOB UNIQUE,           -- SHA-256 of the idempotency key that it was registered with, for a day
    retry_print BLOB,                -- SHA-256 of what was registered; NULL: a password was used, and the key is good no more
    status TEXT NOT NULL,            -- online, offline, unregistered
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    heard_at INTEGER,                -- the newest heartbeat, to the minute
    used_at INTEGER                  -- when its password was last shown, to the minute
) STRICT;
-- A page is found in an index alone, however wide the rows are.
CREATE INDEX instances_person ON instances (person, seq, status);
CREATE INDEX instances_status ON instances (status, seq);
CREATE INDEX instances_newest ON instances (seq, status);
-- How many there are: pages are numbered for clients that want to know how many there will be.
CREATE TABLE instance_counts (
    person TEXT NOT NULL,            -- '': nobody who is known; '*': whosever
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (person, status)
) STRICT, WITHOUT ROWID;
-- What a search finds: words of the row above, `p` and its person, `s` and its status. It holds nothing that can be read back.
CREATE VIRTUAL TABLE instance_index USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TRIGGER instances_added AFTER INSERT ON instances BEGIN
    INSERT INTO instance_index (rowid, words)
        VALUES (new.seq, 'p' || coalesce(new.person, '') || ' s' || new.status || ' ' || new.words);
    INSERT INTO instance_counts VALUES (coalesce(new.person, ''), new.status, 1), ('*', new.status, 1)
        ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER instances_changed AFTER UPDATE OF person, status, words ON instances
    WHEN old.person IS NOT new.person OR old.status <> new.status OR old.words <> new.words BEGIN
    DELETE FROM instance_index WHERE rowid = old.seq;
    INSERT INTO instance_index (rowid, words)
        VALUES (new.seq, 'p' || coalesce(new.person, '') || ' s' || new.status || ' ' || new.words);
    UPDATE instance_counts SET number = number - 1 WHERE person IN (coalesce(old.person, ''), '*') AND status = old.status;
    INSERT INTO instance_counts VALUES (coalesce(new.person, ''), new.status, 1), ('*', new.status, 1)
        ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER instances_gone AFTER DELETE ON instances BEGIN
    DELETE FROM instance_index WHERE rowid = old.seq;
    UPDATE instance_counts SET number = number - 1 WHERE person IN (coalesce(old.person, ''), '*') AND status = old.status;
    DELETE FROM instance_counts WHERE number = 0;
END;
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
-- Roles that an instance has told: kept for the instance's own clients; no chat reads them yet.
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
