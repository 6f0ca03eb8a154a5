-- How often what is read of a space as a whole was changed. Who keeps it in memory sees by that whether it still is so; whoever
-- writes, and from whichever process, need not know.
ALTER TABLE memory_spaces ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER memory_entries_added AFTER INSERT ON memory_entries
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = new.space; END;
CREATE TRIGGER memory_entries_changed AFTER UPDATE ON memory_entries
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = new.space; END;
CREATE TRIGGER memory_entries_gone AFTER DELETE ON memory_entries
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = old.space; END;
CREATE TRIGGER memory_vectors_added AFTER INSERT ON memory_vectors
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = new.space; END;
CREATE TRIGGER memory_vectors_changed AFTER UPDATE ON memory_vectors
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = new.space; END;
CREATE TRIGGER memory_vectors_gone AFTER DELETE ON memory_vectors
    BEGIN UPDATE memory_spaces SET changes = changes + 1 WHERE id = old.space; END;
