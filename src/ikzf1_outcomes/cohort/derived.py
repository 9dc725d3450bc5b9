"""Columns that follow from others by a published rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.dictionary import DICTIONARY

NCI_RULE = "nci_risk: NCI/Rome, version 1"
DELETION_RULE = "ikzf1_deletion: from ikzf1_class, a gain is not a deletion, version 1"

_DELETION = {
    "none": "not deleted",
    "gain": "not deleted",
    "whole_gene": "deleted",
    "ik6": "deleted",
    "del_4_8": "deleted",
    "other": "deleted",
}


def nci_risk(age: pd.Series, wbc: pd.Series) -> pd.Series:
    """NCI/Rome risk group from age and white blood cell count at diagnosis.

    Standard risk is a count below 50 x 10^9/L at an age of 1 to below 10 years; high risk a count of 50 or more, or an
    age of 10 or more; infants below 1 year stand apart. With a value missing the group is given only where every value
    it might have gives the same group: at 10 years or more the risk is high whatever the count, below 1 year the group
    is infant; a high count without an age may be an infant's, and stays missing.

    Parameters
    ----------
    age
        Years.
    wbc
        10^9/L.

    Returns
    -------
    pandas.Series
        Categorical with levels standard, high, infant; missing where the group cannot be known.

    Notes
    -----
    Source: PDQ, Childhood Acute Lymphoblastic Leukemia Treatment, National Cancer Institute (cancer.gov). The rule was
    made for children; for adults it gives "high".

    Examples
    --------
    >>> import pandas as pd
    >>> nci_risk(pd.Series([4.0, 12.0, 0.5, 4.0]), pd.Series([20.0, None, 300.0, None])).tolist()
    ['standard', 'high', 'infant', nan]
    """
    years = np.asarray(age, dtype=float)
    count = np.asarray(wbc, dtype=float)
    # Comparisons with NaN are false, so each line names exactly the cases that are certain.
    child = (years >= 1.0) & (years < 10.0)
    group = np.full(len(years), None, dtype=object)
    group[child & (count < 50.0)] = "standard"
    group[(child & (count >= 50.0)) | (years >= 10.0)] = "high"
    group[years < 1.0] = "infant"
    levels = pd.CategoricalDtype(list(DICTIONARY["nci_risk"].levels))
    return pd.Series(pd.Categorical(group, dtype=levels), index=age.index, name="nci_risk")


def ikzf1_deletion(ikzf1_class: pd.Series) -> pd.Series:
    """Whether IKZF1 is deleted, from its class.

    Parameters
    ----------
    ikzf1_class
        Levels of `DICTIONARY["ikzf1_class"]`.

    Returns
    -------
    pandas.Series
        Categorical with levels "not deleted" (class none, or a gain) and "deleted"; missing where the class is
        ambiguous, failed or not tested.

    Examples
    --------
    >>> import pandas as pd
    >>> ikzf1_deletion(pd.Series(["ik6", "gain", "not_tested"])).tolist()
    ['deleted', 'not deleted', nan]
    """
    levels = pd.CategoricalDtype(list(DICTIONARY["ikzf1_deletion"].levels))
    return ikzf1_class.astype(object).map(_DELETION).astype(levels).rename("ikzf1_deletion")


def add_derived(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Add `nci_risk` and `ikzf1_deletion` where the file has what they follow from.

    A column that the file has itself is kept; where it contradicts the rule, a note counts the patients.

    Returns
    -------
    tuple
        The completed frame, notes, and names of the rules applied.
    """
    notes: list[str] = []
    rules: list[str] = []
    made: dict[str, tuple[pd.Series, str]] = {}
    if "age" in frame and "wbc" in frame:
        made["nci_risk"] = (nci_risk(frame["age"], frame["wbc"]), NCI_RULE)
    if "ikzf1_class" in frame:
        made["ikzf1_deletion"] = (ikzf1_deletion(frame["ikzf1_class"]), DELETION_RULE)
    for name, (values, rule) in made.items():
        if name not in frame:
            frame = frame.assign(**{name: values})
            rules.append(rule)
            continue
        stated, followed = frame[name].astype(object), values.astype(object)
        differ = int((stated.notna() & followed.notna() & (stated != followed)).sum())
        if differ:
            notes.append(f"{name} of the file differs from the rule in {differ} patients; the file's is kept")
    return frame, notes, rules
