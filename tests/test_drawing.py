from __future__ import annotations

from pathlib import Path

import pytest

from stickers.drawing import read_drawing
from stickers.errors import BadStyle

HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"
 xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape">
<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:cc="http://creativecommons.org/ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">
<cc:Work><dc:creator><cc:Agent><dc:title>Ada</dc:title></cc:Agent></dc:creator>
<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/></cc:Work>
</rdf:RDF></metadata>"""


def drawn(tmp_path: Path, body: str, head: str = HEAD) -> Path:
    path = tmp_path / "part.svg"
    path.write_text(f"{head}{body}</svg>", encoding="utf-8")
    return path


def test_layers_are_known_by_inkscapes_label_before_the_id(tmp_path: Path) -> None:
    body = (
        '<g id="g12" inkscape:label="nose"><path d="M0 0L1 1"/></g><g id="eyes"><circle r="1"/></g>'
    )
    drawing = read_drawing(drawn(tmp_path, body))
    assert set(drawing.layers) == {"nose", "eyes"}
    assert (drawing.author, drawing.title) == ("Ada", "part")


def test_an_editors_style_attribute_counts_as_attributes(tmp_path: Path) -> None:
    body = '<g id="nose"><path d="M0 0" style="fill:#ABC;stroke:rgb(1,2,3);-x-y:z"/></g>'
    (path,) = read_drawing(drawn(tmp_path, body)).layers["nose"].children
    assert (path.get("fill"), path.get("stroke")) == ("#aabbcc", "#010203")


def test_paint_on_a_group_is_handed_down_but_opacity_is_not(tmp_path: Path) -> None:
    body = """<g id="nose" fill="#123456" opacity="0.5"><g stroke="red"><path d="M0 0"/></g>
    <path d="M1 1" fill="none"/></g>"""
    nose = read_drawing(drawn(tmp_path, body)).layers["nose"]
    first, second = (n for n in nose.walk() if n.tag == "path")
    assert (first.get("fill"), first.get("stroke")) == ("#123456", "#ff0000")
    assert (second.get("fill"), second.get("stroke")) == ("none", "")
    assert (nose.get("opacity"), nose.get("fill"), first.get("opacity")) == ("0.5", "", "")


def test_hidden_objects_and_guides_are_not_drawn(tmp_path: Path) -> None:
    body = """<g id="headwear_front"><path id="keep-hair_front" d="M0 0"/>
    <path d="M1 1" style="display:none"/><path d="M2 2"/></g>"""
    drawing = read_drawing(drawn(tmp_path, body))
    assert [n.get("d") for n in drawing.layers["headwear_front"].children] == ["M2 2"]
    assert set(drawing.guides) == {"keep-hair_front"}


def test_clips_are_carried_with_what_they_clip(tmp_path: Path) -> None:
    body = """<g id="eyes"><clipPath id="c"><circle r="5"/></clipPath>
    <g clip-path="url(#c)"><path d="M0 0"/></g></g>"""
    (group,) = read_drawing(drawn(tmp_path, body)).layers["eyes"].children
    assert [n.tag for n in group.clip] == ["circle"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<g id="nose"><text>x</text></g>', "<text>"),
        ('<g id="nose"><image xlink:href="a.png"/></g>', "<image>"),
        ('<g id="nose"><path d="M0 0" fill="url(#g)"/></g>', "plain colour"),
        ('<g id="nose"><path d="M0 0" filter="url(#f)"/></g>', "filter"),
        ('<g id="nose"><path d="M0 0" class="a"/></g>', "class"),
        ('<g id="nose"><g clip-path="url(#gone)"/></g>', "points to nothing"),
        ('<path d="M0 0"/>', "outside the layers"),
        ("<g>", "not a readable SVG"),
    ],
)
def test_what_renderers_differ_on_is_refused(tmp_path: Path, body: str, complaint: str) -> None:
    with pytest.raises(BadStyle, match=complaint) as told:
        read_drawing(drawn(tmp_path, body))
    assert "part.svg" in str(told.value)
    assert told.value.hint


def test_every_file_names_its_author_and_licence(tmp_path: Path) -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">'
    with pytest.raises(BadStyle, match="author"):
        read_drawing(drawn(tmp_path, "", head))


def test_the_page_is_512(tmp_path: Path) -> None:
    with pytest.raises(BadStyle, match="512 x 512"):
        read_drawing(drawn(tmp_path, "", HEAD.replace("512 512", "100 100")))
