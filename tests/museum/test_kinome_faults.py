"""Tables of peptides that once gave a foreign error, a warning, or an answer to another question."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError


def arrays() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(8, 1, (20, 8))
    return pd.DataFrame(values, index=[f"p{k}" for k in range(20)], columns=[f"s{k}" for k in range(8)])


def spots() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    grid = pd.MultiIndex.from_product([["p1", "p2", "p3", "p4"], [1, 2], ["s1", "s2", "s3"]])
    table = pd.DataFrame(grid.to_list(), columns=["peptide", "replicate", "sample"])
    bright = table["peptide"].map({"p1": 50.0, "p2": 200.0, "p3": 500.0, "p4": 900.0})
    return table.assign(foreground=bright * rng.uniform(0.95, 1.05, len(table)), background=1.0)


def test_infinite_covariates_are_named() -> None:
    groups = [True] * 4 + [False] * 4
    age = pd.DataFrame({"age": [1.0, 2, np.inf, 4, 5, 7, 8, 1]}, index=arrays().columns)
    with pytest.raises(InputError, match=r"infinite values .*; row 3"):
        iko.differential_phosphorylation(arrays(), groups, covariates=age)


def test_names_may_be_categories() -> None:
    table = spots()
    plain = iko.normalise_spots(table.assign(batch="a"), replicate="replicate", batch="batch")
    kinds = {"peptide": "category", "sample": pd.CategoricalDtype(["s0", "s3", "s2", "s1"])}
    found = iko.normalise_spots(table.assign(batch="a").astype(kinds), replicate="replicate", batch="batch")
    pd.testing.assert_frame_equal(found.values, plain.values)
    pd.testing.assert_frame_equal(found.samples, plain.samples)
    found.values["mean"] = 1.0


def test_flags_that_are_words_are_no_truth() -> None:
    flags = pd.Series(["True", ""] * 4, index=list("abcdefgh"))
    with pytest.raises(InputError, match="flags are true or false"):
        iko.target_enrichment(flags, ["a"])
    numbers = pd.Series([1.0, 0, np.nan, 2], index=list("abcd"))
    with pytest.raises(InputError, match="flags are true or false; row 4"):
        iko.target_enrichment(numbers, ["a"])


def test_enrichment_refuses_what_scipy_and_pandas_would() -> None:
    flags = pd.Series([True, False] * 4, index=list("abcdefgh"))
    statistics = pd.Series(np.arange(8.0), index=flags.index)
    with pytest.raises(InputError, match="confidence level"):
        iko.target_enrichment(flags, ["a"], conf_level=95)
    for strange in (pd.concat([statistics, statistics]), statistics.to_numpy()):
        with pytest.raises(InputError, match="statistics are a Series with a peptide once"):
            iko.target_enrichment(flags, statistics=strange)


def test_columns_left_out_of_a_matrix(tmp_path) -> None:
    (tmp_path / "m.csv").write_text("peptide,gene,1\na,SYK,8\nb,BTK,7\n", encoding="utf-8")
    with pytest.raises(InputError, match="leave_out is a list"):
        iko.read_peptide_matrix(tmp_path / "m.csv", rows="peptides", leave_out="gene")
    with pytest.raises(InputError, match="the column of the names is left out"):
        iko.read_peptide_matrix(tmp_path / "m.csv", rows="peptides", leave_out=("peptide", "gene"))


def test_dashes_that_may_be_absent_bands(tmp_path) -> None:
    # 1 to 3 and dashes: the dashes would be dropped as missing lanes, and the site compared among the bands that are there
    (tmp_path / "b.csv").write_text("site,1,2,3\nA_S1,-,3,1\nB_S2,2,-,\n", encoding="utf-8")
    with pytest.raises(InputError, match="a dash may be no lane or no band; rows 1, 2"):
        iko.read_blots(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("site,1,2\nA_S1,0,3,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="more cells than the header"):
        iko.read_blots(tmp_path / "c.csv")


def test_shares_of_spots_are_of_those_measured() -> None:
    # spots that were made missing were left out below the fraction line, so that the share could pass 1
    table = spots()
    table.loc[table["peptide"].isin(["p1"]), "foreground"] = 0.5
    for negative in ("missing", "floor"):
        found = iko.normalise_spots(
            table, replicate="replicate", negative=negative, least_correlation=None, normalise="none"
        )
        checks = iko.array_checks(found, components=1)
        share = checks.loc[checks["measure"] == "not above the background", "estimate"]
        assert share.tolist() == [0.25] * 3
        assert found.samples["n_spot"].tolist() == [8] * 3


def test_components_of_rounding_are_none() -> None:
    # samples of two kinds have one component; a second one of size 1e-17 went with the batch at p = 0.002, and the first,
    # which is the batch, at p = 1: a share a hair above 1
    one, two = arrays()["s0"], arrays()["s1"]
    table = pd.DataFrame({f"s{k}": one if k < 4 else two for k in range(8)})
    batch = pd.Series(["x"] * 4 + ["y"] * 4, index=table.columns)
    found = iko.array_checks(table, batch=batch, permutations=99, seed=1)
    own = found[(found["measure"] == "explained by batch") & (found["component"] != "all")]
    assert own["component"].tolist() == ["PC1"]
    np.testing.assert_allclose(own["estimate"], 1.0, rtol=1e-12)
    assert own["estimate"].iloc[0] <= 1.0
    assert own["p_value"].iloc[0] < 1e-12
    with pytest.raises(InputError, match="varies"):
        iko.array_checks(pd.DataFrame(np.full((3, 5), 8.1)).rename(columns=str))


@pytest.mark.parametrize("numbers", [{"components": -1}, {"components": 0}, {"permutations": 0}, {"permutations": True}])
def test_numbers_of_checks(numbers: dict[str, int]) -> None:
    batch = pd.Series(["x", "y"] * 4, index=arrays().columns)
    with pytest.raises(InputError, match="are a whole number of 1 or more"):
        iko.array_checks(arrays(), batch=batch, seed=1, **numbers)


def ordinal() -> pd.DataFrame:
    """Two samples a group with values that are often alike: more than half of the peptides have no spread within."""
    values = np.array([[8, 8, 9, 9], [9, 9, 8, 8], [8, 8, 9, 9], [8, 9, 8, 8], [9, 9, 8, 9], [9, 9, 8, 8], [8.0, 8, 9, 9]])
    return pd.DataFrame(values, index=[f"p{k}" for k in range(7)], columns=list("abcd"))


@pytest.mark.parametrize("options", [{}, {"trend": True}, {"robust": True}])
def test_most_peptides_without_spread(options: dict[str, bool]) -> None:
    # the median variance is 0, and its logarithm was taken
    found = iko.differential_phosphorylation(ordinal(), [True, True, False, False], **options)
    table = found.tidy().set_index("term")
    assert np.isfinite(table[["estimate", "std_error", "statistic", "p_value"]].to_numpy()).all()
    assert table.loc["p0", "p_value"] < table.loc["p3", "p_value"]
    assert abs(table.loc["p0", "statistic"]) == pytest.approx(abs(table.loc["p1", "statistic"]))


@pytest.mark.parametrize("options", [{}, {"trend": True}, {"robust": True}, {"method": "t"}])
def test_no_peptide_with_a_spread(options: dict[str, object]) -> None:
    table = iko.differential_phosphorylation(ordinal().iloc[:3], [True, True, False, False], **options).tidy()
    assert table["p_value"].isna().all()
    assert table["note"].str.startswith("not estimable: no spread within groups").all()
    with pytest.raises(InputError, match="no peptide varies within the groups"):
        iko.pathway_tests(ordinal().iloc[:3], {"all": ["p0", "p1"]}, [True, True, False, False])


def test_correlation_of_sets_knows_no_rounding() -> None:
    # a peptide without residuals had some of size 1e-16, which went with others at random
    steady = arrays().iloc[:1].mul(0).add(8.1)
    steady.iloc[0, :4] = 8.7
    table = pd.concat([arrays(), steady.set_axis(["steady"])])
    groups = [True] * 4 + [False] * 4
    sets = {"with": ["p0", "p1", "p2", "steady"], "without": ["p0", "p1", "p2"], "one": ["p0", "steady"]}
    for correlation in (0.01, None):
        found = iko.pathway_tests(table, sets, groups, correlation=correlation).tidy().set_index("term")
        assert found.loc["with", "correlation"] == pytest.approx(found.loc["without", "correlation"], rel=1e-12)
        assert np.isnan(found.loc["one", "correlation"])
        assert found["p_value"].notna().all()
