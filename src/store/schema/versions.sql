-- What interactions said before they were changed.
ALTER TABLE interactions ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE interactions ADD COLUMN updated_at INTEGER;
CREATE TABLE interaction_versions (
    space INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    version INTEGER NOT NULL,        -- from 1
    text TEXT NOT NULL,
    metadata TEXT,
    occurred_at INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    PRIMARY KEY (space, doc, version),
    FOREIGN KEY (space, doc) REFERENCES interactions (space, doc) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
