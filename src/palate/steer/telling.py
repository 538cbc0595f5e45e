"""What is known of a person's taste: told in words and pictures, said by them, begun anew, written out, forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations, vectors
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Stated
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.steer.steering import Grounds, taste_in
from palate.taste.offset import worth
from palate.taste.person import nearest_terms

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

SHOWN = 6
LONGEST_WORDS = 100
MOST_WORDS = 50


def show(
    home: Home, grounds: Grounds, encoder: Encoder, person: str, *, among: Sequence[str] | None = None
) -> dict[str, Any]:
    """Liked and disliked words and how sure that is, the pictures they would like best, and what they said.

    Pictures are sought in the whole home, or among those with these ids.
    """
    taste = taste_in(home, grounds, encoder, person)
    with home.read() as connection:
        said = conversations.stated(connection, person)
        paused = choice_rows.is_paused(choice_rows.of_person(connection, person))
        ids, found = vectors.load(connection, grounds.space, "picture", among)
    told: dict[str, Any] = {"person": person, "learned_from": taste.learned, "said": said.words, "paused": paused}
    if not taste.learned and not said.words:
        return {**told, "likes": [], "dislikes": [], "pictures": []}
    terms = nearest_terms(taste.belief, grounds.terms, grounds.term_features, SHOWN)
    rows = [{"words": term, "worth": round(mean, 3), "doubt": round(doubt, 3)} for term, mean, doubt in terms]
    told["likes"] = [row for row in rows if float(str(row["worth"])) > 0]
    told["dislikes"] = [row for row in reversed(rows) if float(str(row["worth"])) < 0]
    told["pictures"] = []
    if ids:
        liked, _ = worth(taste.belief, grounds.taste.of_pictures(found))
        told["pictures"] = [ids[at] for at in liked.argsort()[::-1][:SHOWN]]
    return told


def edit(home: Home, person: str, *, more: list[str], less: list[str], drop: list[str]) -> dict[str, Any]:
    """What the person says of their taste: words they want more or less of, and words that are to count no more."""
    wanted = {**dict.fromkeys(more, 1.0), **dict.fromkeys(less, -1.0)}
    if not wanted and not drop:
        raise PalateError("nothing_said", "say what to change", hint="--more WORDS, --less WORDS, or --drop WORDS")
    with home.write() as connection:
        said = conversations.stated(connection, person)
        words = {**said.words, **{" ".join(word.split())[:LONGEST_WORDS]: value for word, value in wanted.items()}}
        words = {word: value for word, value in words.items() if word and word not in drop}
        if len(words) > MOST_WORDS:
            raise PalateError("too_many_words", f"at most {MOST_WORDS} words are kept", hint="drop some with --drop")
        conversations.put_stated(connection, person, Stated(words, said.after))
    return {"person": person, "said": words}


def pause(home: Home, person: str, *, paused: bool) -> dict[str, Any]:
    """Keep what is chosen from now on, and learn nothing from it; or learn again."""
    with home.write() as connection:
        if choice_rows.is_paused(choice_rows.of_person(connection, person)) != paused:
            choice_rows.append(connection, Choice(person, "pause" if paused else "resume", {}))
    return {"person": person, "paused": paused}


def reset(home: Home, person: str) -> dict[str, Any]:
    """Begin anew: what was chosen until now stays on record and teaches nothing."""
    with home.write() as connection:
        after = conversations.last_choice(connection)
        conversations.put_stated(connection, person, Stated({}, after))
    return {"person": person, "after": after}


def export(home: Home, person: str) -> dict[str, Any]:
    """All that the taste is made of, and all conversations."""
    with home.read() as connection:
        said = conversations.stated(connection, person)
        made = choice_rows.of_person(connection, person)
        held = conversations.of_person(connection, person)
        told = [
            {**asdict(each), "turns": [asdict(turn) for turn in conversations.turns_of(connection, each.id)]}
            for each in held
        ]
    return {
        "person": person,
        "said": said.words,
        "counts_after": said.after,
        "choices": [{"sequence": c.sequence, "kind": c.kind, "at": c.at, **c.payload} for c in made],
        "conversations": told,
    }


def forget(home: Home, person: str) -> dict[str, Any]:
    """For good: choices, conversations, what was said, and the sheets. Drawn pictures stay, and speak of nobody."""
    with home.write() as connection:
        held = conversations.of_person(connection, person)
        counts = conversations.forget(connection, person)
    for each in held:
        shutil.rmtree(home.folder / "sheets" / each.id, ignore_errors=True)
    return {"person": person, "forgotten": counts}
