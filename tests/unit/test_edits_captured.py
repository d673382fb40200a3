"""Statements are found by what they say; ambiguous places are refused, and nothing matches its own result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon import registry
from surgeon.edits import ReplaceHeader, ReplaceStatements
from surgeon.patch import Edit, Patch, at_least
from surgeon.rewriting.rewrite import rewrite
from tests import support

GOOD = registry.load(support.GADGETS).patches["gadget-shiny"]
M = "  # m3d-surgeon: mine"


def patch(*edits: Edit) -> Patch:
    expect = at_least(1, zero="there already")
    return replace(GOOD, id="mine", needle=(b"\n",), transforms=edits, expect=expect)


def run(source: str, *edits: Edit) -> str:
    """What edits make of a source; they must not match it again."""
    result = rewrite(source.encode(), [patch(*edits)])
    assert result.failures == {}
    again = rewrite(result.result, [patch(*edits)])
    assert (again.result, again.failures, again.matches) == (result.result, {}, {"mine": 0})
    return result.result.decode()


def refusal(source: str, *edits: Edit) -> str:
    """Why edits are refused; nothing is changed then."""
    result = rewrite(source.encode(), [patch(*edits)])
    assert result.result == source.encode()
    return result.failures["mine"]


CHANGE = ReplaceStatements("C.f", before="x = g(1, 'a')\n", after="x = g(2, 'a')\n")


def in_method(body: str) -> str:
    lines = "".join(f"        {line}\n" if line else "\n" for line in body.splitlines())
    return f"class C:\n    def f(self):\n{lines}\n    def g(self):\n        x = g(1, 'a')\n"


@pytest.mark.parametrize(
    "body",
    [
        "x = g(1, 'a')",
        'x = g(1, "a")',
        "x = g(\n    1,\n    'a',  # why\n)",
        "# above\n\nx = (g(1, 'a'))  # beside",
        "if deep:\n    with deeper:\n        x = g(1, 'a')",
        "try:\n    pass\nexcept E:\n    x = g(1, 'a')",
        "for a in b:\n    pass\nelse:\n    x = g(1, 'a')",
        "if a:\n    pass\nelif b:\n    x = g(1, 'a')",
        "match a:\n    case 1:\n        x = g(1, 'a')",
        "a = 1\nb = 2\nx = g(1, 'a')\nreturn x",
    ],
)
def test_a_statement_is_found_however_it_is_written_and_wherever_it_moved(body: str) -> None:
    result = run(in_method(body), CHANGE)
    assert f"x = g(2, 'a'){M}\n" in result
    assert result.endswith("    def g(self):\n        x = g(1, 'a')\n")


@pytest.mark.parametrize(
    "body",
    [
        "x = g(1, 'b')",
        "y = g(1, 'a')",
        "def inner():\n    x = g(1, 'a')",
        "class Inner:\n    x = g(1, 'a')",
        "if a: x = g(1, 'a')",
    ],
)
def test_another_statement_or_another_scope_is_no_match_and_says_so(body: str) -> None:
    assert (
        refusal(in_method(body), CHANGE) == "C.f: neither `x = g(1, 'a')` nor what it was to become is there"
    )


def test_two_equal_statements_in_one_scope_are_ambiguous() -> None:
    source = in_method("x = g(1, 'a')\nif b:\n    x = g(1, 'a')")
    assert refusal(source, CHANGE) == "C.f: ambiguous, 2 places hold `x = g(1, 'a')`"


def test_a_getter_and_its_setter_share_a_name_and_are_searched_together() -> None:
    getter = "    @property\n    def p(self):\n        return 1\n"
    setter = "    @p.setter\n    def p(self, v):\n        a = v\n"
    source = f"class C:\n{getter}\n{setter}"
    edit = ReplaceStatements("C.p", before="a = v", after="a = 2 * v")
    assert f"a = 2 * v{M}" in run(source, edit)


def test_a_missing_anchor_is_named() -> None:
    assert refusal("x = 1\n", CHANGE) == "there is no C.f"


def test_where_the_change_is_there_already_nothing_is_done() -> None:
    source = in_method("x = g(2, 'a')")
    assert run(source, CHANGE) == source


def test_insertion_keeps_the_context_byte_for_byte() -> None:
    edit = ReplaceStatements("", before="import a\n", after="import a\nimport b\n")
    assert run("import   a   # kept\nx = 1\n", edit) == f"import   a   # kept\nimport b{M}\nx = 1\n"


def test_insertion_above_the_first_statement_stays_below_the_comments_at_the_top() -> None:
    edit = ReplaceStatements("", before="import a\n", after="import b\nimport a\n")
    source = "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\nimport a\n"
    assert run(source, edit) == f"#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\nimport b{M}\nimport a\n"


def test_removal_with_both_neighbours_tells_gone_from_changed() -> None:
    edit = ReplaceStatements("", before="a()\nb()\nc()\n", after="a()\nc()\n")
    assert run("a()\nb()\nc()\n", edit) == "a()\nc()\n"
    assert run("a()\nc()\n", edit) == "a()\nc()\n"
    assert "neither" in refusal("a()\nb(1)\nc()\n", edit)


def test_a_statement_that_is_wrapped_does_not_match_inside_its_own_result() -> None:
    edit = ReplaceStatements("f", before="g()\n", after="if a:\n    g()\n")
    assert run("def f():\n    g()\n", edit) == f"def f():\n    if a:{M}\n        g(){M}\n"


def test_a_neighbour_with_a_body_is_known_by_its_name_or_head() -> None:
    edit = ReplaceStatements(
        "C", before="def f(): ...\n", after="def f(): ...\n\ndef h(self):\n    return 1\n"
    )
    result = run(in_method("x = 1"), edit)
    assert f"        x = 1\n\n    def h(self):{M}\n        return 1{M}\n\n    def g(self):" in result


def test_strings_over_several_lines_keep_their_text_at_any_depth() -> None:
    edit = ReplaceStatements("C.f", before="x = 1\n", after='x = """\n  a\n\\\\\n"""\n')
    result = run(in_method("x = 1"), edit)
    assert f'        x = """\n  a\n\\\\\n"""{M}\n' in result


def test_the_file_s_own_indentation_and_line_ends_are_used() -> None:
    edit = ReplaceStatements("f", before="g()\n", after="if a:\n    g()\n\n    h()\n")
    assert run("def f():\r\n\tg()\r\n", edit) == f"def f():\r\n\tif a:{M}\r\n\t\tg(){M}\r\n\r\n\t\th(){M}\r\n"


def test_comments_above_stay_unless_the_edit_brings_its_own() -> None:
    plain = ReplaceStatements("", before="a()\n", after="b()\n")
    assert run("# why\na()\n", plain) == f"# why\nb(){M}\n"
    own = ReplaceStatements("f", before="a()\n", after="# because\nb()\n")
    assert run("def f():\n    # why\n    a()\n", own) == f"def f():\n    # because{M}\n    b(){M}\n"


@pytest.mark.parametrize(
    ("before", "after", "source", "result"),
    [
        (
            "def f(a): ...",
            "def f(a, b=1): ...",
            "def f( a ):  # c\n    return a\n",
            f"def f(a, b=1):  # c{M}\n    return a\n",
        ),
        (
            "def f(a): ...",
            "@d\ndef f(a): ...",
            "def f(a):\n    return a\n",
            f"@d{M}\ndef f(a):{M}\n    return a\n",
        ),
        (
            "class A: ...",
            "class A(B): ...",
            "# c\nclass A:\n    x = 1\n",
            f"# c\nclass A(B):{M}\n    x = 1\n",
        ),
        (
            "if a: ...",
            "if a and b: ...",
            "if (a):\n    c()\nelse:\n    d()\n",
            f"if a and b:{M}\n    c()\nelse:\n    d()\n",
        ),
        (
            "if b: ...",
            "if c: ...",
            "if a:\n    x()\nelif b:\n    y()\n",
            f"if a:\n    x()\nelif c:{M}\n    y()\n",
        ),
        ("for a in b: ...", "for a in c: ...", "for a in b:\n    x()\n", f"for a in c:{M}\n    x()\n"),
        ("while a: ...", "while b: ...", "while a:\n    x()\n", f"while b:{M}\n    x()\n"),
        ("with a: ...", "with a, b: ...", "with a:\n    x()\n", f"with a, b:{M}\n    x()\n"),
        (
            "except A: ...",
            "except (A, B): ...",
            "try:\n    x()\nexcept A:\n    y()\n",
            f"try:\n    x()\nexcept (A, B):{M}\n    y()\n",
        ),
    ],
)
def test_a_head_is_changed_and_the_body_stays(before: str, after: str, source: str, result: str) -> None:
    assert run(source, ReplaceHeader("", before, after)) == result
    assert run(result, ReplaceHeader("", before, after)) == result


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("if a:\n    x()\nif a:\n    y()\n", "ambiguous"),
        ("if b:\n    x()\n", "neither"),
        ("if a: x()\n", "one-line block"),
        ("def f():\n    if a:\n        x()\n", "neither"),
    ],
)
def test_a_head_that_cannot_be_told_is_refused(source: str, reason: str) -> None:
    assert reason in refusal(source, ReplaceHeader("", "if a: ...", "if a and b: ..."))


def test_nothing_left_of_a_block_is_refused() -> None:
    edit = ReplaceStatements("f", before="a()\n", after="")
    assert "nothing would be left" in refusal("def f():\n    a()\n", edit)


def test_text_that_the_file_s_encoding_has_not_is_refused() -> None:
    edit = ReplaceStatements("", before="a()\n", after="a('\u20ac')\n")
    with pytest.raises(Exception, match="cannot be written"):
        rewrite(b"# coding: latin-1\na()\n", [patch(edit)])


def test_an_insertion_that_must_end_its_block_is_not_put_before_what_came_after_it() -> None:
    edit = ReplaceStatements("f", before="a()\n", after="a()\nreturn 1\n", last=True)
    assert run("def f():\n    a()\n", edit) == f"def f():\n    a()\n    return 1{M}\n"
    assert "neither" in refusal("def f():\n    a()\n    b()\n", edit)
    edit = ReplaceStatements("f", before="a()\n", after="b()\na()\n", first=True)
    assert run("def f():\n    a()\n", edit) == f"def f():\n    b(){M}\n    a()\n"
    assert "neither" in refusal("def f():\n    c()\n    a()\n", edit)


def test_an_import_that_stands_elsewhere_is_not_inserted_again() -> None:
    edit = ReplaceStatements("", before="import a\n", after="import a\nimport b\n")
    source = "import b\nimport a\n"
    assert run(source, edit) == source


def test_a_function_that_stands_elsewhere_is_not_inserted_again() -> None:
    edit = ReplaceStatements("", before="def f(): ...\n", after="def f(): ...\ndef g():\n    return 1\n")
    assert "there is a function g already" in refusal("def g():\n    return 2\ndef f():\n    pass\n", edit)
