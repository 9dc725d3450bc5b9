"""What the generating model is told, and what follows from it before a patient is drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc

from ikzf1_outcomes.cohort.dictionary import CYTOGENETIC_SUBTYPES
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.simulate.figures import Figures, Floats, Hazard

DELETION = ("not deleted", "deleted")
"""The two groups that are calibrated; their order gives the codes 0 and 1."""

LOCI = ("cdkn2ab", "etv6", "pax5", "rb1", "btg1", "ebf1", "par1")

INDUCTION_DAYS = 33
SECOND_MRD_DAY = 78
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class SimulationParameters:
    """The numbers of `simulate_cohort`: each field is a `Figures` table or a `Hazard` that carries its status.

    `REFERENCE` is one. Change a table with `dataclasses.replace` and `Figures.but`. Statuses: S seen in the source, C
    computed from it; R+, R (recalled) and assumed are assumptions and are listed by `assumptions`.

    Raises
    ------
    InputError
        When shares do not fit: outside 0 to 1, a distribution that does not add up to 1, or margins that no choice of
        the conditional shares can give.

    Notes
    -----
    Margins: van der Sligte et al., Exp Hematol Oncol 2015;4:23 (109 patients, MLPA); Schwab et al., ASH 2012 abstract
    290 (copy numbers); Zaliova et al., Haematologica 2019, doi 10.3324/haematol.2018.204487 (ERG). Outcome: Vrooman et
    al., Blood Adv 2018;2:1449, doi 10.1182/bloodadvances.2018016584 (5-year EFS 88 and 63 %); Harris et al., ASH 2013
    (induction failure 1 and 7 %). The 5-year relapse incidences of 8 and 29 % are unverified for all patients and thus
    assumptions.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from ikzf1_outcomes.simulate import REFERENCE
    >>> REFERENCE.event_free["deleted"]
    0.63
    >>> milder = replace(REFERENCE, event_free=REFERENCE.event_free.but({"deleted": 0.69}))
    >>> len(milder.assumptions) - len(REFERENCE.assumptions)
    1
    """

    classes: Figures
    deletions: Figures
    age_mean: Figures
    age_spread: Figures
    age_limits: Figures
    wbc_median: Figures
    wbc_spread: Figures
    sex: Figures
    cns: Figures
    sample: Figures
    subtypes: Figures
    subtype_weights: Figures
    copy_numbers: Figures
    copy_number_odds: Figures
    subtype_odds: Figures
    cdkn2: Figures
    erg_deleted: Figures
    erg_tested: Figures
    mrd_mean: Figures
    mrd_change: Figures
    mrd_not_done: Figures
    non_response: Figures
    induction_death: Figures
    event_free: Figures
    relapse_incidence: Figures
    class_ratios: Figures
    subtype_ratios: Figures
    risk_ratios: Figures
    relapse: Hazard
    death_in_remission: Hazard
    second_malignancy: Hazard
    death_after_relapse: Hazard
    relapse_death_ratio: Figures
    death_after_non_response: Hazard
    death_after_second_malignancy: Hazard
    transplant: Figures
    relapse_site: Figures
    follow_up: Figures

    def __post_init__(self) -> None:
        for name in ("sex", "cns", "sample", "subtypes", "relapse_site"):
            _distribution(getattr(self, name))
        for name in ("copy_numbers", "cdkn2", "erg_deleted", "erg_tested", "mrd_not_done", "transplant"):
            _shares(getattr(self, name))
        for name in ("non_response", "induction_death", "event_free", "relapse_incidence"):
            _shares(getattr(self, name))
        for name in ("class_ratios", "subtype_ratios", "risk_ratios", "copy_number_odds", "subtype_odds"):
            if (getattr(self, name).array <= 0).any():
                raise InputError(f"{getattr(self, name).about}: a ratio is not positive")
        if (self.classes.array < 0).any() or self.classes["none"] + self.classes["gain"] <= 0:
            raise InputError(f"{self.classes.about}: there must be somebody without a deletion, and nobody below 0")
        if not {*self.subtypes.names} <= {*CYTOGENETIC_SUBTYPES} & {*self.subtype_ratios.names}:
            raise InputError("a cytogenetic subtype is not in the dictionary, or has no hazard ratio")
        if (subtype_shares(self) < 0).any():
            raise InputError("subtypes: the weights ask for more deleted patients than a subtype has")

    @property
    def assumptions(self) -> tuple[str, ...]:
        """One sentence for each table that is not seen in, or computed from, a source."""
        return tuple(table.sentence() for table in self._tables() if table.status not in ("S", "C"))

    @property
    def sourced(self) -> tuple[str, ...]:
        """One sentence for each table that is seen in, or computed from, a source."""
        return tuple(table.sentence() for table in self._tables() if table.status in ("S", "C"))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that tell one set of parameters from another."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def _tables(self) -> tuple[Figures | Hazard, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


def subtype_shares(parameters: SimulationParameters) -> Floats:
    """Share of each subtype among the not deleted and the deleted, as a (2, subtypes) array.

    Among the deleted the margin times its weight, rescaled to 1; the others have what is left of the margin.
    """
    margin = parameters.subtypes.array
    deleted = margin * np.array([parameters.subtype_weights[name] for name in parameters.subtypes.names])
    deleted = deleted / deleted.sum()
    share = parameters.classes["deleted"] / parameters.classes.array.sum()
    return np.vstack([(margin - share * deleted) / (1.0 - share), deleted])


def locus_shares(parameters: SimulationParameters, locus: str) -> Floats:
    """Probability of a deletion of a locus, as a (2, subtypes) array, with the margin that was published.

    logit p = c + d log(odds ratio of IKZF1) + s log(odds ratio of the subtype), c by root finding over the joint
    distribution of IKZF1 deletion d and subtype s.
    """
    names = parameters.subtypes.names
    share = parameters.classes["deleted"] / parameters.classes.array.sum()
    joint = subtype_shares(parameters) * np.array([[1.0 - share], [share]])
    offset = np.zeros(joint.shape)
    offset[1] += np.log(parameters.copy_number_odds[locus])
    favoured = {"etv6": "ETV6::RUNX1", "par1": "B-other JAK/CRLF2"}.get(locus)
    if favoured in names:
        offset[:, names.index(favoured)] += np.log(parameters.subtype_odds[locus])
    target = parameters.copy_numbers[locus]
    if target in (0.0, 1.0):
        return np.full(joint.shape, target)
    centre = brentq(lambda c: float((joint / (1.0 + np.exp(-(c + offset)))).sum()) - target, -60.0, 60.0, xtol=1e-13)
    return 1.0 / (1.0 + np.exp(-(centre + offset)))


def age_gamma(parameters: SimulationParameters, deletion: str) -> tuple[float, float]:
    """Shape and scale of age above the lower limit: a gamma distribution cut at the upper limit, with the mean asked.

    The shape is that of the uncut distribution with this mean and SD; the scale then gives the mean after the cut.
    """
    lowest, highest = parameters.age_limits["lowest"], parameters.age_limits["highest"]
    mean, span = parameters.age_mean[deletion] - lowest, highest - lowest
    shape = (mean / parameters.age_spread["value"]) ** 2
    # A gamma cut at its end has a mean below shape / (shape + 1) of the span, however large the scale.
    if not 0.0 < mean < span * shape / (shape + 1.0):
        raise InputError(f"{parameters.age_mean.about}: out of reach between the limits of age")

    def gap(scale: float) -> float:
        cut = span / scale
        return float(shape * scale * gammainc(shape + 1.0, cut) / gammainc(shape, cut) - mean)

    return shape, float(brentq(gap, mean / shape * 1e-3, span * 1e3, xtol=1e-12))


def _shares(table: Figures) -> None:
    if ((table.array < 0) | (table.array > 1)).any():
        raise InputError(f"{table.about}: a share lies outside 0 to 1")


def _distribution(table: Figures) -> None:
    _shares(table)
    if abs(table.array.sum() - 1.0) > 1e-9:
        raise InputError(f"{table.about}: the shares do not add up to 1")
