"""The web app: layout, what each action shows, and the words for it."""
