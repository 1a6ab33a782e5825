-- What an old shop has: three tables, made over twenty years by four people.
CREATE TABLE tbl_kunde (
    kdnr    VARCHAR(10) PRIMARY KEY,   -- 'K-0001'
    nm      VARCHAR(80),
    strasse VARCHAR(80),
    plz     VARCHAR(10),
    ort     VARCHAR(40),
    tel     VARCHAR(40),
    mail    VARCHAR(80),
    geb     VARCHAR(10),               -- 'dd.mm.yyyy', or '00.00.0000'
    geloescht INTEGER NOT NULL
);
CREATE TABLE tbl_artikel (
    artnr   VARCHAR(20) PRIMARY KEY,
    bez     VARCHAR(80),
    preis   VARCHAR(20)                -- '1.234,56'
);
CREATE TABLE tbl_bestellung (
    nr      INTEGER PRIMARY KEY,
    kdnr    VARCHAR(10) NOT NULL,
    datum   VARCHAR(10) NOT NULL,      -- 'dd.mm.yyyy'
    artnr1  VARCHAR(20) NOT NULL,
    menge1  INTEGER NOT NULL,
    artnr2  VARCHAR(20),
    menge2  INTEGER,
    notiz   VARCHAR(200)
);
INSERT INTO tbl_kunde VALUES
 ('K-0001', '  Anna  Müller ', 'Hauptstr. 1', '10115', 'Berlin', '030 / 123 456', 'ANNA@EXAMPLE.ORG', '02.03.1970', 0),
 ('K-0002', 'JÃ¼rgen GroÃŸ', 'Am Wall 7', '01067', 'Dresden', '', 'jg@Example.com', '00.00.0000', 0),
 ('K-0003', 'Zoë O''Neil', 'Kai 3', '20457', 'Hamburg', '+49 40 999', 'n/a', '31.12.1999', 0),
 ('K-0004', 'gelöscht', NULL, NULL, NULL, NULL, NULL, NULL, 1);
INSERT INTO tbl_artikel VALUES
 ('A1', 'Schraube 🔩', '0,05'), ('A2', 'Hammer', '19,90'), ('A3', 'Drehbank', '1.234,56');
INSERT INTO tbl_bestellung VALUES
 (1, 'K-0001', '01.02.2024', 'A1', 100, 'A2', 1, 'eilig'),
 (2, 'K-0003', '29.02.2024', 'A3', 1, NULL, NULL, ''),
 (3, 'K-0001', '15.03.2024', 'A2', 2, NULL, NULL, NULL);
