"""The conversation itself: a message in, an exchange out. What it does it does through `Tools`, for one person."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from palate.converse.changes import changes_of, reworded
from palate.converse.choosing import chosen, worded
from palate.converse.grounding import quoting
from palate.converse.hearing import LAST, LONGEST, TALKED_OF, Heard, Reference, hear
from palate.converse.state import Back, Claim, Exchange, Kind, Question, Reply, Talk, Thing, Wanted
from palate.converse.times import span_of
from palate.converse.tools import MOST_DRAWN, Found, Tools
from palate.errors import PalateError
from palate.safety.paths import shown
from palate.writers.speaking import Speaker

MOST_EXCHANGES = 500
MOST_FAILURES = 2
"""Failures in a row after which a language model is left alone: one that hangs costs two time limits a talk."""
HELP = (
    "Say what you want drawn, such as “a lighthouse at night”; then “like the second, but darker”, “why this model?”, "
    "“draw it”, “show me variations”, “who drew the first?”, “I like the first”, “remember that I like ink”, “undo”, "
    "or “draw me something new from what I liked”."
)
PICK = "Pick one (“the second”), say what should be otherwise with it (“the second, but red”), or “none of these”."
_DISLIKES = re.compile(r"n't\b|\b(?:never|hate|dislike|not|less)\b")
_TASTE = re.compile(
    r"^.*?\b(?:that i|i)\s+(?:(?:always|never|usually|generally|normally|really|do not|don't|am always happy with)\s+)*"
    r"(?:want|like|prefer|love|hate|dislike|happy with)?\s*|^(?:for|in) (?:the )?future[:, ]*|^my (?:taste|style) is\s*"
)

_COUNTED = {"one": 1, "two": 2, "three": 3, "four": 4, "a few": 3, "some": 3, "several": 4}


class Conversing:
    """One person's talk. `talk` is what holds; `say` leads it on and never raises for what can be said in words."""

    def __init__(
        self,
        tools: Tools,
        *,
        draws: bool = True,
        speaker: Speaker | None = None,
        now: Callable[[], datetime] | None = None,
        talk: Talk | None = None,
    ) -> None:
        self.tools = tools
        self.speaker = speaker
        self._failures = 0
        self.talk = talk or Talk(tools.person)
        self._draws = draws
        self._now = now or (lambda: datetime.now(UTC).astimezone())
        self._back: Back | None = None
        """How what is being done now is taken back, if it has a lasting effect."""

    def say(self, said: str) -> Exchange:
        """Understand, act, answer. An error becomes a note, and what was wanted stays as it was."""
        said = " ".join(shown(said[:LONGEST]).split())
        if not said:
            return self._told("ask", said, self.talk.wanted, Reply(notes=(HELP,)))
        if len(self.talk.exchanges) >= MOST_EXCHANGES:
            raise PalateError("conversation_long", f"a conversation ends after {MOST_EXCHANGES} messages")
        heard, fallback = self._hear(said)
        self._back = None
        if heard.intent == "undo":
            return self._undo(said)
        try:
            wanted, reply = self._act(heard)
        except PalateError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return self._told(heard.intent, said, self.talk.wanted, Reply(notes=(f"{error.message}{hint}.",)))
        exchange = self._told(heard.intent, said, wanted, self._worded(said, reply, fallback))
        exchange = replace(exchange, back=self._back)
        self.talk = self.talk.after(exchange)
        return exchange

    def _hear(self, said: str) -> tuple[Heard, str | None]:
        """By the language model where there is one that answers; by rules otherwise, and why."""
        heard = hear(said, self.talk)
        if self.speaker is None or (self.talk.question is not None and heard.intent == "critique"):
            return heard, None
        if self._failures >= MOST_FAILURES:
            return heard, "the language model failed before and is not asked any more"
        try:
            chose = chosen(self.speaker, heard, self.talk)
        except PalateError as error:
            self._failures += 1
            return heard, error.message
        self._failures = 0
        return chose, None

    def _worded(self, said: str, reply: Reply, fallback: str | None) -> Reply:
        if self.speaker is None:
            return reply
        if fallback is not None:
            return replace(reply, fallback=fallback)
        return worded(self.speaker, said, reply)

    def _told(self, intent: str, said: str, wanted: Wanted, reply: Reply) -> Exchange:
        return Exchange(len(self.talk.exchanges) + 1, said, intent, wanted, reply)  # type: ignore[arg-type]

    def _act(self, heard: Heard) -> tuple[Wanted, Reply]:
        act = {
            "ask": self._ask,
            "change": self._ask,
            "critique": self._critique,
            "choose": self._choose,
            "explain": self._explain,
            "question": self._question,
            "tell": self._tell,
            "draw": self._draw,
            "recommend": self._recommend,
            "identify": self._identify,
            "personalise": self._personalise,
            "steer": self._steer,
        }[heard.intent]
        return act(heard)

    # -- one for each intent --------------------------------------------------------------------------------------

    def _ask(self, heard: Heard) -> tuple[Wanted, Reply]:
        wanted = Wanted(heard.words, base=self.talk.wanted.base, tags=self.talk.wanted.tags)
        if not wanted.words:
            new = heard.intent == "change"
            return (
                (Wanted(), Reply(notes=("Something new, then.", HELP)))
                if new
                else (self.talk.wanted, Reply(notes=(HELP,)))
            )
        reply = replace(self._answer(wanted), question=self._to_ask(wanted))
        return (wanted, self._drawn(wanted, reply, heard.said)) if heard.draws else (wanted, reply)

    def _critique(self, heard: Heard) -> tuple[Wanted, Reply]:
        if self._slate and (heard.reference is None or heard.reference.kind != "model"):
            return self._answered(heard.reference, ", ".join(change.words for change in heard.changes))
        wanted = self.talk.wanted
        place = TALKED_OF if heard.reference is None else heard.reference.place
        if place != TALKED_OF or heard.likewise:
            wanted = replace(wanted, picture=self._picture(place).id)
        if not heard.changes and not heard.likewise and wanted == self.talk.wanted:
            raise PalateError("not_understood", "I did not understand what is to be otherwise", hint=HELP)
        for change in heard.changes:
            words, change = reworded(wanted.words, change)
            wanted = replace(wanted, words=words).but([change])
        reply = self._answer(wanted)
        if not (heard.draws and self._draws and wanted.prompt):  # a picture alone says nothing that could be drawn
            return wanted, reply
        return wanted, self._drawn(wanted, reply, heard.said)

    def _choose(self, heard: Heard) -> tuple[Wanted, Reply]:
        wanted, none = self.talk.wanted, re.search(r"\bnone of\b|\bany of\b", heard.said.lower())
        if self._slate and (none or heard.likes) and (heard.reference is None or heard.reference.kind != "model"):
            return self._answered(None if none else heard.reference or Reference(TALKED_OF), "")
        if none:
            for thing in self.talk.shown("picture"):
                self.tools.choose(thing.id, "dislike")
            self._back = Back(skip=tuple(thing.id for thing in self.talk.shown("picture")))
            note = "Then say what should be otherwise, or “something else”."
            return wanted, Reply(notes=("Kept: none of them.", note), tools=("choose",))
        reference = heard.reference
        if reference is not None and reference.kind == "model":
            model = self._model(reference.place)
            found = Found(self.tools.facts(self.tools.model(model.id)), (model,))
            return wanted, self._reply(found, "facts")
        picture = self._picture(TALKED_OF if reference is None else reference.place)
        found = self.tools.choose(picture.id, "like" if heard.likes else "dislike")
        self._back = Back(skip=(picture.id,))
        if not heard.likes:
            return wanted, replace(self._reply(found, "choose"), notes=("What should be otherwise?",))
        wanted = replace(wanted, picture=picture.id)
        more = self.tools.similar(picture.id)
        reply = self._reply(replace(found, pictures=more.pictures), "choose", "similar")
        return wanted, replace(reply, notes=("These are like it.",) if more.pictures else ())

    def _explain(self, heard: Heard) -> tuple[Wanted, Reply]:
        place = TALKED_OF if heard.reference is None else heard.reference.place
        found = self.tools.explain(self._model(place).id, self.talk.wanted)
        return self.talk.wanted, self._reply(found, "explain")

    def _question(self, heard: Heard) -> tuple[Wanted, Reply]:
        plain, wanted = heard.said.lower(), self.talk.wanted
        if re.search(r"\b(?:remember|know (?:about|of) me|my (?:taste|preferences))\b", plain):
            return wanted, self._reply(self.tools.remembered(), "remembered")
        if re.search(r"\b(?:did|have) i\b|\bof mine\b|\bmy (?:likes|choices|favou?rites|history)\b", plain):
            if "models" in plain and "like" not in plain:
                return wanted, self._reply(self.tools.models(), "models")
            since, until = span_of(plain, self._now()) or (0.0, float("inf"))
            liked = not re.search(r"\b(?:choose|chose|rate|rated|look)\b", plain)
            return wanted, self._reply(self.tools.history(since=since, until=until, liked=liked), "history")
        if re.search(r"\bhow many models\b|\bwhat models\b|\bwhich models\b", plain):
            return wanted, self._reply(self.tools.models(), "models")
        place = TALKED_OF if heard.reference is None else heard.reference.place
        model = self.tools.model(self._model(place).id)
        return wanted, self._reply(Found(self.tools.facts(model)), "facts")

    def _tell(self, heard: Heard) -> tuple[Wanted, Reply]:
        plain = heard.said.lower().replace("’", "'").strip(" .!")
        words = [change.towards for change in changes_of(_TASTE.sub("", plain, count=1))]
        if not words:
            raise PalateError("not_understood", "I did not understand what you like", hint="“I like watercolour”")
        if re.search(r"\bforget that i\b", plain):
            found = self.tools.remember(drop=words)
            self._back = Back(more=tuple(words))
        else:
            less = bool(_DISLIKES.search(plain))
            found = self.tools.remember(more=[] if less else words, less=words if less else [])
            self._back = Back(drop=tuple(words))
        return self.talk.wanted, replace(self._reply(found, "remember"), notes=("Kept.",))

    def _draw(self, heard: Heard) -> tuple[Wanted, Reply]:
        wanted = self.talk.wanted
        if heard.words:
            wanted = Wanted(heard.words, base=wanted.base, tags=wanted.tags)
        return wanted, self._drawn(wanted, Reply(), heard.said)

    def _recommend(self, _: Heard) -> tuple[Wanted, Reply]:
        return self.talk.wanted, self._reply(self.tools.recommend(), "recommend")

    def _identify(self, heard: Heard) -> tuple[Wanted, Reply]:
        place = TALKED_OF if heard.reference is None else heard.reference.place
        return self.talk.wanted, self._reply(self.tools.identify(self._picture(place).id), "identify")

    def _personalise(self, heard: Heard) -> tuple[Wanted, Reply]:
        count = _count(heard.said, otherwise=MOST_DRAWN)
        found = self.tools.personalise(count=count, seed=len(self.talk.exchanges) + 1)
        return self.talk.wanted, self._reply(found, "personalise")

    def _steer(self, heard: Heard) -> tuple[Wanted, Reply]:
        wanted = self.talk.wanted
        if heard.words:
            wanted = Wanted(heard.words, base=wanted.base, tags=wanted.tags)
        found, slate = self.tools.steer(wanted)
        return replace(wanted, slate=slate), replace(self._reply(found, "steer"), notes=(PICK,))

    @property
    def _slate(self) -> str:
        """The variations that are being chosen from, if they were what was shown last."""
        shown = next((one for one in reversed(self.talk.exchanges) if one.reply.pictures), None)
        return self.talk.wanted.slate if shown is not None and "steer" in shown.reply.tools else ""

    def _answered(self, reference: Reference | None, wish: str) -> tuple[Wanted, Reply]:
        """One of the variations was picked, or none, and something may be wished beside: four others are made."""
        wanted = self.talk.wanted
        picked = None if reference is None else self._shown("picture", reference.place)
        column = None if picked is None else self.talk.shown("picture").index(picked)
        found, slate = self.tools.answer(self._slate, column, wish)
        self._back = Back(slate=self._slate)
        wanted = replace(wanted, slate=slate, picture=wanted.picture if picked is None else picked.id)
        return wanted, replace(self._reply(found, "steer"), notes=(PICK,))

    def _undo(self, said: str) -> Exchange:
        if not self.talk.exchanges:
            return self._told("undo", said, Wanted(), Reply(notes=("There is nothing to undo.",)))
        undone = self.talk.exchanges[-1]
        while self.talk.exchanges:  # what only told something is no step: the step before it is meant
            undone = self.talk.exchanges[-1]
            self.talk = self.talk.undone()
            if undone.back is not None or undone.wanted != self.talk.wanted or "draw" in undone.reply.tools:
                break
        if undone.back is not None:
            self._take_back(undone.back)
        note = f"Undone: “{undone.said[:80]}”."
        models, pictures = self.talk.shown("model"), self.talk.shown("picture")
        return self._told("undo", said, self.talk.wanted, Reply(models=models, pictures=pictures, notes=(note,)))

    def _take_back(self, back: Back) -> None:
        for picture in back.skip:
            self.tools.choose(picture, "skip")
        if back.more or back.drop:
            self.tools.remember(more=list(back.more), drop=list(back.drop))
        if back.slate:
            self.tools.back(back.slate)

    def _to_ask(self, wanted: Wanted) -> Question | None:
        """What the person once said they like, where they did not ask for it now; else what would tell most."""
        offered = [option for one in self.talk.exchanges if one.reply.question for option in one.reply.question.options]
        liked = self.tools.stated_and_not_wanted(wanted)
        if liked is not None and liked not in offered:
            return Question(f"You said that you like {liked}: shall it be so here?", (liked,))
        pair = self.tools.question(wanted, offered)
        return None if pair is None else Question(f"Rather {pair[0]}, or {pair[1]}?", pair)

    # -- parts of answers -----------------------------------------------------------------------------------------

    def _answer(self, wanted: Wanted) -> Reply:
        """Models and pictures for what is wanted now."""
        found = self.tools.find(wanted)
        near = self.tools.like_this(wanted)
        claims = (*_leading(wanted, found.models), *found.claims, *near.claims)
        merged = Found(claims, found.models, near.pictures, (*found.notes, *near.notes))
        return self._reply(merged, "find", "like_this")

    def _drawn(self, wanted: Wanted, reply: Reply, said: str) -> Reply:
        """The same with pictures drawn now, or with a note where nothing here can draw."""
        try:
            found = self.tools.draw(wanted, seed=len(self.talk.exchanges) + 1, count=_count(said))
        except PalateError as error:
            near = " These are the nearest that exist." if reply.pictures else ""
            return replace(reply, notes=(*reply.notes, f"Nothing was drawn: {error.message}.{near}"))
        pictures = (*found.pictures, *reply.pictures)
        return replace(
            reply,
            claims=(*found.claims, *(claim for claim in reply.claims if not claim.text.startswith("Picture "))),
            pictures=self._with_files(pictures),
            tools=(*reply.tools, "draw"),
        )

    def _reply(self, found: Found, *tools: str) -> Reply:
        notes = tuple(f"{note[:1].upper()}{note[1:]}." if note[-1:] not in ".!?" else note for note in found.notes)
        return Reply(found.claims, found.models, self._with_files(found.pictures), None, notes, tools)

    def _with_files(self, things: Sequence[Thing]) -> tuple[Thing, ...]:
        from palate.specify.again import look

        missing = [thing.id for thing in things if thing.file is None]
        files = look(self.tools.home, self.tools.settings, missing) if missing else {}
        return tuple(replace(thing, file=str(files[thing.id])) if thing.id in files else thing for thing in things)

    def _picture(self, place: int) -> Thing:
        wanted = self.talk.wanted.picture
        if place == TALKED_OF and wanted is not None:
            return Thing("picture", wanted, "")
        return self._shown("picture", place)

    def _model(self, place: int) -> Thing:
        return self._shown("model", place)

    def _shown(self, kind: Kind, place: int) -> Thing:
        things = self.talk.shown(kind)
        if not things:
            raise PalateError("nothing_shown", f"no {kind} was shown yet", hint=HELP)
        at = {TALKED_OF: 0, LAST: len(things) - 1}.get(place, place - 1)
        if not 0 <= at < len(things):
            raise PalateError("no_such_number", f"{len(things)} {kind}s were shown, there is no number {place}")
        return things[at]


def _count(said: str, otherwise: int = 1) -> int:
    """How many pictures are asked for."""
    counted = re.search(r"\b(\d{1,3}|one|two|three|four|a few|some|several)\b", said.lower())
    return otherwise if counted is None else max(1, min(_COUNTED.get(counted[1]) or int(counted[1]), MOST_DRAWN))


def _leading(wanted: Wanted, models: Sequence[Thing]) -> tuple[Claim, ...]:
    """The answer in one sentence."""
    if not models:
        return ()
    what = f"For {wanted.told}" if wanted.told else "Like this picture"
    if wanted.picture and wanted.told:
        what += " like that picture"
    names = [thing.name for thing in models]
    then = f", then {' and '.join(['{}'] * (len(names) - 1))}" if names[1:] else ""
    grounds = tuple(f"model:{thing.id}" for thing in models)
    return (quoting(f"{what.replace('{}', '')}, {{}} fits best{then}.", *names, grounds=grounds),)
