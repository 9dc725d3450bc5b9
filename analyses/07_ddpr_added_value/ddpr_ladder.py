"""Describe relapse by DDPR group and say what these children can and cannot answer, by the rules of README.md."""

import json
import os
import sys
import tomllib
from pathlib import Path

import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.study.manifest import sha256, versions

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("IKZF1_SHARED") or HERE.parents[2] / "shared")
NEEDED = 40  # relapses outside training, rule 1
LADDERS = {
    "NCI/Rome, MRD, DDPR": {"NCI/Rome": ["nci_rome"], "+ MRD": ["mrd_group"], "+ DDPR": ["ddpr"]},
    "NCI/Rome, DDPR": {"NCI/Rome": ["nci_rome"], "+ DDPR": ["ddpr"]},
}


def counts(patients: pd.DataFrame) -> pd.DataFrame:
    """Children and relapses by part of the study and by level of each factor."""
    tables = []
    for name in ("ddpr", "nci_rome", "mrd_group"):
        level = patients[name].cat.add_categories("not known").fillna("not known")
        table = patients.groupby(["part", level], observed=False)["relapsed"].agg(n="size", n_event="sum")
        tables.append(table.rename_axis(["part", "group"]).reset_index().assign(term=name))
    return pd.concat(tables)


def follow_up(patients: pd.DataFrame) -> pd.DataFrame:
    """Who was followed how long, by outcome, in years."""
    table = patients.groupby("relapsed")["time"].agg(n="size", low="min", median="median", high="max")
    return table.reset_index()


def ladders(parts: dict[str, iko.Endpoint], resamples: int, simulations: int) -> pd.DataFrame:
    """Ladders in the children whose outcome made the group (rule 2), without measures of absolute risks (rule 4)."""
    found = []
    for part, endpoint in parts.items():
        for name, rungs in LADDERS.items():
            start = iko.landmark(endpoint, 0.25)
            value = iko.added_value(start, rungs, times=3, resamples=resamples, simulations=simulations, seed=7)
            shown = value.tidy()[lambda table: table["measure"].isin(["likelihood ratio", "Harrell's C"])]
            known = value.glance()[["term", "n_excluded", "note"]].rename(columns={"note": "note_term"})
            found.append(shown.merge(known, on="term").assign(part=part, analysis=name))
    return pd.concat(found)


def main(folder: Path, shared: Path = SHARED, resamples: int = 200, simulations: int = 999) -> None:
    data = shared / "data" / "ddpr_bcp_all" / "ddpr_metadata.csv"
    study = tomllib.loads((HERE / "study.toml").read_text(encoding="utf-8"))["cohort"]
    del study["file"]
    cohort = iko.read_cohort(data, **study)
    study["exclusions"] = [*study["exclusions"], {"reason": "not in training", "column": "Cohort", "is": ["Validation"]}]
    relapse, training = (iko.define_endpoint(one, "RELAPSE") for one in (cohort, iko.read_cohort(data, **study)))
    relapsed = relapse.ends_with("relapse")
    patients = relapse.frame.assign(relapsed=relapsed, time=relapse.time)
    outside = patients[patients["part"] == "Validation"]
    design = pd.DataFrame({"group": ["outside"], "n": [len(outside)], "n_event": [int(outside["relapsed"].sum())]})
    share = [float((outside["ddpr"] == "High").mean())]
    detectable = iko.minimum_detectable_ratio(design, splits=share).query("term == 'split'").filter(regex="^(?!risk_)")
    tables = {"counts": counts(patients), "follow_up": follow_up(patients), "detectable": detectable}
    tables["ladder"] = ladders({"all": relapse, "training": training}, resamples, simulations)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")
    record = {
        "tool": "ikzf1_outcomes", "title": "DDPR group beside NCI/Rome and MRD risk", "simulated": False,
        "inputs": {"data": {"name": data.name, "sha256": sha256(data), "patients": len(cohort)}},
        "seed": 7, "answerable": bool(design["n_event"].iloc[0] >= NEEDED), "relapses_needed": NEEDED,
        "versions": versions(),
        "outputs": {f"{name}.csv": sha256(folder / f"{name}.csv") for name in tables},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results") / HERE.name)
