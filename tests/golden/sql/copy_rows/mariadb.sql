-- one batch

INSERT INTO `copied` (`id`, `name`) SELECT (id), (name) FROM `parent` WHERE `id` > :after AND `id` <= :upto;
