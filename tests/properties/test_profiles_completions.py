"""A level stands exactly when all completions of the unknown give it: every completion is written out and read naively."""

from itertools import product

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES
from ikzf1_outcomes.genome.cytogenetics import HIERARCHY, LESION_OF, cytogenetic_hierarchy, possible_subtypes
from ikzf1_outcomes.genome.integration import GOOD_RISK, HIGH_RISK, uk_all_genetics
from ikzf1_outcomes.genome.profiles import PLUS_VARIANTS, ikzf1_par1, ikzf1_plus, ikzf1_plus_variants, uk_all_cna

HYPO, HYPER = "near-haploid or low hypodiploid", "high hyperdiploid"
# a number from each stretch between the bounds 40, 50, 51, 67 and 78
NUMBERS = [27, 39, 40, 46, 50, 51, 60, 67, 68, 78, 79]
FLAGS = list(LESION_OF.values())
RARE = st.sampled_from([False, False, False, False, True, None])
LESIONS = st.fixed_dictionaries(
    dict.fromkeys(FLAGS, RARE)
    | {"chromosomes": st.sampled_from([*NUMBERS, 46, 55, None, None]), "masked_hypodiploid": RARE | st.none()}
)
FEW = LESIONS.filter(lambda row: sum(value is None for value in row.values()) <= 6)
KINDS = [name for name in HIERARCHY if name.startswith("B-other")]
ORDERS = st.tuples(st.permutations([n for n in HIERARCHY if n not in KINDS]), st.permutations(KINDS)).map(
    lambda parts: (*parts[0], *parts[1])
)
RULES = st.fixed_dictionaries(
    {
        "masked_unknown": st.sampled_from(["inconclusive", "absent"]),
        "b_other": st.sampled_from(["divided", "whole"]),
        "order": st.just(HIERARCHY) | ORDERS,
    }
)
CLASSES = ["none", "gain", "ik6", "whole_gene", "ambiguous", "failed", "not_tested", None]
CALLS = ["normal", "deleted", "homozygous", "gain", "ambiguous", None]


def completions(row, masked_unknown):
    """Every patient that this one may be: a doubled clone hides among 50 to 78 chromosomes only."""
    choices = {flag: [False, True] if value is None else [value] for flag, value in row.items() if flag in FLAGS}
    numbers = NUMBERS if row["chromosomes"] is None else [row["chromosomes"]]
    for values in product(*choices.values()):
        for number in numbers:
            masked = [row["masked_hypodiploid"]]
            if masked == [None]:
                masked = [False, True] if masked_unknown == "inconclusive" and 50 <= number <= 78 else [False]
            for hidden in masked:
                yield dict(zip(choices, values, strict=True)) | {"chromosomes": number, "masked_hypodiploid": hidden}


def first_match(row, order, b_other):
    for name in order:
        hypo = row["masked_hypodiploid"] or row["chromosomes"] < 40
        if name == HYPO:
            matches = hypo
        elif name == HYPER:
            matches = 51 <= row["chromosomes"] <= 67 and not hypo
        else:
            matches = row[LESION_OF[name]]
        if matches:
            return "B-other" if b_other == "whole" and name in KINDS else name
    return "B-other" if b_other == "whole" else "B-other, other"


def all_levels(row, masked_unknown="inconclusive", b_other="divided", order=HIERARCHY):
    return {first_match(full, order, b_other) for full in completions(row, masked_unknown)}


def risk_group(subtype, profile, version):
    if version == "2014":
        good = subtype in GOOD_RISK or (subtype not in HIGH_RISK and profile == "good")
        return "good" if good else "poor"
    if subtype in HIGH_RISK:
        return "poor"
    points = (subtype in GOOD_RISK) + (profile == "good")
    return ["intermediate", "good", "very good"][points]


@settings(max_examples=150)
@given(FEW, RULES)
def test_a_subtype_stands_when_all_completions_give_it(row, rule):
    levels = all_levels(row, **rule)
    frame = pd.DataFrame([row])
    possible = possible_subtypes(frame, **rule)
    assert set(possible.columns[possible.loc[0]]) == levels
    found = cytogenetic_hierarchy(frame, **rule).iloc[0]
    if len(levels) == 1:
        assert (found["cytogenetic_subtype"], found["note"]) == (*levels, "")
    elif all(level.startswith("B-other") for level in levels):
        assert found["cytogenetic_subtype"] == "B-other"
    else:
        assert pd.isna(found["cytogenetic_subtype"])


@given(FEW, RULES)
def test_the_note_names_what_has_to_be_found_out(row, rule):
    """Each lesion of the note is unknown and can narrow the subtypes; whatever is found, knowing all of them settles it."""
    note = cytogenetic_hierarchy(pd.DataFrame([row]), **rule)["note"].iloc[0]
    named = note.removeprefix("open: ").split(", ") if note else []
    assert all(row[name] is None for name in named)
    whole = all_levels(row, **rule)
    for name in named:
        values = NUMBERS if name == "chromosomes" else [False, True]
        assert any(all_levels(row | {name: value}, **rule) != whole for value in values), name
    for full in completions(row, rule["masked_unknown"]):
        learnt = row | {name: full[name] for name in named}
        assert len(all_levels(learnt, **rule)) == 1


