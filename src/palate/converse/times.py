"""Spans of time as people name them: today, yesterday, last month."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_AGO = re.compile(r"\b(?:in the )?(?:last|past) (\d{1,3}) (day|week|month)s?\b")
_DAYS = {"day": 1, "week": 7, "month": 30}


def span_of(text: str, now: datetime) -> tuple[float, float] | None:
    """(since, until) in seconds of the first span that a text names, in the time zone of `now`; None for none.

    A "last" week, month or year is the one before this: on 21 November, last month is October.
    """
    plain = text.lower()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=today.weekday())
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    if ago := _AGO.search(plain):
        return (now - timedelta(days=int(ago[1]) * _DAYS[ago[2]])).timestamp(), now.timestamp() + 1
    spans = {
        "yesterday": (today - timedelta(days=1), today),
        "today": (today, today + timedelta(days=1)),
        "last week": (week - timedelta(days=7), week),
        "this week": (week, week + timedelta(days=7)),
        "last month": ((month - timedelta(days=1)).replace(day=1), month),
        "this month": (month, (month + timedelta(days=32)).replace(day=1)),
        "last year": (year.replace(year=year.year - 1), year),
        "this year": (year, year.replace(year=year.year + 1)),
    }
    for words, (since, until) in spans.items():
        if words in plain:
            return since.timestamp(), until.timestamp()
    return None
