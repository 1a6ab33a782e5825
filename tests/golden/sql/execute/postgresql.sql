-- up

UPDATE child SET note = note WHERE id > %(p1)s;

-- down

DELETE FROM child WHERE id < %(n)s;
