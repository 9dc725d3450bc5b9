"""Do the figures of the genome show the right counts, at the right places, and nobody's name?"""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.describe.pairs import cooccurrence
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.copy_number import expected_quotient
from ikzf1_outcomes.report.dosage_figures import (
    cooccurrence_alt,
    cooccurrence_figure,
    dosage_profile,
    in_lines,
    probe_names,
)
from ikzf1_outcomes.report.figures import save_figure
from ikzf1_outcomes.report.genome_figures import exon_map, exon_map_alt, frequency_figure, laid_out, pattern_table

EXONS = [str(exon) for exon in range(1, 9)]
LETTERS = {
    "n": "normal",
    "d": "deleted",
    "h": "homozygous",
    "g": "gain",
    "a": "ambiguous",
    "f": "failed",
    "t": "not_tested",
}


def calls_of(*patients):
    """Eight letters a patient."""
    rows = [[LETTERS[letter] for letter in patient] for patient in patients]
    return pd.DataFrame(rows, columns=EXONS, index=[f"SECRET-{i}" for i in range(len(rows))])


FIVE = calls_of("nnnddddn", "nnnnnnnn", "dddddddd", "nnnddddn", "dddhhhhd")


def many(n, seed=0):
    """Calls of n patients, some of whom have lost one stretch of exons, some of which are not known."""
    draw = np.random.default_rng(seed)
    out = np.full((n, 8), "normal", dtype=object)
    for patient in np.flatnonzero(draw.random(n) < 0.2):
        first, last = sorted(draw.integers(0, 8, 2))
        out[patient, first : last + 1] = draw.choice(["deleted", "homozygous", "gain"], p=[0.7, 0.2, 0.1])
        out[patient, draw.integers(8)] = draw.choice(["normal", "ambiguous"])
    out[draw.random(n) < 0.05] = "not_tested"
    out[draw.random(n) < 0.03] = "failed"
    return pd.DataFrame(out, columns=EXONS, index=[f"SECRET-{i}" for i in range(n)])


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def patches(figure, label):
    return [patch for patch in figure.axes[0].patches if patch.get_label() == label]


def overlapping(figure):
    """Pairs of texts whose letters touch, or that leave the figure; a text's box is a little higher than its letters."""
    drawn = [t for ax in figure.axes for t in ax.texts if t.get_text()]
    ticks = [ax for ax in figure.axes if ax.axison]
    drawn += [t for ax in ticks for t in (*ax.get_xticklabels(), *ax.get_yticklabels(), ax.yaxis.label) if t.get_text()]
    figure.canvas.draw()
    shown = [(t.get_text(), t.get_window_extent()) for t in drawn if t.get_visible()]
    point, whole = figure.dpi / 72, figure.bbox
    out = [name for name, box in shown if box.x0 < -0.5 or box.x1 > whole.x1 + 0.5 or box.y0 < -2 or box.y1 > whole.y1 + 2]
    for (a, one), (b, two) in combinations(shown, 2):
        wide = min(one.x1, two.x1) - max(one.x0, two.x0)
        high = min(one.y1, two.y1) - max(one.y0, two.y0)
        if wide > 0.5 * point and high > 2.5 * point:
            out.append((a, b))
    return out


# The exon map ---------------------------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_deletions_and_as_many_as_the_patients():
    figure = exon_map(FIVE)
    whole, *_ = lost = patches(figure, "deleted")[:-1]  # the last one is in the key
    left, exon = whole.get_x(), whole.get_width() / 8
    bars = sorted((round((p.get_x() - left) / exon), round(p.get_width() / exon)) for p in lost)
    # whole gene: exons 1-8; the compound one: 1-3 and 8 beside 4-7; IK6 twice: four exons from the fourth
    assert bars == [(0, 3), (0, 8), (3, 4), (3, 4), (7, 1)]
    both = patches(figure, "homozygous")[:-1]
    assert [(round((p.get_x() - left) / exon), round(p.get_width() / exon)) for p in both] == [(3, 4)]


def test_classes_stand_in_their_order_with_their_numbers():
    shown = texts(exon_map(FIVE))
    parts = ["1 patient: no deletion detected", "whole gene (Δ1-8): 1", "IK6 (Δ4-7): 2", "other deletion: 1"]
    assert [text for text in shown if text in parts] == parts
    assert [text for text in shown if text.startswith("Δ")] == ["Δ1-8", "Δ4-7 ×2", "Δ1-8 / Δ4-7"]


