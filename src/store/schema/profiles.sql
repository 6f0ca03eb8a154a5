-- What people tell of themselves.
ALTER TABLE people ADD COLUMN username TEXT;        -- as it is shown: RFC 8265, UsernameCaseMapped
ALTER TABLE people ADD COLUMN username_shape TEXT;  -- what looks the same has the same (UTS #39 skeleton)
ALTER TABLE people ADD COLUMN description TEXT;
ALTER TABLE people ADD COLUMN tags TEXT;            -- JSON list of words
ALTER TABLE people ADD COLUMN last_active_at INTEGER;
CREATE UNIQUE INDEX people_username ON people (username_shape);
