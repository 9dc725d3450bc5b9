"""What others have published."""

from __future__ import annotations

from ikzf1_outcomes.glossary.column import Column

COLUMNS = {
    "study": Column("A publication", "text"),
    "cohort_id": Column("Whose patients: publications of overlapping patients share it", "text"),
    "year": Column("Year of publication", "year"),
    "population": Column("Which patients of a cohort", "text"),
    "deletion": Column("Which IKZF1 deletions are compared", "text"),
    "adjustment": Column("crude, adjusted or matched", "text"),
    "n_deleted": Column("Patients with an IKZF1 deletion", "patients"),
    "share_deleted": Column("Printed share with a deletion", "percent, text as printed"),
    "deleted": Column("Printed survival or incidence of patients with a deletion", "percent, text as printed"),
    "deleted_error": Column("Its printed standard error", "percent, text as printed"),
    "deleted_low": Column("Its printed lower limit", "percent, text as printed"),
    "deleted_high": Column("Its printed upper limit", "percent, text as printed"),
    "not_deleted": Column("Printed survival or incidence of patients without a deletion", "percent, text as printed"),
    "not_deleted_error": Column("Its printed standard error", "percent, text as printed"),
    "not_deleted_low": Column("Its printed lower limit", "percent, text as printed"),
    "not_deleted_high": Column("Its printed upper limit", "percent, text as printed"),
    "hazard_ratio": Column("Printed hazard ratio", "text as printed"),
    "ratio_low": Column("Its printed lower limit", "text as printed"),
    "ratio_high": Column("Its printed upper limit", "text as printed"),
    "printed_p": Column("Printed p-value", "text as printed"),
    "status": Column(
        "S: seen in the source, C: computed from such figures, S2: secondary source, R+ and R: recalled", "text"
    ),
    "verified": Column("Whether figures were seen in their source, or computed from such", "true or false"),
    "remark": Column("What a reader of a published figure must know", "text"),
    "printed": Column("A printed figure as a number; of patients: their number in an arm", "see measure"),
    "recomputed": Column("The same, from other printed figures", "see measure"),
    "recomputed_low": Column("Least that rounding of the printed figures allows", "see measure"),
    "recomputed_high": Column("Most that rounding of the printed figures allows", "see measure"),
    "agrees": Column(
        "Whether rounding explains the difference; missing where nothing is printed to compare with", "true or false"
    ),
    "log_hazard": Column("Log cumulative hazard of the cause at `time`, patients without a deletion", "none"),
    "log_hazard_error": Column("Its standard error", "none"),
    "n_studies": Column("Studies pooled", "count"),
    "between_sd": Column("Standard deviation of the effects between studies", "see scale"),
    "between_variance": Column("Its square", "see scale"),
    "i2": Column("Share of the variance of estimates that lies between studies", "share"),
}
