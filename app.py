"""The web app: ``python app.py`` is the same as ``stickers app``."""

from stickers.web.app import serve

if __name__ == "__main__":
    serve()
