"""Expression and relapse beside age, lineage and molecular group, by the rules of README.md."""

import json
import os
import sys
from pathlib import Path

import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.report.figures import save_figure
from ikzf1_outcomes.report.volcano import volcano_alt, volcano_plot
from ikzf1_outcomes.study.manifest import sha256, versions

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("IKZF1_SHARED") or HERE.parents[2] / "shared")
CLINICAL = ["age", "lineage", "molecular_group"]
CAUSE = "relapse"
SEED = 8
TRUTH = 1.5
"""Hazard ratio per SD that is assumed where the worth of a significant result is asked (rule 1)."""


def design(relapse: iko.Endpoint, features: int) -> pd.DataFrame:
    """What so many relapses find, and what a finding would be worth (rule 1)."""
    known = int(relapse.ends_with(CAUSE)[relapse.frame[CLINICAL].notna().all(axis=1)].sum())
    tables = []
    for alpha in (0.05, 0.05 / features):
        found = iko.minimum_detectable_ratio(relapse, cause=CAUSE, alpha=alpha).query("term == 'feature'")
        errors = iko.sign_and_size_errors(TRUTH, known**-0.5, alpha=alpha).assign(alpha=alpha, n_event=known)
        tables += [found.filter(regex="^(?!risk_)"), errors]
    return pd.concat(tables)


def chosen_features(relapse: iko.Endpoint, names: list[str], repeats: int) -> pd.DataFrame:
    """Clinical terms, then features that every training part chooses anew (rule 4)."""
    varied = relapse.frame[names].var().nlargest(500).index.tolist()
    ways = {"screen of all": (names, ("screen", 0.10)), "elastic net of 500": (varied, "elastic_net")}
    tables = []
    for way, (offered, choice) in ways.items():
        rungs, choose = {"clinical": CLINICAL, "+ expression": offered}, {"+ expression": choice}
        value = iko.added_value(relapse, rungs, cause=CAUSE, times=[1, 2], choose=choose, repeats=repeats, seed=SEED)
        counted = value.glance()[["term", "n_selected"]]
        tables.append(value.tidy().merge(counted, on="term").assign(analysis=way))
    return pd.concat(tables)


def main(folder: Path, shared: Path = SHARED, permutations: int = 9999, repeats: int = 10) -> None:
    data = shared / "data" / "chiaretti_all" / "expression.csv.gz"
    cohort = iko.load_study(HERE / "study.toml").cohort
    expression = pd.read_csv(data, index_col=0)
    joined, match = iko.join_arrays(cohort, expression, prefix="p_", known_at=0.0)
    names = match.features["column"].tolist()
    relapse = iko.define_endpoint(joined, "RELAPSE", origin="remission")
    tables = {"design": design(relapse, len(names))}
    test = iko.global_test(relapse, names, adjust=CLINICAL, cause=CAUSE, permutations=permutations, seed=SEED)
    tables["global"] = test.tidy()
    screened = iko.screen(
        relapse, names, adjust=CLINICAL, cause=CAUSE, test="likelihood_ratio", permutations=permutations // 10, seed=SEED
    )
    rows = screened.tidy()
    tables["screen"] = rows.nsmallest(50, "p_value")
    tables["ladder"] = chosen_features(relapse, names, repeats)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")
    save_figure(volcano_plot(rows, adjusted="p_adjusted_bh", level=0.10).figure, folder / "volcano")
    written = [*(f"{name}.csv" for name in tables), "volcano.png", "volcano.svg"]
    record = {
        "tool": "ikzf1_outcomes", "title": "Gene expression and relapse in adult ALL", "simulated": False, "seed": SEED,
        "inputs": {"data": {"name": data.name, "sha256": sha256(data), "matched": match.n_matched}},
        "screen": json.loads(screened.glance().to_json(orient="records"))[0],
        "alt_text": volcano_alt(rows, adjusted="p_adjusted_bh", level=0.10), "versions": versions(),
        "outputs": {name: sha256(folder / name) for name in written},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
