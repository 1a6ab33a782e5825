-- One of everything that an SQLite database can contain, beside rows.
PRAGMA user_version = 7;
PRAGMA application_id = 1234;
CREATE TABLE people (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- counts
  "Na""me" TEXT COLLATE NOCASE NOT NULL DEFAULT 'O''Neil',
  [born] DATE CHECK ("born" > '1900'),
  price DECIMAL(10, 2) UNIQUE ON CONFLICT REPLACE,
  doubled GENERATED ALWAYS AS (price * 2) STORED,
  parent INTEGER REFERENCES people (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT "two at once" CHECK (price < 100 OR born IS NULL),
  UNIQUE (born, price)
);
CREATE TABLE plain (rowid INTEGER PRIMARY KEY, a);
CREATE TABLE hidden (a TEXT);
CREATE TABLE negative (n INTEGER PRIMARY KEY);
CREATE TABLE keyed (a TEXT, b BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID, STRICT;
CREATE TABLE strict (a INT, b ANY) STRICT;
CREATE TABLE one (a REFERENCES two (b), b PRIMARY KEY);
CREATE TABLE two (a REFERENCES one (b), b PRIMARY KEY);
CREATE INDEX "by name" ON people (lower("Na""me"), born DESC) WHERE price > 3;
CREATE UNIQUE INDEX collated ON people ("Na""me" COLLATE RTRIM);
CREATE VIRTUAL TABLE searching USING fts5(words, tokenize = 'porter');
CREATE VIRTUAL TABLE of_people USING fts5("Na""me", content = 'people', content_rowid = 'id');
CREATE VIRTUAL TABLE places USING rtree(id, x0, x1, y0, y1);
-- Against the alphabet.
CREATE VIEW "A view" AS SELECT x FROM "z view" AS z WHERE x <> 'AS people';
CREATE VIEW "z view" (x, "y ""y""") AS SELECT id, count(*) FROM people GROUP BY id;
CREATE TRIGGER stamp AFTER INSERT ON people WHEN new.price > 0 BEGIN
  INSERT INTO hidden VALUES (new."Na""me" || ';');
  INSERT INTO of_people (rowid, "Na""me") VALUES (new.id, new."Na""me");
END;
CREATE TRIGGER instead INSTEAD OF INSERT ON "z view" BEGIN DELETE FROM hidden; END;
CREATE TABLE whimbrel_note (a INTEGER PRIMARY KEY AUTOINCREMENT);
