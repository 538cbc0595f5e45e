CREATE TABLE choices (
sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
person VARCHAR NOT NULL,
kind VARCHAR NOT NULL,
payload JSON NOT NULL,
at FLOAT NOT NULL
)
CREATE INDEX choices_by_person ON choices (person, sequence)
CREATE TABLE conversations (
id VARCHAR NOT NULL,
person VARCHAR NOT NULL,
prompt TEXT NOT NULL,
model_id VARCHAR,
seed BIGINT NOT NULL,
made FLOAT NOT NULL,
current INTEGER,
varies BOOLEAN DEFAULT 0 NOT NULL,
PRIMARY KEY (id)
)
CREATE INDEX conversations_by_person ON conversations (person, made)
CREATE TABLE encoders (
id VARCHAR NOT NULL,
name TEXT NOT NULL,
dim INTEGER NOT NULL,
reads_words INTEGER NOT NULL,
same_as VARCHAR,
PRIMARY KEY (id)
)
CREATE TABLE jobs (
id VARCHAR NOT NULL,
kind VARCHAR NOT NULL,
"plan" JSON NOT NULL,
state VARCHAR NOT NULL,
PRIMARY KEY (id)
)
CREATE TABLE meta (
name VARCHAR NOT NULL,
value TEXT NOT NULL,
PRIMARY KEY (name)
)
CREATE TABLE models (
id VARCHAR NOT NULL,
name TEXT NOT NULL,
kind VARCHAR NOT NULL,
location TEXT NOT NULL,
base VARCHAR,
base_location TEXT,
tags JSON NOT NULL,
trigger_words JSON NOT NULL,
downloads BIGINT,
maker TEXT,
licence TEXT,
state VARCHAR NOT NULL,
state_reason TEXT,
size BIGINT,
mtime_ns BIGINT,
header_hash VARCHAR,
full_hash VARCHAR,
known_hashes JSON NOT NULL,
card JSON NOT NULL,
PRIMARY KEY (id)
)
CREATE INDEX models_by_location ON models (location)
CREATE INDEX models_by_name ON models (name)
CREATE TABLE outbox (
sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
encoder_id VARCHAR NOT NULL,
kind VARCHAR NOT NULL,
thing_id VARCHAR NOT NULL
)
CREATE TABLE persons (
id VARCHAR NOT NULL,
name TEXT NOT NULL,
role VARCHAR NOT NULL,
password VARCHAR,
weights JSON,
made FLOAT NOT NULL,
PRIMARY KEY (id),
UNIQUE (name)
)
CREATE TABLE pictures (
id VARCHAR NOT NULL,
width INTEGER NOT NULL,
height INTEGER NOT NULL,
format VARCHAR NOT NULL,
size BIGINT NOT NULL,
state VARCHAR NOT NULL,
owned INTEGER NOT NULL,
PRIMARY KEY (id)
)
CREATE TABLE prompts (
id VARCHAR NOT NULL,
text TEXT NOT NULL,
negative TEXT NOT NULL,
tag VARCHAR,
settings JSON NOT NULL,
name VARCHAR,
PRIMARY KEY (id)
)
CREATE INDEX prompts_by_text ON prompts (text)
CREATE TABLE tastes (
person VARCHAR NOT NULL,
words JSON NOT NULL,
"after" INTEGER NOT NULL,
PRIMARY KEY (person)
)
CREATE TABLE candidates (
conversation_id VARCHAR NOT NULL,
turn INTEGER NOT NULL,
place INTEGER NOT NULL,
text TEXT NOT NULL,
category VARCHAR NOT NULL,
value FLOAT NOT NULL,
doubt FLOAT NOT NULL,
"column" INTEGER,
pictures JSON NOT NULL,
model_id VARCHAR,
PRIMARY KEY (conversation_id, turn, place),
FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)
CREATE TABLE drawings (
id VARCHAR NOT NULL,
picture_id VARCHAR NOT NULL,
source VARCHAR NOT NULL,
prompt_id VARCHAR,
seed VARCHAR,
settings JSON NOT NULL,
tool VARCHAR,
PRIMARY KEY (id),
FOREIGN KEY(picture_id) REFERENCES pictures (id),
FOREIGN KEY(prompt_id) REFERENCES prompts (id)
)
CREATE INDEX drawings_by_picture ON drawings (picture_id)
CREATE INDEX drawings_by_prompt ON drawings (prompt_id)
CREATE TABLE errands (
id VARCHAR NOT NULL,
person_id VARCHAR NOT NULL,
kind VARCHAR NOT NULL,
"plan" JSON NOT NULL,
state VARCHAR NOT NULL,
done INTEGER NOT NULL,
total INTEGER NOT NULL,
error TEXT,
made FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX errands_by_person ON errands (person_id, made)
CREATE TABLE exchanges (
talk_id VARCHAR NOT NULL,
number INTEGER NOT NULL,
person_id VARCHAR NOT NULL,
holds INTEGER NOT NULL,
body JSON NOT NULL,
at FLOAT NOT NULL,
PRIMARY KEY (talk_id, number),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX exchanges_by_person ON exchanges (person_id, at)
CREATE TABLE files (
path TEXT NOT NULL,
picture_id VARCHAR NOT NULL,
size BIGINT NOT NULL,
mtime_ns BIGINT NOT NULL,
PRIMARY KEY (path),
FOREIGN KEY(picture_id) REFERENCES pictures (id)
)
CREATE INDEX files_by_picture ON files (picture_id)
CREATE TABLE holdings (
drawing_id VARCHAR NOT NULL,
person_id VARCHAR NOT NULL,
errand_id VARCHAR NOT NULL,
PRIMARY KEY (drawing_id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX holdings_by_person ON holdings (person_id)
CREATE TABLE keys (
id VARCHAR NOT NULL,
person_id VARCHAR NOT NULL,
name TEXT NOT NULL,
digest VARCHAR NOT NULL,
scopes JSON NOT NULL,
made FLOAT NOT NULL,
expires FLOAT,
used FLOAT,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX keys_by_person ON keys (person_id)
CREATE TABLE model_files (
path TEXT NOT NULL,
model_id VARCHAR NOT NULL,
size BIGINT NOT NULL,
mtime_ns BIGINT NOT NULL,
PRIMARY KEY (path),
FOREIGN KEY(model_id) REFERENCES models (id)
)
CREATE TABLE tasks (
"key" VARCHAR NOT NULL,
job_id VARCHAR NOT NULL,
position INTEGER NOT NULL,
"group" VARCHAR NOT NULL,
payload JSON NOT NULL,
state VARCHAR NOT NULL,
attempts INTEGER NOT NULL,
owner VARCHAR,
epoch INTEGER NOT NULL,
lease_until FLOAT,
error TEXT,
PRIMARY KEY ("key"),
FOREIGN KEY(job_id) REFERENCES jobs (id)
)
CREATE INDEX tasks_to_claim ON tasks (job_id, state, position)
CREATE TABLE turns (
conversation_id VARCHAR NOT NULL,
number INTEGER NOT NULL,
prompt TEXT NOT NULL,
wish TEXT NOT NULL,
writer TEXT NOT NULL,
fallback TEXT,
state VARCHAR NOT NULL,
picked INTEGER,
parent INTEGER,
via INTEGER,
PRIMARY KEY (conversation_id, number),
FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)
CREATE TABLE uploads (
id VARCHAR NOT NULL,
person_id VARCHAR NOT NULL,
width INTEGER NOT NULL,
height INTEGER NOT NULL,
format VARCHAR NOT NULL,
size BIGINT NOT NULL,
made FLOAT NOT NULL,
expires FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX uploads_by_person ON uploads (person_id)
CREATE TABLE vectors (
encoder_id VARCHAR NOT NULL,
kind VARCHAR NOT NULL,
thing_id VARCHAR NOT NULL,
data BLOB NOT NULL,
PRIMARY KEY (encoder_id, kind, thing_id),
FOREIGN KEY(encoder_id) REFERENCES encoders (id)
)
CREATE TABLE visits (
id VARCHAR NOT NULL,
person_id VARCHAR NOT NULL,
csrf VARCHAR NOT NULL,
made FLOAT NOT NULL,
expires FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX visits_by_person ON visits (person_id)
CREATE TABLE credits (
drawing_id VARCHAR NOT NULL,
position INTEGER NOT NULL,
name TEXT NOT NULL,
role VARCHAR NOT NULL,
weight FLOAT NOT NULL,
hash VARCHAR,
model_id VARCHAR,
matched VARCHAR NOT NULL,
PRIMARY KEY (drawing_id, position),
FOREIGN KEY(drawing_id) REFERENCES drawings (id),
FOREIGN KEY(model_id) REFERENCES models (id)
)
CREATE INDEX credits_by_model ON credits (model_id)