def test_bars_stand_below_their_exons():
    figure = exon_map(calls_of("ndnnnnnn", "nnnnnnnh"))
    boxes = patches(figure, "exon")
    for word, exon in (("deleted", 2), ("homozygous", 8)):
        bar = patches(figure, word)[0]
        middle = boxes[exon - 1].get_x() + boxes[exon - 1].get_width() / 2
        assert bar.get_x() + bar.get_width() / 2 == pytest.approx(middle)


def test_the_picture_of_the_gene():
    figure = exon_map(FIVE)
    boxes, fingers = patches(figure, "exon"), patches(figure, "finger")
    middles = [box.get_x() + box.get_width() / 2 for box in boxes]
    step = middles[1] - middles[0]
    assert [round((finger.center[0] - middles[0]) / step) + 1 for finger in fingers] == [4, 5, 5, 6, 8, 8]
    assert boxes[0].get_facecolor() != boxes[1].get_facecolor()
    atg = next(text for text in figure.axes[0].texts if text.get_text() == "ATG")
    assert atg.get_position()[0] == pytest.approx(middles[1])


def test_patients_whose_calls_say_nothing_of_exons_are_counted_in_bands():
    frame = calls_of(*["n" * 8] * 91, *["f" * 8] * 2, *["t" * 8] * 3, "nnnddddn")
    shown = texts(exon_map(frame))
    assert "91 patients: no deletion detected" in shown
    assert "2 patients: failed; 3 patients: not tested" in shown
    assert len(patches(exon_map(frame), "normal")) == 2 + 1  # both sides of the one deletion, and the key


def test_with_more_patients_than_rows_a_row_is_a_pattern():
    frame = calls_of(*["nnnddddn"] * 7, *["dddddddd"] * 5, "nnndddda")
    rows, each = laid_out(pattern_table(frame, None, None), 12)
    assert not each
    assert rows["rows"].tolist() == [1, 1, 1]
    shown = texts(exon_map(frame, max_rows=12))
    assert "Δ4-7 ×7" in shown
    assert "Δ1-8 ×5" in shown
    assert "1 patient: ambiguous" in shown
    assert len(patches(exon_map(frame, max_rows=12), "deleted")) == 2 + 1
    assert any("A row is a pattern" in text for text in shown)
    assert any("A row is a patient" in text for text in texts(exon_map(frame, max_rows=13)))


def test_the_rarest_patterns_are_counted_when_there_are_too_many():
    frame = calls_of(*["nnnnddnn"] * 4, *["ddnnnnnn"] * 3, "nnnnnndd", "nnddnnnn", "nnndddnn")
    shown = texts(exon_map(frame, max_rows=2))
    assert "Δ5-6 ×4" in shown
    assert "Δ1-2 ×3" in shown
    assert "3 patients: rarer patterns" in shown
    assert "other deletion: 10" in shown


@pytest.mark.parametrize("n", [1, 5, 109, 5000])
@pytest.mark.parametrize("max_rows", [5, 40])
def test_every_patient_is_counted_once(n, max_rows):
    rows, _ = laid_out(pattern_table(many(n), None, None), max_rows)
    assert rows["n"].sum() == n
    assert rows.drop_duplicates("class")["n_class"].sum() == n


def test_groups_divide_the_map_and_a_missing_one_is_named():
    groups = pd.Series(pd.Categorical(["b", "a", "a", None, "b"], categories=["b", "a"]), index=FIVE.index)
    shown = texts(exon_map(FIVE, groups=groups))
    headings = ["b: 2 patients", "a: 2 patients", "group not known: 1 patient"]
    assert [text for text in shown if text in headings] == headings


def test_groups_without_categories_stand_in_the_order_of_their_names():
    groups = ["z", "y", "y", "z", "z"]
    first, second = exon_map(FIVE, groups=groups), exon_map(FIVE[::-1], groups=groups[::-1])
    assert texts(first) == texts(second)
    assert texts(first).index("y: 2 patients") < texts(first).index("z: 3 patients")


def test_127_groups_and_a_missing_one_are_128_headings():
    shown = texts(exon_map(many(256), groups=[f"g{i % 128}" if i % 128 else None for i in range(256)]))
    assert sum(text.endswith(": 2 patients") and text.startswith("g") for text in shown) == 128


