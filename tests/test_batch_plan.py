"""What a table's columns reach in a workflow, in which order its rows run, what is theirs."""

from toy_nodes import INT, v1
from unclip_graph.headless.batch.plan import make_plan
from unclip_graph.headless.batch.store import is_file_of
from unclip_graph.headless.batch.table import Row, Table
from unclip_graph.headless.nodeclass import Declarations
from unclip_graph.headless.runner import Job


@v1({"value": INT})
def Number(self, value):
    return (value,)


@v1({"a": INT, "b": INT, "c": INT})
def Add(self, a, b, c):
    return (a + b + c,)


def prompt():
    """3 adds 1 and 2; 4 adds to 3; 5 stands alone."""
    numbers = {id: {"class_type": "Number", "inputs": {"value": 0}} for id in "125"}
    add = {"class_type": "Add", "inputs": {"a": ["1", 0], "b": ["2", 0], "c": 0}}
    more = {"class_type": "Add", "inputs": {"a": ["3", 0], "b": 0, "c": 0}}
    return {**numbers, "3": add, "4": more}


def plan(columns, rows=()):
    table = Table("table.csv", columns, list(rows))
    classes = Declarations({"Number": Number, "Add": Add})
    return make_plan(table, Job("flow", prompt(), None), classes)


def test_a_node_is_reached_by_the_columns_of_all_its_sources():
    found = plan(["4.b", "2.value", "1.value"]).reaching
    assert found == {
        "1": ["1.value"],
        "2": ["2.value"],
        "3": ["2.value", "1.value"],
        "4": ["4.b", "2.value", "1.value"],
        "5": [],
    }


def test_rows_share_what_the_columns_that_reach_it_say():
    made = plan(["4.b", "1.value"])
    one, other = (Row(n, str(n), {"4.b": str(n), "1.value": "7"}) for n in (1, 2))
    assert made.signature("3", one) == made.signature("3", other) == ("7",)
    assert made.signature("4", one) != made.signature("4", other)


def test_rows_that_share_the_most_run_next_to_each_other():
    cells = [("1", "8"), ("2", "7"), ("3", "8"), ("4", "7")]
    rows = [Row(n, str(n), {"4.b": b, "1.value": a}) for n, (b, a) in enumerate(cells, 1)]
    assert [row.number for row in plan(["4.b", "1.value"]).order(rows)] == [1, 3, 2, 4]


def test_a_rows_files_are_told_by_its_whole_id():
    names = ("cat.png", "cat.2.png", "cat.3.safetensors", "cats.png", "ca.png", "cat2.png", "cat")
    assert [name for name in names if is_file_of(name, {"cat"})] == list(names[:3])
