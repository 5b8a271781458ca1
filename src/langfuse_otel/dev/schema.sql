-- What arrived, as it arrived. All else can be made from it again.

CREATE TABLE IF NOT EXISTS batches (       -- one row for each request
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL                     -- Langfuse's way of storing it: legacy or direct
);
CREATE TABLE IF NOT EXISTS spans (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    batch INTEGER NOT NULL,                -- the request that brought it last
    position INTEGER NOT NULL,             -- and where in that request
    path TEXT NOT NULL,
    body TEXT NOT NULL,                    -- JSON: name, times, attributes, resource, scope, events
    PRIMARY KEY (trace_id, span_id)
);
CREATE TABLE IF NOT EXISTS scores (
    id TEXT PRIMARY KEY,
    trace_id TEXT,
    name TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    body TEXT NOT NULL                     -- JSON
);
CREATE INDEX IF NOT EXISTS scores_newest ON scores (timestamp DESC, id);
CREATE INDEX IF NOT EXISTS scores_of_trace ON scores (trace_id, timestamp DESC);
CREATE TABLE IF NOT EXISTS media (         -- images, audio and files, each once
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content_length INTEGER NOT NULL,
    content BLOB,
    upload_status INTEGER,
    uploaded_at TEXT
);
CREATE TABLE IF NOT EXISTS media_uses (
    trace_id TEXT NOT NULL,
    observation_id TEXT,
    media_id TEXT NOT NULL,
    field TEXT NOT NULL,                   -- input, output or metadata
    PRIMARY KEY (trace_id, observation_id, media_id, field)
);
CREATE INDEX IF NOT EXISTS uses_of_media ON media_uses (media_id);

-- What the page lists, as Langfuse would show it; made from the spans when they arrive.

CREATE TABLE IF NOT EXISTS traces (
    number INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL UNIQUE,
    start_ns INTEGER NOT NULL,             -- start of its first span
    arrived_ms INTEGER NOT NULL,           -- when its last span came
    name TEXT,
    user_id TEXT,
    session_id TEXT,
    environment TEXT NOT NULL,
    level TEXT NOT NULL,                   -- the worst of its observations
    tags TEXT NOT NULL,                    -- JSON list
    models TEXT NOT NULL,                  -- JSON list
    asked TEXT NOT NULL,                   -- the last question, shortened
    answered TEXT NOT NULL,                -- the answer, shortened
    observations INTEGER NOT NULL,
    dropped INTEGER NOT NULL,              -- what Langfuse would take and not store
    latency_ms REAL,
    first_token_ms REAL,                   -- time to first token, of the first call that has one
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL
);
CREATE INDEX IF NOT EXISTS traces_newest ON traces (start_ns DESC, trace_id DESC);
CREATE INDEX IF NOT EXISTS traces_of_user ON traces (user_id, start_ns);
CREATE INDEX IF NOT EXISTS traces_of_session ON traces (session_id, start_ns);
CREATE INDEX IF NOT EXISTS traces_of_level ON traces (level, start_ns);
CREATE INDEX IF NOT EXISTS traces_of_environment ON traces (environment, start_ns);
CREATE INDEX IF NOT EXISTS traces_by_arrival ON traces (arrived_ms);
CREATE TABLE IF NOT EXISTS tags (
    tag TEXT NOT NULL,
    trace INTEGER NOT NULL,                -- traces.number
    PRIMARY KEY (tag, trace)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_of_trace ON tags (trace);
CREATE TABLE IF NOT EXISTS calls (         -- observations that name a model, or have usage or cost
    trace INTEGER NOT NULL,                -- traces.number
    id TEXT NOT NULL,                      -- spans.span_id
    start_ms INTEGER NOT NULL,
    model TEXT,
    level TEXT NOT NULL,
    latency_ms REAL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL,
    PRIMARY KEY (trace, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_of_model ON calls (model, trace);
