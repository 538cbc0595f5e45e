"""The command line: each command is a verb of the studio, and nothing more."""

from __future__ import annotations

import sys

import typer

from palate.cli import adding, asking, conversing, demo, drawing, keeping, measuring, personalising, serving, steering

STOPPED = 130
app = typer.Typer(
    name="palate",
    help="Recommends what generative image models should make for a person: which model, which prompt, which picture.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
add = typer.Typer(help="Bring in models, pictures that exist already, and data sets.", no_args_is_help=True)
taste = typer.Typer(help="What a person likes: see it, say it, begin anew, forget it.", no_args_is_help=True)
weights = typer.Typer(help="What counts how much in the GRE-Score.", no_args_is_help=True)
evaluate = typer.Typer(no_args_is_help=True)
train = typer.Typer(help="Learn something, and keep what was learned.", no_args_is_help=True)
export = typer.Typer(help="Write a hub in a published form.", no_args_is_help=True)
config = typer.Typer(help="Read and change the settings.", no_args_is_help=True)

app.command()(keeping.init)
app.command()(demo.demo)
app.add_typer(add, name="add")
add.command("models")(adding.models)
add.command("pictures")(adding.pictures)
add.command("dataset")(adding.dataset)
app.command("models")(asking.models)
app.command()(asking.show)
app.command()(drawing.draw)
app.command()(drawing.specify)
app.command()(asking.find)
app.command()(asking.identify)
app.command()(asking.similar)
app.command()(asking.recommend)
app.command()(asking.choose)
app.command()(steering.steer)
app.command()(personalising.personalise)
app.command()(conversing.converse)
app.add_typer(taste, name="taste")
taste.command("show")(steering.taste_show)
taste.command("edit")(steering.taste_edit)
taste.command("reset")(steering.taste_reset)
taste.command("export")(steering.taste_export)
taste.command("forget")(steering.taste_forget)
app.add_typer(weights, name="weights")
weights.command("learn")(asking.learn)
app.add_typer(evaluate, name="evaluate")
evaluate.callback(invoke_without_command=False)(measuring.listed)
evaluate.command("list")(measuring.scenarios)
evaluate.command("all")(measuring.evaluate_all)
evaluate.command("compare")(measuring.compare)
evaluate.command("gate")(measuring.gate)
evaluate.command("bars")(measuring.bars)
evaluate.command("survey")(measuring.survey)
evaluate.command("trial")(measuring.trial)
evaluate.command("gemrec")(measuring.evaluate_gemrec)
evaluate.command("identification")(measuring.evaluate_identification)
evaluate.command("user-types")(steering.evaluate_user_types)
evaluate.command("steering")(steering.evaluate_steering)
evaluate.command("personalise")(personalising.evaluate)
evaluate.command("recommend")(measuring.evaluate_recommend)
evaluate.command("converse")(conversing.evaluate_converse)
for scenario in measuring.SCENARIO_COMMANDS:
    evaluate.command(scenario)(measuring.scenario_command(scenario))
app.add_typer(train, name="train")
train.command("recommender")(measuring.train_recommender)
train.command("steering")(steering.train_steering)
train.add_typer(personalising.train, name="personalise")
app.add_typer(export, name="export")
export.command("dataset")(keeping.export_dataset)
app.add_typer(config, name="config")
config.command("get")(keeping.config_get)
config.command("set")(keeping.config_set)
app.command()(keeping.check)
app.command()(keeping.migrate)
app.command()(keeping.backup)
app.command()(serving.serve)
app.command()(serving.mcp)


def run() -> None:
    """What the `palate` command runs: every error is one line on standard error, and an exit code."""
    from palate.cli.printing import note, report_error
    from palate.errors import PalateError

    try:
        app(standalone_mode=True)
    except PalateError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except OSError as error:  # a file that somebody named cannot be read or written, or the disk is full
        report_error(PalateError("system_refused", (error.strerror or str(error)).lower(), about=error.filename))
        sys.exit(PalateError.exit_code)
    except SystemExit as end:
        if end.code == STOPPED:  # what typer makes of Ctrl-C
            note("stopped; run the same command again to go on")
        raise


if __name__ == "__main__":
    run()
