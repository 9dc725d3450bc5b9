"""Every number of the genome page: frequencies, pairs, characteristics, selection, effects under call uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.describe.characteristics import table_one
from ikzf1_outcomes.describe.frequencies import frequency_table
from ikzf1_outcomes.describe.pairs import cooccurrence
from ikzf1_outcomes.describe.selection import tested_against_untested
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.genome.deletion_states import KNOWN_CLASSES
from ikzf1_outcomes.impute.uncertain_calls import call_uncertainty
from ikzf1_outcomes.study.genome import chance_field
from ikzf1_outcomes.study.load import NOT_KNOWN, Study

CHARACTERISTICS = ("age", "sex", "wbc", "cns_status", "nci_risk", "lineage", "cytogenetic_subtype", "protocol")
SUBTYPE = "cytogenetic_subtype"
UNCERTAIN_ENDPOINTS = ("EFS", "RELAPSE", "DFS", "OS")
MOST_GROUPS = 20


def genome_results(study: Study) -> dict[str, pd.DataFrame]:
    """The raw tables of the genome page, by name: each becomes a CSV file.

    Returns
    -------
    dict
        frequencies, frequencies_by_subtype, cooccurrence, characteristics, selection, call_uncertainty, quality; those
        that the data do not give are left out.
    """
    if study.evidence is None:
        return {}
    cohort, frame = study.cohort, study.cohort.frame
    level = study.plan.settings.conf_level
    genes = [gene for gene in study.evidence.genes if gene in frame]
    alterations = ["ikzf1_class", *genes]
    out = {"quality": quality_counts(study)}
    columns = [*alterations, "ikzf1_functional_group", *study.evidence.profiles]
    out["frequencies"] = frequency_table(cohort, columns, conf_level=level, missing=NOT_KNOWN)
    if SUBTYPE in frame and 1 < frame[SUBTYPE].nunique() <= MOST_GROUPS:
        out["frequencies_by_subtype"] = frequency_table(cohort, ["ikzf1_deletion", *genes], by=SUBTYPE, conf_level=level)
    out["cooccurrence"] = cooccurrence(cohort, alterations, conf_level=level) if genes else pd.DataFrame()
    known = [name for name in CHARACTERISTICS if name in frame and name != "ikzf1_deletion"]
    if known and len(frame["ikzf1_deletion"].dropna().unique()) > 1:
        out["characteristics"] = table_one(cohort, [*known, *genes], by="ikzf1_deletion")
    if known and len(frame["ikzf1_tested"].unique()) == 2:
        out["selection"] = tested_against_untested(cohort, tested="ikzf1_class", columns=known)
    if study.evidence.probabilities is not None and study.plan.genome is not None and study.plan.genome.draws > 1:
        out["call_uncertainty"] = uncertainty(study)
    return {name: table for name, table in out.items() if len(table)}


def quality_counts(study: Study) -> pd.DataFrame:
    """What happened to the samples and the reactions: counts, and the spread of the control probes."""
    evidence = study.evidence
    assert evidence is not None
    word = evidence.classes["ikzf1_class"].astype(object)
    rows: list[tuple[str, float]] = [
        ("patients with a sample of diagnosis", len(word)),
        ("patients without a sample", len(study.cohort) - len(word)),
        ("samples that failed", int((word == "failed").sum())),
        ("samples with an open IKZF1 class", int((word == "ambiguous").sum())),
    ]
    if evidence.quality is not None:
        quality = evidence.quality
        rows += [
            ("median leukaemic fraction", float(quality["blasts"].median())),
            ("samples with a leukaemic fraction below 0.4", int((quality["blasts"] < 0.4).sum())),
            ("median spread of the control probes", float(quality["control_sd"].median())),
            ("samples with probes whose replicates differ", int((quality["n_disagree"] > 0).sum())),
        ]
    rows += [(str(reason), int(n)) for reason, n in evidence.set_aside[["reason", "n"]].itertuples(index=False)]
    return pd.DataFrame(rows, columns=["term", "estimate"])


def uncertainty(study: Study) -> pd.DataFrame:
    """Effects by the hard calls and with call uncertainty, for deletion and for class, on every endpoint of interest."""
    plan = study.plan
    assert plan.genome is not None
    parts = []
    # one stream for each analysis: adding an endpoint leaves the numbers of the others
    for place, (name, endpoint) in enumerate(study.endpoints.items()):
        if name not in UNCERTAIN_ENDPOINTS or plan.settings.horizon > endpoint.rows.times[-1]:
            continue
        chances = probabilities_of(endpoint)
        deleted = chances.drop(columns=["none", "gain"]).sum(axis=1, min_count=1)
        halves = pd.DataFrame({"not deleted": 1.0 - deleted, "deleted": deleted})
        for by, table in (("ikzf1_deletion", halves), ("ikzf1_class", chances)):
            result = call_uncertainty(
                endpoint,
                table,
                by=by,
                at=plan.settings.horizon,
                cause=endpoint.interest,
                draws=plan.genome.draws,
                seed=np.random.default_rng([plan.seed, place]),
                outcome=plan.genome.outcome,
                conf_level=plan.settings.conf_level,
            )
            parts.append(result.tidy().assign(endpoint=name, variable=by))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return table[["endpoint", "variable", *[name for name in table if name not in ("endpoint", "variable")]]]


def probabilities_of(endpoint: Endpoint) -> pd.DataFrame:
    """P(class) of each row of an endpoint."""
    names = [chance_field(word).name for word in KNOWN_CLASSES]
    out: pd.DataFrame = endpoint.frame[names].set_axis(list(KNOWN_CLASSES), axis=1)
    return out
