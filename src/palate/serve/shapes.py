"""What goes in and out of the service as JSON. Unknown fields are refused, and every field has its limits."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_ROWS = 500
LARGEST_SEED = 2**53 - 1
"""What a browser can count to."""

Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_.-]{1,64}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=8000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Word = Annotated[str, StringConstraints(max_length=200)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Safe = Literal["any", "moderate", "strict"]
Role = Literal["owner", "member", "guest"]
Scope = Literal["read", "draw", "choose", "admin"]
JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
JobKind = Literal["draw", "import", "specify", "steer", "personalise"]
Sort = Literal["gre", "clip", "mcos", "popularity", "recent"]
FindBy = Literal["gre", "clip", "mcos", "popularity", "style"]
IdentifyBy = Literal["style", "pmi", "mms", "rkme", "popularity"]
ChoiceKind = Literal["select", "like", "dislike", "rate", "battle", "sort", "pick", "skip"]

T = TypeVar("T")


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Items(Shape, Generic[T]):
    """A page of a list, and how long the whole is."""

    items: list[T]
    total: int


# -- errors ------------------------------------------------------------------------------------------------------


class Trouble(Shape):
    code: str
    message: str
    about: str | None = None
    hint: str | None = None


class Refusal(Shape):
    """What every answer of 4xx and 5xx holds."""

    error: Trouble


# -- who ---------------------------------------------------------------------------------------------------------


class SignIn(Shape):
    """Either the one-time token of the printed address, or name and password."""

    token: Word | None = None
    name: Name | None = None
    password: Password | None = None


class Person(Shape):
    id: str
    name: str
    role: Role


class Session(Shape):
    """Who is signed in, what to send as X-CSRF-Token, and what this person may do in this build."""

    person: Person
    csrf: str | None
    can: dict[str, bool]


class NewPerson(Shape):
    name: Name
    role: Role = "member"
    password: Password


class PersonChange(Shape):
    role: Role | None = None
    password: Password | None = None


class NewKey(Shape):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class Key(Shape):
    id: str
    name: str
    scopes: list[Scope]
    made: float
    expires: float | None
    used: float | None
    key: str | None = None
    """The key itself, in the answer to its making and never again."""


# -- looking -----------------------------------------------------------------------------------------------------


class Named(Shape):
    id: str
    name: str


class Asked(Shape):
    id: str
    text: str


class Prompt(Shape):
    id: str
    text: str
    tags: list[str]
    pictures: int


class Scores(Shape):
    """The published scores of a picture; null where there is nothing to go by. `gre` is by the home's weights."""

    gre: float | None
    clip: float | None
    mcos: float | None
    popularity: float | None


class Picture(Shape):
    id: str
    model: Named | None
    prompt: Asked | None
    seed: int | None
    width: int
    height: int
    safety: str | None
    scores: Scores
    mine: bool = False
    """Drawn for this person, and seen by nobody else."""


class Credit(Shape):
    name: str
    role: str
    weight: float
    model: str | None
    matched: str


class Drawing(Shape):
    source: str
    tool: str | None
    prompt: str | None
    negative: str | None
    seed: int | None
    settings: dict[str, object]
    credits: list[Credit]


class PictureInFull(Picture):
    drawings: list[Drawing]


class Model(Shape):
    id: str
    name: str
    kind: str
    base: str | None
    downloads: int | None
    tags: list[str]
    trigger_words: list[str]
    maker: str | None
    licence: str | None
    state: str
    state_reason: str | None
    full_hash: str | None
    pictures: int
    best: list[str]
    draws: bool


class ModelInFull(Model):
    base_model: Named | None
    known_hashes: list[str]
    size: int | None
    card: dict[str, object]


class MapPoints(Shape):
    """A picture at each place of four equally long lists; x and y between -1 and 1."""

    ids: list[str]
    x: list[float]
    y: list[float]
    popularity: list[float]


class Histogram(Shape):
    """How many pictures have a score between two neighbouring edges."""

    sort: str
    edges: list[float]
    counts: list[int]
    unscored: int


# -- asking ------------------------------------------------------------------------------------------------------


class Weights(Shape):
    clip: Number
    mcos: Number
    popularity: Number


class Find(Shape):
    """In words, by example pictures (ids of pictures or uploads), by what a person likes (`me`), or by all of them."""

    prompt: Words | None = None
    pictures: Annotated[list[Id], Field(max_length=16)] = []
    person: Id | None = None
    by: FindBy = "gre"
    weights: Weights | None = None
    base: Word | None = None
    tag: Word | None = None
    safe: Safe | None = None
    top: Annotated[int, Field(ge=1, le=200)] = 10


