-- up

-- must be 0
PRAGMA foreign_keys;

PRAGMA legacy_alter_table = ON;

ALTER TABLE "child" RENAME TO "whimbrel_old_child";

PRAGMA legacy_alter_table = OFF;

CREATE TABLE "child" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "parent_id" INTEGER NOT NULL,
  "note" VARCHAR(200)
);

INSERT OR ABORT INTO "child" ("id", "parent_id", "note") SELECT "id", "parent_id", "note" FROM "whimbrel_old_child";

-- must be 0
SELECT (SELECT count(*) FROM "whimbrel_old_child") - (SELECT count(*) FROM "child");

DELETE FROM sqlite_sequence WHERE name = 'child';

UPDATE sqlite_sequence SET name = 'child' WHERE name = 'whimbrel_old_child';

DROP TABLE "whimbrel_old_child";

CREATE INDEX "ix_child_note" ON "child" ("note");

-- must be 0
SELECT count(*) FROM sqlite_master WHERE instr(sql, '"whimbrel_old_child"');

-- down

-- must be 0
PRAGMA foreign_keys;

PRAGMA legacy_alter_table = ON;

ALTER TABLE "child" RENAME TO "whimbrel_old_child";

PRAGMA legacy_alter_table = OFF;

CREATE TABLE "child" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "parent_id" INTEGER NOT NULL,
  "note" VARCHAR(200),
  CONSTRAINT "fk_child_parent_id" FOREIGN KEY ("parent_id") REFERENCES "parent" ("id") ON DELETE CASCADE
);

INSERT OR ABORT INTO "child" ("id", "parent_id", "note") SELECT "id", "parent_id", "note" FROM "whimbrel_old_child";

-- must be 0
SELECT (SELECT count(*) FROM "whimbrel_old_child") - (SELECT count(*) FROM "child");

DELETE FROM sqlite_sequence WHERE name = 'child';

UPDATE sqlite_sequence SET name = 'child' WHERE name = 'whimbrel_old_child';

DROP TABLE "whimbrel_old_child";

CREATE INDEX "ix_child_note" ON "child" ("note");

-- must be 0
SELECT count(*) FROM sqlite_master WHERE instr(sql, '"whimbrel_old_child"');
