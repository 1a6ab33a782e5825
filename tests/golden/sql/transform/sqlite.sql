-- one batch

SELECT * FROM "parent" WHERE "id" > :after AND "id" <= :upto;

INSERT INTO "copied" …;
