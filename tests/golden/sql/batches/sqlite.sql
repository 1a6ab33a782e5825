-- one batch

SELECT * FROM "parent" WHERE (amount > 0) AND "id" > :after AND "id" <= :upto;
