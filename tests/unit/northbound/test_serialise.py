"""Answers as JSON and XML."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.northbound.cloudstack.serialise import VERSION, to_json, to_xml

names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(st.dictionaries(names, inner, max_size=3), max_size=3)
        | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(names, values))
def test_json_holds_the_answer_under_one_key(answer: dict[str, Any]) -> None:
    assert json.loads(to_json("xresponse", answer)) == {"xresponse": answer}


@given(st.dictionaries(names, values))
def test_xml_can_always_be_parsed(answer: dict[str, Any]) -> None:
    root = ElementTree.fromstring(to_xml("xresponse", answer))
    assert root.tag == "xresponse"
    assert root.attrib == {"cloud-stack-version": VERSION}


def test_items_of_a_list_repeat_the_element() -> None:
    answer = {"count": 2, "zone": [{"name": "a<b>&", "on": True}, {"name": "", "tags": []}]}
    text = to_xml("listzonesresponse", answer).decode()
    assert text.endswith(
        "<count>2</count><zone><name>a&lt;b&gt;&amp;</name><on>true</on></zone>"
        "<zone><name></name></zone></listzonesresponse>"
    )


def test_what_xml_cannot_hold_is_replaced() -> None:
    root = ElementTree.fromstring(to_xml("x", {"a": "b\x00\x0b\ufffe"}))
    assert root.findtext("a") == "b\ufffd\ufffd\ufffd"
