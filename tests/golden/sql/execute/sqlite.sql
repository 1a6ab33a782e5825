-- up

UPDATE child SET note = note WHERE id > ?;

-- down

DELETE FROM child WHERE id < ?;
