-- Whimbrel VERSION: up on postgresql://ana:***@db1/shop (PostgreSQL)
-- To be read, not to be run: run by hand, it leaves no note in the journal,
-- so that Whimbrel would do all of it again. Placeholders stand for values from Python.

-- ----------------------------------------------------------------------------
-- 20260101_101500_split_names, up
-- Split full names.
-- one transaction · can be taken back

BEGIN;

-- 1: add column user.first_name
-- lock: reads and writes of user wait (ACCESS EXCLUSIVE)
ALTER TABLE "user" ADD COLUMN "first_name" VARCHAR(100);

-- 2: SELECT id FROM user
-- SELECT id
--   FROM user

-- 3: UPDATE user SET first_name = :first WHERE id = :id, × 70
-- in a loop at /srv/shop/migrations/20260101_101500_split_names.py:17; this is the first, the others may differ in values
-- UPDATE user SET first_name = %(first)s WHERE id = %(id)s

-- 73: through models: UPDATE user SET profile = ? WHERE id = ?
-- decided while running
-- UPDATE "user" SET "profile" = %s WHERE "id" = %s

-- 74: UPDATE user SET note = 'x' -- all of them
UPDATE user
   SET note = 'x' -- all of them
;

COMMIT;

-- ----------------------------------------------------------------------------
-- 20260102_090000_cities, up
-- each step commits by itself · rebuilds a table · goes on where it stopped · cannot be taken back

-- 1: create table city, already done

-- 2: create index city_name on city (name)
CREATE INDEX city_name ON city (name);

-- 3: drop table town
-- lock: writers of town wait
-- cannot be reversed by itself: its rows are gone
DROP TABLE town;

-- decided while running: the number of rows that a change touches decides what follows

-- ----------------------------------------------------------------------------
-- 20260103_090000_wrong, up
-- Split full names.
-- one transaction · can be taken back

BEGIN;

-- 1: create table a
CREATE TABLE a (id INTEGER);

-- this cannot be run as it is:
-- table 'b' does not exist
--   object    tables: a
--   to do     correct the name, or create the table in an earlier migration
--                                                                  [table-not-found]
