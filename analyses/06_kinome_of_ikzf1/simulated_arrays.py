"""The founding paper's question on simulated arrays, with no difference and with one that was planted; rules: README.md."""

import json
import sys
from pathlib import Path

import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.kinome.smallest_difference import smallest_difference
from ikzf1_outcomes.simulate.arrays import ArrayEffect
from ikzf1_outcomes.study.manifest import sha256, versions

HERE = Path(__file__).parent
CONTRAST = "deleted vs not deleted"
WHO = ("ikzf1_deletion", "deleted")
PLANTED = (ArrayEffect(*WHO, 50, 0.5), ArrayEffect(*WHO, 20, 0.3, "MAPK"))
TAKEN = {"deleted": 13, "not deleted": 31, "gain": 1}
MARGIN, SEED = 0.5, 6


def chosen_arrays(effects: tuple[ArrayEffect, ...]) -> tuple[iko.PeptideArrays, pd.DataFrame, pd.Series]:
    """Arrays as in the paper, their patients, and which peptides truly differ."""
    cohort = iko.simulate_cohort(109, seed=109, margins="exact")
    gain = cohort.frame["ikzf1_class"].eq("gain")
    kind = cohort.frame["ikzf1_deletion"].astype(object).mask(gain, "gain")
    taken = kind.groupby(kind).cumcount() < kind.map(TAKEN)
    run = iko.simulate_arrays(cohort, seed=SEED, arrays=len(cohort), effects=effects)
    patients = cohort.frame.assign(ikzf1=kind)[taken].set_index("id")[["ikzf1", "sex", "age"]]
    spots = run.spots[run.spots["sample"].isin(patients.index)]
    arrays = iko.normalise_spots(
        spots, replicate="replicate", control="control", saturated="saturated", batch="batch", annotation=["gene"]
    )
    patients = patients.join(run.samples.set_index("sample")["batch"].astype(str)).loc[arrays.values.columns]
    differs = run.truth.set_index("peptide").filter(like="=").ne(0).any(axis=1)
    return arrays, patients, differs.reindex(arrays.values.index, fill_value=False)


def run_tables(name: str, effects: tuple[ArrayEffect, ...], permutations: int) -> dict[str, pd.DataFrame]:
    """All tables of one run (rules 1 to 6)."""
    arrays, patients, differs = chosen_arrays(effects)
    groups, batch = patients["ikzf1"], patients["batch"]
    hits = []
    for method, own in {"t": None, "moderated": batch}.items():
        fit = iko.differential_phosphorylation(
            arrays, groups, contrast=CONTRAST, method=method, batch=own, permutations=permutations, seed=SEED
        )
        rows = fit.tidy().set_index("term")
        true = {f"n_true_{by}": int((rows[by].le(0.05) & differs).sum()) for by in ("p_value", "p_adjusted")}
        hits.append(fit.glance().assign(words=fit.words(), n_true=int(differs.sum()), **true))
    sizes = [(a, b, level) for a, b in ((13, 31), (18, 27)) for level in (0.05, 0.05 / len(differs))]
    errors = [fit.residual_sd * (1 / a + 1 / b) ** 0.5 for a, b, _ in sizes]
    least = [smallest_difference(error, a + b - 2.0, level) for error, (a, b, level) in zip(errors, sizes, strict=True)]
    names, levels = [f"{a} v {b}" for a, b, _ in sizes], [level for *_, level in sizes]
    seen = {"contrast": names, "alpha": levels, "smallest_difference": least}
    sets, options = iko.pathway_sets(arrays), {"contrast": CONTRAST, "batch": batch}
    camera = iko.pathway_tests(arrays, sets, groups, correlation=None, **options).tidy()
    fry = iko.pathway_tests(arrays, sets, groups, method="fry", **options).tidy()
    two = patients.assign(ikzf1=groups.mask(groups == "gain"))
    clusters = iko.cluster_association(iko.cluster_kinome(arrays), two, 2, permutations=999, seed=SEED)
    tables = {
        "seen": pd.DataFrame(seen), "hits": pd.concat(hits), "pathways": pd.concat([camera, fry]), "clusters": clusters,
        "no_difference": iko.equivalence(fit, MARGIN).glance(), "share": iko.share_of_nonnull(fit).tidy(),
    }  # fmt: skip
    return {kind: table.assign(run=name) for kind, table in tables.items()}


def main(folder: Path, permutations: int = 2000) -> None:
    runs = [run_tables(name, effects, permutations) for name, effects in {"no difference": (), "planted": PLANTED}.items()]
    for kind in runs[0]:
        table = pd.concat([run[kind] for run in runs])
        table.to_csv(folder / f"{kind}.csv", index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")
    record = {"tool": "ikzf1_outcomes", "title": "Kinome of IKZF1 deletions", "simulated": True, "seed": SEED}
    record |= {"versions": versions(), "outputs": {f"{kind}.csv": sha256(folder / f"{kind}.csv") for kind in runs[0]}}
    (folder / "manifest.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
