"""Names of sites, sets of genes and of peptides: the answers are written down beside the names."""

import pandas as pd
import pytest

import ikzf1_outcomes as iko

SITES = {
    "STAT5_Y694": ("STAT5A/STAT5B", "Y694", "STAT5A Y694; STAT5B Y699", ""),
    "CYTH1_S394": ("CYTH1", "S394", None, ""),
    "Cytohesin-2_S392": ("CYTH2", "S392", None, ""),
    "ERK1/2 T202/Y204": ("MAPK3/MAPK1", "T202/Y204", "MAPK3 T202/Y204; MAPK1 T185/Y187", ""),
    "p27 T187": ("CDKN1B", "T187", "CDKN1B T187", ""),
    "GSK3a/b S21/S9": ("GSK3A/GSK3B", "S21/S9", "GSK3A S21; GSK3B S9", ""),
    "GSK3α/β_S21/S9": ("GSK3A/GSK3B", "S21/S9", "GSK3A S21; GSK3B S9", ""),
    "RB1_S807/811": ("RB1", "S807/S811", "RB1 S807/S811", ""),
    "phospho-Src_Y416": ("SRC", "Y416", "SRC Y419", ""),
    "AKT1:pS473": ("AKT1", "S473", "AKT1 S473", ""),
    "XYZ9_S10": (None, "S10", None, "protein not known"),
    "STAT5": ("STAT5A/STAT5B", None, None, "no site in the name"),
    "AKT1_301_313": ("AKT1", None, None, "a stretch of residues, no site"),
    "RB1_A12": (None, None, None, "no site in the name"),
    "": (None, None, None, "no name"),
    None: (None, None, None, "no name"),
}


@pytest.mark.parametrize("name", SITES)
def test_a_name_is_read_or_has_a_note(name):
    row = iko.parse_sites([name]).iloc[0]
    assert tuple(row[["gene", "residue", "isoform_residue", "note"]]) == SITES[name]


def test_all_names_at_once_are_read_as_each_alone():
    together = iko.parse_sites(SITES)
    alone = pd.concat([iko.parse_sites([name]) for name in SITES], ignore_index=True)
    assert together.astype(str).equals(alone.astype(str))


def test_every_blotted_site_is_read_as_its_table_has_it():
    table = iko.blot_sites()
    read = iko.parse_sites(table["site"])
    for column in ("gene", "residue", "isoform_residue"):
        assert read[column].tolist() == table[column].tolist()
    assert (read["note"] == "").all()


def test_ones_own_proteins_and_symbols():
    read = iko.parse_sites(["ABC_S1", "Def1_T2"], proteins={"abc": "ABCA1"}, symbols=["DEF1"])
    assert read["gene"].tolist() == ["ABCA1", "DEF1"]


PEPTIDES = pd.DataFrame({"peptide": list("abcdef"), "gene": ["STAT5A/STAT5B", "syk", None, "SRC", "SYK;LYN", "CYTH1"]})


def test_peptides_of_the_carried_pathways():
    # SRC is in two of them; CYTH1 in none
    assert iko.pathway_sets(PEPTIDES) == {"BCR": ("b", "d", "e"), "JAK/STAT5": ("a",), "adhesion/FAK": ("d",)}
    assert iko.pathway_sets(PEPTIDES, least=2) == {"BCR": ("b", "d", "e")}


def test_coverage_counts_genes_and_peptides_once():
    sets = {"one": ["SYK", "LYN", "BTK"], "two": ["STAT5A", "STAT5B"], "none": ["XYZ"]}
    table = iko.pathway_coverage(PEPTIDES.set_index("peptide"), sets)
    assert table.drop(columns="note").values.tolist() == [["one", 3, 2, 2], ["two", 2, 2, 1], ["none", 1, 0, 0]]
    assert table["note"].tolist() == ["", "", "no peptide"]
    assert iko.pathway_sets(PEPTIDES, sets) == {"one": ("b", "e"), "two": ("a",)}


def test_the_carried_genes_say_where_they_are_from():
    genes = iko.pathway_genes()
    assert list(genes["pathway"].unique()) == ["BCR", "MAPK", "PI3K/AKT/mTOR", "JAK/STAT5", "adhesion/FAK", "cell cycle"]
    assert not genes.duplicated(["pathway", "gene"]).any()
    assert set(genes["status"]) == {"S", "R+", "R"}
    assert (genes.loc[genes["status"] != "S", "remark"] != "").all()


def test_gmt_and_the_map_of_kinases(tmp_path):
    file = tmp_path / "sets.gmt"
    file.write_text("one\tabout\tSYK\tLYN\tSYK\t\n\ntwo\t\tJAK2\n", encoding="utf-8")
    assert iko.read_gmt(file) == {"one": ("SYK", "LYN"), "two": ("JAK2",)}
    kinases = tmp_path / "map.csv"
    kinases.write_text("Substrates,Kinases\np1,B A\np2,A A\n", encoding="utf-8")
    assert iko.read_kinase_map(kinases) == {"A": ("p1", "p2"), "B": ("p1",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no set"),
        ("one\tabout\n", "lines\\); row 1"),
        ("\tabout\tSYK\n", "without a name"),
        ("one\t\tSYK\none\t\tLYN\n", "there twice \\(lines\\); row 2"),
    ],
)
def test_gmt_files_that_are_none(tmp_path, text, message):
    file = tmp_path / "sets.gmt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(iko.InputError, match=message):
        iko.read_gmt(file)


def test_refusals():
    with pytest.raises(iko.InputError, match="no file"):
        iko.read_gmt("nowhere.gmt")
    with pytest.raises(iko.ColumnError, match="no column 'gene'"):
        iko.pathway_sets(PEPTIDES.drop(columns="gene"))
    with pytest.raises(iko.InputError, match="no peptide has a gene"):
        iko.pathway_sets(PEPTIDES.assign(gene=None))
    with pytest.raises(iko.InputError, match="there twice; rows 1, 7"):
        iko.pathway_sets(pd.concat([PEPTIDES, PEPTIDES.iloc[[0]]]))
    with pytest.raises(iko.InputError, match="names with their genes"):
        iko.pathway_sets(PEPTIDES, {"JAK": "JAK2"})
    with pytest.raises(iko.InputError, match="are a list"):
        iko.parse_sites("STAT5_Y694")
    with pytest.raises(iko.InputError, match="no names"):
        iko.parse_sites([])