@settings(max_examples=100)
@given(FEW, st.sampled_from(["good", "poor", "intermediate", "inconclusive", None]))
def test_a_risk_group_stands_when_all_completions_give_it(row, cna):
    frame = pd.DataFrame([row])
    profiles = ["good", "poor"] if cna in ("inconclusive", None) else [cna]
    subtype = cytogenetic_hierarchy(frame)["cytogenetic_subtype"]
    for version in ("2014", "2019"):
        groups = {risk_group(s, p, version) for s in all_levels(row) for p in profiles}
        expected = groups.pop() if len(groups) == 1 else "inconclusive"
        assert uk_all_genetics(pd.Series([cna]), possible_subtypes(frame), version=version).iloc[0] == expected
        # from the single level less is known, never something else
        assert uk_all_genetics(pd.Series([cna]), subtype, version=version).iloc[0] in (expected, "inconclusive")


@given(st.sampled_from([*CYTOGENETIC_SUBTYPES, None]), st.sampled_from(["good", "poor", "intermediate", None]))
def test_a_risk_group_from_a_level(subtype, cna):
    stands_for = {"B-other": [*KINDS, "B-other, other"], None: CYTOGENETIC_SUBTYPES}.get(subtype, [subtype])
    for version in ("2014", "2019"):
        groups = {risk_group(s, p, version) for s in stands_for for p in ([cna] if cna else ["good", "poor"])}
        found = uk_all_genetics(pd.Series([cna]), pd.Series([subtype], dtype=object), version=version).iloc[0]
        assert found == (groups.pop() if len(groups) == 1 else "inconclusive")


@given(st.sampled_from(CLASSES), st.sampled_from(CALLS))
def test_ikzf1_with_par1_stands_when_all_completions_give_it(gene, par1):
    genes = ["none", "ik6"] if gene in ("ambiguous", "failed", "not_tested", None) else [gene]
    partners = ["normal", "deleted"] if par1 in ("ambiguous", None) else [par1]
    levels = {
        {(False, False): "neither", (True, False): "IKZF1 only", (False, True): "PAR1 only"}.get(
            (g not in ("none", "gain"), p in ("deleted", "homozygous")), "IKZF1 + PAR1"
        )
        for g, p in product(genes, partners)
    }
    found = ikzf1_par1(pd.DataFrame({"ikzf1_class": [gene], "par1": [par1]})).iloc[0]
    assert found == (levels.pop() if len(levels) == 1 else "unclassifiable")


@given(
    st.lists(LESIONS, min_size=1, max_size=6).flatmap(
        lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows))))
    )
)
def test_rows_do_not_see_each_other(drawn):
    rows, order = drawn
    frame = pd.DataFrame(rows)
    mixed = frame.iloc[order]
    pd.testing.assert_frame_equal(cytogenetic_hierarchy(mixed), cytogenetic_hierarchy(frame).iloc[order])
    alone = pd.concat([cytogenetic_hierarchy(frame.iloc[[place]]) for place in range(len(frame))])
    pd.testing.assert_frame_equal(alone, cytogenetic_hierarchy(frame))
    cna = pd.Series((["good", "poor", None] * 2)[: len(rows)])
    groups = uk_all_genetics(cna, possible_subtypes(frame))
    pd.testing.assert_series_equal(uk_all_genetics(cna.iloc[order], possible_subtypes(mixed)), groups.iloc[order])


PATIENT = st.fixed_dictionaries(
    {"ikzf1_class": st.sampled_from(CLASSES), "cytogenetic_subtype": st.sampled_from(["BCR::ABL1", "B-other", None])}
    | {
        locus: st.sampled_from(CALLS)
        for locus in ("cdkn2a", "cdkn2b", "pax5", "par1", "erg", "btg1", "ebf1", "etv6", "rb1")
    }
)


@given(st.lists(PATIENT, min_size=1, max_size=12))
def test_variants_count_every_patient_once(rows):
    frame = pd.DataFrame(rows)
    table = ikzf1_plus_variants(frame)
    default = ikzf1_plus(frame).astype(str)
    for variant, options in PLUS_VARIANTS.items():
        part = table[table["variant"] == variant]
        changed = ikzf1_plus(frame, **options).astype(object).fillna("left out")
        for row in part.itertuples():
            assert row.n == ((default == row[2]) & (changed == row.to)).sum() > 0
        assert part["n"].sum() == len(frame)


@given(st.lists(PATIENT, min_size=1, max_size=8))
def test_two_tiers_are_at_least_as_conclusive_as_three_for_the_risk_group(rows):
    frame = pd.DataFrame(rows)
    subtype = frame["cytogenetic_subtype"]
    for version in ("2014", "2019"):
        two = uk_all_genetics(uk_all_cna(frame), subtype, version=version)
        three = uk_all_genetics(uk_all_cna(frame, tiers=3), subtype, version=version)
        assert ((two == three) | (three == "inconclusive")).all()
