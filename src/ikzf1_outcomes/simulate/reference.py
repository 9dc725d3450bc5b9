"""The numbers of the simulated reference cohort, each with its status and source."""

from __future__ import annotations

from ikzf1_outcomes.simulate.figures import Figures, Hazard
from ikzf1_outcomes.simulate.parameters import DELETION, LOCI, SimulationParameters

_VAN_DER_SLIGTE = "van der Sligte, Exp Hematol Oncol 2015;4:23"


def _pair(about: str, not_deleted: float, deleted: float, status: str = "assumed", source: str = "") -> Figures:
    return Figures(about, ((DELETION[0], not_deleted), (DELETION[1], deleted)), status, source)


def _one(about: str, value: float, status: str = "assumed", source: str = "") -> Figures:
    return Figures(about, (("value", value),), status, source)


REFERENCE = SimulationParameters(
    classes=Figures("IKZF1 by MLPA, patients", (("none", 91), ("deleted", 17), ("gain", 1)), "S", _VAN_DER_SLIGTE),
    deletions=Figures(
        "kinds of deletion, patients",
        (("whole_gene", 4), ("ik6", 3), ("del_4_8", 3), ("other", 3)),
        "S",
        f"{_VAN_DER_SLIGTE}: the 13 on arrays, taken for all 17",
    ),
    age_mean=_pair("mean age, years", 5.7, 8.4, "S", f"{_VAN_DER_SLIGTE}: of 45; mean or median not stated"),
    age_spread=_one(
        "SD of age before it is cut at the upper limit, years", 3.9, "C", "from t = 2.14 with 43 degrees of freedom"
    ),
    age_limits=Figures("limits of age, years", (("lowest", 1.0), ("highest", 18.0)), "assumed"),
    wbc_median=_pair("median white cell count, 10^9/L", 12.0, 25.0),
    wbc_spread=_one("SD of the natural logarithm of the white cell count", 1.3),
    sex=Figures("share by sex", (("male", 0.55), ("female", 0.45)), "assumed"),
    cns=Figures("share by CNS status", (("CNS1", 0.82), ("CNS2", 0.15), ("CNS3", 0.03)), "assumed"),
    sample=Figures("share by sample type", (("marrow", 0.85), ("blood", 0.15)), "assumed"),
    subtypes=Figures(
        "share by cytogenetic subtype",
        (
            *(("KMT2A-r", 0.02), ("near-haploid or low hypodiploid", 0.01), ("iAMP21", 0.02), ("ETV6::RUNX1", 0.25)),
            *(("high hyperdiploid", 0.27), ("TCF3::PBX1", 0.04), ("B-other ABL-class", 0.03)),
            *(("B-other JAK/CRLF2", 0.07), ("B-other DUX4/ERG", 0.05), ("B-other, other", 0.24)),
        ),
        "assumed",
        "paediatric, BCR::ABL1 negative as the founding study",
    ),
    subtype_weights=Figures(
        "relative frequency of each subtype among the deleted, before rescaling",
        (
            *(("KMT2A-r", 0.5), ("near-haploid or low hypodiploid", 1.5), ("iAMP21", 1.5), ("ETV6::RUNX1", 0.15)),
            *(("high hyperdiploid", 0.6), ("TCF3::PBX1", 0.3), ("B-other ABL-class", 4.0)),
            *(("B-other JAK/CRLF2", 3.0), ("B-other DUX4/ERG", 2.5), ("B-other, other", 1.5)),
        ),
        "assumed",
    ),
    copy_numbers=Figures(
        "share with a deletion, by locus",
        tuple(zip(LOCI, (395 / 1427, 312 / 1427, 272 / 1427, 92 / 1427, 89 / 1427, 30 / 1427, 63 / 1427), strict=True)),
        "S",
        "Schwab, ASH 2012 abstract 290: of 1,427",
    ),
    copy_number_odds=Figures(
        "odds ratio of a deletion of each locus, IKZF1 deleted v not",
        tuple(zip(LOCI, (2.0, 0.8, 3.0, 2.0, 2.0, 2.0, 3.0), strict=True)),
        "assumed",
    ),
    subtype_odds=Figures(
        "odds ratio of a deletion in one subtype v the others (ETV6 in ETV6::RUNX1, PAR1 in B-other JAK/CRLF2)",
        (("etv6", 6.0), ("par1", 15.0)),
        "assumed",
    ),
    cdkn2=Figures(
        "where CDKN2A is deleted: share with CDKN2B deleted too, share homozygous",
        (("CDKN2B too", 0.85), ("homozygous", 0.6)),
        "assumed",
    ),
    erg_deleted=_one(
        "share with an ERG deletion among DUX4/ERG; none elsewhere", 0.66, "S", "Zaliova 2019: 33 of 50 by PCR"
    ),
    erg_tested=_one("share tested for ERG, at random", 0.6),
    mrd_mean=_pair("mean of log10 MRD at day 33", -4.7, -3.8),
    mrd_change=Figures(
        "log10 MRD: SD at day 33, mean and SD of the fall to day 78",
        (("SD at day 33", 1.5), ("mean fall", 1.5), ("SD of the fall", 0.8)),
        "assumed",
    ),
    mrd_not_done=_one("share of MRD not done, at random, at each time point", 0.06),
    non_response=_pair(
        "share without remission at day 33", 0.007, 0.05, "assumed", "Harris 2013 has 1 and 7 % with induction death"
    ),
    induction_death=_pair(
        "share that dies before day 33", 0.003, 0.02, "assumed", "Harris 2013 has 1 and 7 % with non-response"
    ),
    event_free=_pair("event-free survival at 5 years", 0.88, 0.63, "S", "Vrooman 2018"),
    relapse_incidence=_pair(
        "incidence of relapse at 5 years", 0.08, 0.29, "assumed", "technical guide; published for low MRD only (8, 24 %)"
    ),
    class_ratios=Figures(
        "hazard ratio of relapse among the deleted, before calibration",
        (("whole_gene", 1.0), ("ik6", 1.0), ("del_4_8", 1.2), ("other", 1.2)),
        "assumed",
        "rare kinds equal or worse, Boer 2016",
    ),
    subtype_ratios=Figures(
        "hazard ratio of relapse by subtype, v B-other, other",
        (
            *(("KMT2A-r", 2.0), ("near-haploid or low hypodiploid", 3.0), ("iAMP21", 1.8), ("ETV6::RUNX1", 0.5)),
            *(("high hyperdiploid", 0.7), ("TCF3::PBX1", 1.0), ("B-other ABL-class", 2.0)),
            *(("B-other JAK/CRLF2", 1.8), ("B-other DUX4/ERG", 0.6), ("B-other, other", 1.0)),
        ),
        "assumed",
    ),
    risk_ratios=Figures(
        "hazard ratio of relapse: WBC >= 50, age >= 10, MRD at day 33 (v negative)",
        (("wbc >= 50", 1.6), ("age >= 10", 1.5), ("mrd below 1e-3", 1.6), ("mrd 1e-3 or more", 3.5)),
        "assumed",
    ),
    relapse=Hazard(
        "relapse, relative rates from end of induction; none after 7 years",
        (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0),
        (0.5, 1.0, 2.0, 2.2, 1.4, 0.8, 0.3, 0.0),
        "assumed",
    ),
    death_in_remission=Hazard(
        "death in remission, relative rates from end of induction", (1.0, 2.5), (3.0, 1.0, 0.1), "assumed"
    ),
    second_malignancy=Hazard("second malignancy, rates a year from end of induction", (1.0,), (0.0, 0.0006), "assumed"),
    death_after_relapse=Hazard("death, from relapse, not deleted", (1.0, 3.0), (0.45, 0.2, 0.02), "assumed"),
    relapse_death_ratio=_one("hazard ratio of death after relapse, IKZF1 deleted v not", 1.5),
    death_after_non_response=Hazard("death, from non-response", (2.0,), (0.3, 0.03), "assumed"),
    death_after_second_malignancy=Hazard("death, from second malignancy", (3.0,), (0.25, 0.05), "assumed"),
    transplant=Figures(
        "share transplanted if alive by then: after non-response, after relapse, MRD of 1e-3 or more at day 78",
        (("non-response", 0.6), ("relapse", 0.5), ("mrd", 0.8)),
        "assumed",
        "without effect on any hazard",
    ),
    relapse_site=Figures(
        "share by relapse site (testis of girls counts as bone marrow)",
        (("bone marrow", 0.65), ("CNS", 0.15), ("testis", 0.05), ("combined", 0.15)),
        "assumed",
    ),
    follow_up=Figures(
        "years of accrual, shortest time to the cut-off, accrual before protocol B; loss a year; days since last visit",
        (("accrual", 7.0), ("shortest", 5.0), ("protocol A", 3.5), ("loss a year", 0.008), ("visit", 120.0)),
        "assumed",
    ),
)
"""The parameters of the simulated reference cohort in `analyses/01_simulated_reference`."""
