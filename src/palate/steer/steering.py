"""A conversation's turns: candidates, what each is worth to this person, the slate, and what a choice teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from palate import settings as settings_file
from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations, vectors
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Candidate, Conversation, Turn
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.find.filters import Filters
from palate.steer.bank import Options
from palate.steer.drawers import Drawers, drawers_in, hands_for
from palate.steer.learned import FILE, Learned
from palate.steer.simulating import State
from palate.steer.slates import best_slate
from palate.taste.evidence import Floats
from palate.taste.offset import Belief, drawn, first_belief, of_each, worth
from palate.taste.person import Taste, after, pictures_in, taste_of, with_stated
from palate.taste.space import TasteSpace, taste_space
from palate.taste.utilities import Heads
from palate.writers.checking import write
from palate.writers.offline import OfflineWriter
from palate.writers.slots import SLOTS, vocabulary
from palate.writers.variants import Brief, PromptWriter, Variant

if TYPE_CHECKING:
    from palate.catalogue.vectors import Space
    from palate.encoders.protocol import Encoder
    from palate.steer.value import Value

COLUMNS = 4
PICTURES = 4
FAITH = 4.0
"""How much being near the words that were asked for counts beside taste: a cosine of 1 against a worth of 1."""
BASIS_PICTURES = 4000
LONGEST_PROMPT = 2000
MOST_TURNS = 50


@dataclass(frozen=True, slots=True)
class Grounds:
    """What every conversation in one home stands on, made once: the space of taste and words to describe it with."""

    space: Space
    taste: TasteSpace
    terms: tuple[str, ...]
    term_features: Floats
    drawers: Drawers
    """Who might draw a candidate."""
    learned: Learned | None = None
    """Kinds of people and a slate's value, where `palate train steering` left them in the home."""


def grounds_of(
    home: Home, space: Space, encoder: Encoder, *, among: Sequence[str] | None = None, afresh: bool = False
) -> Grounds:
    """From the home's pictures, or those with these ids, and from the vocabulary's words.

    Where something was learned it holds for the directions of then; `afresh` leaves it out.
    """
    terms = tuple(dict.fromkeys(term for slot in SLOTS for term in vocabulary()[slot]))
    words = encoder.encode_words([f"a picture, {term}" for term in terms])
    with home.read() as connection:
        _, pictures = vectors.load(connection, space, "picture", among)
    if len(pictures) > BASIS_PICTURES:
        pictures = pictures[np.random.default_rng(0).choice(len(pictures), BASIS_PICTURES, replace=False)]
    learned = None if afresh else Learned.load(home.folder / FILE, space.id)
    taste = learned.taste if learned else taste_space(pictures, words)
    with home.read() as connection:
        drawers = drawers_in(connection, space, taste, Filters(safe=settings_file.read(home.folder).safe))
    return Grounds(space, taste, terms, taste.of_words(words), drawers, learned)


def beginning(grounds: Grounds) -> Belief:
    """Before a person chose anything: the types' heads where some were learned, else that they may like whatever."""
    if grounds.learned is not None:
        return first_belief(grounds.learned.known.heads, grounds.learned.known.within)
    wide = grounds.taste.wide
    return first_belief(Heads(np.zeros((1, wide)), np.zeros(1), np.ones(1)), grounds.taste.prior)


def taste_in(home: Home, grounds: Grounds, encoder: Encoder, person: str) -> Taste:
    """What is believed of a person by all that they said and chose since they last began anew."""
    with home.read() as connection:
        said = conversations.stated(connection, person)
        everything = choice_rows.standing(choice_rows.of_person(connection, person))
        made = [choice for choice in everything if choice.sequence > said.after]
        ids, found = vectors.load(connection, grounds.space, "picture", pictures_in(made))
    known = dict(zip(ids, grounds.taste.of_pictures(found), strict=True)) if ids else {}
    belief = beginning(grounds)
    if said.words:
        features = grounds.taste.of_words(encoder.encode_words(list(said.words)))
        belief = with_stated(belief, list(zip(features, said.words.values(), strict=True)))
    return taste_of(belief, made, known)


