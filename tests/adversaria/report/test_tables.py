"""What tables of several runs have in common."""

from adversaria.report import tables


def test_a_mean_is_of_the_values_that_are_there() -> None:
    assert tables.mean([1.0, None, 2.0]) == 1.5
    assert tables.mean([None]) is None


def test_a_spread_has_a_standard_deviation_where_there_are_several_values() -> None:
    assert tables.spread([1.0, 2.0, None]) == "1.5 ± 0.71"
    assert tables.spread([0.5, 0.7], ".3f", ".3f") == "0.600 ± 0.141"
    assert tables.spread([None, 2.0]) == "2"
    assert tables.spread([]) == ""


def test_bars_within_a_cell_do_not_end_it() -> None:
    assert tables.markdown(["a", "b"], [["1", "x | y"]]) == "| a | b |\n| --- | --- |\n| 1 | x \\| y |\n"


def test_none_is_an_empty_field() -> None:
    assert tables.csv_text(["a", "b"], [[None, 0.5], ["x, y", ""]]) == 'a,b\n,0.5\n"x, y",\n'


def test_a_spreadsheet_computes_nothing() -> None:
    rows = [["=1+1", "+a", "-b", "@c", "\td"], ["-1", "+2.5", "-1e-3", "a=b", -3]]
    text = tables.csv_text(["=x", "y"], rows)
    assert text == "'=x,y\n'=1+1,'+a,'-b,'@c,'\td\n-1,+2.5,-1e-3,a=b,-3\n"


def test_no_text_opens_a_block_of_code() -> None:
    assert tables.escaped("~~~ and ```") == r"\~\~\~ and \`\`\`"
