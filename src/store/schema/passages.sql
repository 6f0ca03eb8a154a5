-- Documents by user, as they came; and the passages of their texts that can be found. What is long stands last: whoever lists
-- documents does not read it.
CREATE TABLE documents_of_users (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    user TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,              -- media type of what came
    origin TEXT,                     -- path below the watched folder; NULL: it was uploaded
    hash BLOB,                       -- SHA-256 of what came; NULL: nobody has asked yet
    rules INTEGER NOT NULL DEFAULT 0, -- by which it was split; 0: it was not yet
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    unread TEXT NOT NULL DEFAULT '', -- numbers of pages that the text is not whole of, apart by spaces
    text TEXT NOT NULL,
    original BLOB                    -- as it came, where that is not the text
) STRICT;
INSERT INTO documents_of_users (id, person, user, name, kind, created_at, updated_at, text)
    SELECT id, person, person, name, kind, created_at, updated_at, text FROM documents;
DROP TABLE documents;
ALTER TABLE documents_of_users RENAME TO documents;
CREATE UNIQUE INDEX documents_name ON documents (person, user, name);
CREATE INDEX documents_rules ON documents (rules);
CREATE TABLE passages (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,
    document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    begin INTEGER NOT NULL,          -- bytes of the document's text
    end INTEGER NOT NULL,
    text TEXT NOT NULL,              -- these bytes: who shows a passage need not read all of its document
    heading TEXT,                    -- those above it, outermost first
    page INTEGER,                    -- from 1, where it has pages
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE INDEX passages_document ON passages (document, begin);
