-- What was said, word for word. A space is the memory of one user: a person itself, or a user of one of its applications.
CREATE TABLE memory_spaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: who still holds one must not find another's memory
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    user TEXT NOT NULL,
    next_doc INTEGER NOT NULL,       -- number of the next interaction; none is given twice
    next_name INTEGER NOT NULL,      -- number of the next name
    count INTEGER NOT NULL           -- interactions that are there
) STRICT;
CREATE UNIQUE INDEX memory_spaces_user ON memory_spaces (person, user);
CREATE INDEX memory_spaces_person ON memory_spaces (person, id);
CREATE TABLE interactions (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,            -- from 0, in the order in which they came
    id TEXT NOT NULL,
    role TEXT NOT NULL,              -- user, assistant, system, tool
    speaker TEXT,
    session TEXT,
    app TEXT,                        -- application or agent
    text TEXT NOT NULL,
    metadata TEXT,                   -- JSON object
    occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    once TEXT,                       -- idempotency key
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX interactions_id ON interactions (id);
CREATE UNIQUE INDEX interactions_once ON interactions (space, once) WHERE once IS NOT NULL;
CREATE INDEX interactions_end ON interactions (expires_at) WHERE expires_at IS NOT NULL;
-- The index: who reads it needs no text. Blobs are appended to, so other databases can hold them as they are.
CREATE TABLE memory_index (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    term TEXT NOT NULL,
    block INTEGER NOT NULL,          -- doc / 1024
    docs BLOB NOT NULL,              -- two bytes each, low one first: doc in the block * 64 + how often (63 at most)
    PRIMARY KEY (space, term, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory_facts (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    block INTEGER NOT NULL,          -- doc / 256
    facts BLOB NOT NULL,             -- 24 bytes each, see store::memory_blocks
    PRIMARY KEY (space, block)
) STRICT, WITHOUT ROWID;
-- Sessions, speakers and applications by number, as the facts name them.
CREATE TABLE memory_names (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL,           -- 1 session, 2 speaker, 3 application
    name TEXT NOT NULL,
    number INTEGER NOT NULL,         -- from 1
    uses INTEGER NOT NULL,           -- interactions that have it
    PRIMARY KEY (space, kind, name)
) STRICT, WITHOUT ROWID;
