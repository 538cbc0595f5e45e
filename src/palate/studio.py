"""The verbs. A studio holds a home and its settings; each method does one thing and says where it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palate import settings as settings_file
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.ranking import Ranking
from palate.settings import Settings
from palate.specify.drawing import Progress, nothing

if TYPE_CHECKING:
    from palate.check import Fault
    from palate.converse.talking import Conversing
    from palate.encoders.protocol import Encoder
    from palate.evaluate.report import Report
    from palate.find.asking import Question
    from palate.find.requirement import Asked
    from palate.importers.adding import Added
    from palate.importers.preferences import Preference
    from palate.personalise.drawing import Drawn
    from palate.personalise.janus import Janus, Seen
    from palate.steer.rehearsing import Rehearsed
    from palate.steer.steering import Steering


class Studio:
    """What a person, a program or a researcher does with one home."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home = home
        self.settings = settings
        self._encoder: Encoder | None = None
        self._drawer: tuple[Janus, str | None, Seen] | None = None

    @classmethod
    def create(cls, hub: str | None = None) -> Studio:
        if settings_file.is_pocket(hub):
            return cls.open(hub)
        folder = settings_file.home_folder(hub)
        return cls(Home.create(folder), settings_file.read(folder))

    @classmethod
    def open(cls, hub: str | None = None) -> Studio:
        folder, fresh = settings_file.home_folder(hub), False
        if settings_file.is_pocket(hub):
            from palate.specify.pocket import ready

            fresh = ready(folder)
        opened = cls(Home.open(folder), settings_file.read(folder))
        if fresh:
            opened._learn()
        return opened

    def close(self) -> None:
        self.home.close()

    @property
    def encoder(self) -> Encoder:
        """The home's encoder, opened when it is first needed."""
        if self._encoder is None:
            from palate.encoders.opening import open_encoder

            device, fit = self.settings.named_device, self.settings.fit
            self._encoder = open_encoder(self.settings.encoder, device=device, fit=fit)
        return self._encoder

    # -- bringing in --------------------------------------------------------------------------------------------

    def add_models(self, source: str | Path, *, progress: Progress = nothing) -> Added:
        from palate.importers import adding

        return adding.add_models(self.home, str(source), progress=progress)

    def add_pictures(
        self, folder: str | Path, *, listing: Path | None = None, encode: bool = True, progress: Progress = nothing
    ) -> Added:
        """Read what is there and, where the encoder is at hand, encode it: it can be asked about at once."""
        from palate.importers import adding

        added = adding.add_pictures(self.home, Path(folder), listing=listing, progress=progress)
        if encode and added.anything:
            from palate.specify.encoding import encode_missing, not_its_kind

            try:
                encoded = encode_missing(self.home, self.encoder, progress=progress)
            except PalateError as error:
                if error.code.startswith("storage"):
                    raise
                added.warnings.append(f"not encoded yet, so it cannot be searched: {error}")
            else:
                added.refused.extend(encoded.refused.values())
                added.warnings.extend([unfit] if (unfit := not_its_kind(self.home, self.encoder.name)) else [])
        return added

    def add_dataset(self, kind: str, folder: str | Path) -> Added:
        from palate.importers import adding

        return adding.add_dataset(self.home, kind, Path(folder))

    # -- looking ------------------------------------------------------------------------------------------------

    def models(self, *, base: str | None = None, tags: Sequence[str] = ()) -> list[dict[str, Any]]:
        from palate.find.showing import models_shown

        return models_shown(self.home, base=base, tags=tags)

    def show(self, thing: str | Path) -> dict[str, Any]:
        from palate.find.showing import thing_shown

        shown = thing_shown(self.home, str(thing))
        if "picture" in shown and not shown["picture"]["files"]:
            shown["picture"]["files"] = [str(file) for file in self.look([shown["picture"]["id"]]).values()]
        return shown

    def look(self, pictures: Sequence[str]) -> dict[str, Path]:
        """A file for each picture (by id); one that is known by its key alone is drawn now."""
        from palate.specify.again import look

        return look(self.home, self.settings, pictures)

    def check(self, *, mend: bool = False) -> list[Fault]:
        """Every fault there is, after mending what can be made again where that is asked for."""
        from palate import check

        if mend:
            check.mend(self.home)
        return check.check(self.home)

    # -- drawing ------------------------------------------------------------------------------------------------

    def draw(
        self,
        model: str,
        prompt: str,
        *,
        seed: int = 1,
        count: int = 1,
        negative: str = "",
        out: Path | None = None,
        progress: Progress = nothing,
    ) -> list[dict[str, Any]]:
        from palate.specify.ordering import draw

        return draw(
            self.home,
            self.settings,
            model,
            prompt,
            seeds=range(seed, seed + count),
            negative=negative,
            out=out,
            progress=progress,
        )

    def specify(
        self,
        *,
        models: Sequence[str] | None = None,
        prompts: Path | None = None,
        count: int = 1,
        executor: str = "serial",
        workers: int | None = None,
        address: str | None = None,
        progress: Progress = nothing,
    ) -> dict[str, Any]:
        from palate.specify.ordering import specify
        from palate.specify.pocket import own_prompts

        own, _ = own_prompts(self.home.folder) or (None, None)
        done = specify(
            self.home,
            self.settings,
            lambda: self.encoder,
            models=models,
            prompts=prompts or own,
            count=count,
            executor=executor,
            workers=workers,
            address=address,
            progress=progress,
        )
        self._learn(progress=progress)
        return done

    def _learn(self, *, progress: Progress = nothing) -> None:
        """What the first question would otherwise wait for."""
        from palate.find.hub import Hub
        from palate.find.requirement import space_of_home
        from palate.find.scores import Weights

        try:
            hub = Hub.load(self.home, space_of_home(self.home, self.settings.encoder))
        except PalateError as error:
            if error.code not in ("nothing_specified", "nothing_credited"):
                raise
        else:
            hub.learn(Weights(*self.settings.weights), progress)

    # -- asking -------------------------------------------------------------------------------------------------

    def find(
        self,
        prompt: str | None = None,
        *,
        pictures: Sequence[str | Path] = (),
        person: str | None = None,
        by: str = "gre",
        weights: str | Sequence[float] | None = None,
        base: str | None = None,
        tags: Sequence[str] = (),
        safe: str | None = None,
        top: int = 10,
    ) -> Ranking:
        from palate.find import asking
        from palate.find.requirement import Asked

        asked = Asked(prompt, tuple(pictures), person=person)
        question = self._question(asked, base, tags, safe, by=by, top=top)
        return asking.find(question, by=by, weights=asking.weights_of(self.settings, weights)).top(top)

    def identify(
        self,
        pictures: Sequence[str | Path],
        *,
        by: str = "style",
        captions: Sequence[str] = (),
        base: str | None = None,
        tags: Sequence[str] = (),
        safe: str | None = None,
        top: int = 10,
    ) -> Ranking:
        from palate.find import asking
        from palate.find.requirement import Asked

        asked = Asked(None, tuple(pictures), self._captions(pictures, captions))
        return asking.identify(self._question(asked, base, tags, safe, by=by, top=top), by=by).top(top)

    def similar(self, picture: str | Path, *, top: int = 10) -> Ranking:
        from palate.find import asking

        return asking.similar(self.home, self.settings, lambda: self.encoder, picture, top)

    def recommend(self, *, person: str = "me", by: str = "itemknn", of: str = "pictures", top: int = 10) -> Ranking:
        from palate.recommend.asking import recommend

        return recommend(self.home, encoder=self.settings.encoder, person=person, by=by, of=of, top=top, whole=True)

    def _question(
        self, asked: Asked, base: str | None, tags: Sequence[str], safe: str | None, *, by: str, top: int
    ) -> Question:
        from palate.find import asking
        from palate.find.filters import Filters

        filters = Filters(base, tuple(tags), safe or self.settings.safe)
        return asking.put(self.home, self.settings, lambda: self.encoder, asked, filters, by=by, top=top)

    def _captions(self, pictures: Sequence[str | Path], given: Sequence[str]) -> tuple[str, ...]:
        """The captions that were given, else the captioner's, else none."""
        if given or self.settings.captioner == "none":
            return tuple(given)
        from palate.safety.pictures import open_picture
        from palate.writers.captioners import open_captioner

        files = [Path(picture) for picture in pictures]
        if not all(file.is_file() for file in files):
            return ()
        return tuple(open_captioner(self.settings.captioner).caption([open_picture(file) for file in files]))

    # -- learning -----------------------------------------------------------------------------------------------

    def choose(
        self,
        picture: str,
        *others: str,
        kind: str = "like",
        person: str = "me",
        value: float | None = None,
        tie: bool = False,
    ) -> dict[str, Any]:
        """What a person thought of a picture; of several (`battle`, `sort`), named best first."""
        from palate.catalogue import choices, pictures

        with self.home.write() as connection:
            chosen = [pictures.get(connection, one).id for one in (picture, *others)]
            said = choices.about(kind, chosen, value=value, tie=tie)
            choices.append(connection, choices.Choice(person, kind, said))  # type: ignore[arg-type]
        return {"person": person, "kind": kind, **said}

    def learn_weights(self, selected: Path, *, by: str = "grid", keep: bool = False) -> dict[str, Any]:
        from palate.find import asking

        learned = asking.learn_weights(self.home, self.settings, selected, by)
        if keep:
            for name in ("weight_clip", "weight_mcos", "weight_popularity"):
                self.config_set(name, str(learned[name]))
        return learned

    # -- steering -----------------------------------------------------------------------------------------------

    def steer(
        self, prompt: str, *, person: str = "me", model: str | None = None, seed: int = 0, explore: bool = True
    ) -> Steering:
        """A conversation that has begun: `next_turn`, `draw_turn` and `choose` lead it on."""
        from palate.specify.encoding import space_of
        from palate.specify.ordering import able_models
        from palate.specify.pocket import things_of
        from palate.steer.steering import Steering, begin, grounds_of, taste_in
        from palate.writers.language import offline_writer, open_writer

        [drawer], _ = able_models(self.home, [model or self._model_for(prompt)])
        grounds = grounds_of(self.home, space_of(self.encoder), self.encoder)
        offline = offline_writer(things_of(self.home.folder))
        writer = open_writer(self.settings.writer, offline=offline)
        belief = taste_in(self.home, grounds, self.encoder, person).belief
        conversation = begin(self.home, person, prompt, model_id=drawer.id, seed=seed, varies=model is None)
        return Steering(
            self.home, grounds, self.encoder, writer, conversation, belief, explore=explore, fallback=offline
        )

    def draw_turn(self, steering: Steering, *, progress: Progress = nothing) -> Path:
        """The open slate drawn, and the sheet that shows it."""
        from palate.steer.drawing import draw_slate, sheet

        columns = draw_slate(self.home, self.settings, self.encoder, steering, progress=progress)
        turn, folder = steering.show(columns), self.home.folder / "sheets" / steering.conversation.id
        prompts = [column.text for column in turn.slate]
        return sheet(self.home, columns, folder / f"{turn.number:02d}.png", prompts)

    def rehearse(self, prompt: str, likes: str, out: Path, *, turns: int = 5, seed: int = 0) -> list[Rehearsed]:
        """Steering with a made person, who likes how the model `likes` draws and is forgotten; sheets go to `out`."""
        from palate.steer import rehearsing, telling

        person = f"made person {seed}"
        steering = self.steer(prompt, person=person, seed=seed)
        try:
            made = rehearsing.who_likes(steering.grounds, likes)
            told = rehearsing.rehearse(self.home, steering, self.draw_turn, made, turns, seed=seed)
            return [replace(turn, sheet=turn.sheet.rename(out / f"turn-{turn.sheet.name}")) for turn in told]
        finally:
            telling.forget(self.home, person)

    def learn_steering(
        self,
        *,
        simulated: int = 12_000,
        steps: int = 2000,
        seed: int = 0,
        preferences: Iterable[Preference] = (),
        pictures: Path | None = None,
        progress: Progress = nothing,
    ) -> dict[str, int]:
        """Kinds of people and a slate's value, from everybody's answers here and made people's; steering uses them.

        `preferences`: what other people published, of pictures in the folder `pictures`.
        """
        from palate.specify.encoding import space_of
        from palate.steer.learning import learn
        from palate.steer.steering import grounds_of
        from palate.steer.value import ValueLearning

        grounds = grounds_of(self.home, space_of(self.encoder), self.encoder, afresh=True)
        learning = ValueLearning(hidden=64, rate=1e-3, steps=steps, seed=seed)
        return learn(
            self.home,
            grounds,
            self.encoder,
            simulated=simulated,
            learning=learning,
            told_elsewhere=preferences,
            pictures=pictures,
            progress=progress,
        )

    def converse(self, person: str = "me", *, draws: bool = True) -> Conversing:
        """A talk in words: each `say` is answered with models and pictures, and with what the answer rests on."""
        from palate.converse.making import Here
        from palate.converse.talking import Conversing
        from palate.converse.tools import Tools
        from palate.people.gate import Principal
        from palate.writers.speaking import open_speaker

        principal = Principal(person, person, "member", frozenset(("read", "choose", "draw")), "here")
        tools = Tools(self.home, self.settings, lambda: self.encoder, principal, Here(self, person))
        return Conversing(tools, draws=draws, speaker=open_speaker(self.settings.writer))

    def personalise(
        self,
        person: str = "me",
        *,
        by: str | None = None,
        count: int = 4,
        of: int = 0,
        seed: int = 0,
        out: Path | None = None,
        errand: str | None = None,
    ) -> Drawn:
        """New pictures straight from what a person liked, by a Janus or the hub's own models (`personaliser`)."""
        from palate.personalise import drawing, from_hub

        asked: dict[str, Any] = {"count": count, "of": of, "seed": seed, "out": out, "errand": errand}
        if (name := by or self.settings.personaliser) == drawing.HUB:
            return from_hub.personalise(self.home, self.settings, self.encoder, self.look, person, **asked)
        if self._drawer is None or self._drawer[0].name != name:
            self._drawer = drawing.open_drawer(self.home.folder, name, device=self.settings.named_device)
        return drawing.personalise(self.home, self._drawer, self.look, person, encoder=lambda: self.encoder, **asked)

    def taste(self, person: str = "me") -> dict[str, Any]:
        from palate.specify.encoding import space_of
        from palate.steer import telling
        from palate.steer.steering import grounds_of

        grounds = grounds_of(self.home, space_of(self.encoder), self.encoder)
        return telling.show(self.home, grounds, self.encoder, person)

    def _model_for(self, prompt: str) -> str:
        """The best for these words that can draw; any that can, where nothing is known of them."""
        from palate.specify.ordering import able_models

        able, _ = able_models(self.home, None)
        if not able:
            raise PalateError("no_models", "no model here can draw", hint="palate add models DIR")
        ids = [model.id for model in able]
        try:
            ranked = [row.id for row in self.find(prompt, top=len(ids) + 50)]
        except PalateError:
            ranked = []
        return next((id for id in ranked if id in ids), ids[0])

    # -- measuring ----------------------------------------------------------------------------------------------

    def evaluate_identification(
        self,
        *,
        seeds: int = 10,
        prompts: Path | None = None,
        tasks: Path | None = None,
        executor: str = "serial",
        progress: Progress = nothing,
    ) -> Report:
        from palate.evaluate.identification import construction_of, evaluate_identification
        from palate.specify.pocket import own_prompts

        own = own_prompts(self.home.folder) or (None, None)
        captioner = None
        if self.settings.captioner != "none":
            from palate.writers.captioners import open_captioner

            captioner = open_captioner(self.settings.captioner)
        return evaluate_identification(
            self.home,
            self.settings,
            lambda: self.encoder,
            construction_of(seeds, prompts or own[0], tasks or own[1]),
            captioner=captioner,
            executor=executor,
            progress=progress,
        )

    def export(self, kind: str, folder: Path) -> dict[str, Any]:
        from palate.find.exporting import export_gemrec
        from palate.find.requirement import space_of_home

        if kind != "gemrec":
            raise PalateError("unknown_form", f"'{kind}' is no form to export in", hint="known: gemrec")
        return export_gemrec(self.home, space_of_home(self.home, self.settings.encoder), folder)

    def migrate(self, *, database: str | None = None, blobs: str | None = None) -> dict[str, Any]:
        """Copy the home's rows and drawn pictures to other places, where it lives from then on."""
        from palate.catalogue.home import Places
        from palate.catalogue.moving import move

        were = self.home.places
        return move(self.home, Places(database or were.database, blobs or were.blobs))

    def backup(self, folder: Path) -> dict[str, int]:
        """Copy the home as it is now to a folder that is a home as well; again, only what is new."""
        from palate.catalogue.backups import back_up

        return back_up(self.home, folder)

    # -- settings -----------------------------------------------------------------------------------------------

    def config_get(self, name: str | None = None) -> list[dict[str, Any]]:
        described = settings_file.described()
        if name is not None and name not in described:
            raise PalateError("unknown_setting", f"there is no setting '{name}'", hint=f"known: {', '.join(described)}")
        names = [name] if name else list(described)
        return [{"name": key, "value": getattr(self.settings, key), "help": described[key]} for key in names]

    def config_set(self, name: str, value: str) -> dict[str, Any]:
        with self.home.writing():
            self.settings = settings_file.set_one(self.home.folder, name, value)
        self._encoder = self._drawer = None
        return {name: getattr(self.settings, name)}
