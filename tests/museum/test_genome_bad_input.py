"""Laboratory files and frames that once gave wrong numbers, lost samples in silence, or broke with a foreign error."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.errors import ColumnError, InputError

PROBES = [f"IKZF1_e{exon}" for exon in range(1, 9)] + ["PAX5_e1", "PAX5_e2"] + [f"control_{k}" for k in range(1, 6)]
CALLED = ["none"] * 7 + ["ik6"]
EXONS = [str(exon) for exon in range(1, 9)]
LOCI = ["cdkn2a", "cdkn2b", "pax5", "par1", "erg", "btg1", "ebf1", "etv6", "rb1"]


def run():
    """Eight samples, the last with Δ4-7; peaks differ by a few percent."""
    peaks = np.random.default_rng(0).normal(1000, 20, (8, len(PROBES))).round()
    peaks[-1, 3:7] = (peaks[-1, 3:7] * 0.55).round()
    frame = pd.DataFrame(peaks, columns=PROBES)
    frame.insert(0, "sample", [f"s{k}" for k in range(8)])
    return frame


def called(peaks, **options):
    return iko.call_mlpa(peaks, **({"blasts": 0.9} | options)).classes["ikzf1_class"].tolist()


def read(folder, text, name="run.csv", encoding="utf-8", **options):
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return iko.read_mlpa(file, **options)


# -- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("quoting", [0, 1])
@pytest.mark.parametrize(
    ("separator", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.csv"), (";", "a.txt"), ("\t", "a.tsv")]
)
def test_separators_quotes_and_byte_order_marks(tmp_path, separator, name, quoting, encoding):
    text = run().to_csv(index=False, sep=separator, quoting=quoting, lineterminator="\r\n")
    assert called(read(tmp_path, text, name, encoding).peaks) == CALLED


def test_empty_lines_and_rows_of_delimiters_are_no_rows(tmp_path):
    text = run().to_csv(index=False).replace("\n", "\n\n")
    assert called(read(tmp_path, f"\n\n{text}{',' * len(PROBES)}\n").peaks) == CALLED


def test_a_point_that_parts_thousands_is_no_decimal_point(tmp_path):
    # 1.234 beside 998 was read as 1.234 instead of 1234
    with pytest.raises(InputError, match="with a point, though their decimal sign is ','; 1 in all"):
        read(tmp_path, "sample;IKZF1_e1\na;1.234\nb;998\n", decimal=",")
    assert read(tmp_path, "sample;IKZF1_e1\na;1,5\nb;998\n", decimal=",").peaks["IKZF1_e1"].tolist() == [1.5, 998.0]


def test_numbers_of_a_workbook_have_a_point_whatever_the_decimal_sign(tmp_path):
    file = tmp_path / "run.xlsx"
    pd.DataFrame({"sample": ["a", "b"], "IKZF1_e1": [0.55, 1.25]}).to_excel(file, index=False)
    assert iko.read_mlpa(file, decimal=",").peaks["IKZF1_e1"].tolist() == [0.55, 1.25]


def test_the_decimal_sign_holds_for_the_leukaemic_fraction_too(tmp_path):
    text = run().assign(share=0.85).to_csv(index=False, sep=";", decimal=",")
    file = read(tmp_path, text, decimal=",", columns={"blasts": "share"})
    assert called(file.peaks, blasts="blasts") == CALLED


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("sample,IKZF1_e1\nM\xfcller,1\n", "latin-1", "cannot be read as a table"),
        ("sample,IKZF1_e1\na,1\n", "utf-16", "cannot be read as a table"),
        ('sample,IKZF1_e1\n"Miller,1\nb,2\n', "utf-8", "cannot be read as a table"),
        ("", "utf-8", "is empty"),
        ("\n\n", "utf-8", "is empty"),
        ("sample,IKZF1_e1\nMiller,1,77\nb,2\n", "utf-8", "more or fewer cells than the header; row 1"),
        ("sample,IKZF1_e1,IKZF1_e2\na,1,2\nMiller,77\n", "utf-8", "more or fewer cells than the header; row 2"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, encoding, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text, encoding=encoding)
    assert "ller" not in str(caught.value)
    assert "77" not in str(caught.value)


def test_a_sheet_that_is_not_there_and_a_workbook_that_is_none(tmp_path):
    file = tmp_path / "run.xlsx"
    pd.DataFrame({"sample": ["a"], "IKZF1_e1": [1.0]}).to_excel(file, index=False)
    with pytest.raises(InputError, match="cannot be read as a table"):
        iko.read_mlpa(file, sheet="Ratios")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read(tmp_path, "sample,IKZF1_e1\na,1\n", "other.xlsx")


@pytest.mark.parametrize("row", [0, 9])
def test_header_rows_that_are_not_there(tmp_path, row):
    with pytest.raises(InputError, match="header_row"):
        read(tmp_path, "sample,IKZF1_e1\na,1\n", header_row=row)


def test_a_column_called_like_a_meaning_that_another_column_has(tmp_path):
    # there were two columns "sample" afterwards
    with pytest.raises(InputError, match="'Patient' is to be the sample, but a column is called 'sample'"):
        read(tmp_path, "Patient,sample,IKZF1_e1\nP1,x,1\n", columns={"sample": "Patient"})
    file = read(tmp_path, "Patient,sample,IKZF1_e1\nP1,x,1\n", columns={"sample": "Patient", "tube": "sample"})
    assert file.peaks.values.tolist() == [["P1", "x", 1.0]]
    with pytest.raises(InputError, match="two meanings"):
        read(tmp_path, "sample,IKZF1_e1\nP1,1\n", columns={"sample": "sample", "replicate": "sample"})


def test_exon_calls_of_a_spreadsheet_that_writes_semicolons(tmp_path):
    file = tmp_path / "form.csv"
    file.write_text('id;IKZF1\n1;"4,5,6,7"\n2;none\n', encoding="utf-8")
    calls = iko.read_exon_calls(file, sample="id", exons="IKZF1", layout="list")
    assert iko.classify_ikzf1(calls)["ikzf1_class"].to_dict() == {"1": "ik6", "2": "none"}


# -- types of columns and names


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_text_among_the_peaks_is_refused_whatever_the_type(dtype):
    # only columns of objects were looked at: in the others text became a missing peak
    peaks = run().astype({"IKZF1_e1": object})
    peaks.loc[2, "IKZF1_e1"] = "SECRET"
    peaks["IKZF1_e1"] = peaks["IKZF1_e1"].astype(str).astype(dtype)
    with pytest.raises(InputError, match=r"no number, infinite or negative; row 3") as caught:
        called(peaks)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("dtype", [object, "string", "category", "Int64", "Float64", "int64"])
def test_peaks_of_any_type_give_the_same_calls(dtype):
    assert called(run().astype(dict.fromkeys(PROBES, dtype))) == CALLED


@pytest.mark.parametrize("dtype", ["string", "category", object])
def test_sample_names_of_any_type(dtype):
    peaks = run().astype({"sample": dtype})
    assert called(peaks, blasts=pd.Series(0.9, index=[f"s{k}" for k in range(8)])) == CALLED


def test_fractions_that_name_no_sample():
    # samples 0, 1, ... and fractions of "0", "1", ...: every call was ambiguous, without a word
    with pytest.raises(InputError, match="names no sample of the run"):
        called(run().assign(sample=range(8)), blasts=pd.Series(0.9, index=[str(k) for k in range(8)]))


@pytest.mark.parametrize(
    ("blasts", "message"),
    [
        ("share", "fractions that are no numbers; rows 1, 2, 3, 4, 5, 6, 7, 8"),
        (pd.Series("SECRET", index=[f"s{k}" for k in range(8)]), "fractions that are no numbers; 8 in all"),
        ([0.9, 0.8], "neither a number, a column of the run nor a Series"),
        ({"s0": 0.9}, "neither a number, a column of the run nor a Series"),
    ],
)
def test_fractions_that_are_none(blasts, message):
    peaks = run().assign(share="SECRET") if isinstance(blasts, str) else run()
    with pytest.raises(InputError, match=message) as caught:
        called(peaks, blasts=blasts)
    assert "SECRET" not in str(caught.value)


def test_names_of_probes_with_blanks_and_controls_that_are_not_there():
    with pytest.raises(InputError, match="blanks around them; 1 in all"):
        called(run().rename(columns={"PAX5_e2": " PAX5_e2 "}))
    with pytest.raises(InputError, match="controls= names probes that are not there; 1 in all"):
        called(run(), controls=["PAX5_E2"])
    # a text was taken for a list of letters
    one = iko.call_mlpa(run(), blasts=0.9, controls="PAX5_e2")
    assert "pax5" in one.genes
    assert set(one.tidy().query("gene == 'pax5'")["exon"]) == {1}


@pytest.mark.parametrize("control", [[0] * 10 + [1] * 5, [False] * 10 + [True] * 5])
@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_probe_tables_of_any_type_in_any_order(dtype, control):
    table = pd.DataFrame({"probe": PROBES, "gene": ["IKZF1"] * 8 + ["PAX5"] * 2 + [None] * 5, "control": control})
    table["exon"] = pd.array([*range(1, 9), 1, 2, *[None] * 5], dtype="Int64")
    table = table.astype({"gene": dtype, "probe": dtype}).sample(frac=1, random_state=2).set_axis([0] * len(table))
    assert called(run(), probes=table) == CALLED


def test_a_probe_table_that_does_not_say_which_probes_are_controls():
    table = pd.DataFrame({"probe": PROBES, "gene": ["IKZF1"] * 8 + ["PAX5"] * 2 + [None] * 5})
    table["exon"] = pd.array([*range(1, 9), 1, 2, *[None] * 5], dtype="Int64")
    for control in (pd.array([None] * 10 + [True] * 5, dtype="boolean"), ["False"] * 10 + ["True"] * 5):
        with pytest.raises(InputError, match="more than true and false"):
            called(run(), probes=table.assign(control=control))


def test_doses_do_not_change_under_the_one_who_holds_them():
    calls = iko.call_mlpa(run(), blasts=0.9)
    with pytest.raises(ValueError, match="read-only"):
        calls.units.quotient[0, 0] = 9.0


@pytest.mark.parametrize("error", [0.0, -1.0, np.nan])
def test_a_least_error_that_is_none(error):
    with pytest.raises(InputError, match="smallest_error must be positive"):
        called(run(), smallest_error=error)


@pytest.mark.parametrize("thresholds", [(("deleted", 0.4),), (0.4, 0.65), (("deleted", "0.4", 0.65),), (), 0.75])
def test_ranges_that_are_none(thresholds):
    with pytest.raises(InputError, match="ranges of quotients are empty, overlap or bear an unknown call"):
        called(run(), thresholds=thresholds)


def test_a_confidence_level_that_is_none():
    with pytest.raises(InputError, match="between 0 and 1"):
        iko.call_mlpa(run(), blasts=0.9).tidy(conf_level=95)


def test_an_exon_without_a_dose_does_not_undo_the_loss_of_another():
    peaks = run()
    peaks.loc[7, "PAX5_e1"] = 550.0
    assert iko.call_mlpa(peaks, blasts=0.9).genes["pax5"].tolist() == ["normal"] * 7 + ["deleted"]
    peaks.loc[[0, 7], "PAX5_e2"] = np.nan
    # sample 0: one exon normal, the other unknown; a loss may be there
    assert iko.call_mlpa(peaks, blasts=0.9).genes["pax5"].tolist() == ["failed", *["normal"] * 6, "deleted"]


@pytest.mark.parametrize("profile", [iko.ikzf1_plus, iko.uk_all_cna, iko.ikzf1_par1])
@pytest.mark.parametrize("column", ["ikzf1_class", "par1"])
def test_two_columns_of_one_name(profile, column):
    frame = pd.DataFrame([dict.fromkeys(LOCI, "normal") | {"ikzf1_class": "ik6"}] * 2)
    with pytest.raises(ColumnError, match=f"two columns are called '{column}'"):
        profile(pd.concat([frame, frame[[column]]], axis=1))


def test_two_columns_of_subtypes():
    frame = pd.DataFrame([dict.fromkeys([*LOCI, "cytogenetic_subtype"]) | {"ikzf1_class": "ik6"}] * 2)
    with pytest.raises(ColumnError, match="two columns are called 'cytogenetic_subtype'"):
        iko.ikzf1_plus(pd.concat([frame, frame[["cytogenetic_subtype"]]], axis=1), exclude_bcr_abl1=True)


def test_purities_that_are_no_numbers():
    rows = [["A", "7", 43_000, 159_000_000, 9000, 0.0], ["B", "7", 43_000, 159_000_000, 9000, 0.0]]
    segments = pd.DataFrame(rows, columns=["sample", "chromosome", "start", "end", "probes", "value"])
    with pytest.raises(InputError, match="purities are no numbers; row 2") as caught:
        iko.call_segments(segments, build="hg19", purity=pd.Series(["0.9", "SECRET"], index=["A", "B"]))
    assert "SECRET" not in str(caught.value)


# -- joining


def patients():
    return iko.cohort_from_frame(pd.DataFrame({"id": ["1", "2", "3"], "sample": [0.0, 0.0, 0.0]}))


def test_numbers_where_a_field_has_levels_of_text_are_not_lost():
    # 1 passed the check as "1" and was no level afterwards: every value went missing
    field = Field("arm", "category", "arm", levels=("1", "2"))
    with pytest.raises(InputError, match="what its field does not allow; rows 1, 2"):
        iko.add_alterations(patients(), pd.DataFrame({"arm": [1, 2]}, index=["1", "2"]), fields={"arm": field})
    joined = iko.add_alterations(patients(), pd.DataFrame({"arm": ["1", "2"]}, index=["1", "2"]), fields={"arm": field})
    assert joined.frame["arm"].astype(object).where(joined.frame["arm"].notna(), None).tolist() == ["1", "2", None]


def test_flags_of_a_laboratory():
    field = Field("mutated", "flag", "mutated")
    found = pd.DataFrame({"mutated": [True, None]}, index=[3, 1], dtype=object)
    flags = iko.add_alterations(patients(), found, fields={"mutated": field}).frame["mutated"]
    assert flags.isna().tolist() == [True, True, False]
    assert bool(flags[2])
    with pytest.raises(InputError, match="what its field does not allow; row 1"):
        iko.add_alterations(patients(), found.assign(mutated=["yes", None]), fields={"mutated": field})


def test_alterations_with_two_columns_of_one_name_and_dates_that_are_none():
    found = pd.DataFrame({"ikzf1_class": ["ik6"]}, index=["1"])
    with pytest.raises(InputError, match="two columns are called ikzf1_class"):
        iko.add_alterations(patients(), pd.concat([found, found], axis=1))
    with pytest.raises(InputError, match="times of samples that are no numbers; row 1") as caught:
        iko.add_alterations(patients(), found, sampled=pd.Series(["2020-01-31"], index=["1"]))
    assert "2020" not in str(caught.value)


# -- probabilities of classes


def endpoint():
    frame = pd.DataFrame({"t": np.arange(1.0, 41.0) / 4, "s": [1, 1, 0, 1] * 10})
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})


def test_complements_of_probabilities_leave_0_and_1_by_rounding():
    # the sum of the classes with a deletion was 1 + 2e-16: whole studies stopped here
    deleted = np.nextafter(1.0, 2.0)
    p = pd.DataFrame({"none": [1.0 - deleted, 1.0] * 20, "ik6": [deleted, 0.0] * 20})
    assert (p["none"] < 0).any()
    assert (p["ik6"] > 1).any()
    exact = p.round(9)
    found, expected = (iko.call_uncertainty(endpoint(), table, draws=3, seed=1, at=2.0).tidy() for table in (p, exact))
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(InputError, match="not between 0 and 1; row 1"):
        iko.call_draws(pd.DataFrame({"none": [-1e-3], "ik6": [1.001]}), draws=1, seed=1)


def test_probabilities_whose_rows_were_sorted_do_not_go_to_other_patients():
    p = pd.DataFrame({"none": [0.9, 0.2] * 20, "ik6": [0.1, 0.8] * 20})
    turned = p.sort_values("none")
    with pytest.raises(InputError, match="in another order"):
        iko.call_uncertainty(endpoint(), turned, draws=2, seed=1, at=2.0)
    named = p.set_axis([f"patient {k}" for k in range(40)])
    tables = [iko.call_uncertainty(endpoint(), q, draws=2, seed=1, at=2.0).tidy() for q in (p, turned.sort_index(), named)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


# -- tables


def test_one_unknown_word_given_as_text():
    # every piece of the text counted as an unknown word
    rows = iko.frequency_table(pd.DataFrame({"a": ["am", "bi", "ambiguous"]}), "a", missing="ambiguous")
    assert rows.set_index("level")["n_known"].to_dict() == {"am": 2, "bi": 2, "ambiguous": 2}
