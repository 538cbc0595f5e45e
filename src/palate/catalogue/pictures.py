"""Pictures, where they lie, how they came to be, and whom they credit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import in_parts, upsert
from palate.catalogue.records import Credit, Drawing, FileSeen, Picture, PictureState, Prompt
from palate.errors import PalateError

SHORTEST_PREFIX = 4
SHARED = tables.drawings.c.id.not_in(select(tables.holdings.c.drawing_id))
"""Drawings that are nobody's own: only these speak for a model, and only these are counted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One picture as evidence about one model, and the words it was drawn from where they are known."""

    picture_id: str
    model_id: str
    weight: float
    prompt_id: str | None
    drawing_id: str


def put(connection: Connection, pictures: Iterable[Picture]) -> None:
    """A picture of the same content is the same row: once ours it stays ours; turned up again it is not missing."""
    rows = [{**asdict(picture), "owned": int(picture.owned)} for picture in pictures]
    upsert(connection, tables.pictures, rows, changes=_met_again)


def _met_again(new: Any) -> dict[str, Any]:
    columns = tables.pictures.c
    gone = (columns.state == "missing") | (columns.state == "vector only")
    return {
        "owned": case((columns.owned == 1, 1), else_=new.owned),
        "state": case((gone, new.state), else_=columns.state),
    }


def put_files(connection: Connection, files: Iterable[FileSeen]) -> None:
    upsert(connection, tables.files, [asdict(file) for file in files])


