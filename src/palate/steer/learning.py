"""What everybody's conversations in one home teach: kinds of people, what pictures to foresee, a slate's value.

Nobody's choices count for more than a few others' do (`palate.taste.influence`), and what was taken back, begun anew
after or said in a pause counts nowhere. People are made from what was learned of real ones, and led over the home's own
pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection, select

from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations, tables, vectors
from palate.catalogue import pictures as picture_rows
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Conversation, Turn
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.find.loading import load_specifications
from palate.importers.preferences import Preference
from palate.steer.bank import Options
from palate.steer.drawn_bank import DrawnBank, bank_in
from palate.steer.foreseeing import foresight
from palate.steer.learned import FILE, Learned
from palate.steer.recording import evidence_of, known_from, record
from palate.steer.rounds import Stage, value_in_rounds
from palate.steer.simulating import COLUMNS, Known, State, Step, Told, exploring, greedy, retold, unranked
from palate.steer.single_turns import AVERAGE, as_preferences, evidence_of_preferences, published
from palate.steer.steering import Grounds, beginning
from palate.steer.transitions import transitions
from palate.steer.value import ValueLearning
from palate.taste.evidence import Evidence, Floats
from palate.taste.influence import capped
from palate.taste.offset import of_each
from palate.taste.simulated import NOBODY, Habits, crowd_of, people
from palate.taste.types import Learning, fit_types, held_out_likelihood
from palate.taste.utilities import Heads

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

FEWEST_PEOPLE = 8
"""Fewer say nothing of kinds of people: everybody may like whatever."""
FEWEST_PROMPTS = 8
PEOPLE_A_TYPE = 8
TYPES = (1, 2, 4, 8)
HELD_OUT = 0.34
"""The share of picks that the number of types is chosen by."""
LOOKING = 500
"""Made people whose conversations show what pictures follow from what is seen."""
LOOKING_SEED = 40_000_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """A conversation's turns that count, and whose it is."""

    conversation: Conversation
    turns: tuple[Turn, ...]


def learn(
    home: Home,
    grounds: Grounds,
    encoder: Encoder,
    *,
    simulated: int,
    learning: ValueLearning,
    told_elsewhere: Iterable[Preference] = (),
    pictures: Path | None = None,
    progress: Progress = lambda *_: None,
) -> dict[str, int]:
    """Learned from all that was answered here, kept in the home; how much there was to learn from.

    `grounds` are those of now, without what was learned before; `pictures` the folder of those that people elsewhere
    chose between.
    """
    bank, seed = bank_of(home, grounds), learning.seed
    told = told_in(home, grounds, encoder)
    names = list(dict.fromkeys(person for person, _ in told))
    first = single_turns(home, grounds, encoder, told_elsewhere, pictures)
    known = people_known([names.index(person) for person, _ in told], [each for _, each in told], grounds, seed, first)
    recorded = [retold(each, known) for _, each in told]
    crowd = crowd_of(people(known.heads, known.within, LOOKING, Habits(), np.random.default_rng([seed, 6])))
    looked = record(bank, crowd, (unranked, greedy, exploring), known, first=LOOKING_SEED)
    stage = Stage(bank, known, foresight([*recorded, *looked]), seed=seed)
    taught = transitions(recorded, stage.sight) if recorded else None
    value, _ = value_in_rounds(stage, taught, simulated, learning, progress=progress)
    Learned(grounds.space.id, grounds.taste, known, value).save(home.folder / FILE)
    turns = sum(len(each.steps) for each in recorded)
    return {
        "people": len(names),
        "answers": turns,
        "single_turns": first.events,
        "types": known.heads.count,
        "simulated": simulated,
    }


def single_turns(
    home: Home, grounds: Grounds, encoder: Encoder, elsewhere: Iterable[Preference], folder: Path | None
) -> Evidence:
    """What people of this home chose outside of conversations, and what was published of others."""
    with home.read() as connection:
        persons = sorted(connection.execute(select(tables.choices.c.person).distinct()).scalars())
        made = [choice for person in persons for choice in _counted(connection, person)]
        here = as_preferences(made)
        ids, found = vectors.load(connection, grounds.space, "picture", _of(here))
    known = dict(zip(ids, grounds.taste.of_pictures(found), strict=True)) if ids else {}
    if folder is not None:
        kept, theirs = published(elsewhere, folder, grounds, encoder)
        here, known = [*here, *kept], {**known, **theirs}
    return evidence_of_preferences(here, known, grounds.taste.wide)


