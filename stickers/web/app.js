// What Gradio has no component for. Each function brings one part of the page to life:
// it listens, and tells Gradio by `trigger` what was done.

window.stickers = (() => {
  const SIDE = 1920; // px: the library looks at no more

  // --- the photo -------------------------------------------------------------------

  // A small copy of what the browser can read: quicker to send, and without the place
  // and time that cameras write into photos. What it cannot read is sent as it is.
  const shrunk = async (file) => {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      return file;
    }
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    return drawn(bitmap, bitmap.width * scale, bitmap.height * scale);
  };

  const drawn = (source, width, height) => {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width));
    canvas.height = Math.max(1, Math.round(height));
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(source, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  };

  const base64 = (blob) =>
    new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
      reader.onerror = () => failed(reader.error);
      reader.readAsDataURL(blob);
    });

  const intake = (element, trigger) => {
    const box = element.querySelector(".intake");
    const limit = Number(box.dataset.limit);
    const video = box.querySelector("video");
    const problem = box.querySelector(".sorry");
    const camera = () => box.querySelectorAll("[data-when=camera]");
    const idle = () => box.querySelectorAll("[data-when=idle]");

    const say = (text) => {
      problem.textContent = text;
      problem.hidden = !text;
    };
    const send = async (blob) => {
      say("");
      const photo = await shrunk(blob);
      trigger("upload", photo.size > limit ? { size: photo.size } : { photo: await base64(photo) });
    };
    const show = (on) => {
      video.hidden = !on;
      camera().forEach((part) => (part.hidden = !on));
      idle().forEach((part) => (part.hidden = on));
    };
    const stop = () => {
      video.srcObject?.getTracks().forEach((track) => track.stop());
      video.srcObject = null;
      show(false);
    };

    const does = {
      camera: async () => {
        say("");
        try {
          video.srcObject = await navigator.mediaDevices.getUserMedia({
            video: { facingMode: "user" },
          });
          show(true);
          await video.play();
          box.querySelector("[data-do=snap]").focus();
        } catch {
          stop();
          say("I cannot use a camera here. Allow it in your browser, or choose a photo.");
        }
      },
      snap: async () => {
        if (!video.videoWidth) return;
        const photo = await drawn(video, video.videoWidth, video.videoHeight);
        stop();
        send(photo);
      },
      stop,
    };

    element.addEventListener("click", (event) => does[event.target.dataset.do]?.());
    element.addEventListener("change", (event) => {
      if (event.target.files?.length) send(event.target.files[0]);
      event.target.value = ""; // so that the same photo can be chosen again
    });
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
    element.addEventListener("dragleave", () => box.classList.remove("over"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("over");
      if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData?.files.length) send(event.clipboardData.files[0]);
    });
  };

  // --- choosing --------------------------------------------------------------------

  // The browser keeps what was tapped; after an undo it has to be told what holds.
  const told = (element, watch) =>
    watch("value", () => {
      element.querySelectorAll("input[type=radio], input[type=checkbox]").forEach((input) => {
        input.checked = input.hasAttribute("checked");
      });
    });

  const choices = (element, trigger, watch) => {
    element.addEventListener("change", ({ target }) => {
      const { picker } = target.closest("fieldset").dataset;
      trigger("input", { picker, value: target.value, on: target.checked });
    });
    element.addEventListener("click", ({ target }) => {
      const button = target.closest("button[data-picker]");
      if (button) trigger("select", { picker: button.dataset.picker });
    });
    told(element, watch);
  };

  const faces = (element, trigger) => {
    element.addEventListener("change", ({ target }) => {
      trigger("select", { face: Number(target.value) });
    });
  };

  const examples = (element, trigger) => {
    element.addEventListener("click", ({ target }) => {
      const button = target.closest("button[data-code]");
      if (button) trigger("select", { code: button.dataset.code });
    });
  };

  // --- the stickers ----------------------------------------------------------------

  const gallery = (element, trigger, watch) => {
    const progress = () => {
      const images = [...element.querySelectorAll("li img")];
      const bar = element.querySelector("progress");
      if (!bar) return;
      bar.value = images.filter((image) => image.complete).length;
      bar.hidden = bar.value === images.length;
    };
    element.addEventListener("load", progress, true);
    element.addEventListener("error", progress, true);
    element.addEventListener("change", ({ target }) => {
      const { scene } = target.closest("li").dataset;
      if (target.type === "checkbox") trigger("select", { scene, keep: target.checked });
      else trigger("input", { scene, says: target.value });
    });
    watch("value", progress);
    told(element, watch);
  };

  // The link that rebuilds an avatar from its code; it also becomes the page's address,
  // so that a reload loses nothing.
  const link = (code) => {
    if (!code) return "";
    const here = new URL(window.location.href);
    here.searchParams.set("avatar", code);
    history.replaceState(history.state, "", here);
    const shared = new URL(here.pathname, here.origin);
    shared.searchParams.set("avatar", code);
    return shared.href;
  };

  return { intake, choices, faces, examples, gallery, link };
})();
