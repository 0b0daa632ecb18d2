"""Values written into a workflow as the editor saves it."""

from toy_nodes import INT, v1
from unclip_graph.headless.formats.assign import assign
from unclip_graph.headless.nodeclass import Declarations


@v1({"value": INT})
def Number(self, value):
    return (value,)


def test_a_link_that_a_value_replaces_is_gone_from_every_place_and_no_other_is():
    def number(id, link=None, *links):
        slot = {"name": "value", "type": "INT", "link": link, "widget": {"name": "value"}}
        outputs = [{"name": "INT", "type": "INT", "links": list(links)}]
        node = {"id": id, "type": "Number", "widgets_values": [id], "inputs": [slot]}
        return {**node, "outputs": outputs}

    links = [[10, 1, 0, 2, 0, "INT"], [11, 1, 0, 3, 0, "INT"]]
    flow = {"nodes": [number(1, None, 10, 11), number(2, 10), number(3, 11)], "links": links}
    assign(flow, Declarations({"Number": Number}), "2", "value", 5)
    one, two, three = flow["nodes"]
    assert flow["links"] == [links[1]]
    assert one["outputs"][0]["links"] == [11]
    assert (two["inputs"][0]["link"], two["widgets_values"]) == (None, [5])
    assert (three["inputs"][0]["link"], three["widgets_values"]) == (11, [3])
