"""The web app's page: layout and wiring. What happens on it is `stickers.web.visit`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from stickers.avatar import default_avatar
from stickers.errors import PhotoNotFound
from stickers.traits import TRAITS
from stickers.web import visit
from stickers.web.markup import said_html
from stickers.web.studio import GROUPS, choices, title
from stickers.web.visit import QUESTIONS, Session

MANY = 13
"""Above so many values a picker is a drop-down."""
AT_ONCE = 2
"""How many photos are read, or packs drawn, at the same time."""

HELLO = """# Stickers of you
Show me a selfie, and I draw you a pack of stickers. Change whatever you like, then send them.

Your photo is looked at once, by the computer that runs this page, and deleted at once."""


class Page:
    """The parts of the page, by name, and the functions that are called between them."""

    def __init__(self, app: gr.Blocks) -> None:
        self.parts: dict[str, Any] = {"session": gr.State(None)}
        gr.Markdown(HELLO, elem_id="title")
        with gr.Row():
            with gr.Column(scale=2, min_width=300, elem_id="you"):
                self.parts["portrait"] = gr.HTML(visit.example(), elem_id="portrait")
                self.parts["said"] = gr.HTML(said_html("", "This could be you."), elem_id="said")
            with gr.Column(scale=3, min_width=300):
                self._start()
                with gr.Column(visible=False) as self.parts["change"]:
                    self._editor()
        with gr.Column(visible=False) as self.parts["made"]:
            self._results()
        self._wire(app)

    def _start(self) -> None:
        with gr.Accordion("Start with a selfie", open=True) as self.parts["start"]:
            self.parts["photo"] = gr.Image(
                sources=["upload", "webcam", "clipboard"],
                label="Your selfie",
                height=300,
                buttons=[],
                elem_id="photo",
                placeholder="Drop a selfie here\nor click to choose one",
            )
            self.surprise = gr.Button("No photo? Surprise me", elem_id="surprise")

    def _editor(self) -> None:
        for number in range(QUESTIONS):
            name = f"ask-{number}"
            self.parts[name] = gr.Radio(visible=False, elem_id=name, elem_classes=["question"])
        with gr.Tabs(overflow_behavior="wrap"):
            for heading, pickers in GROUPS.items():
                with gr.Tab(heading):
                    for name in pickers:
                        self.parts[f"pick-{name}"] = _picker(name)

    def _results(self) -> None:
        gr.Markdown("## Your stickers\nChoose one to save it, or take them all.")
        self.zip = gr.Button("Download all (zip)", variant="primary", elem_id="zip")
        self.file = gr.DownloadButton(visible="hidden", elem_id="zip-file")
        self.pack = gr.HTML(elem_id="pack")
        code: dict[str, Any] = {"buttons": ["copy"], "interactive": False, "min_width": 300}
        with gr.Row():
            self.link = gr.Textbox(label="Share link", elem_id="link", scale=2, **code)
            self.parts["code"] = gr.Textbox(label="Share code", elem_id="code", **code)

    def _wire(self, app: gr.Blocks) -> None:
        parts, shown = self.parts, list(self.parts.values())
        session, code = parts["session"], parts["code"]
        pickers = [part for name, part in parts.items() if name.startswith("pick-")]
        slow: dict[str, Any] = {"concurrency_id": "slow", "concurrency_limit": AT_ONCE}
        new: dict[str, Any] = {"outputs": shown, "show_progress_on": parts["portrait"]}
        # Always the last: of many quick changes, those in between need not be drawn.
        quick: dict[str, Any] = {"outputs": shown, "trigger_mode": "always_last"}
        quick |= {"show_progress": "hidden"}
        app.load(self._open, api_name="open", **new)
        parts["photo"].input(
            self._look,
            [parts["photo"], session],
            api_name="look",
            preprocess=False,  # the file as it came, for `load_photo` to judge
            **new,
            **slow,
        )
        self.surprise.click(self._make_up, [], api_name="make_up", **new)
        edits = [picker.input for picker in pickers]
        gr.on(edits, self._edit, [session, *pickers], api_name="edit", **quick)
        for number in range(QUESTIONS):
            part = parts[f"ask-{number}"]
            part.input(
                self._answer(number),
                [session, part],
                api_name=f"answer_{number}",
                **quick,
            )
        code.change(
            visit.stickers_html,
            session,
            self.pack,
            show_progress="minimal",
            api_name="draw",
            **slow,
        )
        code.change(None, code, self.link, js="(code) => stickersLink(code)")
        self.zip.click(
            _save, session, self.file, show_progress_on=self.zip, api_name="save", **slow
        ).then(None, js="() => stickersSave()")

    def _open(self, request: gr.Request) -> dict[Any, Any]:
        return self._shown(visit.open_link(str(request.query_params.get("avatar", ""))))

    def _look(self, photo: Mapping[str, Any] | None, session: Session | None) -> dict[Any, Any]:
        if photo is None:
            return self._shown({})
        try:
            shown = visit.look(_taken(photo), session)
        except PhotoNotFound as exc:
            shown = visit.sorry(exc, session)
        return self._shown({**shown, "photo": None})

    def _make_up(self) -> dict[Any, Any]:
        return self._shown(visit.make_up())

    def _edit(self, session: Session | None, *values: Any) -> dict[Any, Any]:
        names = [name for pickers in GROUPS.values() for name in pickers]
        return self._shown(visit.edit(session, dict(zip(names, values, strict=True))))

    def _answer(self, number: int) -> Callable[[Session, str], dict[Any, Any]]:
        return lambda session, value: self._shown(visit.answer(session, number, value))

    def _shown(self, shown: visit.Shown) -> dict[Any, Any]:
        """``shown`` in Gradio's terms, which need at least one part."""
        updates = {
            self.parts[name]: gr.update(**what) if isinstance(what, visit.Props) else what
            for name, what in shown.items()
        }
        return updates or {self.parts["said"]: gr.skip()}


def _picker(name: str) -> Any:
    style = visit.catalog().style
    options: dict[str, Any] = {
        "choices": choices(name, default_avatar(style)),
        "label": title(name),
        "elem_id": f"pick-{name}",
    }
    if name in TRAITS and TRAITS[name].many:
        return gr.CheckboxGroup(**options)
    if len(options["choices"]) > MANY:
        return gr.Dropdown(**options)
    return gr.Radio(**options, elem_classes=["swatched"] if name in style.keys else [])


def _taken(photo: Mapping[str, Any]) -> bytes:
    """The bytes of a photo that Gradio took; its file is deleted.

    Raises:
        PhotoNotFound: the file is gone, or none of those that Gradio took.
    """
    folder = Path(get_upload_folder()).resolve()
    path = Path(photo.get("path") or "").resolve()
    if folder not in path.parents:
        raise PhotoNotFound("no photo has come", hint="choose it again")
    try:
        return path.read_bytes()
    except OSError as exc:
        raise PhotoNotFound(f"the photo is gone ({exc.strerror})", hint="choose it again") from None
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # its folder goes too, unless somebody else's is in it
            path.parent.rmdir()


def _save(session: Session) -> str:
    """The pack's zip, where Gradio can send it from; `TIDY` says when it is deleted."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    path = folder / "stickers.zip"
    path.write_bytes(visit.zip_of(session))
    return str(path)
