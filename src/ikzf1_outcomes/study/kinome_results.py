"""Every number of the kinome page, in one long table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.signalling import TESTED
from ikzf1_outcomes.describe.selection import tested_against_untested
from ikzf1_outcomes.kinome.checks import array_checks
from ikzf1_outcomes.kinome.cluster_annotations import cluster_association
from ikzf1_outcomes.kinome.clusters import cluster_kinome
from ikzf1_outcomes.kinome.differences import SCALE, differential_phosphorylation
from ikzf1_outcomes.kinome.differential_fit import DifferentialFit
from ikzf1_outcomes.kinome.no_difference import equivalence
from ikzf1_outcomes.kinome.nonnull_share import share_of_nonnull
from ikzf1_outcomes.kinome.peptide_sets import pathway_scores
from ikzf1_outcomes.kinome.tested_sets import pathway_tests
from ikzf1_outcomes.study.genome_results import CHARACTERISTICS
from ikzf1_outcomes.study.kinome import ANNOTATIONS, KinomeEvidence, covariates_of, group_of, varying
from ikzf1_outcomes.study.kinome_plan import KinomePlan
from ikzf1_outcomes.study.load import Study

BATCH = "batch of the array"
FINDING, NOTES = "finding", "notes"
"""Terms of rows whose note is a sentence."""
PIECES = 3
"""Principal components that are shown."""
SET_TESTS = ("camera", "fry", "mean")
COLUMNS = (
    "section", "variable", "level", "term", "group", "contrast", "method", "analysis", "n", "n_group", "n_reference",
    "n_excluded", "n_missing", "n_peptides", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale",
    "statistic", "df", "p_value", "p_mixed", "p_adjusted", "p_family", "fdr", "share", "correlation", "mean", "log_odds",
    "margin", "equivalent", "permutations", "note",
)  # fmt: skip
TEXTS = (
    "section", "variable", "level", "term", "group", "contrast", "method", "analysis", "interval", "scale", "note",
)  # fmt: skip


def kinome_rows(study: Study) -> pd.DataFrame:
    """The rows of a study with a `[kinome]` part, one a number; the column `section` says of what.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. Sections: samples, quality, batches, selection, difference (a row a peptide), hits, sets,
        scores, nonnull, equivalence (with a margin), clusters. No row names a patient or an array.
    """
    evidence, plan = study.kinome, study.plan.kinome
    assert evidence is not None
    assert plan is not None
    # one stream for each analysis: leaving one out leaves the numbers of the others
    fit = differential_phosphorylation(
        evidence.values,
        group_of(evidence, plan),
        contrast=plan.contrast,
        covariates=covariates_of(evidence, plan),
        batch=evidence.batch,
        method=plan.method,
        adjust=plan.adjust,
        permutations=plan.permutations,
        conf_level=study.plan.settings.conf_level,
        seed=stream(plan, 0),
    )
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "samples": lambda: sample_rows(evidence),
        "quality": lambda: quality_rows(evidence, plan),
        "batches": lambda: batch_rows(evidence, plan),
        "selection": lambda: selection_rows(study),
        "difference": lambda: fit.tidy().assign(method=fit.method),
        "hits": lambda: hit_rows(fit),
        "sets": lambda: set_rows(evidence, plan, study.plan.settings.conf_level),
        "scores": lambda: score_rows(evidence, plan),
        "nonnull": lambda: nonnull_rows(fit, study.plan.settings.conf_level),
        "equivalence": lambda: equivalence_rows(fit, plan),
        "clusters": lambda: cluster_rows(study, evidence, plan),
    }
    parts = [table.assign(section=name) for name, make in makers.items() if len(table := make())]
    out = pd.concat([part.reindex(columns=COLUMNS).astype(object) for part in parts], ignore_index=True)
    numbers = [name for name in COLUMNS if name not in TEXTS]
    out[numbers] = out[numbers].astype(float)
    return out.assign(**{name: out[name].where(out[name].notna(), "").astype(str) for name in TEXTS})


def stream(plan: KinomePlan, place: int) -> np.random.Generator:
    """The generator of one analysis."""
    return np.random.default_rng([plan.seed, place])


def sample_rows(evidence: KinomeEvidence) -> pd.DataFrame:
    """Arrays and patients, matched and not, then what the reading left out or altered."""
    ledger = evidence.read.ledger
    done = pd.DataFrame({"term": ledger["part"] + ": " + ledger["reason"], "estimate": ledger["n"]})
    size = pd.DataFrame(
        {
            "term": ["peptides", "values that are missing"],
            "estimate": [len(evidence.values), int(evidence.values.isna().to_numpy().sum())],
        }
    )
    match = evidence.match.rename(columns={"n": "estimate"})
    return pd.concat([match, size, done], ignore_index=True).assign(scale="count")


def quality_rows(evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame:
    """Spots and replicates over the arrays, principal components, and how much of them lies between batches."""
    table = array_checks(
        evidence.values, batch=evidence.batch, components=PIECES, permutations=plan.permutations, seed=stream(plan, 1)
    )
    table = table.rename(columns={"measure": "term", "component": "group"}).drop(columns="sample")
    if evidence.read.arrays is None:
        return table
    kept = evidence.read.arrays.samples.set_index("sample").loc[evidence.values.columns]
    spots = kept["n_spot"].where(kept["n_spot"] > 0)
    measures = {
        "saturated": (kept["n_saturated"] / spots, "share"),
        "not above the background": (kept["n_negative"] / spots, "share"),
        "replicate correlation": (kept["correlation"], "correlation"),
    }
    rows = [
        {"term": name, "group": word, "estimate": value, "scale": scale, "n": int(values.notna().sum())}
        for name, (values, scale) in measures.items()
        for word, value in (("median", values.median()), ("lowest", values.min()), ("highest", values.max()))
    ]
    return pd.concat([pd.DataFrame(rows), table], ignore_index=True)


def batch_rows(evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame:
    """Arrays of each batch in each group, and how much of the groups the batches tell."""
    if evidence.batch is None:
        return pd.DataFrame()
    group = group_of(evidence, plan)
    batch = evidence.batch[group.notna()].astype(str)
    member = (group.dropna() == plan.first).astype(float)
    counts = pd.crosstab(batch, group.dropna())
    rows = [
        {"term": "arrays", "level": level, "group": word, "estimate": counts.loc[level, word], "scale": "count"}
        for level in counts.index
        for word in (plan.first, plan.second)
    ]
    centred = member - member.mean()
    inside = centred.groupby(batch).agg(["mean", "size"])
    share = float((inside["size"] * inside["mean"] ** 2).sum() / (centred**2).sum())
    expected = (len(inside) - 1) / (len(member) - 1)
    told = f"{100 * expected:.0f} % on average where batches and groups have nothing to do with each other"
    return pd.DataFrame(
        [*rows, {"term": "share of the groups told by batch", "estimate": share, "scale": "share", "note": told}]
    )


def selection_rows(study: Study) -> pd.DataFrame:
    """Patients with an array against those without."""
    frame = study.cohort.frame
    assert study.plan.kinome is not None
    columns = dict.fromkeys([*CHARACTERISTICS, study.plan.kinome.column])
    there = [name for name in columns if name in frame and frame[name].notna().any()]
    if frame[TESTED].nunique() < 2 or not there:
        return pd.DataFrame()
    return tested_against_untested(study.cohort, tested=TESTED, columns=there)


def hit_rows(fit: DifferentialFit) -> pd.DataFrame:
    """The row of `glance` as rows, and the finding in words."""
    summary = fit.glance().iloc[0]
    names = [name for name in summary.index if name not in ("method", "contrast", "note")]
    scales = dict.fromkeys(("smallest_difference", "smallest_difference_adjusted", "residual_sd"), SCALE)
    scales |= {"p_hits": "probability", "prior_df": "", "prior_variance": ""}
    rows = [{"term": name, "estimate": float(summary[name]), "scale": scales.get(name, "count")} for name in names]
    told = [{"term": FINDING, "note": fit.words()}, {"term": NOTES, "note": fit.note}]
    return pd.DataFrame([*rows, *told]).assign(contrast=fit.contrast, method=fit.method)


def set_rows(evidence: KinomeEvidence, plan: KinomePlan, conf_level: float) -> pd.DataFrame:
    """Tests of the sets: competitive with the correlation that is there, self-contained, and of the mean."""
    if not evidence.sets:
        return pd.DataFrame()
    parts = [
        pathway_tests(
            evidence.values,
            evidence.sets,
            group_of(evidence, plan),
            contrast=plan.contrast,
            covariates=covariates_of(evidence, plan),
            batch=evidence.batch,
            method=method,
            correlation=None,
            adjust=plan.adjust,
            conf_level=conf_level,
        ).tidy()
        for method in SET_TESTS
    ]
    return pd.concat(parts, ignore_index=True).assign(scale=SCALE)


def score_rows(evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame:
    """Mean of each set in both groups, with the standard error over the patients."""
    if not evidence.sets:
        return pd.DataFrame()
    scores = pathway_scores(evidence.values, evidence.sets, least=1).values
    group = group_of(evidence, plan)
    parts = []
    for word in (plan.first, plan.second):
        own = scores[(group == word).to_numpy()]
        table = pd.DataFrame({"term": own.columns, "n": own.notna().sum(), "estimate": own.mean(), "std_error": own.sem()})
        parts.append(table.assign(group=word))
    return pd.concat(parts, ignore_index=True).assign(scale="log2 intensity", method="mean of the peptides")


def nonnull_rows(fit: DifferentialFit, conf_level: float) -> pd.DataFrame:
    """The share of peptides that differ."""
    if fit.table["p_value"].isna().all():
        return pd.DataFrame()
    share = share_of_nonnull(fit, conf_level=conf_level)
    summary = share.glance().drop(columns="note").iloc[0]
    beside = [{"term": name, "estimate": float(value)} for name, value in summary.items()]
    return pd.concat([share.tidy(), pd.DataFrame(beside)], ignore_index=True)


def equivalence_rows(fit: DifferentialFit, plan: KinomePlan) -> pd.DataFrame:
    """Tests that the difference of each peptide is within the margin, and how many are shown to be."""
    if plan.margin is None:
        return pd.DataFrame()
    found = equivalence(fit, plan.margin)
    names = ("n_estimable", "n_equivalent", "n_equivalent_adjusted", "share", "largest_margin")
    summary = found.glance().iloc[0]
    rows = pd.DataFrame([{"term": name, "estimate": float(summary[name]), "margin": plan.margin} for name in names])
    return pd.concat([rows, found.tidy().astype({"equivalent": float})], ignore_index=True)


def annotations_of(study: Study, evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame:
    """What clusters are compared with: the columns that the study names, or the usual ones that vary, and the batch."""
    usual = [name for name in dict.fromkeys((plan.column, *ANNOTATIONS)) if name in evidence.patients]
    names = plan.annotations if plan.annotations is not None else tuple(usual)
    table = evidence.patients[list(names)]
    if plan.annotations is None:
        table = table[[name for name in table if len(table[name].dropna().unique()) > 1]]
        if evidence.batch is not None and plan.batch not in table:
            table = table.assign(**{BATCH: evidence.batch})
    return table


def cluster_rows(study: Study, evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame:
    """Whether the clusters of the samples go with what is known of the patients."""
    known = annotations_of(study, evidence, plan)
    if known.empty:
        return pd.DataFrame()
    tree = cluster_kinome(varying(evidence.values), scale=True)
    found = cluster_association(tree, known, plan.clusters, permutations=plan.permutations, seed=stream(plan, 2))
    sizes = tree.groups(plan.clusters).value_counts().sort_index()
    rows = [{"term": "arrays", "group": str(number), "estimate": n, "scale": "count"} for number, n in sizes.items()]
    return pd.concat([found.assign(term="test"), pd.DataFrame(rows)], ignore_index=True)
