-- What only PostgreSQL 18 can contain; behind postgresql.sql.
CREATE TABLE temporal (
    room int4range CONSTRAINT "room is known" NOT NULL,
    valid tstzrange,
    virtually integer GENERATED ALWAYS AS (1 + 2),
    lonely integer CONSTRAINT "only here" NOT NULL NO INHERIT,
    later integer,
    price integer CHECK (price > 0) NOT ENFORCED,
    CONSTRAINT temporal_key PRIMARY KEY (room, valid WITHOUT OVERLAPS)
);
ALTER TABLE temporal ADD CONSTRAINT "some day" NOT NULL later NOT VALID;
CREATE TABLE temporal_child (room int4range, valid tstzrange,
    FOREIGN KEY (room, PERIOD valid) REFERENCES temporal (room, PERIOD valid));
ALTER TABLE temporal_child ADD CONSTRAINT loose FOREIGN KEY (room, PERIOD valid)
    REFERENCES temporal (room, PERIOD valid) NOT ENFORCED;
CREATE TABLE named_parent (a integer CONSTRAINT "parent's" NOT NULL, b integer);
CREATE TABLE named_child (b integer CONSTRAINT "child's" NOT NULL) INHERITS (named_parent);
CREATE TABLE named_more () INHERITS (named_parent);
ALTER TABLE named_more ADD CONSTRAINT "more" NOT NULL b;
CREATE DOMAIN needed AS integer CONSTRAINT "has to be" NOT NULL;
CREATE TABLE identified (id bigint GENERATED ALWAYS AS IDENTITY, at date)
    PARTITION BY RANGE (at);
CREATE TABLE identified_1 PARTITION OF identified DEFAULT;
