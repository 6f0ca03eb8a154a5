-- Documents by user, as they came; and the passages of their texts that can be found.
ALTER TABLE documents ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN original BLOB;       -- as it came, where that is no text
ALTER TABLE documents ADD COLUMN origin TEXT;         -- path below the watched folder; NULL: it was uploaded
UPDATE documents SET user = person;
DROP INDEX documents_name;
CREATE UNIQUE INDEX documents_name ON documents (person, user, name);
CREATE TABLE passages (
    space INTEGER NOT NULL REFERENCES memory_spaces (id) ON DELETE CASCADE,
    doc INTEGER NOT NULL,
    document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    begin INTEGER NOT NULL,          -- bytes of the document's text
    end INTEGER NOT NULL,
    heading TEXT,                    -- those above it, outermost first
    page INTEGER,                    -- from 1, where it has pages
    PRIMARY KEY (space, doc)
) STRICT, WITHOUT ROWID;
CREATE INDEX passages_document ON passages (document, begin);
