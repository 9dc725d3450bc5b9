"""Whatever the segments: their order and needless breakpoints don't matter, and more leukaemic cells never harm."""

from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes.genome.calls import COPY_NUMBERS
from ikzf1_outcomes.genome.loci import ARM_LOCI, CHROMOSOME_LENGTHS, GENE_LOCI, GENES, IKZF1_EXONS
from ikzf1_outcomes.genome.segments import SEVERITY, THRESHOLDS, call_segments

COLUMNS = ["sample", "chromosome", "start", "end", "probes", "value"]
LENGTHS = CHROMOSOME_LENGTHS["hg19"]
SITES = {**{f"ikzf1_exon_{e}": x for e, x in IKZF1_EXONS["hg19"].items()}, **GENE_LOCI["hg19"]}
# cuts fall where they matter: in and beside the loci
CHROMOSOMES = ("7", "9", "12", "X")
RATIOS = st.sampled_from([-2.0, -1.1, -0.8, -0.3, -0.25, -0.2, 0.0, 0.2, 0.25, 0.3, 1.0])


@st.composite
def tables(draw):
    """Segments of one to three samples; some stretches are left out."""
    rows = []
    for sample in draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True)):
        for chromosome in draw(st.lists(st.sampled_from(CHROMOSOMES), min_size=1, max_size=3, unique=True)):
            ends = [site.start for site in SITES.values() if site.chromosome == chromosome] or [1_400_000]
            near = st.tuples(st.sampled_from(ends), st.integers(-30_000, 30_000)).map(sum)
            anywhere = st.integers(2, LENGTHS[chromosome] - 1)
            cuts = [0, *sorted(draw(st.sets(near | anywhere, max_size=5))), LENGTHS[chromosome]]
            for before, end in pairwise(cuts):
                if draw(st.integers(0, 9)):
                    rows.append((sample, chromosome, before + 1, end, draw(st.integers(1, 500)), draw(RATIOS)))
    return pd.DataFrame(rows or [("A", "7", 1, 100, 9, 0.0)], columns=COLUMNS)


def same(one, other):
    pd.testing.assert_frame_equal(one.exons, other.exons)
    pd.testing.assert_frame_equal(one.loci, other.loci)


@given(tables(), st.randoms(use_true_random=False), st.sampled_from([None, 0.3, 0.8]))
def test_the_order_of_rows_does_not_matter(table, random, purity):
    order = list(range(len(table)))
    random.shuffle(order)
    one = call_segments(table, build="hg19", purity=purity)
    other = call_segments(table.iloc[order], build="hg19", purity=purity)
    same(one, other)
    pd.testing.assert_frame_equal(one.tidy(), other.tidy())
    pd.testing.assert_frame_equal(one.glance(), other.glance())


@given(tables(), st.integers(0, 1000), st.floats(0.0, 1.0))
def test_a_breakpoint_between_equal_values_changes_no_call(table, which, share):
    # within X and Y a breakpoint does matter: it tells PAR1 from the rest of the chromosome
    table = table.assign(probes=table["probes"] + 6)
    wide = np.flatnonzero((table["end"] - table["start"] > 1) & (table["chromosome"] != "X"))
    if len(wide) == 0:
        return
    place = wide[which % len(wide)]
    row = table.iloc[place]
    cut = row["start"] + int(share * (row["end"] - row["start"] - 1))
    pieces = pd.DataFrame([row, row]).assign(
        start=[row["start"], cut + 1],
        end=[cut, row["end"]],
        probes=[row["probes"] // 2, row["probes"] - row["probes"] // 2],
    )
    split = pd.concat([table.drop(index=table.index[place]), pieces], ignore_index=True)
    same(call_segments(table, build="hg19"), call_segments(split, build="hg19"))


def word(ratio):
    """A call by the thresholds, as they are written down."""
    if ratio <= THRESHOLDS["homozygous"]:
        return "homozygous"
    if ratio <= THRESHOLDS["deleted"]:
        return "deleted"
    if ratio >= THRESHOLDS["gain"]:
        return "gain"
    return "normal" if abs(ratio) <= THRESHOLDS["normal"] else "ambiguous"


@given(tables(), st.sampled_from([0.3, 0.5, 0.9]))
def test_calls_are_those_of_a_walk_from_segment_to_segment(table, min_overlap):
    calls = call_segments(table, build="hg19", min_overlap=min_overlap)
    kept = table[table["probes"] >= 3]
    for sample in calls.exons.index:
        for locus, site in SITES.items():
            covered, seen = 0, []
            for row in kept[(kept["sample"] == sample) & (kept["chromosome"] == site.chromosome)].itertuples():
                bases = min(row.end, site.end) - max(row.start, site.start) + 1
                if bases > 0:
                    covered += bases
                    seen.append(word(row.value))
            enough = covered / (site.end - site.start + 1) >= min_overlap
            wanted = max(seen, key=SEVERITY.index) if enough else "not_tested"
            exon = locus.removeprefix("ikzf1_exon_")
            found = calls.exons.loc[sample, exon] if exon in calls.exons else calls.loci.loc[sample, locus]
            assert found == wanted
    assert {*calls.exons.to_numpy().ravel(), *calls.loci.to_numpy().ravel()} <= set(COPY_NUMBERS)
    assert calls.set_aside["n"].sum() == (table["probes"] < 3).sum()


@given(tables())
def test_shares_are_shares_and_arms_are_what_their_lost_share_says(table):
    calls = call_segments(table, build="hg19")
    evidence = calls.tidy()
    assert evidence["overlap"].between(0, 1).all()
    assert evidence["lost"].dropna().between(0, 1 + 1e-12).all()
    assert (evidence["overlap"].eq(0) == evidence["quotient"].isna()).all()
    arms = evidence[evidence["locus"].isin(ARM_LOCI["hg19"]) & (evidence["call"] != "not_tested")]
    assert (arms["call"].isin(["deleted", "homozygous"]) == (arms["lost"] >= 0.9)).all()
    assert set(evidence["locus"]) == {*SITES, *GENES, *ARM_LOCI["hg19"]}


@given(
    st.integers(0, 3),
    st.lists(st.floats(-3, 3), min_size=1, max_size=30),
    st.integers(1, 400),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_a_call_that_is_right_stays_right_at_a_higher_purity(copies, errors, probes, one, other):
    low, high = sorted([one, other])
    error = max(0.2 / np.sqrt(probes), 0.03)
    right = []
    for purity in (low, high):
        quotient = 1 - purity * (1 - copies / 2) + error * np.array(errors)
        table = pd.DataFrame({"sample": range(len(errors)), "chromosome": "9", "start": 1, "end": LENGTHS["9"]})
        table = table.assign(probes=probes, value=2 * np.maximum(quotient, 0.0))
        calls = call_segments(table, build="hg19", purity=purity, value="copy_number", min_probes=1)
        right.append(calls.loci["pax5"].eq(["homozygous", "deleted", "normal", "gain"][copies]).to_numpy())
    assert (right[1] | ~right[0]).all()
    assert right[1].sum() >= right[0].sum()
