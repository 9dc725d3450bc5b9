"""Covariate patterns: events and exposure by hand, as exact as the patients, and as files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError

CAUSES = {1: "relapse", 2: "death"}


def made(frame, **options):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


# intervals (0, 2], (2, 4], (4, inf); the relapse at exactly 2 lies in the first
FOUR = pd.DataFrame({"t": [2.0, 5.0, 3.0, 1.0], "s": [1, 0, 2, 1], "ikzf1": ["none", "none", "ik6", None]})


def test_events_and_exposure_of_four_patients():
    found = iko.aggregate(made(FOUR), "ikzf1", [2, 4])
    assert isinstance(found, iko.Aggregate)
    assert found.patterns["ikzf1"].tolist() == ["ik6", "none"]
    assert found.n.tolist() == [1, 2]
    assert found.n_excluded == 1
    assert found.exposure.tolist() == [[2, 1, 0], [2 + 2, 2, 1]]
    assert found.events[:, :, 0].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert found.events[:, :, 1].tolist() == [[0, 1, 0], [0, 0, 0]]
    tidy = found.tidy()
    assert tidy.loc[tidy["n_event"] > 0, ["ikzf1", "period", "cause"]].values.tolist() == [
        ["ik6", "2 to 4", "death"], ["none", "0 to 2", "relapse"]
    ]  # fmt: skip


def test_late_entry_and_weights():
    frame = FOUR.dropna().assign(entry=[1.0, 4.5, -1.0], w=[2.0, 1.0, 3.0])
    found = iko.aggregate(made(frame, entry="entry", weights="w"), "ikzf1", [2, 4])
    assert found.exposure.tolist() == [[6, 3, 0], [2, 0, 0.5]]
    assert found.n.tolist() == [3, 3]
    assert found.events[:, :, 0].sum() == 2


def patients(n, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "t": np.ceil(rng.exponential(4, n) * 365) / 365,
            "s": rng.integers(0, 3, n),
            "ikzf1": pd.Categorical(rng.choice(["none", "ik6", "whole"], n, p=[0.8, 0.1, 0.1])),
            "sex": rng.choice(["f", "m"], n),
            "dose": rng.integers(0, 3, n),
        }
    )


def by_patient(frame, cuts, a, effect_of):
    """The log-likelihood one patient and one interval at a time."""
    edges, total = [0, *cuts, np.inf], 0.0
    for row in frame.itertuples():
        eta = effect_of(row)
        for k in range(len(edges) - 1):
            lived = max(min(row.t, edges[k + 1]) - edges[k], 0.0)
            for c in range(2):
                total -= lived * np.exp(a[k, c] + eta[c])
                if row.s == c + 1 and edges[k] < row.t <= edges[k + 1]:
                    total += a[k, c] + eta[c]
    return total


def effect_of(row):
    b = {"none": 0.0, "ik6": 0.9, "whole": 0.4}[row.ikzf1]
    return np.array([b + 0.1 * row.dose, -b + (0.2 if row.sex == "m" else 0.0)])


def test_the_likelihood_is_that_of_the_patients():
    frame, cuts = patients(300), [0.5, 1, 3]
    rng = np.random.default_rng(2)
    found = iko.aggregate(made(frame), ["ikzf1", "sex", "dose"], cuts)
    for _ in range(3):
        a = rng.normal(-2, 1, (4, 2))
        effect = np.array([effect_of(row) for row in found.patterns.itertuples()])
        np.testing.assert_allclose(found.log_likelihood(a, effect), by_patient(frame, cuts, a, effect_of), rtol=1e-12)


def test_groups_pooled_from_files_are_their_patients_together(tmp_path):
    frame, cuts, by = patients(400), [1, 3], ["ikzf1", "sex", "dose"]
    whole = iko.aggregate(made(frame), by, cuts)
    paths = [
        iko.write_aggregate(iko.aggregate(made(part), by, cuts), tmp_path / f"{k}.parquet")
        for k, part in enumerate((frame[:150], frame[150:170], frame[170:]))
    ]
    pooled = iko.pool_aggregates(paths)
    pd.testing.assert_frame_equal(pooled.patterns, whole.patterns, check_dtype=False, check_categorical=False)
    rng = np.random.default_rng(3)
    a, effect = rng.normal(-2, 1, (3, 2)), rng.normal(size=(len(whole.patterns), 2))
    np.testing.assert_allclose(pooled.log_likelihood(a, effect), whole.log_likelihood(a, effect), rtol=1e-13)
    np.testing.assert_allclose(pooled.exposure, whole.exposure, rtol=1e-12)
    assert (pooled.events == whole.events).all()
    assert iko.read_aggregate(paths[0]).form == "exact"


def test_a_file_streams_through_in_chunks(tmp_path):
    frame = patients(500)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "patients.parquet", row_group_size=64)
    chunks = pq.ParquetFile(tmp_path / "patients.parquet").iter_batches(batch_size=64)
    found = iko.aggregate((made(batch.to_pandas()) for batch in chunks), ["ikzf1", "sex"], [1, 3])
    whole = iko.aggregate(made(frame), ["ikzf1", "sex"], [1, 3])
    np.testing.assert_allclose(found.exposure, whole.exposure, rtol=1e-12)
    assert (found.events == whole.events).all()
    assert found.n.sum() == 500


def test_rows_of_one_patient_add_up_and_count_once():
    endpoint = made(FOUR.dropna())
    split = iko.split_follow_up(endpoint, [1.5])
    one, two = (iko.aggregate(e, "ikzf1", [2, 4]) for e in (endpoint, split))
    np.testing.assert_allclose(one.exposure, two.exposure)
    assert (one.events == two.events).all()
    assert one.n.tolist() == two.n.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_a_release_has_no_small_cell_and_loses_nobody(seed):
    frame = patients(300, seed)
    exact = iko.aggregate(made(frame), ["ikzf1", "sex", "dose"], [0.5, 1, 2, 3, 5])
    assert (exact.n < 5).any() or ((exact.events > 0) & (exact.events < 5)).any()
    out = iko.release_aggregate(exact)
    assert out.form == "release"
    assert (out.n >= 5).all()
    assert not ((out.events > 0) & (out.events < 5)).any()
    np.testing.assert_allclose(out.events.sum(axis=(0, 1)), exact.events.sum(axis=(0, 1)))
    np.testing.assert_allclose(out.exposure.sum(), exact.exposure.sum())
    assert out.n.sum() == exact.n.sum()
    assert set(out.cuts) <= set(exact.cuts)
    assert out.by == exact.by[: len(out.by)] or out.by == ("all",)


def test_a_release_keeps_its_form_in_a_file_and_does_not_mix(tmp_path):
    exact = iko.aggregate(made(patients(300)), ["sex"], [1, 3])
    path = iko.write_aggregate(iko.release_aggregate(exact), tmp_path / "out.parquet")
    assert iko.read_aggregate(path).form == "release"
    with pytest.raises(InputError, match="different forms"):
        iko.pool_aggregates([iko.aggregate(made(patients(300)), ["sex"], iko.read_aggregate(path).cuts), path])


def test_what_is_refused(tmp_path):
    endpoint = made(FOUR)
    with pytest.raises(InputError, match="event at time 0") as caught:
        iko.aggregate(made(FOUR.assign(t=[0.0, 5, 3, 1])), "ikzf1", [2])
    assert "row 1" in str(caught.value)
    for cuts in ([0, 1], [2, 1], [np.nan], [1, 1]):
        with pytest.raises(InputError, match="ascend"):
            iko.aggregate(endpoint, "ikzf1", cuts)
    with pytest.raises(ColumnError):
        iko.aggregate(endpoint, "arm", [2])
    with pytest.raises(InputError, match="no row has"):
        iko.aggregate(made(FOUR.assign(ikzf1=None)), "ikzf1", [2])
    with pytest.raises(InputError, match="no endpoint"):
        iko.aggregate(iter(()), "ikzf1", [2])
    with pytest.raises(InputError, match="too few to be released"):
        iko.release_aggregate(iko.aggregate(endpoint, "ikzf1", [2]))
    with pytest.raises(InputError, match="different cuts"):
        iko.pool_aggregates([iko.aggregate(endpoint, "ikzf1", [2]), iko.aggregate(endpoint, "ikzf1", [3])])
    with pytest.raises(InputError, match="no aggregate is given"):
        iko.pool_aggregates([])
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    for name in ("other", "text", "missing"):
        with pytest.raises(InputError, match="is no aggregate"):
            iko.read_aggregate(tmp_path / f"{name}.parquet")
