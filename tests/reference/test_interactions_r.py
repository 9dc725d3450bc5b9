"""Effects within subtypes and their heterogeneity against R (interactions)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

VALUES = reading.values("interactions")
DATA = reading.inputs("interactions", "patients")
DATA["class"] = pd.Categorical(DATA["class"], categories=["none", "ik6", "whole"])
DATA["subtype"] = pd.Categorical(DATA["subtype"], categories=["other", "etv6", "heh"])


def effects(frame, method="cox"):
    endpoint = iko.endpoint_from_columns(frame, time="time", status="status", causes={1: "relapse", 2: "death"})
    return iko.interaction_effects(endpoint, "class", "subtype", adjust="age", cause="relapse", method=method)


def test_effects_within_subtypes():
    found, r = effects(DATA), VALUES["whole"]
    reading.agree_in(found.tidy(), reading.table(r["rows"]), ["group", "contrast"], ["estimate", "std_error"])
    for name in ("statistic", "df", "p_value"):
        reading.agree(found.glance()[name], r[name], name)


def test_a_combination_without_events_leaves_the_others_as_in_the_limit():
    """R's likelihood has flattened out to 1e-8 or better where it stops; its other coefficients are the limit's to 1e-6."""
    gone = (DATA["class"] == "ik6") & (DATA["subtype"] == "etv6")
    found, r = effects(DATA.assign(status=np.where(gone, 0, DATA["status"]))), reading.table(VALUES["gone"]["rows"])
    ours = found.tidy().set_index(["group", "contrast"]).loc[list(zip(r["group"], r["contrast"], strict=True))]
    lost = [("etv6", "ik6 vs none")]
    assert ours.index[ours["estimate"].isna()].tolist() == lost
    known = ours["estimate"].notna().to_numpy()
    np.testing.assert_allclose(ours["estimate"][known], r["estimate"].to_numpy(float)[known], rtol=1e-6)
    np.testing.assert_allclose(ours["std_error"][known], r["std_error"].to_numpy(float)[known], rtol=1e-6)
    np.testing.assert_allclose(found.glance()["statistic"], VALUES["gone"]["statistic"], rtol=1e-6)
    assert found.glance()["df"].iloc[0] == VALUES["gone"]["df"]


@pytest.mark.parametrize("cell", [("ik6", "etv6"), ("none", "etv6"), ("ik6", "other"), ("none", "other")])
@pytest.mark.parametrize("method", ["cox", "fine_gray"])
def test_each_combination_as_a_level_of_its_own_gives_the_same(cell, method):
    """A twin: one category with all combinations, whose reference has events, so that no interaction is needed."""
    gone = (DATA["class"] == cell[0]) & (DATA["subtype"] == cell[1])
    frame = DATA.assign(status=np.where(gone, 0, DATA["status"]))
    frame["cell"] = frame["class"].astype(str) + "/" + frame["subtype"].astype(str)
    endpoint = iko.endpoint_from_columns(frame, time="time", status="status", causes={1: "relapse", 2: "death"})
    fit = (iko.cox if method == "cox" else iko.fine_gray)(
        endpoint, "cell + age", cause="relapse", references={"cell": "none/heh"}
    )
    ours = effects(frame, method).tidy()
    for row in ours[ours["group"] != "all"].itertuples():
        level = row.contrast.removesuffix(" vs none")
        asked = {"x": ({"cell": f"{level}/{row.group}"}, {"cell": f"none/{row.group}"})}
        twin = iko.contrasts(fit, asked).tidy().iloc[0]
        np.testing.assert_allclose(row.estimate, twin["estimate"], rtol=1e-8)
        np.testing.assert_allclose(row.std_error, twin["std_error"], rtol=1e-8)
