"""What is made of the texts that MySQL 8 shows, where they differ from MariaDB's."""

from __future__ import annotations

from types import SimpleNamespace

from whimbrel.engines import base
from whimbrel.engines.inventory import Counter, Kind
from whimbrel.engines.mysql import inventory, session
from whimbrel.engines.mysql.engine import ENGINE

PEOPLE = """CREATE TABLE `people` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(40) COLLATE utf8mb4_bin DEFAULT (concat(_utf8mb4'a',_utf8mb4'b')),
  `hidden` int DEFAULT NULL /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`),
  UNIQUE KEY `once` (`name`) /*!80000 INVISIBLE */,
  KEY `lower` ((lower(`name`))),
  FULLTEXT KEY `words` (`name`) /*!50100 WITH PARSER `ngram` */ ,
  CONSTRAINT `itself` FOREIGN KEY (`hidden`) REFERENCES `people` (`id`),
  CONSTRAINT `positive` CHECK ((`hidden` > 0)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci \
STATS_PERSISTENT=0 COMMENT='it''s PARTITION BY AUTO_INCREMENT=3'
/*!50100 PARTITION BY RANGE (`id`)
(PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB,
 PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */"""
ADD = "ALTER TABLE `people` ADD"
PARTED = (
    "PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB, "
    "PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB)"
)
VIEW = (
    "CREATE ALGORITHM=UNDEFINED DEFINER=`a``b`@`%` SQL SECURITY INVOKER VIEW `seen` "
    "(`x`,`y y`) AS select `p`.`id` AS `id`,`shop`.`f`(`p`.`name`) AS `Name_exp_2` "
    "from (`shop`.`people` `p` join `other`.`t` on((`p`.`id` = `other`.`t`.`id`))) "
    "where (`p`.`name` <> '`shop`.`people`') WITH LOCAL CHECK OPTION"
)


class Server(session.MysqlSession):
    """Answers as a server would that has one table, one view and one function."""

    engine = ENGINE

    def __init__(self) -> None:
        self._driver = SimpleNamespace(use_unicode=True)

    @property
    def driver(self) -> SimpleNamespace:
        return self._driver

    def fetch(self, sql: str, params: base.Params = None) -> list[base.Row]:
        answers: list[tuple[str, list[base.Row]]] = [
            ("SHOW CREATE TABLE", [("people", PEOPLE)]),
            ("SHOW CREATE VIEW", [("seen", VIEW, "utf8mb4", "utf8mb4_0900_ai_ci")]),
            (
                "SHOW CREATE FUNCTION",
                [("f", "NO_AUTO_CREATE_USER,STRICT_ALL_TABLES", None, "utf8mb4", "utf8mb4_bin")],
            ),
            ("SELECT DATABASE()", [("shop",)]),
            ("SELECT CURRENT_USER()", [("me@%",)]),
            ("SELECT table_name, table_type", [("people", "BASE TABLE"), ("seen", "VIEW")]),
            ("SELECT routine_name", [("f", "FUNCTION", "")]),
            ("SELECT DISTINCT definer", [("a`b@%",)]),
            ("SELECT grantee", [("'me'@'%'", 0), ("'b'@'%'", 0), ("'c'@'%'", 1)]),
        ]
        return next((rows for begin, rows in answers if sql.lstrip().startswith(begin)), [])


def looking() -> inventory.MysqlInventory:
    return inventory.MysqlInventory(Server())


def test_keys_leave_the_text_of_the_table_and_its_counter_is_forgotten() -> None:
    text = looking().text("people")

    [create] = text.create
    assert "  `hidden` int DEFAULT NULL /*!80023 INVISIBLE */,\n  PRIMARY KEY (`id`),\n" in create
    assert ") ENGINE=InnoDB DEFAULT CHARSET" in create
    assert "COMMENT='it''s PARTITION BY AUTO_INCREMENT=3'\n/*!50100 PARTITION BY" in create
    assert (
        ("once", f"{ADD} UNIQUE KEY `once` (`name`) /*!80000 INVISIBLE */"),
        ("lower", f"{ADD} KEY `lower` ((lower(`name`)))"),
        (
            "words",
            f"{ADD} FULLTEXT KEY `words` (`name`) /*!50100 WITH PARSER `ngram` */",
        ),
    ) == text.after
    assert ["itself"] == [name for name, _ in text.foreign_keys]


def test_everything_peculiar_is_listed() -> None:
    found = [(one.kind, one.name) for one in looking().things()]

    assert [
        (Kind.ROUTINE, "f"),
        (Kind.VIEW, "seen"),
        (
            Kind.PARTITION,
            PARTED,
        ),
        (Kind.TABLE_OPTION, "STATS_PERSISTENT=0"),
        (Kind.INDEX, "lower"),
        (Kind.INDEX, "words"),
        (Kind.CONSTRAINT, "positive"),
        (Kind.TABLE_OPTION, "INVISIBLE hidden"),
        (Kind.PRIVILEGE, "definers other than the current user: a`b@%"),
        (Kind.PRIVILEGE, "rights of 'b'@'%'"),
        (Kind.PRIVILEGE, "rights of 'c'@'%' on databases by a pattern"),
    ] == found


def test_a_view_loses_its_definer_and_the_name_of_its_own_database_only() -> None:
    view = next(one for one in looking().things() if one.kind is Kind.VIEW)

    assert (
        "CREATE ALGORITHM=UNDEFINED SQL SECURITY INVOKER VIEW `seen` (`x`,`y y`) AS "
        "select `p`.`id` AS `id`,`f`(`p`.`name`) AS `Name_exp_2` "
        "from (`people` `p` join `other`.`t` on((`p`.`id` = `other`.`t`.`id`))) "
        "where (`p`.`name` <> '`shop`.`people`') WITH LOCAL CHECK OPTION"
    ) == view.sql
    assert view.body.endswith("where (`p`.`name` <> '`shop`.`people`')")
    assert ("x", "y y") == view.columns
    assert ("f", "people") == view.needs


def test_a_routine_whose_text_is_not_shown_is_only_named() -> None:
    routine = next(one for one in looking().things() if one.kind is Kind.ROUTINE)

    assert () == routine.statements
    assert "NO_AUTO_CREATE_USER" not in routine.first[0]


def test_a_counter_is_read_from_the_table_itself() -> None:
    assert [Counter(table="people", column="id", next=12)] == looking().counters()


def test_a_table_never_counts_from_less_than_one() -> None:
    sql = looking().set_counter(Counter(table="t", column="a", next=-4))

    assert "ALTER TABLE `t` AUTO_INCREMENT = 1" == sql
