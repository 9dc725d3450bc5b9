"""The part about ranks of the page on calibration can be made anew alone, and its figure shows what is biased."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_calibration")


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_rank_figure")


def row(setting: str, what: str, counts: list[int] | None = None, **other) -> dict:
    made = {"kind": "ranks", "setting": setting, "what": what, "runs": 1000, "n": 300, "fits_per_minute": 100.0}
    made |= {"chi_square": 0.5, "distance": 0.25, "covered_50": 0.5, "covered_95": 0.95}
    return made | ({} if counts is None else {"counts": counts}) | other


EVEN = [50] * 20
LOW = [60] * 10 + [40] * 10
"""Of 1,000 places 600 are in the lower half: binomial standard deviation 15.8, so 6.3 of them too many."""


def other_rows() -> list[dict]:
    measured = {"measured": 0.95, "lowest": 0.92, "highest": 0.98, "n": 200, "runs": 500}
    cox = {"kind": "cox", "what": "z", "away": 0.01, "sd_ratio": 1.0, "events": 300}
    return [{"kind": "coverage", "what": "this", **measured}, {"kind": "size", "what": "that", **measured}, cox]


def test_only_the_part_about_ranks_is_made_anew(making: ModuleType) -> None:
    old = making.page([*other_rows(), row("first, old", "a"), row("second", "a"), row("second", "b")])
    new = making.with_new_ranks(old, [row("second", "b", EVEN, distance=0.75), row("third", "a", LOW)])
    heading = "## Hierarchical models: are the draws those of the posterior?"
    following = "\n\n## Hierarchical models beside Cox regression"
    assert new.partition(heading)[0] == old.partition(heading)[0]
    assert new.partition(following)[1:] == old.partition(following)[1:]
    assert [line for line in new.partition(heading)[2].partition(following)[0].splitlines() if "| 300 |" in line] == [
        "| first, old | a | 0.5 | 0.25 | 50.0 | 95.0 | 300 | 1000 | 100 |",
        "| second | b | 0.5 | 0.75 | 50.0 | 95.0 | 300 | 1000 | 100 |",
        "| third | a | 0.5 | 0.25 | 50.0 | 95.0 | 300 | 1000 | 100 |",
    ]
    assert "Lines that leave it: 1 of 2 (third: a)." in new


def test_the_part_made_anew_is_the_one_of_the_whole_page(making: ModuleType) -> None:
    rows = [row("first", "a", EVEN), row("first", "b", LOW), row("second", "a")]
    whole = making.page([*other_rows(), *rows])
    assert making.with_new_ranks(whole, rows) == whole
    without_cox = making.page([*other_rows()[:2], *rows])
    assert making.with_new_ranks(without_cox, rows) == without_cox
    assert making.with_new_ranks(whole, []).count("images/ranks.svg") == 0


def test_of_a_model_run_again_the_last_rows_count(making: ModuleType, figure: ModuleType) -> None:
    rows = [row("first", "a", LOW), row("first", "a", EVEN, distance=0.75)]
    assert making.ranks(rows).count("| first |") == 1
    assert [some["counts"] for some in figure.counted(rows)] == [EVEN]


def test_a_page_with_other_columns_is_refused(making: ModuleType) -> None:
    old = making.page([*other_rows(), row("first", "a")])
    with pytest.raises(ValueError, match="other columns"):
        making.with_new_ranks(old.replace("p of distance |", "distance |"), [row("second", "a")])
    with pytest.raises(ValueError, match="no section about ranks"):
        making.with_new_ranks(making.page(other_rows()), [row("second", "a")])


def test_the_files_are_written_where_they_belong(
    making: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, place in (("PAGE", "page.md"), ("PICTURE", "coverage.svg"), ("RANK_PICTURE", "ranks.svg")):
        monkeypatch.setattr(making, name, tmp_path / place)
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps(one) for one in [row("first", "a", EVEN)]), encoding="utf-8")
    (tmp_path / "page.md").write_text(making.page([*other_rows(), row("second", "a")]), encoding="utf-8")
    making.main([str(rows), "--only", "ranks"])
    assert "| first | a |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert (tmp_path / "ranks.svg").exists()
    assert not (tmp_path / "coverage.svg").exists()


def test_the_figure_written_twice_is_the_same(figure: ModuleType, tmp_path: Path) -> None:
    rows = [row("first", "a", EVEN), row("first", "b", LOW), *(row(f"other {k}", "a", LOW) for k in range(4))]
    for name in ("one.svg", "two.svg"):
        figure.draw_ranks(rows, tmp_path / name)
    one = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert one == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "b (leaves the band)" in one
    assert "n = 300, 1,000 fits, 2 quantities" in one


def test_rows_without_counts_are_not_in_the_figure(figure: ModuleType, tmp_path: Path) -> None:
    figure.draw_ranks([row("first", "a")], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()
    assert figure.told([row("first", "a")]) == []
    figure.draw_ranks([row("first", "a"), row("second", "a", EVEN)], tmp_path / "one.svg")
    assert "first" not in (tmp_path / "one.svg").read_text(encoding="utf-8")


def test_bins_that_do_not_add_up_are_refused(figure: ModuleType) -> None:
    for counts in ([50] * 19, [51] * 20):
        with pytest.raises(ValueError, match="1 rows of ranks"):
            figure.counted([row("first", "a", counts), row("first", "b", EVEN)])


def test_the_pointwise_band_of_ten_fits(figure: ModuleType) -> None:
    # up to 0.5: P(X <= 1) = 11/1024 < 0.025 <= P(X <= 2) = 56/1024, so that 2 to 8 of 10 are within, 0.3 on either side
    low, high = figure.band(10, 0.025)
    assert (low[9], high[9]) == pytest.approx((-0.3, 0.3))
    # up to 0.05: P(X >= 2) = 1 - 0.95^10 - 10 * 0.05 * 0.95^9 = 0.0861, P(X >= 3) = 0.0115, so that 0 to 2 are within
    assert (low[0], high[0]) == pytest.approx((-0.05, 0.15))


def test_a_biased_line_leaves_the_band_and_an_even_one_does_not(figure: ModuleType) -> None:
    assert figure.leaves(row("first", "a", LOW))
    assert not figure.leaves(row("first", "a", EVEN))
    # up to 0.5, of 1,000 places, 531 are in the pointwise band (z = 1.96); for all ends 540 (z = 2.53) are, 560 are not
    critical = figure.together(1000)
    assert figure.band(1000, 0.025)[1][9] == pytest.approx(0.031)
    assert 0.04 <= figure.band(1000, critical)[1][9] < 0.06


@pytest.mark.parametrize("runs", [100, 500, 1000])
def test_one_uniform_line_in_twenty_leaves_the_band(figure: ModuleType, runs: int) -> None:
    drawn = np.random.default_rng(5).multinomial(runs, np.full(20, 0.05), size=20_000)
    share = (figure.least_tail(drawn) < figure.together(runs)).mean()
    # three Monte Carlo standard errors of both simulations: 3 * sqrt(2 * 0.05 * 0.95 / 20000) = 0.0065; counts are discrete
    assert 0.035 < share < 0.0565
    low, high = figure.band(runs, figure.together(runs))
    lines = drawn.cumsum(axis=1)[:, :-1] / runs - figure.ENDS
    outside = ((lines < low - 1e-12) | (lines > high + 1e-12)).any(axis=1)
    assert outside.mean() == pytest.approx(share)