class Steering:
    """One person's conversation in one home. It does not draw: who calls it draws the slate and tells the pictures."""

    def __init__(
        self,
        home: Home,
        grounds: Grounds,
        encoder: Encoder,
        writer: PromptWriter,
        conversation: Conversation,
        belief: Belief,
        *,
        explore: bool = True,
        fallback: PromptWriter | None = None,
    ) -> None:
        self.home = home
        self.grounds = grounds
        self.conversation = conversation
        self.belief = belief
        self._encoder = encoder
        self._writer = writer
        self._fallback = fallback or OfflineWriter()
        self._explore = explore
        self._asked = encoder.encode_words([conversation.prompt])[0]
        with home.read() as connection:
            self.turns = conversations.turns_of(connection, conversation.id)
        self._at = conversation.current or len(self.turns)

    @property
    def current(self) -> Turn | None:
        """The turn that the person is at; None before the first."""
        return self.turns[self._at - 1] if self.turns else None

    def next_turn(self, wish: str = "") -> Turn:
        """25 candidates, each with what it is worth and the doubt, and the slate; kept, and not drawn yet."""
        at = self.current
        if at is not None and at.state == "open":
            raise PalateError("turn_open", "the last slate was not answered yet", hint="pick a column, or none")
        if len(self.turns) >= MOST_TURNS:
            raise PalateError(
                "conversation_long", f"a conversation ends after {MOST_TURNS} turns", hint="begin a new one"
            )
        number = len(self.turns) + 1
        brief = self._brief(wish[:LONGEST_PROMPT], self.conversation.seed + number)
        written = write(self._writer, brief, self._fallback)
        if not written.variants:
            raise PalateError("no_candidates", "nothing can be made of these words", about=brief.prompt[:80])
        candidates = self._candidates(written.variants, number)
        turn = Turn(number, brief.prompt, brief.wish, written.writer, written.fallback, candidates)
        if at is not None:
            turn = replace(turn, parent=at.number, via=at.picked)
        self._keep(turn)
        return turn

    def _candidates(self, variants: Sequence[Variant], number: int) -> tuple[Candidate, ...]:
        """Each with who draws it, what it is worth and the doubt, and the best of four categories in columns."""
        believed, categories = self.belief, [variant.category for variant in variants]
        if self._explore and self.grounds.learned is None:
            believed = _one_head(believed, np.random.default_rng([self.conversation.seed, number]))
        encoded = self._encoder.encode_words([*(variant.text for variant in variants), self._words_now()])
        features, now = self.grounds.taste.of_words(encoded[:-1]), self.grounds.taste.of_words(encoded[-1:])
        share = self.grounds.drawers.share
        hands: list[str | None] = [None] * len(variants)
        if self.conversation.varies:
            hands = hands_for(self.grounds.drawers, believed, categories, self._model())
            features = features + np.array([share(hand) for hand in hands])
        faith = np.asarray(encoded[:-1] @ self._asked, dtype=np.float64)
        if self.grounds.learned is not None and len(set(categories)) >= COLUMNS:
            options = Options(np.arange(len(variants))[None], tuple(categories), features[None])
            values = planned(self.grounds.learned.value, self._state(now + share(self._model())), options, faith)
        else:
            values = worth_and_faith(believed, features, faith)
        _, doubts = worth(self.belief, features)
        slate = best_slate(values.tolist(), categories, COLUMNS)
        column = {at: place for place, at in enumerate(slate)}
        return tuple(
            Candidate(v.text, v.category, float(values[at]), float(doubts[at]), column.get(at), (), hands[at])
            for at, v in enumerate(variants)
        )

    def _words_now(self) -> str:
        picked = self._picked()
        return picked[-1].text if picked else self.conversation.prompt

    def _state(self, now: Floats) -> State:
        """Where the conversation stands, as the value knows it; `now` (1, d) are the words that were picked last."""
        first = self.grounds.taste.of_words(self._asked[None]) + self.grounds.drawers.share(self.conversation.model_id)
        picked = [column.pictures for column in self._picked()]
        with self.home.read() as connection:
            ids, found = vectors.load(connection, self.grounds.space, "picture", [id for own in picked for id in own])
        seen = dict(zip(ids, self.grounds.taste.of_pictures(found), strict=True)) if ids else {}
        middles = [np.mean([seen[id] for id in own if id in seen], axis=0) for own in picked if set(own) & set(seen)]
        held = middles[-1][None] if middles else first
        mean = np.mean(middles, axis=0)[None] if middles else np.zeros_like(first)
        answered = sum(turn.state != "open" for turn in conversations.path(self.turns, self._at))
        return State(answered, of_each(self.belief, 1), first, now, mean, held)

    def show(self, pictures: Sequence[Sequence[str]]) -> Turn:
        """Which pictures stand in the open turn's columns."""
        turn = self._open()
        drawn_for = {candidate.column: tuple(pictures[candidate.column or 0]) for candidate in turn.slate}
        candidates = tuple(
            candidate if candidate.column is None else replace(candidate, pictures=drawn_for[candidate.column])
            for candidate in turn.candidates
        )
        return self._keep(replace(turn, candidates=candidates))

    def choose(self, column: int | None) -> Turn:
        """A column was picked, or none; kept for good, and the belief moves."""
        turn = self._open()
        slate = turn.slate
        if column is not None and not 0 <= column < len(slate):
            raise PalateError("no_such_column", f"there are columns 1 to {len(slate)}", about=str(column + 1))
        choice = choice_of(self.conversation, turn, column)
        done = answered(turn, column)
        with self.home.write() as connection:
            choice_rows.append(connection, choice)
            conversations.put_answer(connection, self.conversation.id, done)
            ids, found = vectors.load(connection, self.grounds.space, "picture", pictures_in([choice]))
        known = dict(zip(ids, self.grounds.taste.of_pictures(found), strict=True)) if ids else {}
        self.turns[done.number - 1] = done
        self.belief = after(self.belief, choice, known) or self.belief
        return done

    def back_to(self, number: int) -> Turn:
        """Be at this turn again, unanswered: what its answer taught is taken back."""
        from palate.steer.answering import go_to

        turn = go_to(self.home, self.conversation, number)
        with self.home.read() as connection:
            self.turns = conversations.turns_of(connection, self.conversation.id)
        self._at = number
        self.belief = taste_in(self.home, self.grounds, self._encoder, self.conversation.person).belief
        return turn

    def _open(self) -> Turn:
        turn = self.current
        if turn is None or turn.state != "open":
            raise PalateError("no_open_turn", "there is no slate to answer", hint="ask for the next turn first")
        return turn

    def _keep(self, turn: Turn) -> Turn:
        with self.home.write() as connection:
            conversations.put_turn(connection, self.conversation.id, turn)
            conversations.set_current(connection, self.conversation.id, turn.number)
        self.turns[turn.number - 1 :] = [turn, *self.turns[turn.number :]]
        self._at = turn.number
        return turn

    def _picked(self) -> list[Candidate]:
        """What was picked on the way to where the person is, the first one first."""
        way = conversations.path(self.turns, self._at)
        led = [(turn, follower.via) for turn, follower in pairwise(way)] + [(turn, turn.picked) for turn in way[-1:]]
        return [turn.slate[column] for turn, column in led if column is not None]

    def _model(self) -> str | None:
        """Who drew what was picked last."""
        picked = self._picked()
        return (picked[-1].model_id if picked else None) or self.conversation.model_id

    def _brief(self, wish: str, seed: int) -> Brief:
        picked = [candidate.text for candidate in self._picked()]
        shown = conversations.shown_texts(self.turns)
        prompt = picked[-1] if picked else self.conversation.prompt
        return Brief(prompt, wish, tuple(picked[:-1]), shown, seed)


