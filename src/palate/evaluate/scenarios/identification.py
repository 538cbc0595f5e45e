"""The CGI benchmark on the models of a hub; a case is a task picture a task prompt and model."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.catalogue.home import Home
    from palate.encoders.opening import open_encoder
    from palate.evaluate.identification import construction_of, evaluate_identification
    from palate.settings import read
    from palate.specify.pocket import own_prompts

    assert asked.hub is not None
    settings = read(asked.hub)
    home = Home.open(asked.hub)
    own = own_prompts(asked.hub) or (None, None)
    try:
        return evaluate_identification(
            home,
            settings,
            lambda: open_encoder(settings.encoder, fit=settings.fit),
            construction_of(asked.cases, own[0], own[1]),
        )
    finally:
        home.close()


SCENARIO = Scenario(
    name="identification",
    aspects=("accuracy", "pictures"),
    asks="which of a hub's models drew a picture, by CGI's construction",
    run=run,
    sizes=(Size(1, 300.0), Size(2, 600.0), Size(10, 2400.0)),
    needs=("hub",),
)
