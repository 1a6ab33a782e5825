-- one batch

SELECT * FROM "parent" WHERE "id" > :after AND "id" <= :upto;

UPDATE "parent" SET … WHERE "id" = …;
