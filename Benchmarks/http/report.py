"""What was measured, as a table for people and as JSON."""

HEAD = ("request", "us", "spread", "plain us", "x plain", "x jansson", "x humming", "per s", "p50 us", "p99 us",
        "mallocs", "instructions", "goal")
WIDTHS = (-34, 9, 6, 9, 8, 9, 9, 9, 9, 9, 8, 13, 0)


def line(cells):
    return " ".join(f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}"
                    for cell, width in zip(cells, WIDTHS)).rstrip()


def number(value, places=0):
    return "-" if value is None else f"{value:,.{places}f}"


def goals(case, row):
    """Pairs of a sentence and whether the goal is met, for goals that this row has figures for."""
    us = row.get("product", {}).get("cpu_us")
    figures = {"plain": row.get("to_plain"), "jansson": row.get("to_jansson"), "us": us,
               "us_each": None if us is None else us / case.each}
    words = {"plain": "x plain", "jansson": "x jansson", "us": "us", "us_each": "us each"}
    return [(f"{number(figures[key], 2)} of {most:g} {words[key]}", figures[key] <= most)
            for key, most in case.goal.items() if figures[key] is not None]


def row_line(case, row):
    product, plain = row.get("product", {}), row.get("plain", {})
    judged = "; ".join(("met " if is_met else "MISSED ") + text for text, is_met in goals(case, row))
    return line((case.name, number(product.get("cpu_us"), 1),
                 number(row["spread"] * 100) + "%" if "spread" in row else "-", number(plain.get("cpu_us"), 1),
                 *(number(row.get(f"to_{name}"), 2) for name in ("plain", "jansson", "hummingbird")),
                 *(number(product.get(key)) for key in ("per_second", "p50_us", "p99_us")),
                 number(row.get("mallocs"), 1), number(row.get("instructions")), judged))


def growth_lines(rows, flat):
    """Sentences about pairs of rows, a small one and a large one, whose cost may differ by so much only."""
    by_name = {row["name"]: row for row in rows}
    for small, large, most in flat:
        if small in by_name and large in by_name and "product" in by_name[large]:
            ratio = by_name[large]["product"]["cpu_us"] / by_name[small]["product"]["cpu_us"]
            yield f"{'met ' if ratio <= most else 'MISSED '}{large} is {ratio:.2f} times {small}, of {most:g}"


def row_json(case, row):
    return {"name": case.name, "area": case.area, "each": case.each, "connections": case.connections, **row,
            "goals": [{"text": text, "met": is_met} for text, is_met in goals(case, row)]}


def other_line(name, figures):
    judged = "; ".join(("met " if goal["met"] else "MISSED ") + goal["text"] for goal in figures.get("goals", []))
    shown = ", ".join(f"{key} {number(value, 1 if value < 100 else 0)}" for key, value in figures.items()
                      if key != "goals")
    return f"{name}: {shown}" + (f"; {judged}" if judged else "")
