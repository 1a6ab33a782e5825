-- up

CREATE TABLE "every" (
  "a" INTEGER NOT NULL,
  "b" INTEGER NOT NULL,
  "s" VARCHAR(255) DEFAULT 'x',
  "t" TEXT,
  "si" SMALLINT DEFAULT 3,
  "bi" BIGINT,
  "de" DECIMAL_TEXT(20, 6),
  "f" FLOAT,
  "do" DOUBLE DEFAULT 1.5,
  "bo" BOOLEAN DEFAULT 0,
  "da" DATE,
  "ti" TIME,
  "dt" DATETIME,
  "ts" TIMESTAMP,
  "j" JSON_TEXT,
  "bin" BLOB,
  "u" CHAR(36),
  "e" VARCHAR(4) DEFAULT 'one' CONSTRAINT "en_every_e" CHECK ("e" IN ('one', 't''wo')),
  "uq" VARCHAR(30) CONSTRAINT "uq_every_uq" UNIQUE,
  "g" INTEGER GENERATED ALWAYS AS (a + b) STORED,
  "now" DATETIME DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("a", "b")
);

-- down

DROP TABLE "every";
