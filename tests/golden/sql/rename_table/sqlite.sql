-- up

ALTER TABLE "parent" RENAME TO "Order Details";

-- down

ALTER TABLE "Order Details" RENAME TO "parent";
