"""Dates, numbers, codes, missing marks and exclusions, each stated by hand."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.cohort import DICTIONARY, Cohort, Field, cohort_from_frame, read_cohort
from ikzf1_outcomes.errors import CohortError, ColumnError, InputError


def cohort_of(tmp_path, text, **study):
    path = tmp_path / "patients.csv"
    path.write_text(text)
    study.setdefault("columns", {})
    study["columns"] = {"id": "pat", **study["columns"]}
    return read_cohort(path, **study)


def test_month_day_year_with_gaps(tmp_path):
    # 1999-12-31 to 2000-03-01 is 61 days: 2000 is a leap year.
    cohort = cohort_of(
        tmp_path,
        "pat,dx,relapsed,seen\n1,12/31/1999,3/1/2000,03/02/2000\n2,5/2/2001,,5/2/2002\n",
        columns={"relapse": "relapsed", "last_contact": "seen"},
        dates={"format": "month/day/year", "diagnosis": "dx"},
    )
    assert cohort.frame["relapse"].iloc[0] == 61 / 365.25
    assert np.isnan(cohort.frame["relapse"].iloc[1])
    assert cohort.frame["last_contact"].tolist() == [62 / 365.25, 365 / 365.25]
    assert "dx" not in cohort.frame


@pytest.mark.parametrize(
    ("layout", "text"),
    [("day.month.year", "2.5.2001"), ("year-month-day", "2001-05-02"), ("%d%b%Y", "02May2001"), ("%d/%m/%y", "2/5/01")],
)
def test_layouts_of_dates(tmp_path, layout, text):
    cohort = cohort_of(
        tmp_path,
        f"pat,dx,seen\n1,{text},{text}\n",
        columns={"last_contact": "seen"},
        dates={"format": layout, "diagnosis": "dx"},
    )
    assert cohort.frame["last_contact"].tolist() == [0.0]


def test_two_digit_years_need_their_own_layout(tmp_path):
    with pytest.raises(CohortError, match=r"not a date written as dates\.format says"):
        cohort_of(
            tmp_path,
            "pat,dx,seen\n1,5/2/01,5/2/01\n",
            columns={"last_contact": "seen"},
            dates={"format": "month/day/year", "diagnosis": "dx"},
        )


def test_durations_in_days_months_and_years(tmp_path):
    cohort = cohort_of(
        tmp_path,
        "pat,a,b,c\n1,365.25,24,3.5\n",
        columns={"remission": "a", "relapse": "b", "last_contact": "c"},
        units={"remission": "days", "relapse": "months", "last_contact": "years"},
    )
    assert cohort.frame[["remission", "relapse", "last_contact"]].iloc[0].tolist() == [1.0, 2.0, 3.5]


def test_units_of_age_and_count(tmp_path):
    cohort = cohort_of(
        tmp_path, "pat,m,w\n1,6,44100\n", columns={"age": "m", "wbc": "w"}, units={"age": "months", "wbc": "cells/uL"}
    )
    assert cohort.frame["age"].iloc[0] == 0.5
    assert cohort.frame["wbc"].iloc[0] == pytest.approx(44.1, rel=1e-12)


def test_decimal_comma(tmp_path):
    path = tmp_path / "patients.txt"
    path.write_text("pat;wbc\n1;12,5\n")
    cohort = read_cohort(path, columns={"id": "pat", "wbc": "wbc"}, decimal=",")
    assert cohort.frame["wbc"].tolist() == [12.5]
    path.write_text("pat;wbc\n1;1.234\n")
    with pytest.raises(CohortError, match="not a finite number; row 1"):
        read_cohort(path, columns={"id": "pat", "wbc": "wbc"}, decimal=",")


def test_missing_marks_are_missing_where_declared(tmp_path):
    cohort = cohort_of(
        tmp_path,
        "pat,wbc,age,arm\n1,NA,[Not Available],None\n2,5,999, . \n",
        columns={"wbc": "wbc", "age": "age", "risk_arm": "arm"},
        missing={"text": ["NA", ".", "[Not Available]", "None"], "columns": {"age": [-9, 999]}},
    )
    assert cohort.frame["wbc"].isna().tolist() == [True, False]
    assert cohort.frame["age"].isna().all()
    assert cohort.frame["risk_arm"].isna().all()


def test_a_sentinel_is_a_number_not_a_spelling(tmp_path):
    cohort = cohort_of(tmp_path, "pat,wbc\n1,-9.0\n2,-9\n3,9\n", columns={"wbc": "wbc"}, missing={"columns": {"wbc": [-9]}})
    assert cohort.frame["wbc"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("mark", ["NA", "None", ".", "[Not Available]", "not known"])
@pytest.mark.parametrize("field", ["wbc", "risk_arm", "last_contact"])
def test_an_undeclared_missing_mark_is_an_error(tmp_path, mark, field):
    with pytest.raises(CohortError) as raised:
        cohort_of(
            tmp_path,
            f"pat,dx,x\n1,1/1/2000,\n2,1/1/2000,{mark}\n",
            columns={field: "x"},
            dates={"format": "month/day/year", "diagnosis": "dx"},
        )
    (problem,) = raised.value.problems
    assert problem.where == (2,)
    assert "often means missing and was not declared" in str(problem)
    assert "missing.text" in problem.next_step


def test_the_text_none_is_a_level_only_by_a_code(tmp_path):
    with pytest.raises(CohortError, match="a code that was not declared"):
        cohort_of(tmp_path, "pat,del\n1,none\n", columns={"ikzf1_class": "del"})
    cohort = cohort_of(
        tmp_path,
        "pat,del\n1,none\n2,ik6\n3,n.t.\n",
        columns={"ikzf1_class": "del"},
        codes={"ikzf1_class": {"none": "none", "n.t.": "not_tested"}},
    )
    assert cohort.frame["ikzf1_class"].tolist() == ["none", "ik6", "not_tested"]


def test_a_code_for_the_empty_cell(tmp_path):
    cohort = cohort_of(
        tmp_path,
        "pat,nr,seen\n1,yes,1\n2,,2\n",
        columns={"non_response": "nr", "last_contact": "seen"},
        codes={"non_response": {"yes": True, "": False}},
        units={"last_contact": "years"},
    )
    assert cohort.frame["first_event"].tolist() == ["non_response", "none"]
    with pytest.raises(CohortError, match="non_response is missing; row 2"):
        cohort_of(
            tmp_path,
            "pat,nr,seen\n1,yes,1\n2,,2\n",
            columns={"non_response": "nr", "last_contact": "seen"},
            codes={"non_response": {"yes": True}},
            units={"last_contact": "years"},
        )


def test_an_undeclared_code_names_the_levels(tmp_path):
    with pytest.raises(CohortError) as raised:
        cohort_of(tmp_path, "pat,s\n1,M\n2,X\n3,X\n", columns={"sex": "s"}, codes={"sex": {"M": "male"}})
    (problem,) = raised.value.problems
    assert problem.where == (2, 3)
    assert problem.next_step.startswith("Declare it under codes.sex (levels: male, female)")


def test_free_levels_are_those_of_the_file(tmp_path):
    cohort = cohort_of(tmp_path, "pat,p\n1,zeta\n2,=cmd()\n3,<b>x</b>\n", columns={"protocol": "p"})
    assert cohort.frame["protocol"].tolist() == ["zeta", "=cmd()", "<b>x</b>"]
    assert cohort.dictionary["protocol"].levels == ("<b>x</b>", "=cmd()", "zeta")


def test_levels_of_a_coded_free_field_keep_the_order_of_the_codes(tmp_path):
    cohort = cohort_of(tmp_path, "pat,p\n1,h\n2,s\n", columns={"risk_arm": "p"}, codes={"risk_arm": {"s": "SR", "h": "HR"}})
    assert cohort.dictionary["risk_arm"].levels == ("SR", "HR")
    assert cohort.frame["risk_arm"].tolist() == ["HR", "SR"]


def test_flags_take_truth_words_and_codes_only(tmp_path):
    fields = {"down": {"kind": "flag", "label": "Down syndrome"}}
    cohort = cohort_of(tmp_path, "pat,d\n1,TRUE\n2,false\n3,\n", columns={"down": "d"}, fields=fields)
    assert cohort.frame["down"].iloc[:2].tolist() == [True, False]
    assert cohort.frame["down"].isna().tolist() == [False, False, True]
    with pytest.raises(CohortError, match="a code that was not declared"):
        cohort_of(tmp_path, "pat,d\n1,1\n", columns={"down": "d"}, fields=fields)


def test_the_first_filled_of_several_columns_counts(tmp_path):
    cohort = cohort_of(tmp_path, "pat,a,b\n1,3,9\n2,NA,7\n3,,\n", columns={"age": ["a", "b"]}, missing={"text": ["NA"]})
    assert cohort.frame["age"].iloc[:2].tolist() == [3.0, 7.0]
    assert np.isnan(cohort.frame["age"].iloc[2])


def test_exclusions_in_order_make_the_flow(tmp_path):
    rows = "pat,line,wbc,site\nA,B,5,x\nA-Rx,B,5,x\nC,T,5,x\nD,B,700,x\nE,B,,x\nF,B,1,\nG,T,900,x\n"
    cohort = cohort_of(
        tmp_path,
        rows,
        columns={"wbc": "wbc"},
        exclusions=[
            {"reason": "repeat sample", "column": "pat", "ends_with": "-Rx"},
            {"reason": "T lineage", "column": "line", "is_not": ["B"]},
            {"reason": "count above 500", "column": "wbc", "above": 500},
            {"reason": "site not known", "column": "site", "is_missing": True},
            {"reason": "nobody", "column": "pat", "contains": "zz"},
        ],
    )
    table = cohort.flow_table()
    assert table["label"].tolist() == ["file", *(f"exclusion {k}" for k in range(1, 6)), "cohort"]
    assert table["n"].tolist() == [7, 6, 4, 3, 2, 2, 2]
    assert table["left_out"].tolist() == [0, 1, 2, 1, 1, 0, 0]
    assert table["reason"].tolist()[1] == "repeat sample"
    assert cohort.frame["id"].tolist() == ["A", "E"]
    assert cohort.provenance.n_rows == 7


def test_limits_leave_out_what_is_beyond_them_only(tmp_path):
    rules = [{"reason": "low", "column": "wbc", "below": 5}, {"reason": "high", "column": "wbc", "above": 7.5}]
    cohort = cohort_of(tmp_path, "pat,wbc\n1,4.9\n2,5\n3,7.5\n4,7.6\n5,\n", exclusions=rules)
    assert cohort.frame["id"].tolist() == ["2", "3", "5"]


def test_a_missing_cell_is_not_judged_by_is_not(tmp_path):
    cohort = cohort_of(
        tmp_path, "pat,line\n1,B\n2,\n3,T\n", exclusions=[{"reason": "T", "column": "line", "is_not": ["B"]}]
    )
    assert cohort.frame["id"].tolist() == ["1", "2"]


def test_excluded_rows_are_not_checked_and_positions_stay_those_of_the_file(tmp_path):
    with pytest.raises(CohortError) as raised:
        cohort_of(
            tmp_path,
            "pat,wbc\nbad,x\n2,5\n3,y\n",
            columns={"wbc": "wbc"},
            exclusions=[{"reason": "known fault", "column": "pat", "is": ["bad"]}],
        )
    assert [problem.where for problem in raised.value.problems] == [(3,)]


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"columns": {"agee": "wbc"}}, "Did you mean 'age'?"),
        ({"columns": {"wbc": "wcb"}}, "Did you mean 'wbc'?"),
        ({"codes": {"sexe": {}}}, "Did you mean 'sex'?"),
        ({"columns": {"sex": "wbc"}, "codes": {"sex": {"M": "mal"}}}, "Did you mean 'male'?"),
        ({"missing": {"texts": ["NA"]}}, "Did you mean 'text'?"),
        ({"missing": {"columns": {"wbcc": [1]}}}, "Did you mean 'wbc'?"),
        ({"units": {"wbc": "cells/ul"}}, "Did you mean 'cells/uL'?"),
        ({"dates": {"fromat": "x"}}, "Did you mean 'format'?"),
        ({"dates": {"format": "month/day"}}, "must name year once"),
        ({"columns": {"relapse": "wbc"}}, "dates need dates.diagnosis"),
        ({"fields": {"new": {"kind": "numbr"}}}, "the kind 'numbr' is not known"),
        ({"fields": {"new": {"knd": "number"}}}, "Did you mean 'kind'?"),
        ({"fields": {"new": {"kind": "number", "known_at": "relaps"}}}, "Did you mean 'relapse'?"),
        ({"fields": {"first_event": {"levels": ["a"]}}}, "levels cannot be changed"),
        ({"exclusions": [{"reason": "r", "colum": "wbc", "is": ["1"]}]}, "Did you mean 'column'?"),
        ({"exclusions": [{"reason": "r", "column": "wbc"}]}, "has 0 conditions"),
        ({"exclusions": [{"reason": "r", "column": "wbc", "above": 1, "below": 0}]}, "has 2 conditions"),
        ({"exclusions": [{"column": "wbc", "above": 1}]}, "gives no reason"),
        ({"exclusions": [{"reason": "r", "column": "wbc", "is": "1"}]}, "needs a list of texts"),
        ({"protocol_rule": "AIEOP"}, "Did you mean"),
        ({"protocol_rule": "COG"}, "none of the time points"),
        ({"mrd": [{"timepoint": "TP1"}]}, "lacks day, column"),
        ({"decimal": ";"}, "no decimal sign"),
        ({"missing": {"text": ["M"]}, "codes": {"sex": {"M": "male"}}}, "also declared missing"),
    ],
)
def test_a_fault_of_the_study_names_the_nearest_known_thing(tmp_path, study, said):
    if "AIEOP" in str(study):
        said = "there is no MRD rule"
    with pytest.raises(CohortError) as raised:
        cohort_of(tmp_path, "pat,wbc\n1,5\n", **study)
    assert said in str(raised.value)


def test_a_study_changes_when_a_field_is_known_and_adds_fields(tmp_path):
    cohort = cohort_of(
        tmp_path,
        "pat,arm,f\n1,SR,20\n",
        columns={"risk_arm": "arm", "ferritin": "f"},
        fields={
            "risk_arm": {"known_at": 0.1},
            "ferritin": {"kind": "number", "label": "Ferritin", "unit": "ug/L", "low": 0, "known_at": "remission"},
        },
    )
    assert DICTIONARY["risk_arm"].known_at == 0.25
    assert cohort.known_at("risk_arm") == 0.1
    assert cohort.known_at("ferritin") == "remission"
    assert list(cohort.dictionary) == ["id", "risk_arm", "ferritin"] == list(cohort.frame)
    with pytest.raises(ColumnError, match="no column 'ferritine'"):
        cohort.known_at("ferritine")


def test_a_file_without_identifiers(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("age\n4\n5\n")
    with pytest.raises(CohortError, match="'id' is required"):
        read_cohort(path, columns={"age": "age"})
    cohort = read_cohort(path, columns={"age": "age"}, rows_are_patients=True, origin="transplant")
    assert cohort.frame["id"].tolist() == ["1", "2"]
    assert cohort.provenance.notes == ("the file has no identifiers: every row is taken as one patient",)
    assert cohort.provenance.origin == "transplant"


def test_nothing_changes_a_cohort():
    mine = pd.DataFrame({"id": ["a", "b"], "age": [1.0, 2.0], "sex": ["male", "female"]})
    cohort = cohort_from_frame(mine, simulated=True)
    mine.loc[0, "age"] = 99.0
    seen = cohort.frame
    seen["extra"] = 1
    for column, value in (("age", 50.0), ("sex", "female"), ("id", "z")):
        with pytest.raises(ValueError, match="read-only"):
            seen.loc[0, column] = value
    with pytest.raises(AttributeError):
        cohort.provenance = None
    with pytest.raises(TypeError):
        cohort.dictionary["age"] = DICTIONARY["sex"]
    assert cohort.frame["age"].tolist() == [1.0, 2.0]
    assert cohort.frame["sex"].tolist() == ["male", "female"]
    assert list(cohort.frame) == ["id", "age", "sex"]
    assert repr(cohort) == "Cohort(2 patients, 3 columns, simulated)"


def test_a_cohort_does_not_exist_with_columns_that_its_dictionary_lacks():
    valid = cohort_from_frame(pd.DataFrame({"id": ["a"]}))
    with pytest.raises(InputError, match="not those of the dictionary"):
        Cohort(pd.DataFrame({"id": ["a"], "x": [1]}), valid.dictionary, valid.provenance)


def test_notes_and_rules_of_a_frame_are_kept():
    frame = pd.DataFrame({"id": ["a"], "ikzf1_class": ["ik6"]})
    kept = cohort_from_frame(frame, notes=["simulated"], rules=["hazards, version 1"]).provenance
    assert kept.notes == ("simulated",)
    assert kept.rules == (
        "hazards, version 1",
        "ikzf1_deletion: from ikzf1_class, a gain is not a deletion, version 1",
    )


def test_a_frame_is_checked_as_a_file_is():
    extra = {"dose": Field("dose", "number", "Dose", "mg", 0.0, 10.0)}
    cohort = cohort_from_frame(pd.DataFrame({"id": [1, 2], "dose": [0.0, 10.0]}), dictionary=extra)
    assert cohort.frame["id"].tolist() == ["1", "2"]
    with pytest.raises(CohortError, match=r"dose: above 10 mg; row 2\."):
        cohort_from_frame(pd.DataFrame({"id": [1, 2], "dose": [0.0, 10.5]}), dictionary=extra)
    with pytest.raises(CohortError, match="there is no field 'dose'"):
        cohort_from_frame(pd.DataFrame({"id": [1], "dose": [1.0]}))
    with pytest.raises(CohortError, match="a code that was not declared"):
        cohort_from_frame(pd.DataFrame({"id": [1], "sex": ["m"]}))


@pytest.mark.parametrize(
    "parts",
    [
        ("a b", "number", "x"),
        ("a", "numbr", "x"),
        ("a", "number", "x", "", 2.0, 1.0),
        ("a", "number", "x", "", None, None, ("l",)),
        ("a", "ordered", "x"),
        ("a", "category", "x", "", None, None, ("l", "l")),
    ],
)
def test_a_field_that_contradicts_itself_does_not_exist(parts):
    with pytest.raises(InputError):
        Field(*parts)
