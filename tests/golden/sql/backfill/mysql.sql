-- one batch

UPDATE `parent` SET `code` = (upper(name)) WHERE (code IS NULL) AND `id` > :after AND `id` <= :upto;
