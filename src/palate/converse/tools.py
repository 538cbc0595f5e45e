"""What a conversation can do, as typed tools: each with the person's own rights, each saying what its answer rests on.

No tool takes a path, an address or another person's name; pictures and models are named by ids that this person may
see. A language model chooses among these tools and has no other way to do anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import choices, vectors
from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing, Model
from palate.converse.changes import direction
from palate.converse.composing import unit
from palate.converse.differences import difference
from palate.converse.drawings import drawing_of, drawn_by
from palate.converse.eliciting import ATTRIBUTES, best_question, first_belief, read
from palate.converse.grounding import harmless, quoting
from palate.converse.making import Making, Slate, slate_of
from palate.converse.state import Claim, Thing, Wanted
from palate.errors import PalateError
from palate.find import asking
from palate.find.filters import Filters
from palate.find.hub import Hub
from palate.find.requirement import Asked, Reader, Requirement, space_of_home
from palate.people import holdings
from palate.people.gate import Action, Principal, authorize, unknown
from palate.personalise.drawing import TOOL
from palate.ranking import Ranking
from palate.settings import POCKET, Settings
from palate.specify.pocket import things_of
from palate.steer import telling

if TYPE_CHECKING:
    from palate.catalogue.choices import ChoiceKind
    from palate.encoders.protocol import Encoder

Vectors = NDArray[np.float32]
ICONS_ALONE = "the pocket Janus draws icons, whatever was liked"
MODELS = 3
PICTURES = 4
MOST_DRAWN = 4
LONGEST_PROMPT = 500
CANDIDATES, FEWEST_CANDIDATES = 200, 12
"""Nearest pictures that a question is to split, and so many that there is something to split."""
MOST_READ = 5000
"""Pictures whose prompts are read for what they name."""
FEWEST_BITS = 0.1
"""What an answer has to be expected to tell for somebody to be asked."""
STRENGTH, DIFFERENCE = 1.0, 1.5
"""How far one change moves a picture's vector: of its own length by sentences, of how pictures here differ by that."""
WORDS_SHARE = 2.0
"""How much the words said count beside a picture. These were chosen on the hub that ships (docs/papers.md)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool answers: things, and sentences that name what they rest on."""

    claims: tuple[Claim, ...] = ()
    models: tuple[Thing, ...] = ()
    pictures: tuple[Thing, ...] = ()
    notes: tuple[str, ...] = ()


