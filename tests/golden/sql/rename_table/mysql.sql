-- up

RENAME TABLE `parent` TO `Order Details`;

-- down

RENAME TABLE `Order Details` TO `parent`;
