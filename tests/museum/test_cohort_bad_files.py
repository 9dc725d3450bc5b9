"""Patient files that must not pass, and messages that must not tell who or what is in them."""

import openpyxl
import pandas as pd
import pytest

from ikzf1_outcomes.cohort import cohort_from_frame, read_cohort
from ikzf1_outcomes.cohort.reading import read_table
from ikzf1_outcomes.errors import CohortError, InputError

STUDY = {
    "columns": {
        "id": "pat",
        "sex": "sex",
        "wbc": "wbc",
        "remission": "cr",
        "relapse": "rel",
        "death": "died",
        "last_contact": "seen",
    },
    "codes": {"sex": {"M": "male", "F": "female"}},
    "dates": {"format": "month/day/year", "diagnosis": "dx"},
    "missing": {"text": ["NA"]},
}
HEADER = "pat,sex,wbc,dx,cr,rel,died,seen\n"
GOOD = "SECRET1,M,12.5,1/2/2003,2/3/2003,,,4/5/2009\n"


def problems_of(tmp_path, rows, **changes):
    path = tmp_path / "patients.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(CohortError) as raised:
        read_cohort(path, **{**STUDY, **changes})
    return raised.value


def test_the_good_row_passes(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text(HEADER + GOOD)
    cohort = read_cohort(path, **STUDY)
    assert len(cohort) == 1
    assert cohort.frame["first_event"].tolist() == ["none"]


def test_all_problems_at_once_without_a_name_a_date_or_a_value(tmp_path):
    rows = (
        GOOD
        + "SECRET1,M,31337.25,1/2/2003,2/3/2003,,,4/5/2009\n"  # the same identifier; a count out of range
        + "SECRET2,Q77,fast,1/2/2003,2/3/2003,,,4/5/2009\n"  # an undeclared code; a number in words
        + "SECRET3,F,5,1/2/2003,2/3/2003,8/9/2006,7/8/2005,8/9/2006\n"  # dead before the relapse
        + "SECRET4,F,5,1/2/2003,2/3/2003,11/12/2001,,4/5/2009\n"  # relapsed before the diagnosis
        + "SECRET5,F,5,1/2/2003,2/3/2003,,,\n"  # no status
        + "SECRET6,F,5,1/2/2003,2003-13-45,,,4/5/2009\n"  # no date
        + ",F,5,1/2/2003,2/3/2003,,,4/5/2009\n"  # nobody
        + "SECRET7,F,5,,2/3/2003,,,4/5/2009\n"  # no diagnosis
    )
    error = problems_of(tmp_path, rows)
    found = {problem.problem: problem.where for problem in error.problems}
    assert found == {
        "id: rows that share one identifier": (1, 2),
        "id: the identifier is missing": (8,),
        "wbc: above 10000 10^9/L": (2,),
        "column 'sex': a code that was not declared": (3,),
        "column 'wbc': not a finite number": (3,),
        "death before relapse": (4,),
        "relapse: a negative time (before diagnosis)": (5,),
        "no event and no last contact": (6,),
        "column 'cr' (remission): not a date written as dates.format says": (7,),
        "the date of diagnosis is missing where other dates are given": (9,),
    }
    text = str(error) + repr(error)
    for secret in ("SECRET", "31337", "Q77", "fast", "2003", "2005", "2006", "2001", "2009", "-13-", "12.5"):
        assert secret not in text
    assert isinstance(error, InputError)


def test_two_patients_with_one_identifier_are_found_by_position(tmp_path):
    error = problems_of(tmp_path, GOOD + GOOD.replace("SECRET1", "SECRET2") + GOOD)
    (problem,) = error.problems
    assert problem.where == (1, 3)
    assert "exclusion" in problem.next_step


def test_a_broken_date_is_reported_once(tmp_path):
    error = problems_of(tmp_path, "SECRET1,M,5,1/2/2003,,,,soon\n")
    assert [problem.problem for problem in error.problems] == [
        "column 'seen' (last_contact): not a date written as dates.format says"
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n\n", "is empty"),
        ("header.csv", b"pat,sex\n", "column names and no patient"),
        ("twice.csv", b"pat,sex,sex\n1,M,M\n", "repeats a column name, in the named columns 2, 3"),
        ("long.csv", b"pat,sex\n1,M\n2,F,5\n", "more or fewer cells than the header; row 2"),
        ("short.csv", b"pat,sex\n1,M\n2\n", "more or fewer cells than the header; row 2"),
        ("quote.csv", b'pat,sex\n1,"M\n', "quotation mark that is never closed"),
        ("semicolon.csv", b"pat;sex\n1;M\n", "holds another delimiter"),
        ("utf16.csv", "pat,sex\n1,M\n".encode("utf-16"), "not text in the encoding"),
        ("nameless.csv", b",\n1,2\n", "has no named column"),
        ("notes.docx", b"x", "of no known format"),
        ("fake.xlsx", b"pat,sex\n1,M\n", "cannot be read as Excel"),
        ("fake.sav", b"pat,sex\n1,M\n", "cannot be read as sav"),
        ("fake.xpt", b"pat,sex\n1,M\n", "cannot be read as xpt"),
        ("fake.sas7bdat", b"pat,sex\n1,M\n", "cannot be read as sas7bdat"),
        ("fake.parquet", b"pat,sex\n1,M\n", "cannot be read as parquet"),
    ],
)
def test_files_that_are_no_table(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said) as raised:
        read_table(tmp_path / name)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_without_a_header_does_not_show_its_first_patient(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("SECRET1,M,1/2/2003,1/2/2003\nSECRET2,F,1/3/2003,1/4/2003\n")
    with pytest.raises(InputError, match="repeats a column name") as raised:
        read_cohort(path, **STUDY)
    assert "2003" not in str(raised.value)
    path.write_text("SECRET1,M,1/2/2003\nSECRET2,F,1/3/2003\n")
    with pytest.raises(CohortError, match="no column 'pat' in the file") as raised:
        read_cohort(path, **STUDY)
    assert "SECRET" not in str(raised.value)
    assert "2003" not in str(raised.value)


def test_an_unreadable_date_of_diagnosis_is_reported_once(tmp_path):
    error = problems_of(tmp_path, "SECRET1,M,5,soon,2/3/2003,,,4/5/2009\n")
    assert [problem.problem for problem in error.problems] == [
        "column 'dx' (diagnosis): not a date written as dates.format says"
    ]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"there is no file 'patients\.csv'") as raised:
        read_table(tmp_path / "patients.csv")
    assert str(tmp_path) not in str(raised.value)
    (tmp_path / "patients.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="not an Excel file"):
        read_table(tmp_path / "patients.csv", sheet="x")


def test_an_empty_sheet(tmp_path):
    openpyxl.Workbook().save(tmp_path / "empty.xlsx")
    with pytest.raises(InputError):
        read_table(tmp_path / "empty.xlsx")


def test_a_formula_in_a_text_file_is_text(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text('pat,arm\n=cmd(),"=HYPERLINK(""http://x"")"\n')
    cohort = read_cohort(path, columns={"id": "pat", "risk_arm": "arm"})
    assert cohort.frame["id"].tolist() == ["=cmd()"]
    assert cohort.frame["risk_arm"].tolist() == ['=HYPERLINK("http://x")']


def test_an_excel_formula_without_a_result_is_an_error_not_a_missing_value(tmp_path):
    book = openpyxl.Workbook()
    for row in (["pat", "wbc"], ["a", 5], ["b", "=1+1"]):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    with pytest.raises(InputError, match="formulas without a stored result; row 2"):
        read_table(tmp_path / "book.xlsx")


def test_one_patient_with_nothing_known(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("pat,sex,wbc,arm,down,seen\n1,,,,,\n")
    cohort = read_cohort(
        path,
        columns={"id": "pat", "sex": "sex", "wbc": "wbc", "risk_arm": "arm", "down": "down", "last_contact": "seen"},
        fields={"down": {"kind": "flag"}},
        units={"last_contact": "days"},
        decimal=",",
    )
    assert len(cohort) == 1
    assert cohort.frame.drop(columns="id").isna().all(axis=None)


def test_everybody_excluded(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text(HEADER + GOOD)
    with pytest.raises(InputError, match="no patient is left"):
        read_cohort(path, **STUDY, exclusions=[{"reason": "men", "column": "sex", "is": ["M"]}])


def test_a_limit_on_words_is_an_error_by_row(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("pat,age\n1,grandfather\n2,5\n")
    with pytest.raises(CohortError, match=r"exclusion 1: column 'age' holds no number; row 1\.") as raised:
        read_cohort(path, columns={"id": "pat"}, exclusions=[{"reason": "old", "column": "age", "above": 18}])
    assert "grandfather" not in str(raised.value)


def test_infinite_and_not_a_number_in_a_frame():
    with pytest.raises(CohortError, match="column 'wbc': not a finite number; row 2"):
        cohort_from_frame(pd.DataFrame({"id": ["a", "b"], "wbc": [1.0, float("inf")]}))


def test_an_empty_frame():
    with pytest.raises(InputError, match="no rows"):
        cohort_from_frame(pd.DataFrame({"id": []}))


def test_ten_thousand_columns_are_read_and_few_are_kept(tmp_path):
    width = 10_000
    path = tmp_path / "wide.csv"
    names = ",".join(f"gene{k}" for k in range(width))
    rows = "\n".join(f"p{k},{k % 15}," + ",".join(["0.5"] * width) for k in range(60))
    path.write_text(f"pat,age,{names}\n{rows}\n")
    cohort = read_cohort(path, columns={"id": "pat", "age": "age"})
    assert list(cohort.frame) == ["id", "age"]
    assert len(cohort) == 60


def test_hundreds_of_fields_fit_in_a_cohort(tmp_path):
    width = 300
    path = tmp_path / "wide.csv"
    path.write_text("pat," + ",".join(f"g{k}" for k in range(width)) + "\n" + "p1," + ",".join(["0.5"] * width) + "\n")
    genes = {f"g{k}": f"g{k}" for k in range(width)}
    cohort = read_cohort(path, columns={"id": "pat", **genes}, fields={name: {"kind": "number"} for name in genes})
    assert cohort.frame.shape == (1, width + 1)