def test_classes_given_win_over_those_of_the_calls():
    classes = pd.Series(["ambiguous", "none", None, "ik6", "other"], index=FIVE.index)
    shown = texts(exon_map(FIVE, classes=classes))
    assert {"ambiguous: 1", "not tested: 1", "IK6 (Δ4-7): 1"} <= set(shown)


def test_what_does_not_fit_is_refused_without_a_name():
    with pytest.raises(InputError, match=r"row 2") as caught:
        exon_map(FIVE, classes=["ik6", "wild type", "none", "none", "none"])
    assert "SECRET" not in str(caught.value)
    assert "wild" not in str(caught.value)
    with pytest.raises(InputError, match="not of the same patients"):
        exon_map(FIVE, classes=pd.Series(["ik6"] * 5))
    with pytest.raises(InputError, match="not of the same patients"):
        exon_map(FIVE, groups=["a"] * 6)
    with pytest.raises(ColumnError, match="exon 8"):
        exon_map(FIVE.drop(columns="8"))
    with pytest.raises(InputError):
        exon_map(FIVE, max_rows=0)


def test_the_map_in_words():
    said = exon_map_alt(FIVE)
    assert "of 5 patients: no deletion detected 1, whole gene (Δ1-8) 1, IK6 (Δ4-7) 2, other deletion 1." in said
    # exons 4 to 7 are lost in both IK6, the whole gene and the compound one
    assert "exon 1 in 2, exon 2 in 2, exon 3 in 2, exon 4 in 4, exon 5 in 4, exon 6 in 4, exon 7 in 4, exon 8 in 2." in said
    assert "Patterns: Δ4-7 2, Δ1-8 1, Δ1-8 / Δ4-7 1." in said
    assert "and 1 rarer" in exon_map_alt(FIVE, most=2)


# Pairs ----------------------------------------------------------------------------------------------------------------


def pairs_of(names, seed=0):
    draw = np.random.default_rng(seed)
    rows = [
        {"first": a, "second": b, "n": 100, "estimate": draw.normal(0, 1.5), "p_adjusted": draw.random(), "both": 7}
        for a, b in combinations(names, 2)
    ]
    return pd.DataFrame(rows)


LOCI = ["ikzf1_class", "cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg"]


def test_a_cell_a_pair_in_the_lower_triangle():
    table = pairs_of(LOCI[:4])
    figure = cooccurrence_figure(table)
    cells = patches(figure, "pair")
    assert len(cells) == 6
    left, width = min(c.get_x() for c in cells), cells[0].get_width()
    top = min(c.get_y() for c in cells)
    places = {(round((c.get_x() - left) / width), round((c.get_y() - top) / 28)) for c in cells}
    assert places == {(i, j) for i in range(3) for j in range(i, 3)}
    swapped = table.rename(columns={"first": "second", "second": "first"})
    assert len(patches(cooccurrence_figure(swapped), "pair")) == 6


def test_colours_are_clipped_log2_odds_ratios_and_marks_tell_the_direction():
    base = {"n": 50, "both": 3}
    table = pd.DataFrame(
        [
            {"first": "a", "second": "b", "estimate": np.log(8), "p_adjusted": 0.049, **base},
            {"first": "a", "second": "c", "estimate": np.inf, "p_adjusted": 0.05, **base},
            {"first": "a", "second": "d", "estimate": -np.log(2), "p_adjusted": 0.01, **base},
            {"first": "b", "second": "c", "estimate": 0.0, "p_adjusted": 1.0, **base},
            {"first": "b", "second": "d", "estimate": np.nan, "p_adjusted": np.nan, **base},
            {"first": "c", "second": "d", "estimate": -np.log(2), "p_adjusted": np.nan, **base},
        ]
    )
    figure = cooccurrence_figure(table)
    colours = [patch.get_facecolor() for patch in patches(figure, "pair")]
    scale = [patch.get_facecolor() for patch in patches(figure, "scale")]
    assert colours[0] == colours[1] == scale[-1]  # log2 of 8 is 3, the limit
    assert colours[2] == colours[4]
    assert colours[3] == scale[3] == (1, 1, 1, 1)
    # -1 of 3 log2 units: a third of the way from white to the blue
    np.testing.assert_allclose(colours[2], np.array([1, 1, 1, 1]) + (np.array(scale[0]) - 1) / 3, atol=0.01)
    assert [text for text in texts(figure) if text in "▲▼△▽"] == ["▲", "△", "▼", "▽"]
    assert texts(figure).count("3") == 5
    (open_,) = patches(figure, "not estimable")
    assert open_.get_hatch()
    assert any("Hatched" in text for text in texts(figure))


