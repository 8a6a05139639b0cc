// What Gradio has no event for.

// The link that rebuilds an avatar from its code; it also becomes the page's address,
// so that a reload loses nothing.
window.stickersLink = (code) => {
  if (!code) return "";
  const here = new URL(window.location.href);
  here.searchParams.set("avatar", code);
  history.replaceState(history.state, "", here);
  const link = new URL(here.pathname, here.origin);
  link.searchParams.set("avatar", code);
  return link.href;
};

// Saves the file that has just been made ready, once its button knows of it.
window.stickersSave = () => setTimeout(() => document.querySelector("#zip-file")?.click(), 100);
