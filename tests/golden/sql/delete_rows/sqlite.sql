-- one batch

DELETE FROM "parent" WHERE (name LIKE 'a%') AND "id" > :after AND "id" <= :upto;
