-- up

UPDATE child SET note = note WHERE id > %s;

-- down

DELETE FROM child WHERE id < %s;