def test_pairs_in_words():
    table = pairs_of(["pax5", "rb1", "etv6"]).assign(
        estimate=[np.log(4), -np.inf, np.nan], p_adjusted=[0.01, 0.02, np.nan], both=[9, 0, 3]
    )
    assert cooccurrence_alt(table) == (
        "Co-occurrence of 3 pairs, 1 not estimable. More often together: PAX5 and RB1 (odds ratio 4.00, 9 with both). "
        "Less often: PAX5 and ETV6 (odds ratio 0.00, 0 with both)."
    )


def test_the_table_of_cooccurrence_is_taken_as_it_is():
    flags = pd.DataFrame({"pax5": [True, True, True, False, False, False, True], "rb1": [True, True, False] * 2 + [True]})
    # pax5 and rb1: both in rows 1, 2 and 7
    assert "3" in texts(cooccurrence_figure(cooccurrence(flags, ["pax5", "rb1"])))


def test_a_pair_twice_or_with_itself_is_refused():
    table = pairs_of(["a", "b", "c"])
    with pytest.raises(InputError, match="row 4"):
        cooccurrence_figure(pd.concat([table, table.iloc[[1]].rename(columns={"first": "second", "second": "first"})]))
    with pytest.raises(InputError, match="row 2"):
        cooccurrence_figure(table.assign(second=["b", "a", "c"]))
    with pytest.raises(ColumnError, match="both"):
        cooccurrence_figure(table.drop(columns="both"))
    with pytest.raises(InputError, match="limit"):
        cooccurrence_figure(table, limit=0)


# Frequencies ----------------------------------------------------------------------------------------------------------