class Tools:
    """Bound to one person: what is asked for is done for them, and only what they may see is seen."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        encoder: Callable[[], Encoder],
        principal: Principal,
        making: Making,
    ) -> None:
        self.home, self.settings, self.principal = home, settings, principal
        self.person = principal.person
        self.encoder = encoder
        self._making = making
        self._shown: tuple[Wanted, Ranking] | None = None
        """What `find` answered last: whoever asks why asks about this, also after something was drawn."""
        self._hub: Hub | None = None

    def _may(self, action: Action) -> None:
        authorize(self.principal, action, self.person)

    @property
    def hub(self) -> Hub:
        if self._hub is None:
            self._hub = Hub.load(self.home, space_of_home(self.home, self.settings.encoder))
        return self._hub

    @cached_property
    def _models(self) -> dict[str, Model]:
        with self.home.read() as connection:
            return {model.id: model for model in model_rows.listed(connection)}

    def forget_what_was_read(self) -> None:
        """After something was drawn: pictures and models are read again when they are next needed."""
        self._hub = None
        self.__dict__.pop("_models", None)

    # -- asking ---------------------------------------------------------------------------------------------------

    def find(self, wanted: Wanted, *, top: int = MODELS) -> Found:
        """Models for what is wanted, with the reasons of the ranking."""
        self._may("read")
        ranking = self.ranking(wanted)
        self._shown = wanted, ranking
        rows = [row for row in ranking if row.id not in wanted.without_models][:top]
        things = tuple(Thing("model", row.id, harmless(row.name), row.score) for row in rows)
        claims = tuple(
            quoting(f"{{}}: {reason.text}.", row.name, grounds=_grounds(row.id, reason.pictures, reason.prompts))
            for row in rows
            for reason in row.reasons[:1]
        )
        return Found(claims, models=things, notes=tuple(ranking.warnings))

    def ranking(self, wanted: Wanted) -> Ranking:
        started = time.perf_counter()
        filters = Filters(wanted.base, wanted.tags, self.settings.safe)
        question = asking.Question(self.hub, self.requirement(wanted), filters, started)
        by = "gre" if wanted.prompt else "style"
        return asking.find(question, by=by, weights=asking.weights_of(self.settings, None))

    def requirement(self, wanted: Wanted) -> Requirement:
        """The wanted words and picture as vectors, the picture's moved by every change."""
        required = self._read(wanted)
        if required.pictures is None or not wanted.changes:
            return required
        return replace(required, pictures=unit(self._changed(required.pictures[0], wanted))[None])

    def _read(self, wanted: Wanted) -> Requirement:
        pictures = (self.seen(wanted.picture),) if wanted.picture else ()
        reader = Reader(self.home, self.hub.space, self.encoder)
        return reader.read(Asked(wanted.prompt[:LONGEST_PROMPT] or None, pictures))

    def _changed(self, vector: Vectors, wanted: Wanted) -> Vectors:
        """v + sum_i m_i, (d,): m_i is how pictures here differ by a change where that is known, else by sentences."""
        model, words = drawing_of(self.home, wanted.picture) if wanted.picture else (None, "")
        there = vector.copy()
        makers = dict.fromkeys((model, None)) if wanted.picture else ()
        for change in wanted.changes:
            told = (difference(drawn_by(self.home, self.hub, self._models, by), change, before=words) for by in makers)
            known = next((one for one in told if one is not None), None)
            if known is None:
                there = there + STRENGTH * direction(self.encoder().encode_words, wanted.words, change)
            else:
                there = there + DIFFERENCE * known
        return there

    def like_this(self, wanted: Wanted, *, top: int = PICTURES) -> Found:
        """Pictures that are here, nearest to what is wanted."""
        self._may("read")
        required = self._read(wanted)
        if required.pictures is not None:
            words = 0 if required.words is None else WORDS_SHARE * required.words
            query = self._changed(required.pictures[0], wanted) + words
        elif required.words is not None:
            less = [change for change in wanted.changes if not change.more]
            query = required.words if not less else self._changed(required.words, replace(wanted, changes=tuple(less)))
        else:
            return Found()
        ids, scores = self.nearest(query / np.linalg.norm(query), top, without={wanted.picture or ""})
        return self._pictures(ids, scores)

    def nearest(self, query: Vectors, top: int, without: set[str]) -> tuple[list[str], list[float]]:
        """Ids and cosines of the pictures this person may see, best first."""
        with self.home.read() as connection:
            known, rows = vectors.load(connection, self.hub.space, "picture")
            scores = rows @ query
            ids: list[str] = []
            for at in np.argsort(-scores, kind="stable"):
                if known[at] not in without and holdings.may_see(connection, self.person, known[at]):
                    ids.append(known[at])
                if len(ids) == top:
                    break
        place = {id: at for at, id in enumerate(known)}
        return ids, [float(scores[place[id]]) for id in ids]

    def question(self, wanted: Wanted, asked: Sequence[str] = ()) -> tuple[str, str] | None:
        """Two attributes, more of one or of the other: the answer would tell most about which picture is meant."""
        required = self.requirement(wanted)
        query = required.words if required.pictures is None else required.pictures[0]
        if query is None:
            return None
        ids, scores = self.nearest(query, CANDIDATES, without=set())
        if len(ids) < FEWEST_CANDIDATES:
            return None
        with self.home.read() as connection:
            known, rows = vectors.load(connection, self.hub.space, "picture", ids)
        place = {id: at for at, id in enumerate(known)}
        candidates = rows[[place[id] for id in ids]]
        pairs = [pair for pair in ATTRIBUTES if not set(pair) & {*asked, *wanted.prompt.lower().split(", ")}]
        if not pairs:
            return None
        drawn = drawn_by(self.home, self.hub, self._models, None)
        some = slice(None, None, 1 + len(drawn.texts) // MOST_READ)
        encode, examples = self.encoder().encode_words, drawn.vectors[some]
        attributes = read(candidates, encode, wanted.words, pairs, examples=examples, prompts=drawn.texts[some])
        at, bits = best_question(first_belief(np.array(scores)), attributes, attributes.guessed)
        return attributes.pairs[at] if bits >= FEWEST_BITS else None

    def stated_and_not_wanted(self, wanted: Wanted) -> str | None:
        """Something the person said they like, and did not ask for this time."""
        from palate.catalogue import conversations

        with self.home.read() as connection:
            said = conversations.stated(connection, self.person).words
        return next((word for word, value in said.items() if value > 0 and word not in wanted.prompt.lower()), None)

    def _pictures(self, ids: Sequence[str], scores: Sequence[float]) -> Found:
        with self.home.read() as connection:
            makers = picture_rows.makers(connection, ids)
            unknown = [id for id in ids if id not in makers]
            makers |= {id: _network(picture_rows.drawings_of(connection, id)) for id in unknown}
        things = tuple(Thing("picture", id, harmless(makers[id]), score) for id, score in zip(ids, scores, strict=True))
        claims = tuple(
            Claim(f"Picture {number} is by {thing.name}.", (f"picture:{thing.id}",), (thing.name,))
            for number, thing in enumerate(things, 1)
        )
        return Found(claims, pictures=things)

    def similar(self, picture: str, *, top: int = PICTURES) -> Found:
        """More like one picture."""
        return self.like_this(Wanted(picture=picture), top=top)

    def identify(self, picture: str, *, top: int = MODELS) -> Found:
        """Who drew this picture where that is known, and who draws like it by its look alone."""
        id = self.seen(picture)
        found = self.find(Wanted(picture=id), top=top)
        with self.home.read() as connection:
            known = picture_rows.makers(connection, [id]).get(id)
        grounds = (f"picture:{id}",)
        said = quoting("It is by {}.", known, grounds=grounds) if known else Claim("Nothing says who drew it.", grounds)
        names = [thing.name for thing in found.models]
        if not names:
            return replace(found, claims=(said,))
        then = f", then {' and '.join(['{}'] * (len(names) - 1))}" if names[1:] else ""
        alike = (*grounds, *(f"model:{thing.id}" for thing in found.models))
        looks = quoting(f"By its look alone {{}} draws most like it{then}.", *names, grounds=alike)
        return replace(found, claims=(said, looks, *found.claims))

    def recommend(self, *, top: int = PICTURES) -> Found:
        """Pictures that fit what this person chose; where they chose nothing, none."""
        self._may("read")
        from palate.recommend.asking import recommend

        encoder = self.settings.encoder
        ranking = recommend(self.home, encoder=encoder, person=self.person, by="itemknn", of="pictures", top=4 * top)
        with self.home.read() as connection:
            rows = [row for row in ranking if holdings.may_see(connection, self.person, row.id)][:top]
        things = tuple(Thing("picture", row.id, harmless(row.name), row.score) for row in rows)
        claims = tuple(
            Claim(f"Picture {number} goes with what you chose.", _grounds("", (row.id, *row.reasons[0].pictures), ()))
            for number, row in enumerate(rows, 1)
            if row.reasons
        )
        return Found(claims, pictures=things, notes=tuple(ranking.warnings))

    # -- looking --------------------------------------------------------------------------------------------------

    def seen(self, picture: str) -> str:
        """The whole id of a picture that this person may see, else it does not exist."""
        with self.home.read() as connection:
            found = picture_rows.get(connection, picture)
            if not holdings.may_see(connection, self.person, found.id):
                raise unknown("picture")
        return found.id

    def model(self, id: str) -> Model:
        found = self._models.get(id)
        if found is None:
            raise unknown("model")
        return found

    def explain(self, model: str, wanted: Wanted) -> Found:
        """Why a model stands where it stands, from its specification: each reason, and what it rests on."""
        self._may("read")
        known = self.model(model)
        found = Found(self.facts(known))
        if not wanted.anything:
            return found
        ranking = self._shown[1] if self._shown and self._shown[0] == wanted else self.ranking(wanted)
        place = next((at for at, row in enumerate(ranking, 1) if row.id == model), None)
        if place is None:
            return replace(found, notes=(f"{harmless(known.name)} is not in this ranking",))
        row = ranking.rows[place - 1]
        claims = [quoting(f"{{}} is number {place} of {len(ranking)}.", row.name, grounds=(f"model:{model}",))]
        for reason in row.reasons:
            prompts = self._prompts(reason.prompts)
            near = f" Its nearest were drawn from {' and '.join(['“{}”'] * len(prompts))}." if prompts else ""
            share = f" That is worth {reason.worth:.2f} of its {row.score:.2f}."
            grounds = _grounds(model, reason.pictures, reason.prompts)
            text = f"{reason.text[:1].upper()}{reason.text[1:]}.{near}{share}"
            claims.append(quoting(text, *prompts, grounds=grounds))
        shown = list(dict.fromkeys(id for reason in row.reasons for id in reason.pictures))[:PICTURES]
        return Found((*claims, *found.claims), pictures=self._pictures(shown, [0.0] * len(shown)).pictures)

    def _prompts(self, ids: Sequence[str]) -> list[str]:
        """The words of the first two different ones."""
        with self.home.read() as connection:
            known = picture_rows.prompts(connection, list(ids))
        return list(dict.fromkeys(harmless(prompt.text, 60) for prompt in known.values()))[:2]

    def facts(self, model: Model) -> tuple[Claim, ...]:
        """What the catalogue knows of a model."""
        with self.home.read() as connection:
            count = picture_rows.counts_by_model(connection).get(model.id, 0)
        grounds = (f"model:{model.id}",)
        told = [
            (f"{count} pictures here speak for {{}}.", model.name),
            ("Its base is {}.", model.base),
            ("It is by {}.", model.maker),
            ("Its licence is {}.", model.licence),
            ("Its trigger words are {}.", ", ".join(model.trigger_words)),
        ]
        claims = [quoting(text, of, grounds=grounds) for text, of in told if of]
        claims += [Claim(f"It was downloaded {model.downloads:,} times.", grounds)] if model.downloads else []
        return tuple(claims)

    def models(self) -> Found:
        """How many models are here, and some of them."""
        self._may("read")
        filters = Filters(safe=self.settings.safe)
        shown = [model for model in self._models.values() if filters.passes(model)]
        grounds = tuple(f"model:{model.id}" for model in shown[:MODELS]) or ("catalogue",)
        things = tuple(Thing("model", model.id, harmless(model.name)) for model in shown[:MODELS])
        return Found((Claim(f"There are {len(shown)} models here.", grounds),), models=things)

    def history(self, *, since: float = 0.0, until: float = float("inf"), liked: bool = True) -> Found:
        """What this person liked, or chose in any way, in a span of time; nobody else's."""
        self._may("read")
        with self.home.read() as connection:
            made = [choice for choice in choices.of_person(connection, self.person) if since <= choice.at < until]
        if liked:
            made = [choice for choice in made if choice.kind in ("like", "select", "pick")]
        latest = {str(choice.payload["picture"]): choice for choice in made if choice.payload.get("picture")}
        with self.home.read() as connection:
            ids = [id for id in reversed(latest) if holdings.may_see(connection, self.person, id)]
        shown = self._pictures(ids[:PICTURES], [0.0] * len(ids[:PICTURES]))
        grounds = tuple(f"choice:{latest[id].sequence}" for id in ids[:PICTURES])
        verb = "liked" if liked else "chose"
        if not ids:
            with self.home.read() as connection:
                ever = len(choices.liked_pictures(connection, self.person))
            told = f"; at other times you liked {ever} picture{'s' * (ever > 1)}" if liked and ever else ""
            return Found((Claim(f"You {verb} nothing then{told}.", ("choices",)),))
        said = Claim(f"You {verb} {len(ids)} picture{'s' * (len(ids) > 1)} then.", grounds)
        return Found((said, *shown.claims), pictures=shown.pictures)

    def remembered(self) -> Found:
        """What this person said of their own taste."""
        self._may("read")
        from palate.catalogue import conversations

        with self.home.read() as connection:
            words = conversations.stated(connection, self.person).words
        grounds = ("taste",)
        if not words:
            return Found((Claim("You have not told me what you like.", grounds),))
        more = [word for word, value in words.items() if value > 0]
        less = [word for word, value in words.items() if value < 0]
        told = [f"You want more of {', '.join(more)}."] if more else []
        told += [f"You want less of {', '.join(less)}."] if less else []
        return Found(tuple(Claim(text, grounds) for text in told))

    # -- what changes something -----------------------------------------------------------------------------------

    def choose(self, picture: str, kind: ChoiceKind) -> Found:
        """Keep a choice of this person."""
        self._may("choose")
        id = self.seen(picture)
        with self.home.write() as connection:
            choices.append(connection, choices.Choice(self.person, kind, {"picture": id}))
        verb = {"like": "you like", "dislike": "you do not like"}.get(kind, "you take back what you said of")
        return Found((Claim(f"Kept: {verb} this picture.", (f"picture:{id}",)),))

    def remember(self, *, more: Sequence[str] = (), less: Sequence[str] = (), drop: Sequence[str] = ()) -> Found:
        """What the person says of their own taste: the same that `palate taste edit` changes."""
        self._may("choose")
        telling.edit(self.home, self.person, more=list(more), less=list(less), drop=list(drop))
        return self.remembered()

    def draw(self, wanted: Wanted, *, model: str | None = None, seed: int = 1, count: int = 1) -> Found:
        """Pictures of what is wanted, by this model or the best that can draw."""
        self._may("draw")
        drawer = self.model(model) if model else self._drawer(wanted)
        words = " ".join(wanted.prompt.split())[:LONGEST_PROMPT]
        if not words:
            raise PalateError("empty_prompt", "say what to draw", about="prompt")
        ids = self._making.draw(drawer.id, words, wanted.negative[:LONGEST_PROMPT], seed, min(count, MOST_DRAWN))
        self.forget_what_was_read()
        shown = tuple(Thing("picture", id, harmless(drawer.name)) for id in ids)
        grounds = (f"model:{drawer.id}", *(f"picture:{id}" for id in ids))
        said = quoting(f"{{}} drew {wanted.told.replace('{}', '')}.", drawer.name, grounds=grounds)
        return Found((said,), pictures=shown)

    def _drawer(self, wanted: Wanted) -> Model:
        from palate.specify.ordering import able_models

        able, _ = able_models(self.home, None)
        if not able:
            raise PalateError("no_models", "no model here can draw")
        by_id = {model.id: model for model in able}
        try:
            ranked = self.ranking(wanted).ids
        except PalateError:
            ranked = ()
        return next((by_id[id] for id in ranked if id in by_id), able[0])

    def personalise(self, *, count: int = PICTURES, seed: int = 1) -> Found:
        """New pictures straight from what this person liked, by a Janus that was taught to."""
        self._may("draw")
        with self.home.read() as connection:
            liked = choices.liked_pictures(connection, self.person)
        if not liked:
            hint = "say “I like the first” of a picture"
            raise PalateError("nothing_chosen", "you have liked nothing yet", hint=hint)
        self._require_taught()
        ids = self._making.personalise(min(count, MOST_DRAWN), seed)
        self.forget_what_was_read()
        with self.home.read() as connection:
            [drawing, *_] = [one for one in picture_rows.drawings_of(connection, ids[0]) if one.tool == TOOL]
        history = [id for id in map(str, drawing.settings.get("history", ())) if id in liked]
        these = "This is" if len(ids) == 1 else f"These {len(ids)} are"
        of = f"the picture that you liked{' last' if len(liked) > 1 else ''}"
        of = of if len(history) == 1 else f"the last {len(history)} pictures that you liked"
        grounds = tuple(f"picture:{id}" for id in (*ids, *history))
        notes = [] if things_of(self.home.folder) or self.settings.personaliser != POCKET else [ICONS_ALONE]
        said = Claim(f"{these} new, drawn from {of}.", grounds)
        return Found((said,), pictures=self._pictures(ids, [0.0] * len(ids)).pictures, notes=tuple(notes))

    def _require_taught(self) -> None:
        """A network that no history taught draws noise from one: rather nothing than that."""
        from palate.personalise.drawing import trained_folder

        name = self.settings.personaliser
        if name != POCKET and trained_folder(self.home.folder, name) is None:
            hint = "`palate train personalise sft --data DIR`, or the setting personaliser = pocket, which was taught"
            raise PalateError("not_taught", "nothing here was taught to draw from what somebody liked", hint=hint)

    def steer(self, wanted: Wanted) -> tuple[Found, str]:
        """Four variations of what is wanted, made for this person's taste; and of which steering they are the slate."""
        self._may("draw")
        self._may("choose")
        words = " ".join(wanted.prompt.split())[:LONGEST_PROMPT]
        if not words:
            raise PalateError("empty_prompt", "say what to vary, such as “variations of a lighthouse”", about="prompt")
        return self._slate(self._making.begin(words))

    def answer(self, slate: str, column: int | None, wish: str = "") -> tuple[Found, str]:
        """Keep which variation was picked, or that none was, and make the next four."""
        self._may("draw")
        self._may("choose")
        steering, _ = slate_of(slate)
        return self._slate(self._making.answer(steering, column, wish[:LONGEST_PROMPT]))

    def back(self, slate: str) -> None:
        self._may("choose")
        self._making.back(*slate_of(slate))

    def _slate(self, made: Slate) -> tuple[Found, str]:
        self.forget_what_was_read()
        names = [one.model or "an unknown model" for one in made.columns]
        claims = tuple(
            quoting(f"{at} is “{{}}”, by {{}}.", one.words, name, grounds=_grounds("", one.pictures, ()))
            for at, (one, name) in enumerate(zip(made.columns, names, strict=True), 1)
        )
        firsts = tuple(
            Thing("picture", one.pictures[0], harmless(name))
            for one, name in zip(made.columns, names, strict=True)
            if one.pictures
        )
        return Found(claims, pictures=firsts), made.name


def _grounds(model: str, pictures: Sequence[str], prompts: Sequence[str]) -> tuple[str, ...]:
    own = (f"model:{model}",) if model else ()
    return (*own, *(f"picture:{id}" for id in pictures), *(f"prompt:{id}" for id in prompts if id))


def _network(drawings: Sequence[Drawing]) -> str:
    """Who made a picture that credits no model: the Janus that drew it from a history, if one did."""
    return next((f"Janus {one.settings['network']}" for one in drawings if one.tool == TOOL), "unknown model")