def choice_of(conversation: Conversation, turn: Turn, column: int | None) -> Choice:
    """The event that says which column of a slate was picked, or that none was."""
    slate = turn.slate
    payload: dict[str, object] = {
        "conversation": conversation.id,
        "turn": turn.number,
        "columns": [list(candidate.pictures) for candidate in slate],
        "column": column,
    }
    if column is not None and slate[column].pictures:
        payload["picture"] = slate[column].pictures[0]
    return Choice(conversation.person, "skip" if column is None else "pick", payload)


def answered(turn: Turn, column: int | None) -> Turn:
    return replace(turn, state="none" if column is None else "picked", picked=column)


def worth_and_faith(belief: Belief, features: Floats, faith: Floats) -> Floats:
    """Greedy: what the pictures of a prompt are expected to be worth, and how near it is to what was asked for."""
    mean, _ = worth(belief, features)
    value: Floats = mean + FAITH * (faith - faith.max())
    return value


def planned(value: Value, state: State, options: Options, faith: Floats) -> Floats:
    """f(h, p) of whole conversations in place of the worth of the next pictures, and how near to what was asked for."""
    values: Floats = value.of(state, options)[0] + FAITH * (faith - faith.max())
    return values


def _one_head(belief: Belief, rng: np.random.Generator) -> Belief:
    """Thompson sampling: act on one head that the person may have; the less is known, the more it varies."""
    head = drawn(belief, rng)
    return Belief(np.zeros(1), head[None], np.zeros((1, len(head), len(head))))


def begin(
    home: Home, person: str, prompt: str, *, model_id: str | None, seed: int = 0, varies: bool = False
) -> Conversation:
    """A new conversation; the same words of the same person begin another one each time.

    `varies`: candidates may name other models than the one that begins.
    """
    from palate.catalogue.records import digest

    prompt = " ".join(prompt.split())[:LONGEST_PROMPT]
    if not prompt:
        raise PalateError("empty_prompt", "say what to draw", about="prompt")
    with home.write() as connection:
        place = len(conversations.of_person(connection, person))
        id = digest("conversation", person, prompt, str(place), str(conversations.last_choice(connection)))
        conversation = Conversation(id[:32], person, prompt, model_id, seed, varies=varies)
        conversations.put(connection, conversation)
    return conversation
