"""A real PamChip run from its export to scores by kinase: format and pipeline, no question; rule 8 of README.md."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import f, f_oneway

import ikzf1_outcomes as iko
from ikzf1_outcomes.study.manifest import sha256, versions

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("IKZF1_SHARED") or HERE.parents[2] / "shared")
FILES = ("example_Median_SigmBg.txt", "example_Signal_Saturation.txt", "KRSA_Mapping_STK_PamChip_87102_v1.csv")


def run_arrays(source: Path) -> iko.PeptideArrays:
    """Last cycle, 200 ms: one image an array."""
    spots = iko.read_bionavigator(source / FILES[0], saturation=source / FILES[1])
    image = spots[(spots["cycle"] == spots["cycle"].max()) & (spots["exposure_time"] == 200)]
    layout = iko.read_array_layout(source / "STK-87102-Array-Layout.txt")
    image = image.assign(
        chip=image["barcode"] + "_" + image["sample"],
        control=image["peptide"].isin(layout.loc[layout["control"], "peptide"]),
        full=image["saturation"] > 0.0,
    )
    return iko.normalise_spots(
        image, sample="chip", foreground="value", background=None, replicate="replicate", control="control",
        saturated="full", batch="barcode",
    )  # fmt: skip


def kinase_scores(arrays: iko.PeptideArrays, kinases: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Mean over the peptides of each kinase, less the chip's mean; F test between letters, chips in the model."""
    scores = iko.pathway_scores(arrays, kinases)
    chip, letter = (scores.values.index.str.split("_").str[place] for place in (0, 1))
    within = scores.values - scores.values.groupby(chip).transform("mean")
    ratio = np.array([f_oneway(*(rows for _, rows in within[name].groupby(letter))).statistic for name in within])
    letters, left = letter.nunique(), (letter.nunique() - 1) * (chip.nunique() - 1)
    # the chips' means have taken degrees of freedom
    p_value = f.sf(ratio * left / (len(letter) - letters), letters - 1, left)
    means = within.groupby(letter).mean().T.add_prefix("mean_").reset_index(names="term")
    means = means.assign(p_value=p_value, p_adjusted=iko.adjust_p(p_value, "bh"))
    return means.merge(scores.sets[["pathway", "n_peptides"]], left_on="term", right_on="pathway").drop(columns="pathway")


def main(folder: Path, shared: Path = SHARED) -> None:
    source = shared / "data" / "pamchip_krsa"
    arrays = run_arrays(source)
    checks = iko.array_checks(arrays, batch="batch", seed=6)
    tables = {
        "samples": arrays.samples,
        "checks": checks,
        "kinases": kinase_scores(arrays, iko.read_kinase_map(source / FILES[2])),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")
    record = {
        "tool": "ikzf1_outcomes", "title": "PamChip run", "simulated": False, "versions": versions(),
        "inputs": {name: sha256(source / name) for name in FILES},
        "outputs": {f"{name}.csv": sha256(folder / f"{name}.csv") for name in tables},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results") / HERE.name)
