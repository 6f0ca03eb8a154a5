-- A space holds more than turns: whatever can be found in it is an entry.
ALTER TABLE memory_facts RENAME TO memory_entries;
ALTER TABLE memory_entries RENAME COLUMN facts TO entries;
ALTER TABLE memory_spaces ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0; -- of all that is kept, as store::interactions counts it
ALTER TABLE memory_spaces ADD COLUMN rules INTEGER NOT NULL DEFAULT 1; -- by which its terms were made
UPDATE memory_spaces SET bytes =
    (SELECT coalesce(sum(octet_length(text) + coalesce(octet_length(metadata), 0) + coalesce(octet_length(speaker), 0)
        + coalesce(octet_length(session), 0) + coalesce(octet_length(app), 0) + coalesce(octet_length(once), 0) + 256), 0)
     FROM interactions WHERE interactions.space = memory_spaces.id);
-- Whoever takes an entry out knows its names by their numbers.
CREATE UNIQUE INDEX memory_names_number ON memory_names (space, kind, number);
