CREATE TRIGGER whimbrel_7f8ad310c4_ci BEFORE INSERT ON people FOR EACH ROW
BEGIN
DECLARE whimbrel_failed, whimbrel_step BOOLEAN DEFAULT FALSE;
DECLARE whimbrel_1 varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
DECLARE whimbrel_2 varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
DECLARE CONTINUE HANDLER FOR 1022, 1048, 1062, 1138, 1169, 1216, 1217, 1242, 1263, 1264, 1265, 1292, 1301, 1364, 1365, 1366, 1367, 1369, 1406, 1411, 1416, 1441, 1451, 1452, 1525, 1526, 1557, 1586, 1644, 1690, 1748, 1761, 1762, 1859, 1916, 1918, 1977, 3020, 3026, 3037, 3055, 3140, 3141, 3144, 3146, 3147, 3155, 3156, 3157, 3158, 3616, 3617, 3751, 3752, 3819, 3854, 3903, 3904, 3986, 4025, 4035, 4036, 4037, 4038, 4039, 4040 SET whimbrel_failed = TRUE;
IF CAST(CONVERT(NEW.`name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT('' USING utf8mb4) AS BINARY) THEN
SET NEW.`name` = NULL;
END IF;
IF @whimbrel_unmirrored IS NULL THEN
SET whimbrel_step = ((CAST(CONVERT(NEW.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(NEW.`name` USING utf8mb4) AS BINARY)));
IF (NOT (CAST(CONVERT(NEW.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT((NULL) USING utf8mb4) AS BINARY))) AND NOT whimbrel_step THEN
SET whimbrel_failed = FALSE;
SET whimbrel_failed = FALSE;
SET whimbrel_1 = NEW.`full_name`;
IF NOT whimbrel_failed THEN
SET NEW.`name` = COALESCE(whimbrel_1, NEW.`name`);
END IF;
IF whimbrel_failed THEN
SET NEW.`name` = COALESCE(NEW.`name`, '');
END IF;
ELSEIF NOT (CAST(CONVERT(NEW.`name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT((NULL) USING utf8mb4) AS BINARY)) THEN
SET whimbrel_failed = FALSE;
SET whimbrel_2 = NEW.`name`;
IF NOT whimbrel_failed THEN
SET NEW.`full_name` = whimbrel_2;
END IF;
ELSE
SET whimbrel_failed = FALSE;
SET whimbrel_2 = NEW.`name`;
IF NOT whimbrel_failed THEN
SET NEW.`full_name` = whimbrel_2;
END IF;
END IF;
END IF;
END;

CREATE TRIGGER whimbrel_7f8ad310c4_cu BEFORE UPDATE ON people FOR EACH ROW
BEGIN
DECLARE whimbrel_failed, whimbrel_step BOOLEAN DEFAULT FALSE;
DECLARE whimbrel_1 varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
DECLARE whimbrel_2 varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
DECLARE CONTINUE HANDLER FOR 1022, 1048, 1062, 1138, 1169, 1216, 1217, 1242, 1263, 1264, 1265, 1292, 1301, 1364, 1365, 1366, 1367, 1369, 1406, 1411, 1416, 1441, 1451, 1452, 1525, 1526, 1557, 1586, 1644, 1690, 1748, 1761, 1762, 1859, 1916, 1918, 1977, 3020, 3026, 3037, 3055, 3140, 3141, 3144, 3146, 3147, 3155, 3156, 3157, 3158, 3616, 3617, 3751, 3752, 3819, 3854, 3903, 3904, 3986, 4025, 4035, 4036, 4037, 4038, 4039, 4040 SET whimbrel_failed = TRUE;
IF @whimbrel_unmirrored IS NULL THEN
SET whimbrel_step = ((CAST(CONVERT(NEW.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(NEW.`name` USING utf8mb4) AS BINARY)));
IF (NOT ((CAST(CONVERT(NEW.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(OLD.`full_name` USING utf8mb4) AS BINARY)))) AND NOT whimbrel_step THEN
SET whimbrel_failed = FALSE;
SET whimbrel_failed = FALSE;
SET whimbrel_1 = NEW.`full_name`;
IF NOT whimbrel_failed THEN
SET NEW.`name` = COALESCE(whimbrel_1, NEW.`name`);
END IF;
ELSEIF NOT ((CAST(CONVERT(NEW.`name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(OLD.`name` USING utf8mb4) AS BINARY))) OR NOT (whimbrel_step OR NOT (CAST(CONVERT(NEW.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT((NULL) USING utf8mb4) AS BINARY))) THEN
SET whimbrel_failed = FALSE;
SET whimbrel_2 = NEW.`name`;
IF NOT whimbrel_failed THEN
SET NEW.`full_name` = whimbrel_2;
END IF;
END IF;
END IF;
END;

UPDATE `people` AS o JOIN (SELECT o.`id` FROM `people` AS o WHERE (o.`id` < 10) AND NOT (((CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(o.`name` USING utf8mb4) AS BINARY))) OR ((NOT (CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT((NULL) USING utf8mb4) AS BINARY))) AND (CAST(CONVERT(o.`name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY)))) LIMIT 18446744073709551615 FOR UPDATE SKIP LOCKED) AS l ON o.`id` <=> l.`id` SET o.`full_name` = o.`name`;

SELECT o.`id` FROM `people` AS o WHERE (o.`id` < 10) AND NOT (((CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(o.`name` USING utf8mb4) AS BINARY))) OR ((NOT (CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT((NULL) USING utf8mb4) AS BINARY))) AND (CAST(CONVERT(o.`name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY))));

SELECT o.`id` FROM `people` AS o WHERE NOT ((CAST(CONVERT(o.`full_name` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(o.`name` USING utf8mb4) AS BINARY)));