def _of(preferences: Iterable[Preference]) -> list[str]:
    return list(dict.fromkeys(id for one in preferences for id in one.pictures if id != AVERAGE))


def _counted(connection: Connection, person: str) -> list[Choice]:
    """Choices that stand, since the person last began anew."""
    after = conversations.stated(connection, person).after
    return [c for c in choice_rows.standing(choice_rows.of_person(connection, person)) if c.sequence > after]


def bank_of(home: Home, grounds: Grounds) -> DrawnBank:
    """The prompts that every specified model drew, with as many pictures of each pair as all of them have."""
    with home.read() as connection:
        specified, _ = load_specifications(connection, grounds.space)
        texts = {id: prompt.text for id, prompt in picture_rows.prompts(connection).items()}
        prompt_ids, words = vectors.load(connection, grounds.space, "prompt")
    row_of = {id: row for row, id in enumerate(prompt_ids)}
    pairs: dict[tuple[str, int], list[int]] = {}
    for row, (prompt, model) in enumerate(zip(specified.prompt_ids, specified.model_index.tolist(), strict=True)):
        if prompt in row_of:
            pairs.setdefault((prompt, model), []).append(row)
    models = range(len(specified.model_ids))
    whole = [id for id in sorted({id for id, _ in pairs}) if all((id, model) in pairs for model in models)]
    if len(whole) < FEWEST_PROMPTS:
        raise PalateError(
            "too_few_prompts",
            f"every specified model drew {len(whole)} prompts, and people are led over {FEWEST_PROMPTS} at least",
            hint="run `palate specify`",
        )
    each = min(len(pairs[id, model]) for id in whole for model in models)
    rows = np.array([[pairs[id, model][:each] for model in models] for id in whole])
    said = tuple(texts[id] for id in whole)
    things = tuple(text.rpartition(" of ")[2] for text in said)
    shortest = {thing: min((t for t, of in zip(said, things, strict=True) if of == thing), key=len) for thing in things}
    plain = tuple(text == shortest[thing] for text, thing in zip(said, things, strict=True))
    drawn = specified.pictures[rows]
    return bank_in(grounds.taste, said, things, plain, specified.model_ids, drawn, words[[row_of[id] for id in whole]])


def told_in(home: Home, grounds: Grounds, encoder: Encoder) -> list[tuple[str, Told]]:
    """Every conversation with an answer that counts, as one that was simulated; and whose it is."""
    with home.read() as connection:
        answered = _answered(connection)
        shown = [id for one in answered for turn in one.turns for column in turn.slate for id in column.pictures]
        ids, found = vectors.load(connection, grounds.space, "picture", list(dict.fromkeys(shown)))
    seen = dict(zip(ids, grounds.taste.of_pictures(found), strict=True)) if ids else {}
    texts = [text for one in answered for text in _texts(one)]
    distinct = list(dict.fromkeys(texts))
    words = dict(zip(distinct, grounds.taste.of_words(encoder.encode_words(distinct)), strict=True)) if distinct else {}
    told = [(one.conversation.person, _told(one, words, seen, grounds)) for one in answered]
    return [(person, each) for person, each in told if each.steps]


def _answered(connection: Connection) -> list[Answered]:
    """Turns on the way to where each conversation is, whose answers stand."""
    persons = connection.execute(select(tables.conversations.c.person).distinct()).scalars()
    found = []
    for person in sorted(persons):
        counts = {(c.payload.get("conversation"), c.payload.get("turn")) for c in _counted(connection, person)}
        for conversation in conversations.of_person(connection, person):
            turns = conversations.turns_of(connection, conversation.id)
            way = conversations.path(turns, conversation.current or len(turns))
            kept = [turn for turn in way if (conversation.id, turn.number) in counts and len(turn.slate) == COLUMNS]
            if kept:
                found.append(Answered(conversation, tuple(kept)))
    return found


