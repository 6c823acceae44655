"""The cases by area, in the order in which they are asked: a later area may use what an earlier one uploaded."""

from . import agreements, commands, fleet, groups, mistakes, pages, platforms, questions, sessions, sweep, texts

AREAS = [
    ("pages", pages.run), ("platforms", platforms.run), ("questions", questions.run),
    ("texts", texts.run), ("groups", groups.run), ("fleet", fleet.run), ("sessions", sessions.run),
    ("agreements", agreements.run), ("mistakes", mistakes.run),
    ("random", sweep.run), ("commands", commands.run), ("last", pages.last),
]
