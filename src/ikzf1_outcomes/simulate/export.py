"""A simulated cohort as the ordinary patient file of a hospital, for files that studies read."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.simulate.parameters import DAYS_PER_YEAR

_IKZF1 = {
    "none": "none",
    "whole_gene": "1-8",
    "ik6": "4-7",
    "del_4_8": "4-8",
    "other": "other",
    "gain": "gain",
}
_COPY_NUMBER = {"normal": "N", "deleted": "D", "homozygous": "HD", "not_tested": "nt"}
_PLAIN = {
    "Age": "age",
    "Leukocytes": "wbc",
    "CNS": "cns_status",
    "Cytogenetics": "cytogenetic_subtype",
    "Protocol": "protocol",
    "Sample_type": "sample_type",
    "Relapse_site": "relapse_site",
}
_DATES = {
    "Date_sample": "sample",
    "Date_end_induction": "end_of_induction",
    "Date_remission": "remission",
    "Date_relapse": "relapse",
    "Date_second_malignancy": "second_malignancy",
    "Date_SCT": "transplant",
    "Date_death": "death",
    "Date_last_contact": "last_contact",
    "Date_cut_off": "cutoff",
}
_LOCI = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg")


def hospital_file(cohort: Cohort, *, cut_off: str = "2014-12-31") -> pd.DataFrame:
    """Write a simulated cohort under the names, codes and dates of an ordinary hospital file.

    Everything is text; missing is empty. The dates of diagnosis are invented: the cut-off less each patient's time
    to it. What only the simulation knows is left out.

    Parameters
    ----------
    cohort
        Of `simulate_cohort`.
    cut_off
        Day of the data cut-off, year-month-day.

    Returns
    -------
    pandas.DataFrame
        Patient, data ("simulated"), Sex (M, F), Age (years), Leukocytes (10^9/L), CNS, Cytogenetics, Protocol,
        Sample_type, Relapse_site, Date_diagnosis and the other dates (year-month-day), Response (CR, NR; empty after
        an induction death), IKZF1 (none, 1-8, 4-7, 4-8, other, gain: exons), one column a locus (N, D, HD, nt),
        MRD_day33 and MRD_day78 (share of cells, or negative, positive, not quantifiable, not done, not reached).

    Raises
    ------
    InputError
        When the cohort is not simulated.

    Examples
    --------
    >>> from ikzf1_outcomes.simulate import simulate_cohort
    >>> file = hospital_file(simulate_cohort(3, seed=1))
    >>> file.loc[0, ["Patient", "data", "Date_cut_off"]].tolist()
    ['S001', 'simulated', '2014-12-31']
    """
    if not cohort.provenance.simulated or "cutoff" not in cohort.frame:
        raise InputError("only a cohort of simulate_cohort can be written as a hospital file")
    frame = cohort.frame
    end = pd.Timestamp(datetime.date.fromisoformat(cut_off))
    diagnosis = end - _days(frame["cutoff"])
    out = pd.DataFrame({"Patient": frame["id"], "data": "simulated"})
    out["Sex"] = frame["sex"].astype(object).map({"male": "M", "female": "F"})
    for name, column in _PLAIN.items():
        out[name] = frame[column].astype(object).map(str, na_action="ignore")
    out["Date_diagnosis"] = diagnosis.dt.strftime("%Y-%m-%d")
    for name, column in _DATES.items():
        out[name] = (diagnosis + _days(frame[column])).dt.strftime("%Y-%m-%d")
    responded = frame["end_of_induction"].notna()
    out["Response"] = np.where(frame["non_response"].astype(bool), "NR", np.where(responded, "CR", ""))
    out["IKZF1"] = frame["ikzf1_class"].astype(object).map(_IKZF1)
    for locus in _LOCI:
        out[locus.upper()] = frame[locus].astype(object).map(_COPY_NUMBER)
    out["MRD_day33"], out["MRD_day78"] = _mrd_text(frame, "mrd_TP1"), _mrd_text(frame, "mrd_TP2")
    return out.fillna("").astype(object)


def _days(years: pd.Series) -> pd.Series:
    # pandas reads memory that nobody wrote where a number of days is missing: only known ones are handed over
    known, days = years.notna().to_numpy(), np.full(len(years), "NaT", dtype="timedelta64[D]")
    days[known] = (years[known] * DAYS_PER_YEAR).round().to_numpy().astype(np.int64)
    return pd.Series(days, index=years.index)


def _mrd_text(frame: pd.DataFrame, name: str) -> pd.Series:
    number = frame[f"{name}_value"].map("{:.1e}".format, na_action="ignore")
    status = frame[f"{name}_status"].astype(object)
    text = frame[name].astype(object).where(status == "measured", status)
    return text.where(number.isna(), number)
