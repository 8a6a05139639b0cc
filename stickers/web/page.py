"""The web app's page: layout and wiring. What happens on it is `stickers.web.visit`."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from stickers.compose import compose
from stickers.errors import PhotoNotFound, PhotoTooLarge
from stickers.web import visit
from stickers.web.markup import examples_html, intake_html, portrait_html, said_html, title_html
from stickers.web.pictures import catalog
from stickers.web.session import Session

AT_ONCE = 2
"""How many photos are looked at at the same time."""

BEGINNINGS = frozenset({"take", "surprise", "random"})
"""Events that need no session."""

Said = Mapping[str, Any]
"""What the page's script says of an event."""


class Page:
    """The parts of the page, by name, and the functions that are called between them."""

    def __init__(self, app: gr.Blocks) -> None:
        self.parts: dict[str, Any] = {"session": gr.State(None)}
        _html("title", title_html())
        with gr.Row():
            with gr.Column(scale=2, min_width=300, elem_id="you"):
                self._you()
            with gr.Column(scale=3, min_width=300):
                self._start()
                with gr.Column(visible=False, elem_id="change") as self.parts["change"]:
                    self.parts["asked"] = _own("asked", "choices")
                    self.parts["editor"] = _own("editor", "choices")
        with gr.Column(visible=False, elem_id="made") as self.parts["made"]:
            self._results()
        self._wire(app)

    def _you(self) -> None:
        example = compose(visit.examples()[0], catalog()).svg
        self.parts["portrait"] = _html("portrait", portrait_html(example, ""))
        self.parts["said"] = _html("said", said_html("", "This could be you."))
        with gr.Row(visible=False, elem_id="steps") as self.parts["steps"]:
            for name in ("undo", "redo", "reset"):
                self.parts[name] = _small(name, interactive=False)
            self.random = _small("random")

    def _start(self) -> None:
        with gr.Accordion("Start with a selfie", open=True, elem_id="start") as self.parts["start"]:
            self.intake = _own("intake", "intake", intake_html())
            self.examples = _own("examples", "examples", examples_html(visit.examples()))
            self.surprise = gr.Button("Surprise me", elem_id="surprise")
        self.parts["found"] = _own("found", "faces")

    def _results(self) -> None:
        _html("stickers", "<h2>Your stickers</h2><p>Tap one to save it. Say what you like.</p>")
        self.parts["gallery"] = _own("gallery", "gallery")
        _html("sending", "<h2>Send them</h2>")
        with gr.Row():
            with gr.Column(min_width=300):
                self.parts["send"] = _html("send")
            with gr.Column(min_width=300):
                copied: dict[str, Any] = {"buttons": ["copy"], "interactive": False}
                self.link = gr.Textbox(
                    label="Link to this avatar",
                    info="Rebuilds it from its code alone, without your photo.",
                    elem_id="link",
                    **copied,
                )
                self.parts["code"] = gr.Textbox(label="Its code", elem_id="code", **copied)

    def _wire(self, app: gr.Blocks) -> None:
        parts, session = self.parts, self.parts["session"]
        code = parts["code"]
        # One at a time and in order: each takes milliseconds, and none is overtaken.
        self.quick: dict[str, Any] = {"concurrency_id": "quick", "concurrency_limit": 1}
        self.quick |= {"show_progress": "hidden"}
        app.load(self._open, outputs=list(parts.values()), api_name="open", **self.quick)
        self.intake.upload(
            self._look,
            session,
            list(parts.values()),
            api_name="look",
            concurrency_limit=AT_ONCE,
            show_progress_on=parts["portrait"],
        )
        self._on(self.examples.select, "take", lambda s, said: visit.take(s, said["code"]))
        self._on(parts["found"].select, "face", lambda s, said: visit.choose_face(s, said["face"]))
        self._on(parts["editor"].select, "turn", lambda s, said: visit.turn_to(s, said["picker"]))
        for name in ("asked", "editor"):
            self._on(
                parts[name].input,
                f"pick_{name}",
                lambda s, said: visit.pick(s, said["picker"], said["value"], said["on"]),
            )
        self._on(
            parts["gallery"].input, "say", lambda s, said: visit.say(s, said["scene"], said["says"])
        )
        self._on(
            parts["gallery"].select,
            "keep",
            lambda s, said: visit.keep(s, said["scene"], said["keep"]),
        )
        self._on(self.surprise.click, "surprise", lambda s, _: visit.make_up(s))
        self._on(self.random.click, "random", lambda s, _: visit.make_up(s))
        self._on(parts["undo"].click, "undo", lambda s, _: visit.move(s, -1))
        self._on(parts["redo"].click, "redo", lambda s, _: visit.move(s, 1))
        self._on(parts["reset"].click, "reset", lambda s, _: visit.reset(s))
        code.change(None, code, self.link, js="(code) => stickers.link(code)")

    def _on(
        self,
        event: Callable[..., Any],
        name: str,
        do: Callable[[Any, Said], visit.Shown],
    ) -> None:
        """Let ``do`` happen at an event; it is told the session and what the script says."""

        def happen(session: Session | None, event: gr.EventData) -> dict[Any, Any]:
            if session is None and name not in BEGINNINGS:
                return self._shown(visit.asleep())
            return self._shown(do(session, event._data or {}))

        session, shown = self.parts["session"], list(self.parts.values())
        event(happen, session, shown, api_name=name, trigger_mode="multiple", **self.quick)

    def _open(self, request: gr.Request) -> dict[Any, Any]:
        return self._shown(visit.open_link(str(request.query_params.get("avatar", ""))))

    def _look(self, session: Session | None, event: gr.EventData) -> dict[Any, Any]:
        try:
            return self._shown(visit.look(_photo(event._data or {}), session))
        except (PhotoNotFound, PhotoTooLarge) as exc:
            return self._shown(visit.sorry(exc, session))

    def _shown(self, shown: visit.Shown) -> dict[Any, Any]:
        """``shown`` in Gradio's terms, which need at least one part."""
        updates = {
            self.parts[name]: gr.update(**what) if isinstance(what, visit.Props) else what
            for name, what in shown.items()
        }
        return updates or {self.parts["said"]: gr.skip()}


def _own(name: str, script: str, value: str = "") -> Any:
    """Markup of our own, brought to life by a function of ``app.js``."""
    return _html(name, value, js_on_load=f"stickers.{script}(element, trigger, watch)")


def _html(name: str, value: str = "", **options: Any) -> Any:
    return gr.HTML(value, elem_id=name, apply_default_css=False, **options)


def _small(name: str, **options: Any) -> Any:
    return gr.Button(name.capitalize(), size="sm", elem_id=name, min_width=60, **options)


def _photo(said: Said) -> bytes:
    """The bytes of the photo that the page sends.

    Raises:
        PhotoTooLarge: the page kept it back, because of its size.
        PhotoNotFound: it did not come whole.
    """
    if "size" in said:
        raise PhotoTooLarge("the photo is too large", hint="use a smaller one")
    try:
        return b64decode(str(said["photo"]), validate=True)
    except (KeyError, binascii.Error):
        raise PhotoNotFound("no photo has come", hint="choose it again") from None