def frequencies(groups, names=("cdkn2a", "pax5")):
    rows = [
        {"variable": v, "level": "deleted", "group": g, "n": 10 * i + 5, "n_known": 100, "estimate": 0.1 * i + 0.05,
         "low": 0.1 * i + 0.01, "high": 0.1 * i + 0.12}
        for v in names for i, g in enumerate(groups)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_points_and_intervals_are_the_rows():
    figure = frequency_figure(frequencies(["x", "y"]))
    _, panel = figure.axes
    drawn = {line.get_label(): line for line in panel.lines}
    assert drawn["group 0"].get_xdata().tolist() == pytest.approx([0.05, 0.05])
    assert drawn["group 1"].get_xdata().tolist() == pytest.approx([0.15, 0.15])
    assert drawn["group 0"].get_marker() != drawn["group 1"].get_marker()
    # in the order of the groups, from the top, within the room of their alteration
    heights = [drawn["group 0"].get_ydata()[0], drawn["group 1"].get_ydata()[0], drawn["group 0"].get_ydata()[1]]
    assert heights == sorted(heights)
    assert len(set(heights)) == 3
    segments = np.vstack([segment[:, 0] for c in panel.collections for segment in c.get_segments()])
    assert {(0.01, 0.12), (0.11, 0.22)} <= {tuple(np.round(segment, 9)) for segment in segments}
    assert [label.get_text() for label in panel.get_yticklabels()] == ["CDKN2A", "PAX5"]
    assert [text for text in texts(figure) if "/" in text] == ["5/100", "5/100", "15/100", "15/100"]


def test_more_than_three_groups_have_a_panel_each():
    assert len(frequency_figure(frequencies("abc")).axes) == 1 + 1
    figure = frequency_figure(frequencies("abcd"))
    assert len(figure.axes) == 1 + 4
    assert [text.get_text() for text in figure.axes[0].texts][:4] == list("abcd")
    assert [len({line.get_label() for line in ax.lines}) for ax in figure.axes[1:]] == [1] * 4


def test_a_group_of_which_nothing_is_known_says_so():
    rows = frequencies(["x"])
    rows.loc[0, ["n", "n_known"]] = 0
    rows.loc[0, ["estimate", "low", "high"]] = np.nan
    assert {"not known", "0/0"} <= set(texts(frequency_figure(rows)))


def test_levels_are_written_where_they_say_something():
    rows = pd.concat([frequencies(["all"]), frequencies(["all"], ["ikzf1_class"]).assign(level="ik6")])
    panel = frequency_figure(rows).axes[1]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["CDKN2A", "PAX5", "IKZF1 IK6 (Δ4-7)"]


def test_rows_that_only_count_unknown_calls_are_left_out():
    rows = pd.concat([frequencies(["x"]), frequencies(["x"], ["rb1"]).assign(level="not_tested", estimate=np.nan)])
    panel = frequency_figure(rows).axes[1]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["CDKN2A", "PAX5"]


def test_frequencies_that_are_none_are_refused():
    rows = frequencies(["x"])
    with pytest.raises(InputError, match="row 3"):
        frequency_figure(pd.concat([rows, rows.iloc[[0]]]))
    with pytest.raises(InputError, match="row 2"):
        frequency_figure(rows.assign(estimate=[0.5, 1.5]))
    with pytest.raises(ColumnError, match="n_known"):
        frequency_figure(rows.drop(columns="n_known"))


# Doses ----------------------------------------------------------------------------------------------------------------

PROBES = [f"IKZF1-{i}" for i in range(1, 9)] + ["PAX5-1", "CDKN2A-1", "PAX5-2"]
DOSES = pd.Series(np.linspace(0.4, 1.4, len(PROBES)), index=PROBES)
CALLS = pd.Series("normal", index=PROBES)


def test_expected_quotients_are_those_of_the_fraction_of_blasts():
    figure = dosage_profile(DOSES, calls=CALLS, blasts=0.6)
    levels = [line.get_ydata()[0] for line in figure.axes[1].lines if line.get_linestyle() == "--"]
    assert sorted(levels) == expected_quotient([1, 2, 3], 0.6).tolist() == pytest.approx([0.7, 1.0, 1.3])
    assert {"1 copy 0.70", "2 copies 1.00", "3 copies 1.30"} <= set(texts(figure))
    assert any("60 %" in text for text in texts(figure))
    assert "1 copy 0.50" in texts(dosage_profile(DOSES, calls=CALLS))


def test_points_bear_their_calls_and_probes_of_a_gene_stand_together():
    calls = CALLS.copy()
    calls["CDKN2A-1"] = "homozygous"
    figure = dosage_profile(DOSES, calls=calls, std_error=0.05)
    drawn = {c.get_label(): c for ax in figure.axes[1:] for c in ax.containers}
    assert set(drawn) == {"normal", "homozygous"}
    normal, both = drawn["normal"].lines[0], drawn["homozygous"].lines[0]
    # genes in the order of their first probe: both of PAX5 before CDKN2A
    expected = DOSES[[*PROBES[:9], "PAX5-2"]]
    assert normal.get_ydata().tolist() == pytest.approx(expected.tolist())
    assert both.get_ydata().tolist() == pytest.approx([DOSES["CDKN2A-1"]])
    assert both.get_xdata()[0] > normal.get_xdata().max()
    (bars,) = drawn["homozygous"].lines[2]
    low, high = bars.get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * 1.96 * 0.05)
    assert {"both copies lost", "no deletion detected"} <= set(texts(figure))


def test_a_frame_of_one_row_is_the_same_picture_and_of_two_is_refused():
    one = DOSES.to_frame("SECRET-1").T
    assert texts(dosage_profile(one, calls=CALLS.to_frame("SECRET-1").T)) == texts(dosage_profile(DOSES, calls=CALLS))
    with pytest.raises(InputError, match="one sample; 2 in all"):
        dosage_profile(pd.concat([one, one]), calls=CALLS)


def test_a_probe_without_a_quotient_stands_at_the_foot():
    doses = DOSES.copy()
    doses["PAX5-1"] = np.nan
    figure = dosage_profile(doses, calls=CALLS.drop("PAX5-1"), std_error=0.05)
    failed = {c.get_label(): c for c in figure.axes[1].containers}["not_tested"].lines[0]
    assert 0 < failed.get_ydata()[0] < 0.1
    assert any("At the foot: no quotient." in text for text in texts(figure))


def test_words_and_fractions_that_are_none_are_refused():
    calls = CALLS.copy()
    calls["PAX5-2"] = "lost"
    with pytest.raises(InputError, match="row 11"):
        dosage_profile(DOSES, calls=calls)
    for blasts in (0, 1.2, -0.1):
        with pytest.raises(InputError, match="fraction"):
            dosage_profile(DOSES, calls=CALLS, blasts=blasts)


