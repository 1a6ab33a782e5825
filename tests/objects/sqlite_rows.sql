-- Rows for what sqlite.sql makes.
DROP TRIGGER stamp;
INSERT INTO people ("Na""me", born, price, parent) VALUES ('é', '2000-01-01', 12.5, NULL),
    ('', NULL, NULL, 1), (x'00ff', NULL, 'text', 1);
DELETE FROM people WHERE id = 3;
INSERT INTO plain (a) VALUES (1), ('one'), (1.0), (x'01'), (NULL);
INSERT INTO hidden VALUES ('a' || char(0) || 'b'), (9.5), (NULL);
INSERT INTO negative VALUES (-9223372036854775808), (-1), (7);
INSERT INTO keyed VALUES ('a', x'00'), ('a', x'01');
INSERT INTO strict VALUES (1, 'x'), (2, 2.5), (NULL, NULL);
INSERT INTO one VALUES (1, 2), (NULL, 3);
INSERT INTO two VALUES (2, 1), (3, 'b');
INSERT INTO searching (rowid, words) VALUES (5, 'some words'), (9, 'others');
UPDATE people SET parent = 2;
DELETE FROM people WHERE id = 1;
INSERT INTO of_people (of_people) VALUES ('rebuild');
INSERT INTO places VALUES (1, 0, 1, 0, 1);
