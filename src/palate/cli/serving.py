"""`palate serve` and `palate mcp`."""

from __future__ import annotations

from typing import Annotated

import typer

from palate.cli.options import Hub, Index, say_where, studio


def serve(
    host: Annotated[str, typer.Option("--host", help="Where to listen. Beyond this machine it needs accounts.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Which port; 0 takes a free one.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")] = True,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A name that others call it by; may be repeated.")
    ] = None,
    behind_tls: Annotated[
        bool, typer.Option("--behind-tls", help="A proxy on this machine speaks TLS in front of it.")
    ] = False,
    database: Annotated[
        str | None, typer.Option("--database", help="Where the rows are, this time: postgresql://...")
    ] = None,
    blobs: Annotated[
        str | None, typer.Option("--blobs", help="Where drawn pictures are, this time: s3://, gs://, az://, file://.")
    ] = None,
    index: Index = None,
    hub: Hub = None,
) -> None:
    """Serve the web application and the HTTP service until Ctrl-C."""
    from palate.cli import printing
    from palate.serve import running

    def announce(address: str) -> None:
        printing.line(f"Palate is at {address}")
        if browser:
            import webbrowser

            webbrowser.open(address)

    say_where(database=database, blobs=blobs, index=index)
    with studio(hub) as opened:
        running.serve(opened, announce, host=host, port=port, names=name or (), behind_tls=behind_tls)


def mcp(hub: Hub = None) -> None:
    """Find, identify and draw as tools of the Model Context Protocol, over standard input and output."""
    from palate.serve.tools import server

    with studio(hub) as opened:
        server(opened).run("stdio")
