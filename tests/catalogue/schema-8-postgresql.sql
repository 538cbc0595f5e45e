CREATE TABLE choices (
sequence SERIAL NOT NULL,
person VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
payload JSON NOT NULL,
at FLOAT NOT NULL,
PRIMARY KEY (sequence)
)
CREATE INDEX choices_by_person ON choices (person, sequence)
CREATE TABLE conversations (
id VARCHAR COLLATE "C" NOT NULL,
person VARCHAR COLLATE "C" NOT NULL,
prompt VARCHAR COLLATE "C" NOT NULL,
model_id VARCHAR COLLATE "C",
seed BIGINT NOT NULL,
made FLOAT NOT NULL,
current INTEGER,
varies BOOLEAN DEFAULT false NOT NULL,
PRIMARY KEY (id)
)
CREATE INDEX conversations_by_person ON conversations (person, made)
CREATE TABLE encoders (
id VARCHAR COLLATE "C" NOT NULL,
name VARCHAR COLLATE "C" NOT NULL,
dim INTEGER NOT NULL,
reads_words INTEGER NOT NULL,
same_as VARCHAR COLLATE "C",
PRIMARY KEY (id)
)
CREATE TABLE jobs (
id VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
plan JSON NOT NULL,
state VARCHAR COLLATE "C" NOT NULL,
PRIMARY KEY (id)
)
CREATE TABLE meta (
name VARCHAR COLLATE "C" NOT NULL,
value VARCHAR COLLATE "C" NOT NULL,
PRIMARY KEY (name)
)
CREATE TABLE models (
id VARCHAR COLLATE "C" NOT NULL,
name VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
location VARCHAR COLLATE "C" NOT NULL,
base VARCHAR COLLATE "C",
base_location VARCHAR COLLATE "C",
tags JSON NOT NULL,
trigger_words JSON NOT NULL,
downloads BIGINT,
maker VARCHAR COLLATE "C",
licence VARCHAR COLLATE "C",
state VARCHAR COLLATE "C" NOT NULL,
state_reason VARCHAR COLLATE "C",
size BIGINT,
mtime_ns BIGINT,
header_hash VARCHAR COLLATE "C",
full_hash VARCHAR COLLATE "C",
known_hashes JSON NOT NULL,
card JSON NOT NULL,
PRIMARY KEY (id)
)
CREATE INDEX models_by_location ON models (location)
CREATE INDEX models_by_name ON models (name)
CREATE TABLE outbox (
sequence SERIAL NOT NULL,
encoder_id VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
thing_id VARCHAR COLLATE "C" NOT NULL,
PRIMARY KEY (sequence)
)
CREATE TABLE persons (
id VARCHAR COLLATE "C" NOT NULL,
name VARCHAR COLLATE "C" NOT NULL,
role VARCHAR COLLATE "C" NOT NULL,
password VARCHAR COLLATE "C",
weights JSON,
made FLOAT NOT NULL,
PRIMARY KEY (id),
UNIQUE (name)
)
CREATE TABLE pictures (
id VARCHAR COLLATE "C" NOT NULL,
width INTEGER NOT NULL,
height INTEGER NOT NULL,
format VARCHAR COLLATE "C" NOT NULL,
size BIGINT NOT NULL,
state VARCHAR COLLATE "C" NOT NULL,
owned INTEGER NOT NULL,
PRIMARY KEY (id)
)
CREATE TABLE prompts (
id VARCHAR COLLATE "C" NOT NULL,
text VARCHAR COLLATE "C" NOT NULL,
negative VARCHAR COLLATE "C" NOT NULL,
tag VARCHAR COLLATE "C",
settings JSON NOT NULL,
name VARCHAR COLLATE "C",
PRIMARY KEY (id)
)
CREATE INDEX prompts_by_text ON prompts (text)
CREATE TABLE tastes (
person VARCHAR COLLATE "C" NOT NULL,
words JSON NOT NULL,
after INTEGER NOT NULL,
PRIMARY KEY (person)
)
CREATE TABLE candidates (
conversation_id VARCHAR COLLATE "C" NOT NULL,
turn INTEGER NOT NULL,
place INTEGER NOT NULL,
text VARCHAR COLLATE "C" NOT NULL,
category VARCHAR COLLATE "C" NOT NULL,
value FLOAT NOT NULL,
doubt FLOAT NOT NULL,
"column" INTEGER,
pictures JSON NOT NULL,
model_id VARCHAR COLLATE "C",
PRIMARY KEY (conversation_id, turn, place),
FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)
CREATE TABLE drawings (
id VARCHAR COLLATE "C" NOT NULL,
picture_id VARCHAR COLLATE "C" NOT NULL,
source VARCHAR COLLATE "C" NOT NULL,
prompt_id VARCHAR COLLATE "C",
seed VARCHAR COLLATE "C",
settings JSON NOT NULL,
tool VARCHAR COLLATE "C",
PRIMARY KEY (id),
FOREIGN KEY(picture_id) REFERENCES pictures (id),
FOREIGN KEY(prompt_id) REFERENCES prompts (id)
)
CREATE INDEX drawings_by_picture ON drawings (picture_id)
CREATE INDEX drawings_by_prompt ON drawings (prompt_id)
CREATE TABLE errands (
id VARCHAR COLLATE "C" NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
plan JSON NOT NULL,
state VARCHAR COLLATE "C" NOT NULL,
done INTEGER NOT NULL,
total INTEGER NOT NULL,
error VARCHAR COLLATE "C",
made FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX errands_by_person ON errands (person_id, made)
CREATE TABLE exchanges (
talk_id VARCHAR COLLATE "C" NOT NULL,
number INTEGER NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
holds INTEGER NOT NULL,
body JSON NOT NULL,
at FLOAT NOT NULL,
PRIMARY KEY (talk_id, number),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX exchanges_by_person ON exchanges (person_id, at)
CREATE TABLE files (
path VARCHAR COLLATE "C" NOT NULL,
picture_id VARCHAR COLLATE "C" NOT NULL,
size BIGINT NOT NULL,
mtime_ns BIGINT NOT NULL,
PRIMARY KEY (path),
FOREIGN KEY(picture_id) REFERENCES pictures (id)
)
CREATE INDEX files_by_picture ON files (picture_id)
CREATE TABLE holdings (
drawing_id VARCHAR COLLATE "C" NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
errand_id VARCHAR COLLATE "C" NOT NULL,
PRIMARY KEY (drawing_id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX holdings_by_person ON holdings (person_id)
CREATE TABLE keys (
id VARCHAR COLLATE "C" NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
name VARCHAR COLLATE "C" NOT NULL,
digest VARCHAR COLLATE "C" NOT NULL,
scopes JSON NOT NULL,
made FLOAT NOT NULL,
expires FLOAT,
used FLOAT,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX keys_by_person ON keys (person_id)
CREATE TABLE model_files (
path VARCHAR COLLATE "C" NOT NULL,
model_id VARCHAR COLLATE "C" NOT NULL,
size BIGINT NOT NULL,
mtime_ns BIGINT NOT NULL,
PRIMARY KEY (path),
FOREIGN KEY(model_id) REFERENCES models (id)
)
CREATE TABLE tasks (
key VARCHAR COLLATE "C" NOT NULL,
job_id VARCHAR COLLATE "C" NOT NULL,
position INTEGER NOT NULL,
"group" VARCHAR COLLATE "C" NOT NULL,
payload JSON NOT NULL,
state VARCHAR COLLATE "C" NOT NULL,
attempts INTEGER NOT NULL,
owner VARCHAR COLLATE "C",
epoch INTEGER NOT NULL,
lease_until FLOAT,
error VARCHAR COLLATE "C",
PRIMARY KEY (key),
FOREIGN KEY(job_id) REFERENCES jobs (id)
)
CREATE INDEX tasks_to_claim ON tasks (job_id, state, position)
CREATE TABLE turns (
conversation_id VARCHAR COLLATE "C" NOT NULL,
number INTEGER NOT NULL,
prompt VARCHAR COLLATE "C" NOT NULL,
wish VARCHAR COLLATE "C" NOT NULL,
writer VARCHAR COLLATE "C" NOT NULL,
fallback VARCHAR COLLATE "C",
state VARCHAR COLLATE "C" NOT NULL,
picked INTEGER,
parent INTEGER,
via INTEGER,
PRIMARY KEY (conversation_id, number),
FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)
CREATE TABLE uploads (
id VARCHAR COLLATE "C" NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
width INTEGER NOT NULL,
height INTEGER NOT NULL,
format VARCHAR COLLATE "C" NOT NULL,
size BIGINT NOT NULL,
made FLOAT NOT NULL,
expires FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX uploads_by_person ON uploads (person_id)
CREATE TABLE vectors (
encoder_id VARCHAR COLLATE "C" NOT NULL,
kind VARCHAR COLLATE "C" NOT NULL,
thing_id VARCHAR COLLATE "C" NOT NULL,
data BYTEA NOT NULL,
PRIMARY KEY (encoder_id, kind, thing_id),
FOREIGN KEY(encoder_id) REFERENCES encoders (id)
)
CREATE TABLE visits (
id VARCHAR COLLATE "C" NOT NULL,
person_id VARCHAR COLLATE "C" NOT NULL,
csrf VARCHAR COLLATE "C" NOT NULL,
made FLOAT NOT NULL,
expires FLOAT NOT NULL,
PRIMARY KEY (id),
FOREIGN KEY(person_id) REFERENCES persons (id)
)
CREATE INDEX visits_by_person ON visits (person_id)
CREATE TABLE credits (
drawing_id VARCHAR COLLATE "C" NOT NULL,
position INTEGER NOT NULL,
name VARCHAR COLLATE "C" NOT NULL,
role VARCHAR COLLATE "C" NOT NULL,
weight FLOAT NOT NULL,
hash VARCHAR COLLATE "C",
model_id VARCHAR COLLATE "C",
matched VARCHAR COLLATE "C" NOT NULL,
PRIMARY KEY (drawing_id, position),
FOREIGN KEY(drawing_id) REFERENCES drawings (id),
FOREIGN KEY(model_id) REFERENCES models (id)
)
CREATE INDEX credits_by_model ON credits (model_id)
