-- up

-- must be 0
PRAGMA foreign_keys;

PRAGMA legacy_alter_table = ON;

ALTER TABLE "parent" RENAME TO "whimbrel_old_parent";

PRAGMA legacy_alter_table = OFF;

CREATE TABLE "parent" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "name" VARCHAR(80) NOT NULL,
  "Order Details" TEXT DEFAULT 'a, ''b'' \ c',
  "amount" DECIMAL(12, 2) DEFAULT 0,
  "code" VARCHAR(20) /* the ; code */,
  CONSTRAINT "one of a kind" UNIQUE ("name", "code")
);

INSERT OR ABORT INTO "parent" ("id", "name", "Order Details", "amount", "code") SELECT "id", "name", "Order Details", "amount", "code" FROM "whimbrel_old_parent";

-- must be 0
SELECT (SELECT count(*) FROM "whimbrel_old_parent") - (SELECT count(*) FROM "parent");

DELETE FROM sqlite_sequence WHERE name = 'parent';

UPDATE sqlite_sequence SET name = 'parent' WHERE name = 'whimbrel_old_parent';

DROP TABLE "whimbrel_old_parent";

-- must be 0
SELECT count(*) FROM sqlite_master WHERE instr(sql, '"whimbrel_old_parent"');

-- down

-- must be 0
PRAGMA foreign_keys;

PRAGMA legacy_alter_table = ON;

ALTER TABLE "parent" RENAME TO "whimbrel_old_parent";

PRAGMA legacy_alter_table = OFF;

CREATE TABLE "parent" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "name" VARCHAR(80) NOT NULL,
  "Order Details" TEXT DEFAULT 'a, ''b'' \ c',
  "amount" DECIMAL(12, 2) DEFAULT 0,
  "code" VARCHAR(20) /* the ; code */
);

INSERT OR ABORT INTO "parent" ("id", "name", "Order Details", "amount", "code") SELECT "id", "name", "Order Details", "amount", "code" FROM "whimbrel_old_parent";

-- must be 0
SELECT (SELECT count(*) FROM "whimbrel_old_parent") - (SELECT count(*) FROM "parent");

DELETE FROM sqlite_sequence WHERE name = 'parent';

UPDATE sqlite_sequence SET name = 'parent' WHERE name = 'whimbrel_old_parent';

DROP TABLE "whimbrel_old_parent";

-- must be 0
SELECT count(*) FROM sqlite_master WHERE instr(sql, '"whimbrel_old_parent"');
