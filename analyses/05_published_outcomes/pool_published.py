"""Check the published outcomes and pool them by the rules of README.md; run it again and the same bytes come out."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.report.evidence_figures import meta_forest, meta_forest_alt
from ikzf1_outcomes.report.figures import save_figure
from ikzf1_outcomes.study.manifest import sha256, versions

WIDEST = {"van der Veer 2014": ["BCR::ABL1, before TKI", "BCR::ABL1, EsPhALL good risk"], "Felice 2022": ["all"]}
"""Populations that are taken where a paper has several (rule 3)."""


def one_a_cohort(effects: pd.DataFrame) -> pd.DataFrame:
    """Estimates seen in their source, one a cohort (rules 1 to 3)."""
    seen = effects[effects["verified"] & effects["estimate"].notna()]
    widest = [row.population in WIDEST.get(row.study, [row.population]) for row in seen.itertuples()]
    return seen[widest].query("deletion != 'IKZF1plus'")


def analyses(own: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Which estimates enter which analysis (rule 4)."""
    chosen = own["population"].str.startswith("BCR::ABL1,")
    return {"primary": own[(own["deletion"] == "any") & ~chosen], "wider": own[~chosen], "widest": own}


def pooled(own: pd.DataFrame, cause: str, name: str) -> pd.DataFrame:
    """The rows of one analysis (rules 5 and 6)."""
    if len(own) < 2:
        alone = own[["study", "cohort_id", "estimate", "std_error", "scale"]].assign(note="one cohort: nothing is pooled")
        return alone.assign(cause=cause, analysis=name, term="study", n_studies=len(own))
    twice = own["study"].duplicated(keep=False)
    named = own["study"].where(~twice, own["study"] + ", " + own["cohort_id"])
    found = iko.meta_analysis(own.assign(study=named), study="study")
    spread = found.glance()[["n_studies", "between_sd", "i2"]].iloc[0].to_dict()
    return found.tidy().assign(cause=cause, analysis=name, **spread)


def main(folder: Path) -> None:
    table = iko.published_outcomes()
    checks = iko.check_published(table)
    disagree = checks.loc[checks["agrees"].eq(False).fillna(False), "study"]
    effects = pd.concat([iko.published_effects(table, cause=cause) for cause in ("any", "relapse")], ignore_index=True)
    tables, forest = [], None
    for cause, own in effects.groupby("cause", sort=False):
        for name, part in analyses(one_a_cohort(own)).items():
            kept = part[~part["study"].isin(disagree)] if name == "primary" else part
            tables.append(pooled(kept, str(cause), name))
            if (cause, name) == ("any", "widest"):
                forest = tables[-1]
    assert forest is not None
    for name, rows in {"checks": checks, "effects": effects, "pooled": pd.concat(tables)}.items():
        rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8", float_format="%.10g")
    note = "Hazard ratios of any event, crude but for Boer 2016 (matched)."
    save_figure(meta_forest(forest, note=note), folder / "forest")
    written = ["checks.csv", "effects.csv", "forest.png", "forest.svg", "pooled.csv"]
    source = Path(str(files("ikzf1_outcomes.evidence") / "published_outcomes.csv"))
    settings = {"method": "reml", "interval": "hartung-knapp", "conf_level": 0.95, "alt_text": meta_forest_alt(forest)}
    record = {
        "tool": "ikzf1_outcomes", "title": "Published outcomes by IKZF1 status", "simulated": False,
        "inputs": {"data": {"name": source.name, "sha256": sha256(source), "rows": len(table)}},
        "settings": settings, "versions": versions(),
        "outputs": {name: sha256(folder / name) for name in written},
    }  # fmt: skip
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
