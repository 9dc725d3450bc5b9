"""The `[genome]` part of a study file: the laboratory's file, how it is read, which profiles are made of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.genome.exon_tables import read_exon_calls
from ikzf1_outcomes.genome.integration import uk_all_genetics
from ikzf1_outcomes.genome.mlpa import call_mlpa
from ikzf1_outcomes.genome.mlpa_files import read_mlpa
from ikzf1_outcomes.genome.profiles import ikzf1_par1, ikzf1_plus, uk_all_cna
from ikzf1_outcomes.genome.segment_files import read_segments
from ikzf1_outcomes.genome.segments import call_segments
from ikzf1_outcomes.study.checks import choice, known, nearest, required, table, text, texts, whole

PROFILES: Mapping[str, Callable[..., Any]] = {
    "ikzf1_plus": ikzf1_plus,
    "ikzf1_par1": ikzf1_par1,
    "uk_all_cna": uk_all_cna,
    "uk_all_genetics": uk_all_genetics,
}
PROFILE_LABELS = {
    "ikzf1_plus": "IKZF1plus",
    "ikzf1_par1": "IKZF1 and PAR1",
    "uk_all_cna": "UKALL-CNA",
    "uk_all_genetics": "UKALL genetics",
}


def parameters(*functions: Callable[..., Any]) -> list[str]:
    """Names of the keyword arguments of some functions."""
    found = [inspect.signature(function).parameters.values() for function in functions]
    return list(dict.fromkeys(p.name for each in found for p in each if p.kind is p.KEYWORD_ONLY))


READ: Mapping[str, Callable[..., Any]] = {"mlpa": read_mlpa, "segments": read_segments, "exons": read_exon_calls}
CALL: Mapping[str, tuple[Callable[..., Any], ...]] = {"mlpa": (call_mlpa,), "segments": (call_segments,), "exons": ()}
SET_BY_STUDY = ("sample", "replicate", "run", "prior")
ASSAYS = {name: parameters(READ[name], *CALL[name]) for name in READ}
KEYS = {
    "mlpa": "MLPA file and how it is read and called (table: file, and the arguments of read_mlpa and call_mlpa)",
    "segments": "SEG file (table: file, and the arguments of read_segments and call_segments)",
    "exons": "Exon calls of a case report form (table: file, and the arguments of read_exon_calls)",
    "timepoint": "Column of a wide MLPA file with the time of the sample; left out, the field `sample` of the patients",
    "diagnosis": "Word in that column for samples of diagnosis (default diagnosis)",
    "leave_out_others": "Leave samples with another word out, counted, instead of refusing the file (default false)",
    "within_days": "Days after diagnosis until which a sample counts as of diagnosis (default 7)",
    "profiles": f"Profiles to make (list of {', '.join(PROFILES)})",
    **dict.fromkeys(PROFILES, "Options of the profile (table)"),
    "call_draws": "Draws of the class from its probabilities, for effects with call uncertainty (default 50; 0: none)",
    "call_outcome": "used or ignored: whether these draws know the outcome (default used)",
}


@dataclass(frozen=True, slots=True)
class GenomePlan:
    """A `[genome]` part that was read and accepted."""

    assay: str
    file: Path
    probes: Path | None
    reading: Mapping[str, Any]
    calling: Mapping[str, Any]
    timepoint: str
    diagnosis: str
    leave_out_others: bool
    within_days: int
    profiles: Mapping[str, Mapping[str, Any]]
    draws: int
    outcome: str

    @property
    def files(self) -> tuple[Path, ...]:
        """What the results depend on."""
        return (self.file,) if self.probes is None else (self.file, self.probes)


def genome_plan(content: Mapping[str, Any], folder: Path) -> GenomePlan | None:
    """Check the `[genome]` part; None without one.

    Raises
    ------
    StudyError
        A key that nobody knows, no assay or two, a file that is not there, a profile that is not known.
    """
    part = table(content, "genome")
    if not part:
        return None
    known(part, KEYS, "[genome]")
    given = [name for name in ASSAYS if name in part]
    if len(given) != 1:
        raise StudyError(
            f"[genome] names {len(given)} assays",
            next_step=f"Give one table of {', '.join(ASSAYS)}: a call has one source.",
        )
    assay = given[0]
    options = table(part, assay)
    where = f"[genome.{assay}]"
    allowed = [name for name in ASSAYS[assay] if name not in SET_BY_STUDY or assay == "exons"]
    known(options, ["file", *allowed], where)
    profiles = {name: dict(table(part, name)) for name in texts(part, "profiles")}
    for name in profiles:
        if name not in PROFILES:
            raise StudyError(f"[genome] profiles: {name!r} is not known", next_step=nearest(name, list(PROFILES)))
        known(profiles[name], parameters(PROFILES[name]), f"[genome.{name}]")
    unused = [name for name in PROFILES if name in part and name not in profiles]
    if unused:
        raise StudyError(f"[genome.{unused[0]}] has options, but profiles does not name it")
    if whole(part, "call_draws", 50) == 1:
        raise StudyError(
            "[genome] call_draws: one draw has no variance between draws", next_step="Write 50, or 0 for none."
        )
    others = part.get("leave_out_others", False)
    if not isinstance(others, bool):
        raise StudyError("[genome] leave_out_others is true or false")
    timepoint = text(part, "timepoint")
    if timepoint and (assay != "mlpa" or options.get("layout", "wide") != "wide"):
        raise StudyError(
            "[genome] timepoint is read from wide MLPA files only",
            next_step="Map the field `sample` of the patient file: it dates the samples.",
        )
    reading = {key: options[key] for key in parameters(READ[assay]) if key in options}
    calling = {key: options[key] for key in parameters(*CALL[assay]) if key in options and key != "probes"}
    return GenomePlan(
        assay=assay,
        file=existing(folder, required(options, "file", where), where),
        probes=existing(folder, text(options, "probes"), where) if options.get("probes") else None,
        reading=reading,
        calling=calling,
        timepoint=timepoint,
        diagnosis=text(part, "diagnosis") or "diagnosis",
        leave_out_others=others,
        within_days=whole(part, "within_days", 7),
        profiles=profiles,
        draws=whole(part, "call_draws", 50),
        outcome=choice(part, "call_outcome", ("used", "ignored")),
    )


def existing(folder: Path, name: str, where: str) -> Path:
    """A file beside the study file.

    Raises
    ------
    StudyError
        It is not there.
    """
    path = folder / name
    if not path.is_file():
        raise StudyError(f"{where}: there is no file {Path(name).name!r}", next_step="Paths start at the study file.")
    return path