class Identify(Shape):
    pictures: Annotated[list[Id], Field(min_length=1, max_length=16)]
    captions: Annotated[list[Words], Field(max_length=16)] = []
    by: IdentifyBy = "style"
    base: Word | None = None
    tag: Word | None = None
    safe: Safe | None = None
    top: Annotated[int, Field(ge=1, le=200)] = 10


class Reason(Shape):
    text: str
    worth: float
    pictures: list[str]
    prompts: list[str]
    kind: Literal["words", "distinct", "downloads", "pictures", "likings", "choices", "other"] = "other"
    """Which evidence it is: ask again without it by a weight of 0, or by leaving out that part of the question."""
    measure: str = ""
    """What was measured and how much of it, by its technical name."""


class Row(Shape):
    id: str
    name: str
    score: float
    reasons: list[Reason]
    pictures: list[str]
    """Its best pictures, those that the reasons name first."""
    trigger_words: list[str]
    draws: bool


class Ranking(Shape):
    by: str
    ranking: list[Row]
    took_ms: float
    warnings: list[str] = []


class Upload(Shape):
    id: str
    width: int
    height: int
    expires: float


# -- drawing -----------------------------------------------------------------------------------------------------


class Draw(Shape):
    models: Annotated[list[Id], Field(min_length=1, max_length=16)]
    """Their ids."""
    prompt: Words
    negative: Annotated[str, StringConstraints(max_length=8000)] = ""
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 1
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Pictures a model; their seeds count up."""


class Job(Shape):
    id: str
    kind: JobKind
    state: JobState
    done: int
    total: int
    text: str
    """What it is about, in words."""
    error: str | None
    made: float
    pictures: list[str] = []
    """What it drew so far."""


class Import(Shape):
    folder: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    """A folder of the machine that the service runs on."""
    kind: Literal["models", "pictures"]


class Specify(Shape):
    models: Annotated[list[Id], Field(max_length=1000)] = []
    prompts: Annotated[list[Words], Field(max_length=1000)] = []
    count: Annotated[int, Field(ge=1, le=100)] = 1


# -- choosing ----------------------------------------------------------------------------------------------------


class NewChoice(Shape):
    """`picture` for select, like, dislike, rate and skip; `pictures` in the chosen order for battle, sort and pick."""

    kind: ChoiceKind
    payload: ChoicePayload


class ChoicePayload(Shape):
    picture: Id | None = None
    pictures: Annotated[list[Id], Field(max_length=64)] | None = None
    winner: Id | None = None
    loser: Id | None = None
    tie: bool | None = None
    model: Id | None = None
    models: Annotated[list[Id], Field(max_length=64)] | None = None
    prompt: Annotated[str, StringConstraints(max_length=8000)] | None = None
    value: Annotated[float, Field(allow_inf_nan=False, ge=-1000, le=1000)] | None = None
    page: Word | None = None


class Choice(Shape):
    sequence: int
    kind: str
    at: float
    payload: dict[str, object]


class LearnedWeights(Shape):
    weights: Weights
    learned: bool
    """False: these are the home's own."""
    selected: int = 0
    prompts: int = 0


class LearnWeights(Shape):
    by: Literal["grid", "svm", "greedy"] = "grid"


# -- running -----------------------------------------------------------------------------------------------------


class Measured(Shape):
    metric: str
    value: float | None
    low: float | None
    high: float | None


class Report(Shape):
    name: str
    title: str
    made: str | None
    rows: list[Measured]


class AuditEntry(Shape):
    at: float
    person: str | None
    action: str
    status: int
    request: str


class AuditLog(Shape):
    items: list[AuditEntry]
    total: int
    whole: bool
    """False: a line was changed or taken out since it was written."""


class Setting(Shape):
    name: str
    value: str | int | float | bool
    help: str


# -- as OpenAI has it --------------------------------------------------------------------------------------------


Size = Annotated[str, StringConstraints(pattern=r"^(auto|[0-9]{1,5}x[0-9]{1,5})$")]


class ImagesOrder(BaseModel):
    """OpenAI's body; what it says beyond this is not used, as clients send a good deal that is not for everyone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: Words
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = "auto"
    n: Annotated[int, Field(ge=1, le=10)] | None = 1
    size: Size | None = None
    response_format: Literal["b64_json", "url"] | None = "b64_json"
    user: Word | None = None
    """A label of the caller's own; who asks is said by the key."""


class ProgramTrouble(Shape):
    message: str
    type: str
    param: str | None
    code: str


class ProgramRefusal(Shape):
    """What answers of 4xx and 5xx under `/v1` hold, as OpenAI has it."""

    error: ProgramTrouble


class ImageMade(Shape):
    b64_json: str
    revised_prompt: str


class ImagesMade(Shape):
    created: int
    data: list[ImageMade]


class ModelCard(Shape):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelCards(Shape):
    object: Literal["list"] = "list"
    data: list[ModelCard]


NewChoice.model_rebuild()
