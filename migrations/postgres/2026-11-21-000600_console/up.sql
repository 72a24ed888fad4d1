-- Sessions of the console that were ended by signing out: whoever has a copy of the cookie is let in
-- no more.
CREATE TABLE ended_sessions (
    -- Whose: the id of a key, or 'environment'.
    holder  TEXT    COLLATE "C" NOT NULL,
    -- Which; empty for all of the holder's that last until end_ms at most.
    session TEXT    COLLATE "C" NOT NULL,
    -- Until when it would have lasted. From then on the row is of no use.
    end_ms  BIGINT  NOT NULL,
    PRIMARY KEY (holder, session)
);

-- How often the rule refused something, by the quarter of an hour.
CREATE TABLE refusals (
    start_ms BIGINT NOT NULL PRIMARY KEY CHECK (start_ms % 900000 = 0),
    number   BIGINT NOT NULL CHECK (number > 0)
);
