"""Write the simulated reference cohort: patients.csv as a hospital would keep it, truth.json beside it.

Nobody in it is real. Run it again and the same bytes come out: python analyses/01_simulated_reference/make_cohort.py
"""

import json
from pathlib import Path

from ikzf1_outcomes.simulate import REFERENCE, hospital_file, simulate_cohort, simulation_truth

# The number of patients, chosen as the seed before any result was seen.
N, SEED, MARGINS = 109, 109, "exact"


def write(folder: Path) -> None:
    cohort = simulate_cohort(N, seed=SEED, parameters=REFERENCE, margins=MARGINS)
    hospital_file(cohort).to_csv(folder / "patients.csv", index=False, lineterminator="\n", encoding="utf-8")
    truth = {
        "simulated": True,
        "about": "Truth of the simulated patients in patients.csv: nobody is real, nothing here is evidence about IKZF1",
        "n": N,
        "seed": SEED,
        "margins": MARGINS,
        "parameters": REFERENCE.digest,
        **simulation_truth(cohort).as_dict(),
        "figures": REFERENCE.sourced,
        "assumptions": REFERENCE.assumptions,
    }
    text = json.dumps(truth, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(__file__).parent)
