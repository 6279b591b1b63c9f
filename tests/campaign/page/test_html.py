"""Pages as text: hashes, JSON that stays in its element, and scripts that other programs read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff.campaign import Store
from discdiff.campaign.page import html
from discdiff.campaign.page.html import embedded
from discdiff.campaign.report import SCRIPTS, render_report
from tests.campaign.page.runs import HOSTILE, fill, settings


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    with Store.create(tmp_path_factory.mktemp("runs") / "run", settings()) as store:
        fill(store)
        return render_report(store, lambda string: None)


TEXTS = st.text() | st.sampled_from(HOSTILE)


@given(st.recursive(TEXTS, lambda x: st.lists(x) | st.dictionaries(TEXTS, x), max_leaves=5))
def test_embedded_json_reads_back_and_ends_no_element(values):
    found = str(embedded(values))
    assert json.loads(found) == values
    assert not set("<>&\u2028\u2029") & set(found)


def test_the_policy_allows_what_is_in_the_page_by_its_hash_and_nothing_else(text):
    policy = unescape(re.search(r'Content-Security-Policy" content="(.*?)"', text)[1])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for kind, pattern in (
        ("style-src", "<style>(.*?)</style>"),
        ("script-src", "<script>(.*?)</script>"),
    ):
        (inside,) = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<title")


def test_the_script_never_makes_markup_of_text(text):
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in script


def test_every_asset_is_used():
    assets = html.resources.files("discdiff.campaign.page").joinpath("assets")
    assert {found.name for found in assets.iterdir()} == {*SCRIPTS, "page.css"}


def test_the_scripts_are_javascript(tmp_path, text):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node is installed")
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    path = tmp_path / "page.js"
    path.write_text(script)
    done = subprocess.run([node, "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
