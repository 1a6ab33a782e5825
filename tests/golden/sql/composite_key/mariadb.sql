-- one batch

UPDATE `twins` SET `n` = (n + 1) WHERE (`a`, `b`) > :after AND (`a`, `b`) <= :upto;
