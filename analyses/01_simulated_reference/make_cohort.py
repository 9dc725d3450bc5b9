"""Write the simulated reference cohort: patients.csv as a hospital would keep it, mlpa_peaks.csv and kinome_arrays.csv
as the laboratories.

Nobody in it is real. Run it again and the same bytes come out: python analyses/01_simulated_reference/make_cohort.py
"""

import json
from pathlib import Path

import numpy as np

from ikzf1_outcomes import normalise_spots
from ikzf1_outcomes.simulate import (
    REFERENCE,
    hospital_file,
    simulate_arrays,
    simulate_cohort,
    simulate_mlpa,
    simulation_truth,
)

# The number of patients, chosen as the seed before any result was seen.
N, SEED, MARGINS = 109, 109, "exact"
MEASURED = ["IKZF1", "CDKN2A", "CDKN2B", "PAX5", "ETV6", "RB1", "BTG1", "EBF1", "PAR1"]
"""What the laboratory measures: the hospital's file does not have it. ERG comes from another assay."""


def write(folder: Path) -> None:
    cohort = simulate_cohort(N, seed=SEED, parameters=REFERENCE, margins=MARGINS)
    arrays = simulate_arrays(cohort, seed=SEED)
    batch = arrays.samples.set_index("sample")["batch"].map("batch {}".format)
    patients = hospital_file(cohort).drop(columns=MEASURED)
    patients["Array_batch"] = batch.reindex(patients["Patient"]).fillna("").to_numpy()
    patients.to_csv(folder / "patients.csv", index=False, lineterminator="\n", encoding="utf-8")
    run = simulate_mlpa(cohort, seed=SEED)
    peaks = run.peaks.rename(columns={"sample": "Patient", "run": "Run", "blasts": "Blasts"})
    peaks.insert(1, "data", "simulated")
    peaks.to_csv(folder / "mlpa_peaks.csv", index=False, lineterminator="\n", encoding="utf-8")
    made = normalise_spots(
        arrays.spots, replicate="replicate", control="control", saturated="saturated", annotation=["gene"]
    )
    genes = made.peptides.set_index("peptide")["gene"].reindex(made.values.index)
    table = made.values.map("{:.3f}".format, na_action="ignore")
    table.insert(0, "Gene", genes.where(~genes.str.startswith("GX"), np.nan))
    table.insert(1, "data", "simulated")
    table.to_csv(folder / "kinome_arrays.csv", index_label="Peptide", lineterminator="\n", encoding="utf-8")
    truth = {
        "simulated": True,
        "about": "Truth of the simulated patients in patients.csv: nobody is real, nothing here is evidence about IKZF1",
        "n": N,
        "seed": SEED,
        "margins": MARGINS,
        "parameters": REFERENCE.digest,
        **simulation_truth(cohort).as_dict(),
        "ikzf1_class": dict(zip(cohort.frame["id"], cohort.frame["ikzf1_class"].astype(str), strict=True)),
        "kinome": f"{len(arrays.samples)} arrays; no peptide differs between any groups of patients but by batch",
        "figures": REFERENCE.sourced,
        "assumptions": REFERENCE.assumptions,
    }
    text = json.dumps(truth, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(__file__).parent)
