"""Whatever the calls: order does not matter, and a class stands only when every completion of the unknown gives it."""

from itertools import product

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes import classify_ikzf1, ikzf1_plus, uk_all_cna
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, UNKNOWN

LOCI = ["cdkn2a", "cdkn2b", "par1", "btg1", "ebf1", "pax5", "etv6", "rb1", "erg"]
EXONS = st.lists(st.lists(st.sampled_from(COPY_NUMBERS), min_size=8, max_size=8), min_size=1, max_size=6)
CLASSES = ["none", "ik6", "gain", "other", "failed"]
PATIENT = st.fixed_dictionaries(
    {"ikzf1_class": st.sampled_from(CLASSES), **{locus: st.sampled_from(["normal", "deleted", "failed"]) for locus in LOCI}}
)


@given(EXONS, st.permutations(range(1, 9)))
def test_the_class_does_not_see_the_order_of_probes_or_samples(rows, order):
    calls = pd.DataFrame(rows, columns=[str(e) for e in range(1, 9)])
    shuffled = calls[[str(e) for e in order]].iloc[::-1]
    pd.testing.assert_frame_equal(classify_ikzf1(calls), classify_ikzf1(shuffled).sort_index())


@given(
    st.lists(st.sampled_from(["normal", "deleted", "homozygous", "gain"]), min_size=8, max_size=8),
    st.sets(st.integers(0, 7), max_size=4),
)
def test_hiding_exons_never_gives_another_class(calls, hidden):
    columns = [str(e) for e in range(1, 9)]
    whole = classify_ikzf1(pd.DataFrame([calls], columns=columns))["ikzf1_class"].iloc[0]
    masked = ["ambiguous" if place in hidden else call for place, call in enumerate(calls)]
    seen = classify_ikzf1(pd.DataFrame([masked], columns=columns))["ikzf1_class"].iloc[0]
    assert seen in (whole, "ambiguous")


def completions(patient):
    """Every patient that this one may be."""
    choices = [
        (["none", "ik6"] if value in UNKNOWN else [value])
        if name == "ikzf1_class"
        else (["normal", "deleted", "homozygous"] if value in UNKNOWN else [value])
        for name, value in patient.items()
    ]
    return pd.DataFrame(list(product(*choices)), columns=list(patient))


@given(PATIENT.filter(lambda p: sum(v == "failed" for v in p.values()) <= 4))
def test_profiles_stand_when_all_completions_agree_and_only_then(patient):
    possible = completions(patient)
    for function, open_, options in (
        (uk_all_cna, "inconclusive", {}),
        (uk_all_cna, "inconclusive", {"tiers": 3}),
        (uk_all_cna, "inconclusive", {"tiers": 3, "split": "isolated"}),
        (ikzf1_plus, "unclassifiable", {}),
        (ikzf1_plus, "unclassifiable", {"cdkn2b": "any"}),
    ):
        found = function(pd.DataFrame([patient]), **options).iloc[0]
        levels = set(function(possible, **options))
        assert found == (levels.pop() if len(levels) == 1 else open_)
