"""A run of several causes that dies after the first: what was sampled is taken up, and nothing else is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes import sampling

N = 80
RUN: dict = {"draws": 60, "tune": 60, "chains": 2, "seed": 4}
SPEC = iko.hierarchical_spec(covariates="x", causes=["relapse", "death"], cuts=[2.0])


def endpoint(shift: float = 0.0) -> iko.Endpoint:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": rng.uniform(0.1, 6, N), "s": np.arange(N) % 3, "x": rng.normal(size=N)})
    frame["ikzf1_class"] = rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2])
    frame.loc[0, "x"] += shift
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The causes that are really sampled."""
    seen: list[str] = []
    real = sampling.sampled

    def watched(reduced: object, model: object, run: object) -> object:
        seen.append(model.cause)  # type: ignore[attr-defined]
        return real(reduced, model, run)  # type: ignore[arg-type]

    monkeypatch.setattr(sampling, "sampled", watched)
    return seen


def test_what_was_kept_is_not_sampled_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen, plain = counted(monkeypatch), iko.sample(endpoint(), SPEC, **RUN)
    seen.clear()
    first = iko.sample(endpoint(), SPEC, keep=tmp_path / "kept", **RUN)
    assert seen == ["relapse", "death"]
    pd.testing.assert_frame_equal(first.tidy(), plain.tidy(), check_exact=True)
    again = iko.sample(endpoint(), SPEC, keep=tmp_path / "kept", **RUN)
    assert seen == ["relapse", "death"]
    pd.testing.assert_frame_equal(first.tidy(), again.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(first.glance(), again.glance(), check_exact=True)
    pd.testing.assert_frame_equal(first.contrasts(2.0), again.contrasts(2.0), check_exact=True)
    assert all(path.suffix == ".nc" for path in (tmp_path / "kept").iterdir())


OTHERS: dict[str, dict] = {
    "a seed": {"seed": 5}, "draws": {"draws": 61}, "tuning": {"tune": 61}, "chains": {"chains": 3},
    "acceptance": {"target_accept": 0.85},
}  # fmt: skip


@pytest.mark.parametrize("name", [*OTHERS, "data", "a description"])
def test_another_run_takes_up_nothing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    iko.sample(endpoint(), SPEC, keep=tmp_path, **RUN)
    seen = counted(monkeypatch)
    data = endpoint(1e-9 if name == "data" else 0.0)
    spec = iko.hierarchical_spec(
        covariates="x", causes=["relapse", "death"], cuts=[2.5 if name == "a description" else 2.0]
    )
    iko.sample(data, spec, keep=tmp_path, **(RUN | OTHERS.get(name, {})))
    assert seen == ["relapse", "death"]


def test_how_many_run_at_once_makes_no_other_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    iko.sample(endpoint(), SPEC, keep=tmp_path, **RUN)
    seen = counted(monkeypatch)
    iko.sample(endpoint(), SPEC, keep=tmp_path, cores=1, **RUN)
    assert seen == []


DYING = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_killed_runs import RUN, SPEC, endpoint, iko, sampling
real = sampling.sampled

def watched(reduced, model, run):
    if model.cause == "death":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(reduced, model, run)

sampling.sampled = watched
iko.sample(endpoint(), SPEC, keep={folder!r}, **RUN)
"""


def test_a_process_that_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    code = DYING.format(tests=str(Path(__file__).parent), folder=str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(folder.iterdir())) == 1
    seen = counted(monkeypatch)
    found = iko.sample(endpoint(), SPEC, keep=folder, **RUN)
    assert seen == ["death"]
    pd.testing.assert_frame_equal(found.tidy(), iko.sample(endpoint(), SPEC, **RUN).tidy(), check_exact=True)


def test_an_interrupted_cause_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = sampling.sampled

    def interrupted(reduced: object, model: object, run: object) -> object:
        found = real(reduced, model, run)  # type: ignore[arg-type]
        return found._replace(chains=found.chains._replace(complete=False))

    monkeypatch.setattr(sampling, "sampled", interrupted)
    short = iko.sample(endpoint(), SPEC, keep=tmp_path, **RUN)
    assert short.causes == ("relapse",)
    assert list(tmp_path.iterdir()) == []


def test_completed_data_sets_keep_their_causes_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    both = [endpoint(), endpoint(1.0)]
    first = iko.sample_imputed(both, SPEC, keep=tmp_path, **RUN)
    assert len(list(tmp_path.iterdir())) == 4
    seen = counted(monkeypatch)
    again = iko.sample_imputed(both, SPEC, keep=tmp_path, **RUN)
    assert seen == []
    pd.testing.assert_frame_equal(first.tidy(), again.tidy(), check_exact=True)


def test_folders_and_files_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(iko.InputError, match="no such folder to keep draws in"):
        iko.sample(endpoint(), SPEC, keep=tmp_path / "a" / "b", **RUN)
    (tmp_path / "file").write_text("")
    with pytest.raises(iko.InputError, match="no such folder to keep draws in"):
        iko.sample(endpoint(), SPEC, keep=tmp_path / "file", **RUN)
    folder = tmp_path / "kept"
    iko.sample(endpoint(), SPEC, keep=folder, **RUN)
    damaged, *_ = sorted(folder.iterdir())
    damaged.write_bytes(b"half")
    with pytest.raises(iko.InputError, match=f"{damaged.stem}.nc' holds no draws"):
        iko.sample(endpoint(), SPEC, keep=folder, **RUN)
    other = iko.sample(endpoint(), SPEC, keep=tmp_path / "again", **RUN)
    one, *_ = sorted((tmp_path / "again").iterdir())
    with pytest.raises(iko.InputError, match="another kind of posterior"):
        iko.load_posterior(one, other.endpoint)
