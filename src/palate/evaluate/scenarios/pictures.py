"""What models drew, as sets: of a hub where there is one, else of GEMRec; a case is a model."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.catalogue.home import Home
    from palate.evaluate.picture_sets import evaluate_pictures, of_gemrec, of_home, read_training, save_pictures
    from palate.settings import read

    if asked.hub is None:
        drawn = of_gemrec(asked.folder("gemrec"))
        training = read_training(asked.data, drawn.pictures.shape[1])
        return evaluate_pictures(drawn, models=asked.cases, seed=asked.seed, out=asked.out, training=training)
    home, settings = Home.open(asked.hub), read(asked.hub)
    try:
        drawn = of_home(home, settings.encoder)
        training = read_training(asked.data, drawn.pictures.shape[1])
        report = evaluate_pictures(drawn, models=asked.cases, seed=asked.seed, out=asked.out, training=training)
        if asked.out is not None:
            save_pictures(home, settings, drawn, asked.out)
        return report
    finally:
        home.close()


SCENARIO = Scenario(
    name="pictures",
    aspects=("pictures",),
    asks="how far each model's pictures are from the others' for the same prompts, how varied, how true to the words",
    run=run,
    headline={
        "models/fid": "Fréchet distance of a model's pictures to the others'",
        "floor/fid": "the same of two mixed sets: no difference at all",
        "models/clip_score": "how true to the words, of 100",
        "models/vendi": "different pictures a model draws",
    },
    needs=("hub|gemrec/clip_vit_l14.npz",),
    sizes=(Size(10, 12.0), Size(40, 18.0), Size(120, 30.0)),
)
