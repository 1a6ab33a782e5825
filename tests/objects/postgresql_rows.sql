-- Rows for what postgresql.sql makes.
SET session_replication_role = replica;
INSERT INTO pairs (a, b, again) VALUES (1990, 7, 7), (1940, 10, NULL);
INSERT INTO people ("Name", mail, feels, lives, born, known, knowns, moods, price, words, embedded,
                    long_text, packed, short, numbered, at)
    VALUES ('é\b', 'a@b', 'it''s "ok"', '("a, b",7,"back\\slash")', 1990, '[1.5,3)',
            '{[1,2),[5,9)}', ARRAY['sad', NULL, 'it''s "ok"']::mood[], 12.50,
            to_tsvector('a fat cat'), '[1,2.5,-3]', repeat('long', 900), 'packed', '{ab,NULL,"c d"}',
            '10', '2024-02-29 23:59:59.999999+00'),
           ('', 'c@d', NULL, NULL, 1951, 'empty', '{}', '{}', NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, 'infinity');
-- They do not meet what is said of new rows alone.
ALTER TABLE people DROP CONSTRAINT loosely;
UPDATE people SET born = 1940 WHERE born = 1951;
ALTER TABLE people ADD CONSTRAINT loosely CHECK (born > 1950) NOT VALID;
INSERT INTO bookings VALUES (1, '[2024-01-01,2024-01-02)', 7, 1, 1990, 7),
                            (2, '[2024-02-01,)', NULL, 2, NULL, NULL),
                            (3, '(,2023-01-01)', NULL, 2, NULL, NULL);
INSERT INTO scratch VALUES (1, 'a'), (2, NULL);
INSERT INTO typed VALUES ('s', 1, 'sad'), (NULL, 2, NULL);
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (2, 'c', 5);
INSERT INTO crooked VALUES (1, 'k', 3);
INSERT INTO merged VALUES (4, 'm', 5);
INSERT INTO events (at, kind, note, person) VALUES
    ('2024-05-05', 'happy', 'one', 7), ('2025-05-05', 'sad', NULL, NULL),
    ('2025-06-06', 'happy', 'two', NULL), ('1999-01-01', 'back\slash', 'old', 10);
INSERT INTO hashed SELECT generate_series(1, 20);
SELECT nextval('free_numbers'), nextval('down_numbers'), nextval('down_numbers');
SELECT setval('unlogged_numbers', 40, false);
RESET session_replication_role;
REFRESH MATERIALIZED VIEW kept;
