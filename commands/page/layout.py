"""The page as gradio lays it out: owns which parts there are and what each of them sets going."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from commands.page import events, views
from commands.page.visitor import Visitor

if TYPE_CHECKING:
    from commands.page.page import Page

HERE = Path(__file__).parent
LONGEST_QUESTION = 2000  # letters
POLL_S = 1.5  # between looks at a training
TALKS = 8  # answers that may grow at once; they take turns
THEME = gr.themes.Base(primary_hue="teal", neutral_hue="stone", font=["system-ui"], font_mono=["monospace"])
CHOOSE = (HERE / "gallery.js").read_text(encoding="utf-8")
FOLLOW = (HERE / "transcript.js").read_text(encoding="utf-8")
QUIET = {"show_progress": "hidden", "api_visibility": "private"}


def head() -> str:
    """The style sheet for the page's head: gradio would rewrite the selectors of its own option."""
    return f"<style>{(HERE / 'style.css').read_text(encoding='utf-8')}</style>"


def build(page: "Page") -> gr.Blocks:
    """The whole page."""
    does = events.Events(page)
    titles = [(title, name) for name, title in page.assistant.titles.items()]
    with gr.Blocks(title="personal-vlm", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        visitor, timer = gr.State(), gr.Timer(POLL_S, active=False)
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="side", min_width=0):
                gr.HTML(
                    "<h1>personal-vlm</h1><p>A model that knows your subjects</p>",
                    elem_id="brand",
                    apply_default_css=False,
                )
                progress = gr.HTML(elem_id="training", apply_default_css=False)
                cancel = gr.Button("Cancel the training", size="sm", visible=False, elem_id="cancel")
                gallery = gr.HTML(
                    views.sentence("Opening …"), js_on_load=CHOOSE, elem_id="gallery", apply_default_css=False
                )
                with gr.Accordion("Add a subject", open=False, elem_id="add"):
                    subject = gr.Textbox(
                        label="Name",
                        info="a-z, 0-9 and -; in questions it reads <name>",
                        max_length=40,
                        elem_id="name",
                    )
                    kind = gr.Dropdown(page.kinds, value=page.kinds[0], label="Kind")
                    noun = gr.Textbox(
                        label="What it is",
                        info="dog, teapot …; empty: what the model says",
                        max_length=80,
                        elem_id="noun",
                    )
                    photos = gr.File(
                        label="Photos, six or more", file_count="multiple", height=150, elem_id="photos"
                    )
                    add = gr.Button("Check, add and train", variant="primary")
                    added = gr.HTML(views.base(page.drawings), apply_default_css=False)
                with gr.Accordion("Train or delete one", open=False, elem_id="manage"):
                    whom = gr.Dropdown([], label="Subject", value=None)
                    with gr.Row():
                        train = gr.Button("Train", min_width=0, elem_id="train")
                        delete = gr.Button("Delete …", variant="stop", min_width=0, elem_id="delete")
                    managed = gr.HTML(apply_default_css=False)
                    with gr.Row(visible=False) as sure:
                        keep = gr.Button("Keep", min_width=0)
                        deleted = gr.Button("Delete it", variant="stop", min_width=0, elem_id="deleted")
            with gr.Column(elem_id="main", min_width=0):
                with gr.Row(elem_id="bar"):
                    method = gr.Dropdown(titles, value=titles[0][1], label="Answers by")
                    other = gr.Dropdown([("nothing", ""), *titles], value="", label="Beside it")
                    new = gr.Button("New conversation", size="sm", elem_id="new", scale=0)
                with gr.Column(elem_id="said"):
                    transcript = gr.HTML(js_on_load=FOLLOW, elem_id="transcript", apply_default_css=False)
                    growing = gr.HTML(js_on_load=FOLLOW, elem_id="growing", apply_default_css=False)
                with gr.Row(elem_id="composer"):
                    with gr.Column(elem_id="look", scale=0, min_width=0):
                        photo = gr.Image(
                            type="filepath",
                            sources=["upload", "webcam", "clipboard"],
                            label="Photo",
                            show_label=False,
                            buttons=[],
                            height=132,
                            placeholder="Photo",
                            webcam_options=gr.WebcamOptions(mirror=False),
                            elem_id="photo",
                        )
                    with gr.Column(elem_id="write", min_width=0):
                        question = gr.Textbox(
                            show_label=False,
                            label="Question",
                            placeholder="Ask a question",
                            lines=1,
                            max_lines=5,
                            max_length=LONGEST_QUESTION,
                            autofocus=True,
                            elem_id="question",
                        )
                        with gr.Row(elem_id="buttons"):
                            who = gr.Button("Who is here?", elem_id="who")
                            send = gr.Button("Send", variant="primary", elem_id="send")
                            stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
                        looked = gr.HTML(elem_id="looked", apply_default_css=False)
        blocks.load(does.opened, None, [visitor, gallery, transcript, whom, timer], **QUIET)
        gallery.choose(does.choose, visitor, [gallery, transcript], **QUIET)
        gr.on([method.input, other.input], does.use, [visitor, method, other], transcript, **QUIET)
        # the file as it is: what is no photo gets this product's sentence, not gradio's
        photo.input(does.look_at, [visitor, photo], [photo, looked], preprocess=False, **QUIET)
        gr.on(
            [question.submit, send.click],
            does.ask,
            [visitor, question],
            [question, transcript, growing, send, stop],
            concurrency_limit=TALKS,
            **QUIET,
        )
        stop.click(Visitor.stop, visitor, queue=False, **QUIET)
        who.click(does.recognize, visitor, [transcript, growing], concurrency_limit=TALKS, **QUIET)
        new.click(does.reset, visitor, [transcript, growing], **QUIET)
        shown = [progress, cancel]
        new_subject = [visitor, subject, kind, noun, photos]
        add.click(does.add, new_subject, [added, photos, gallery, whom, *shown], **QUIET)
        train.click(does.train, [visitor, whom], [managed, *shown], **QUIET)
        cancel.click(does.cancel, visitor, shown, **QUIET)
        delete.click(does.confirm, whom, [managed, sure], **QUIET)
        keep.click(lambda: ("", gr.update(visible=False)), None, [managed, sure], **QUIET)
        deleted.click(does.delete, [visitor, whom], [managed, sure, gallery, whom], **QUIET)
        timer.tick(does.poll, visitor, [*shown, gallery, whom], queue=False, **QUIET)
    return blocks
