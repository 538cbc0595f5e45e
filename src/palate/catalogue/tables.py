"""The one schema, for SQLite and Postgres alike. A change here is a new step in `migrations.py`."""

from __future__ import annotations

import re

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    false,
)
from sqlalchemy import String as PlainString
from sqlalchemy import Text as PlainText
from sqlalchemy.types import TypeEngine

metadata = MetaData()

MARK = "\ufdd0"
"""A character that no text may hold (Unicode calls it a noncharacter): what follows is bytes in hexadecimal."""


String = PlainString().with_variant(PlainString(collation="C"), "postgresql")
"""Ordered by code points in both databases, whatever language a server was set up in."""


class Text(TypeDecorator[str]):
    """Text exactly as it was given: lone surrogates and NUL, which databases refuse, are stored as marked bytes."""

    impl = PlainText
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        return dialect.type_descriptor(PlainText(collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or not (ODD.search(value) or value.startswith(MARK)):
            return value
        return MARK + value.encode("utf-8", "surrogatepass").hex()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or not value.startswith(MARK):
            return value
        return bytes.fromhex(value[1:]).decode("utf-8", "surrogatepass")


ODD = re.compile("[\x00\ud800-\udfff]")

meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False))

models = Table(
    "models",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String, nullable=False),
    Column("location", Text, nullable=False),
    Column("base", String),
    Column("base_location", Text),
    Column("tags", JSON, nullable=False),
    Column("trigger_words", JSON, nullable=False),
    Column("downloads", BigInteger),
    Column("maker", Text),
    Column("licence", Text),
    Column("state", String, nullable=False),
    Column("state_reason", Text),
    Column("size", BigInteger),
    Column("mtime_ns", BigInteger),
    Column("header_hash", String),
    Column("full_hash", String),
    Column("known_hashes", JSON, nullable=False),
    Column("card", JSON, nullable=False),
)
Index("models_by_name", models.c.name)
Index("models_by_location", models.c.location)

model_files = Table(
    "model_files",
    metadata,
    Column("path", Text, primary_key=True),
    Column("model_id", ForeignKey("models.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("negative", Text, nullable=False),
    Column("tag", String),
    Column("settings", JSON, nullable=False),
    Column("name", String),
)

Index("prompts_by_text", prompts.c.text)

pictures = Table(
    "pictures",
    metadata,
    Column("id", String, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("owned", Integer, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("path", Text, primary_key=True),
    Column("picture_id", ForeignKey("pictures.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
)
Index("files_by_picture", files.c.picture_id)

drawings = Table(
    "drawings",
    metadata,
    Column("id", String, primary_key=True),
    Column("picture_id", ForeignKey("pictures.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("prompt_id", ForeignKey("prompts.id")),
    Column("seed", String),  # text: tools write seeds beyond 64 bits
    Column("settings", JSON, nullable=False),
    Column("tool", String),
)
Index("drawings_by_picture", drawings.c.picture_id)
Index("drawings_by_prompt", drawings.c.prompt_id)

credits = Table(
    "credits",
    metadata,
    Column("drawing_id", ForeignKey("drawings.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String, nullable=False),
    Column("weight", Float, nullable=False),
    Column("hash", String),
    Column("model_id", ForeignKey("models.id")),
    Column("matched", String, nullable=False),
)
Index("credits_by_model", credits.c.model_id)

encoders = Table(
    "encoders",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("reads_words", Integer, nullable=False),
    Column("same_as", String),  # a space proven equal by comparing vectors of the same texts
)

vectors = Table(
    "vectors",
    metadata,
    Column("encoder_id", ForeignKey("encoders.id"), primary_key=True),
    Column("kind", String, primary_key=True),  # picture | prompt
    Column("thing_id", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),  # float32, little-endian, unit length
)

outbox = Table(
    "outbox",  # vectors that changed and that an index elsewhere was not told of yet; by triggers (`outbox.py`)
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("encoder_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("thing_id", String, nullable=False),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("state", String, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("key", String, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("group", String, nullable=False),  # tasks of one group share what is loaded: a model
    Column("payload", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", String),
    Column("epoch", Integer, nullable=False),
    Column("lease_until", Float),
    Column("error", Text),
)
Index("tasks_to_claim", tasks.c.job_id, tasks.c.state, tasks.c.position)

choices = Table(
    "choices",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("person", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("at", Float, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, though the latest choice was forgotten
)
Index("choices_by_person", choices.c.person, choices.c.sequence)

persons = Table(
    "persons",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String, nullable=False),  # owner | member | guest
    Column("password", String),  # argon2id; none for who only comes by a one-time token
    Column("weights", JSON),  # the GRE weights that were learned from what they chose
    Column("made", Float, nullable=False),
)

visits = Table(
    "visits",
    metadata,
    Column("id", String, primary_key=True),  # a digest of what the cookie holds
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("csrf", String, nullable=False),
    Column("made", Float, nullable=False),
    Column("expires", Float, nullable=False),
)
Index("visits_by_person", visits.c.person_id)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("made", Float, nullable=False),
    Column("expires", Float),
    Column("used", Float),
)
Index("keys_by_person", keys.c.person_id)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made", Float, nullable=False),
    Column("expires", Float, nullable=False),
)
Index("uploads_by_person", uploads.c.person_id)

errands = Table(
    "errands",  # what a person asked the service to do: draw, import, specify, steer
    metadata,
    Column("id", String, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("error", Text),
    Column("made", Float, nullable=False),
)
Index("errands_by_person", errands.c.person_id, errands.c.made)

holdings = Table(
    "holdings",  # a drawing that is one person's own; it is written before the first stroke
    metadata,
    Column("drawing_id", String, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("errand_id", String, nullable=False),
)
Index("holdings_by_person", holdings.c.person_id)

exchanges = Table(
    "exchanges",  # what was said in a talk and answered, in its order
    metadata,
    Column("talk_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("person_id", ForeignKey("persons.id"), nullable=False),
    Column("holds", Integer, nullable=False),  # how many exchanges of the talk held after it
    Column("body", JSON, nullable=False),
    Column("at", Float, nullable=False),
)
Index("exchanges_by_person", exchanges.c.person_id, exchanges.c.at)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("model_id", String),
    Column("seed", BigInteger, nullable=False),
    Column("made", Float, nullable=False),
    Column("current", Integer),  # the turn that the person is at
    Column("varies", Boolean, nullable=False, server_default=false()),  # whether candidates may name other models
)
Index("conversations_by_person", conversations.c.person, conversations.c.made)

turns = Table(
    "turns",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("wish", Text, nullable=False),
    Column("writer", Text, nullable=False),
    Column("fallback", Text),  # why the writer that was asked for did not write all of it
    Column("state", String, nullable=False),  # open | picked | none
    Column("picked", Integer),
    Column("parent", Integer),  # the turn whose answer led here, and `via` the column that was picked there
    Column("via", Integer),
)

candidates = Table(
    "candidates",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("category", String, nullable=False),
    Column("value", Float, nullable=False),
    Column("doubt", Float, nullable=False),
    Column("column", Integer),  # where it was shown, from 0
    Column("pictures", JSON, nullable=False),
    Column("model_id", String),  # who draws it; the conversation's model where nothing is said
)

tastes = Table(
    "tastes",  # what a person said of their own taste; what they chose is in choices
    metadata,
    Column("person", String, primary_key=True),
    Column("words", JSON, nullable=False),  # words to how much they are wanted, from -1 to 1
    Column("after", Integer, nullable=False),  # choices up to this sequence count no more
)
