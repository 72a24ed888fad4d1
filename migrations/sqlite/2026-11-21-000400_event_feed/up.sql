-- How much of the feed of events is gone: all up to this sequence. The rows themselves stay, since
-- histories, restoring and versions live by them.
CREATE TABLE event_feed (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    trimmed_through BIGINT  NOT NULL CHECK (trimmed_through >= 0)
);
INSERT INTO event_feed (id, trimmed_through) VALUES (1, 0);