def test_names_of_probes():
    table = probe_names(["IKZF1-4", "PAX5 exon 10", "ETV6_1A", "RB1:e14", "CDKN2A", "IKZF1_e8_2"], None)
    assert table["gene"].tolist() == ["IKZF1", "IKZF1", "PAX5", "ETV6", "RB1", "CDKN2A"]
    assert table["tag"].tolist() == ["4", "8", "10", "1A", "14", ""]
    assert table["place"].tolist() == [0, 5, 1, 2, 3, 4]
    assert probe_names(["x", "y"], {"x": "IKZF1", "y": "IKZF1"})["gene"].tolist() == ["IKZF1", "IKZF1"]


def test_genes_stay_whole_on_their_lines_where_they_can():
    table = probe_names([f"{gene}-{i}" for gene, n in (("a", 6), ("b", 6), ("c", 13)) for i in range(n)], None)
    assert [len(line) for line in in_lines(table, 10.0)] == [6, 6, 10, 3]
    assert [len(line) for line in in_lines(table, 13.0)] == [12, 13]


# All of them ----------------------------------------------------------------------------------------------------------


def all_figures(n, width):
    groups = ["BCR::ABL1", "high hyperdiploid", "B-other"]
    probes = [
        f"{g}-{i + 1}" for g, k in (("IKZF1", 8), ("PAX5", 7), ("CDKN2A", 2), ("CDKN2B", 1), ("PAR1", 3)) for i in range(k)
    ]
    doses, note = pd.Series(1.0, index=probes), "Simulated data"
    frame = many(n)
    yield exon_map(frame, note=note, width=width)
    yield exon_map(frame, groups=[groups[i % 3] for i in range(n)], note=note, width=width)
    yield cooccurrence_figure(pairs_of(LOCI).assign(both=n), note=note, width=width)
    yield cooccurrence_figure(pairs_of(LOCI[:2]).assign(both=n), note=note, width=width)
    known = {"n": n // 3, "n_known": n}
    yield frequency_figure(frequencies(groups, LOCI).assign(**known), note=note, width=width)
    yield frequency_figure(frequencies([*groups, "other", "none"], LOCI).assign(**known), note=note, width=width)
    for blasts in (None, 0.05):
        yield dosage_profile(doses, calls=pd.Series("normal", index=probes), blasts=blasts, note=note, width=width)


@pytest.mark.parametrize("n", [1, 5, 109, 5000])
@pytest.mark.parametrize("width", [3.4, 4.8, 7.0])
def test_no_label_lies_on_another_or_outside_and_nobody_is_named(n, width):
    for figure in all_figures(n, width):
        assert overlapping(figure) == []
        shown = texts(figure)
        assert not any("SECRET" in text for text in shown)
        assert any("Simulated data" in " ".join(text.split()) for text in shown)


def test_the_figures_are_no_taller_with_5000_patients_than_a_page():
    assert exon_map(many(5000)).get_size_inches()[1] < 9.5


@pytest.mark.parametrize(
    "figure",
    [
        exon_map(FIVE.iloc[:0], note="Simulated data"),
        cooccurrence_figure(pairs_of(["a", "b"]).iloc[:0], note="Simulated data"),
        frequency_figure(frequencies(["x"]).iloc[:0], note="Simulated data"),
        dosage_profile(pd.Series(dtype=float), calls=None, note="Simulated data"),
    ],
)
def test_nothing_to_show_is_a_sentence(figure):
    assert texts(figure)[0].endswith("to show.")
    assert "Simulated data" in texts(figure)


def test_nothing_to_say_is_a_sentence():
    assert exon_map_alt(FIVE.iloc[:0]) == "IKZF1 exon calls: no patients to show."


def test_the_same_figure_gives_the_same_bytes_and_no_name_is_in_them(tmp_path):
    for number, (one, two) in enumerate(zip(all_figures(109, 4.8), all_figures(109, 4.8), strict=True)):
        first, second = save_figure(one, tmp_path / f"a{number}"), save_figure(two, tmp_path / f"b{number}")
        for a, b in zip(first, second, strict=True):
            assert a.read_bytes() == b.read_bytes()
        assert b"SECRET" not in first[0].read_bytes()