def other_places(connection: Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Every place these pictures were seen at: path and picture id."""
    columns = tables.files.c
    query = select(columns.path, columns.picture_id).where(columns.picture_id.in_(ids)).order_by(columns.path)
    rows = connection.execute(query)
    return [(row[0], row[1]) for row in rows]


def forget_files(connection: Connection, paths: Sequence[str]) -> None:
    for path in paths:
        connection.execute(delete(tables.files).where(tables.files.c.path == path))


def put_prompts(connection: Connection, prompts: Iterable[Prompt]) -> None:
    """By exact text; what a known prompt lacks (a tag, a name) is not erased by a sighting without it."""
    named: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    for prompt in prompts:
        row = {
            "id": prompt.id,
            "text": prompt.text,
            "negative": prompt.negative,
            "tag": prompt.tag,
            "settings": dict(prompt.settings),
            "name": prompt.name,
        }
        (named if prompt.tag or prompt.name else plain).append(row)
    upsert(connection, tables.prompts, named)
    upsert(connection, tables.prompts, plain, keep=True)


def put_drawings(connection: Connection, drawings: Sequence[Drawing]) -> None:
    """Provenance with its credits; the same drawing put twice is one."""
    put_prompts(connection, [drawing.prompt for drawing in drawings if drawing.prompt is not None])
    upsert(connection, tables.drawings, [_drawing_row(drawing) for drawing in drawings])
    rows = [
        {"drawing_id": drawing.id, "position": position, **asdict(credit)}
        for drawing in drawings
        for position, credit in enumerate(drawing.credits)
    ]
    upsert(connection, tables.credits, rows)


def _drawing_row(drawing: Drawing) -> dict[str, Any]:
    return {
        "id": drawing.id,
        "picture_id": drawing.picture_id,
        "source": drawing.source,
        "prompt_id": None if drawing.prompt is None else drawing.prompt.id,
        "seed": None if drawing.seed is None else str(drawing.seed),
        "settings": dict(drawing.settings),
        "tool": drawing.tool,
    }


def file_stamps(connection: Connection, under: Path | None = None) -> dict[str, tuple[int, int]]:
    """Path to (size, mtime_ns) of every original seen, for an incremental rescan."""
    columns = tables.files.c
    query = select(columns.path, columns.size, columns.mtime_ns)
    if under is not None:
        query = query.where(columns.path.startswith(str(under), autoescape=True))
    return {path: (size, mtime) for path, size, mtime in connection.execute(query)}


def _picture(row: Row[Any]) -> Picture:
    values = {name: value for name, value in row._mapping.items() if name in tables.pictures.c}
    return Picture(**{**values, "owned": bool(values["owned"])})


def get(connection: Connection, id: str) -> Picture:
    """By id, or the beginning of one."""
    columns = tables.pictures.c
    query = select(tables.pictures).where(columns.id == id)
    if SHORTEST_PREFIX <= len(id) < 32:
        query = select(tables.pictures).where(columns.id.startswith(id, autoescape=True)).limit(2)
    rows = connection.execute(query).all()
    if len(rows) != 1:
        raise PalateError("unknown_picture", f"{'several pictures begin' if rows else 'no picture is called'} '{id}'")
    return _picture(rows[0])


def set_state(connection: Connection, id: str, state: PictureState) -> None:
    connection.execute(update(tables.pictures).where(tables.pictures.c.id == id).values(state=state))


def originals(connection: Connection, id: str) -> list[str]:
    columns = tables.files.c
    return list(
        connection.execute(select(columns.path).where(columns.picture_id == id).order_by(columns.path)).scalars()
    )


def drawings_of(connection: Connection, id: str) -> list[Drawing]:
    """How this picture came to be, each way with its credits."""
    query = (
        select(tables.drawings, tables.prompts.c.text, tables.prompts.c.negative, tables.prompts.c.tag)
        .outerjoin(tables.prompts, tables.prompts.c.id == tables.drawings.c.prompt_id)
        .where(tables.drawings.c.picture_id == id)
        .order_by(tables.drawings.c.id)
    )
    return [_drawing(row, credits_of(connection, row.id)) for row in connection.execute(query).all()]


def _drawing(row: Row[Any], credits: tuple[Credit, ...]) -> Drawing:
    prompt = None if row.prompt_id is None else Prompt(text=row.text, negative=row.negative, tag=row.tag)
    return Drawing(
        id=row.id,
        picture_id=row.picture_id,
        source=row.source,
        credits=credits,
        prompt=prompt,
        seed=None if row.seed is None else int(row.seed),
        settings=row.settings,
        tool=row.tool,
    )


def credits_of(connection: Connection, drawing_id: str) -> tuple[Credit, ...]:
    columns = tables.credits.c
    query = select(tables.credits).where(columns.drawing_id == drawing_id).order_by(columns.position)
    return tuple(_credit(row) for row in connection.execute(query))


def _credit(row: Row[Any]) -> Credit:
    return Credit(row.name, row.role, row.weight, row.hash, row.model_id, row.matched)


def unmatched(connection: Connection) -> Iterator[tuple[str, int, Credit]]:
    """Credits that name a model we did not know: drawing id, position, credit."""
    columns = tables.credits.c
    query = select(tables.credits).where(columns.matched == "unknown").order_by(columns.drawing_id, columns.position)
    for row in connection.execute(query).all():
        yield row.drawing_id, row.position, _credit(row)


def put_matches(connection: Connection, matches: Iterable[tuple[str, int, Credit]]) -> int:
    rows = [{"drawing_id": drawing, "position": position, **asdict(credit)} for drawing, position, credit in matches]
    upsert(connection, tables.credits, rows)
    return len(rows)


def evidence(connection: Connection, models: Sequence[str] | None = None) -> list[Evidence]:
    """Every picture that may speak for a model: not degenerate, not missing, credited to a model we know.

    Of some models only, where these are named; by model, then by picture, then as its drawing credits them.
    """
    pictures, drawings, credits = tables.pictures.c, tables.drawings.c, tables.credits.c
    query = (
        select(pictures.id, credits.model_id, credits.weight, drawings.prompt_id, drawings.id.label("drawing_id"))
        .join(tables.drawings, drawings.picture_id == pictures.id)
        .join(tables.credits, credits.drawing_id == drawings.id)
        .where(pictures.state.in_(("ok", "vector only")), credits.model_id.is_not(None), credits.weight > 0, SHARED)
        .order_by(credits.model_id, pictures.id, drawings.id, credits.position)
    )
    if models is None:
        return [Evidence(*row) for row in connection.execute(query)]
    found: list[Evidence] = []
    for some in in_parts(models):
        found += [Evidence(*row) for row in connection.execute(query.where(credits.model_id.in_(some)))]
    return found


def models_of(connection: Connection, pictures: Sequence[str]) -> set[str]:
    """The models that some pictures credit, whoever holds them."""
    columns, found = tables.credits.c, set[str]()
    query = select(columns.model_id).join(tables.drawings, tables.drawings.c.id == columns.drawing_id).distinct()
    for some in in_parts(pictures):
        of = tables.drawings.c.picture_id.in_(some)
        found |= set(connection.execute(query.where(of, columns.model_id.is_not(None))).scalars())
    return found


def without_vector(connection: Connection, space_ids: Sequence[str]) -> list[str]:
    """Pictures with pixels that this space has no vector of: what an interrupted encoding goes on with."""
    vectors = tables.vectors.c
    have = select(vectors.thing_id).where(vectors.encoder_id.in_(space_ids), vectors.kind == "picture")
    columns = tables.pictures.c
    query = select(columns.id).where(columns.state == "ok", columns.id.not_in(have)).order_by(columns.id)
    return list(connection.execute(query).scalars())


def prompts_without_vector(connection: Connection, space_ids: Sequence[str]) -> list[Prompt]:
    vectors = tables.vectors.c
    have = select(vectors.thing_id).where(vectors.encoder_id.in_(space_ids), vectors.kind == "prompt")
    columns = tables.prompts.c
    query = select(tables.prompts).where(columns.id.not_in(have)).order_by(columns.id)
    return [_prompt(row) for row in connection.execute(query)]


def _prompt(row: Row[Any]) -> Prompt:
    return Prompt(row.text, row.negative, row.tag, row.settings, row.name)


def prompts(connection: Connection, ids: Sequence[str] | None = None) -> dict[str, Prompt]:
    query = select(tables.prompts).order_by(tables.prompts.c.id)
    if ids is not None:
        query = query.where(tables.prompts.c.id.in_(ids))
    return {row.id: _prompt(row) for row in connection.execute(query)}


def any_larger(connection: Connection, side: int) -> bool:
    """Whether a picture here is wider or higher than so many pixels."""
    columns = tables.pictures.c
    query = select(columns.id).where((columns.width > side) | (columns.height > side)).limit(1)
    return connection.execute(query).first() is not None


def counts(connection: Connection) -> dict[str, int]:
    """How much of everything is here."""
    names = ("models", "pictures", "files", "prompts", "drawings", "vectors", "choices")
    answer = {}
    for name in names:
        table = tables.metadata.tables[name]
        answer[name] = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return answer


def of_drawing(connection: Connection, drawing_id: str) -> str:
    """The picture that a drawing made."""
    columns = tables.drawings.c
    id = connection.execute(select(columns.picture_id).where(columns.id == drawing_id)).scalar()
    if id is None:
        raise PalateError("unknown_picture", "it has not been drawn")
    return str(id)


def counts_by_model(connection: Connection) -> dict[str, int]:
    """How many pictures speak for each model."""
    credits, drawings = tables.credits.c, tables.drawings.c
    query = (
        select(credits.model_id, func.count(drawings.picture_id.distinct()))
        .join(tables.drawings, drawings.id == credits.drawing_id)
        .where(credits.model_id.is_not(None), SHARED)
        .group_by(credits.model_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def of_model(connection: Connection, model_id: str, *, limit: int) -> list[str]:
    """Some pictures that credit a model."""
    credits, drawings = tables.credits.c, tables.drawings.c
    query = (
        select(drawings.picture_id)
        .join(tables.credits, drawings.id == credits.drawing_id)
        .where(credits.model_id == model_id, SHARED)
        .distinct()
        .order_by(drawings.picture_id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def makers(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Picture id to the names of the models it credits."""
    credits, drawings = tables.credits.c, tables.drawings.c
    query = (
        select(drawings.picture_id, credits.name)
        .join(tables.credits, drawings.id == credits.drawing_id)
        .where(drawings.picture_id.in_(ids))
        .order_by(drawings.picture_id, credits.drawing_id, credits.position)
    )
    names: dict[str, dict[str, None]] = {}
    for id, name in connection.execute(query):
        names.setdefault(id, {})[name] = None
    return {id: " + ".join(found) for id, found in names.items()}


def prompts_of_text(connection: Connection, text: str) -> list[str]:
    """Ids of prompts with exactly this text, whatever is negative; what most pictures were drawn for first."""
    prompts, drawings = tables.prompts.c, tables.drawings.c
    query = (
        select(prompts.id)
        .outerjoin(tables.drawings, drawings.prompt_id == prompts.id)
        .where(prompts.text == text)
        .group_by(prompts.id)
        .order_by(func.count(drawings.id).desc(), prompts.id)
    )
    return list(connection.execute(query).scalars())


def of_drawings(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Drawing id to picture id, of those that were drawn."""
    columns = tables.drawings.c
    found: dict[str, str] = {}
    for some in in_parts(ids):
        query = select(columns.id, columns.picture_id).where(columns.id.in_(some))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def models_shown_elsewhere(connection: Connection) -> set[str]:
    """Models that pictures speak for which were not drawn here."""
    credits, drawings = tables.credits.c, tables.drawings.c
    query = (
        select(credits.model_id)
        .join(tables.drawings, drawings.id == credits.drawing_id)
        .where(credits.model_id.is_not(None), drawings.source != "drawn")
        .distinct()
    )
    return set(connection.execute(query).scalars())