def _texts(one: Answered) -> list[str]:
    return [one.conversation.prompt, *(column.text for turn in one.turns for column in turn.slate)]


def _told(one: Answered, words: Mapping[str, Floats], seen: Mapping[str, Floats], grounds: Grounds) -> Told:
    """Up to the first turn whose pictures have no vectors; what was picked is all that is known of its worth."""
    begun = words[one.conversation.prompt] + grounds.drawers.share(one.conversation.model_id)
    nothing = np.zeros_like(begun)
    first, now, held = begun[None], begun[None], begun[None]
    picks: list[Floats] = []
    told = Told(np.zeros(1))
    for number, turn in enumerate(one.turns):
        pictures = [[seen[id] for id in column.pictures if id in seen] for column in turn.slate]
        if not all(pictures):
            break
        columns = np.stack([np.mean(column, axis=0) for column in pictures])
        hands = [column.model_id or one.conversation.model_id for column in turn.slate]
        said = np.stack([words[c.text] + grounds.drawers.share(h) for c, h in zip(turn.slate, hands, strict=True)])
        middle = np.mean(picks, axis=0) if picks else nothing
        state = State(number, of_each(beginning(grounds), 1), first, now, middle[None], held)
        options = Options(np.arange(len(said))[None], tuple(column.category for column in turn.slate), said[None])
        if turn.picked is not None:
            now, held = said[turn.picked][None], columns[turn.picked][None]
            picks.append(columns[turn.picked])
        picked = np.array([NOBODY if turn.picked is None else turn.picked])
        told.steps.append(Step(state, options, options.entries, columns[None], picked, held, np.zeros(1)))
    return told


def people_known(
    person: Sequence[int], told: Sequence[Told], grounds: Grounds, seed: int, single: Evidence | None = None
) -> Known:
    """Kinds of people where there are enough of them, as many as explain choices best that they were not learned from.

    Single turns teach first, and conversations fine-tune; where either has too few people, the other alone.
    """
    nothing = Known(Heads(np.zeros((1, grounds.taste.wide)), np.zeros(1), np.ones(1)), grounds.taste.prior)
    first = None if single is None or single.people < FEWEST_PEOPLE else capped(single, seed=seed)
    picked = any((step.picked != NOBODY).any() for one in told for step in one.steps)
    if len(set(person)) < FEWEST_PEOPLE or not picked:
        return nothing if first is None else known_from(first, count_of_types(first, seed), seed=seed)
    evidence = evidence_of(told)
    picks = replace(evidence.picks, person=np.array(person)[evidence.picks.person])
    evidence = replace(evidence, people=max(person) + 1, picks=picks)
    if first is None:
        return known_from(evidence, count_of_types(evidence, seed), seed=seed)
    count = count_of_types(first, seed)
    begun = fit_types(first, count, Learning(apart=float(grounds.taste.wide), seed=seed)).heads
    return known_from(evidence, count, seed=seed, begun=begun)


def count_of_types(evidence: Evidence, seed: int) -> int:
    """K by held-out likelihood: of `TYPES`, with `PEOPLE_A_TYPE` people a type at least."""
    counts = [count for count in TYPES if count * PEOPLE_A_TYPE <= evidence.people]
    luck = np.random.default_rng([seed, 7])
    picked, won = (luck.random(len(part.person)) < HELD_OUT for part in (evidence.picks, evidence.pairs))
    later = np.concatenate([picked, won])
    if len(counts) < 2 or later.all() or not later.any():
        return 1
    nothing = np.zeros(len(evidence.scores.person), dtype=bool)
    history = replace(evidence, picks=evidence.picks.of(~picked), pairs=evidence.pairs.of(~won))
    asked = replace(
        evidence, picks=evidence.picks.of(picked), pairs=evidence.pairs.of(won), scores=evidence.scores.of(nothing)
    )
    learning = Learning(apart=float(evidence.features.shape[1]), seed=seed)
    likely = [held_out_likelihood(fit_types(history, count, learning).heads, history, asked).mean() for count in counts]
    return counts[int(np.argmax(likely))]
