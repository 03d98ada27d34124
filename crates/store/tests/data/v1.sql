-- A store as the first version of the tables left it. Frozen: never edit, add v2.sql beside it.
PRAGMA application_id = 1131631476;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE changes (
        place INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        value BLOB,
        expires INTEGER,
        sum INTEGER NOT NULL
    ) STRICT;
INSERT INTO "changes" VALUES(65536,'/roles/auditor',X'6669727374',NULL,7010261273053036861);
INSERT INTO "changes" VALUES(65537,'/roles/gone',X'00FF',NULL,3722739126556303877);
INSERT INTO "changes" VALUES(131072,'/roles/auditor',X'7365636F6E64',NULL,397243397913645401);
INSERT INTO "changes" VALUES(131073,'/tokens/abc',X'74',2000000000000001,5974342123557573779);
INSERT INTO "changes" VALUES(196608,'/roles/gone',NULL,NULL,4896461888543066670);
CREATE TABLE commits (
        revision INTEGER PRIMARY KEY,
        moment INTEGER NOT NULL,
        last_record INTEGER NOT NULL
    ) STRICT;
INSERT INTO "commits" VALUES(1,1767323045678901,1);
INSERT INTO "commits" VALUES(2,1767323045678901,2);
INSERT INTO "commits" VALUES(3,1767323045678901,3);
CREATE TABLE items (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        value BLOB NOT NULL,
        revision INTEGER NOT NULL,
        expires INTEGER,
        sum INTEGER NOT NULL
    ) STRICT;
INSERT INTO "items" VALUES(1,'/roles/auditor',X'7365636F6E64',2,NULL,397243397913645401);
INSERT INTO "items" VALUES(3,'/tokens/abc',X'74',2,2000000000000001,5974342123557573779);
CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        moment INTEGER NOT NULL,
        kind TEXT NOT NULL,
        user TEXT NOT NULL,
        body BLOB NOT NULL,
        sum INTEGER NOT NULL
    ) STRICT;
INSERT INTO "records" VALUES(1,1,1767323045678901,'role.create','alice',X'7B226569223A307D',-5744375733651149485);
INSERT INTO "records" VALUES(2,2,1767323045678901,'role.update','alice',X'7B226569223A317D',-2041546594634398358);
INSERT INTO "records" VALUES(3,3,1767323045678901,'role.delete','ivan',X'7B226569223A327D',-3500800492596196056);
CREATE INDEX records_by_moment ON records (moment);
CREATE INDEX records_by_kind ON records (kind, moment);
CREATE INDEX records_by_user ON records (user, moment, kind);
COMMIT;
