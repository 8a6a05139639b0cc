"""The messengers that packs can be made for, and what each of them takes.

Every limit is the messenger's own; ``source`` says where it is written. Where a page
says kB, a thousand bytes are meant here, the stricter reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from stickers.errors import UnknownValue
from stickers.export import manifests
from stickers.export.manifests import Manifest

KB = 1000
ANY = range(1, 1000)
"""How many stickers, where a messenger names no limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture's size and format.

    Attributes:
        width: px.
        height: px.
        limit: the most bytes its file may have.
        margin: px left free around the art at least, which is then made as large as it
            can be; None keeps the sticker's page as it was composed, which is square.
        format: of the file, also its suffix.
    """

    width: int
    height: int
    limit: int
    margin: int | None = None
    format: Literal["png", "webp"] = "png"


@dataclass(frozen=True, slots=True)
class Target:
    """A messenger.

    Attributes:
        name: on the command line, and its folder's.
        label: its name in prose.
        source: where its requirements are written.
        frame: of each sticker.
        path: of each sticker: ``{name}``, ``{number}`` in its part, ``{prefix}`` from the
            title, ``{pack}`` the part's identifier, ``{folder}`` as in `manifests.Part`.
        counts: how many stickers one pack may hold, ascending.
        manifest: writes what stands beside the pictures.
        how: how to send or import the files; a paragraph for the reader.
        icons: path -> frame, of pictures that stand for the whole pack.
        longest_title: characters.
        longest_author: characters.
    """

    name: str
    label: str
    source: str
    frame: Frame
    path: str
    counts: Sequence[int]
    manifest: Manifest
    how: str
    icons: Mapping[str, Frame] = field(default_factory=lambda: MappingProxyType({}))
    longest_title: int = 128
    longest_author: int = 128


_ALL = (
    # README and StickerPackValidator.java of the sample app: 512 x 512 WebP under 100 KB, 3 to
    # 30 stickers with 1 to 3 emoji each and an accessibility text of at most 125 characters,
    # a tray icon of 96 x 96 px and 50 KB; identifier, name and publisher 128 characters.
    Target(
        "whatsapp",
        "WhatsApp",
        "https://github.com/WhatsApp/stickers/blob/main/Android/README.md",
        Frame(512, 512, 100 * KB, format="webp"),
        "{pack}/{name}.webp",
        range(3, 31),
        manifests.whatsapp,
        "On a phone, open the .wastickers file with an app that reads such files, Sticker Maker "
        "for instance; it adds the pack to WhatsApp. For a sticker app of your own, copy "
        "contents.json and the folders beside it into the assets of WhatsApp's sample app.",
        icons={"{pack}/tray.png": Frame(96, 96, 50 * KB, margin=2)},
    ),
    # createNewStickerSet, InputSticker and setStickerSetThumbnail: one side exactly 512 px,
    # 512 KB, PNG or WebP, up to 120 static stickers; 1 to 20 emoji and up to 20 keywords of 64
    # characters together for each; a thumbnail of 100 x 100 px, 128 KB; title 64 characters.
    Target(
        "telegram",
        "Telegram",
        "https://core.telegram.org/bots/api#inputsticker",
        Frame(512, 512, 512 * KB),
        "{folder}{name}.png",
        range(1, 121),
        manifests.telegram,
        "In Telegram, write /newpack to @Stickers and give a title; send each picture as a file, "
        "then its emoji, which sticker_set.json lists; icon.png is the pack's icon, and /publish "
        "gives you the link. A bot does the same with createNewStickerSet (50 stickers at most, "
        "the others with addStickerToSet): upload each file under its name without .png, as "
        "attach:// in sticker_set.json says.",
        icons={"{folder}icon.png": Frame(100, 100, 128 * KB, margin=2)},
        longest_title=64,
    ),
    # web/src/constants.ts: 512 px, 300 KB, 1 to 200 stickers; protos/Stickers.proto: title,
    # author, cover, one emoji each. PNG, because the creator makes a WebP of what it gets.
    # stickers.yaml is described at https://github.com/ittner/signal-sticker-tool
    Target(
        "signal",
        "Signal",
        "https://github.com/signalapp/Signal-Art-Creator",
        Frame(512, 512, 300 * KB),
        "{folder}{name}.png",
        range(1, 201),
        manifests.signal,
        "In Signal Desktop, choose File, Create/upload sticker pack; drop the pictures, choose "
        "each one's emoji as in stickers.yaml, then title, author and cover. From a terminal, "
        "`signal-sticker-tool login`, then `signal-sticker-tool upload` in this folder do it all. "
        "A pack cannot be changed once it is uploaded, and whoever has its link can install it.",
        icons={"{folder}cover.png": Frame(512, 512, 300 * KB)},
    ),
    # The layout is that of the asset catalogue's .stickerpack and .sticker:
    # https://developer.apple.com/library/archive/documentation/Xcode/Reference/
    # xcode_ref-Asset_Catalog_Format/StickerPack.html. Sizes are 300, 408 ("regular") and
    # 618 px (messages/msstickersize); files under 500 KB (messages/mssticker).
    Target(
        "imessage",
        "iMessage",
        "https://developer.apple.com/documentation/messages/msstickersize/regular",
        Frame(408, 408, 500 * KB),
        "{folder}Stickers.xcassets/Sticker Pack.stickerpack/{name}.sticker/{name}.png",
        ANY,
        manifests.imessage,
        "In Xcode, make a project from the template Sticker Pack App and put the folder Sticker "
        "Pack.stickerpack in the place of the one in its Stickers.xcassets; add an app icon and "
        "run it on your iPhone or iPad. Messages then shows the pack among its apps.",
    ),
    # Create Guild Sticker: PNG of 320 x 320 px and 512 KB; name of 2 to 30 characters,
    # description of 100, tags of 200. A server holds 5 to 60, by its boosts:
    # https://support.discord.com/hc/en-us/articles/4403089981975
    Target(
        "discord",
        "Discord",
        "https://discord.com/developers/docs/resources/sticker#create-guild-sticker",
        Frame(320, 320, 512 * KB),
        "{folder}{name}.png",
        range(1, 61),
        manifests.discord,
        "In Discord on a computer, open your server's settings, Stickers, Upload Sticker; choose "
        "a picture and type in its name, emoji and description from stickers.json. A server has "
        "room for 5 stickers, for up to 60 when it is boosted.",
    ),
    # admin.emoji.add: square, under 128 KB, transparent, lower-case name. Emoji are shown at
    # up to 128 px. The title goes before the name, because Slack has names such as :cry:.
    Target(
        "slack",
        "Slack",
        "https://docs.slack.dev/reference/methods/admin.emoji.add/",
        Frame(128, 128, 128 * KB, margin=2),
        "{folder}{prefix}_{name}.png",
        ANY,
        manifests.listing,
        "In Slack on a computer, open the emoji menu, Add emoji, Upload image; take the file's "
        "name without .png as the emoji's name.",
    ),
    # Creation guidelines: 8, 16, 24, 32 or 40 stickers of up to 370 x 320 px with a margin of
    # about 10 px and even sides, a main image of 240 x 240, a tab of 96 x 74; 1 MB each, PNG.
    Target(
        "line",
        "LINE",
        "https://creator.line.me/en/guideline/",
        Frame(370, 320, 1000 * KB, margin=10),
        "{folder}{number:02}.png",
        (8, 16, 24, 32, 40),
        manifests.listing,
        "In LINE Creators Market, make a new sticker set of as many stickers as lie here, upload "
        "the pictures, main.png and tab.png, and submit it; a title has up to 40 characters, a "
        "creator's name 50. stickers.json helps with the tags.",
        icons={
            "{folder}main.png": Frame(240, 240, 1000 * KB, margin=10),
            "{folder}tab.png": Frame(96, 74, 1000 * KB, margin=2),
        },
    ),
    # m.room.image_pack (MSC2545). No size is prescribed; an event has at most 65,536 bytes,
    # which 100 stickers with their texts stay under.
    Target(
        "matrix",
        "Matrix",
        "https://github.com/matrix-org/matrix-spec-proposals/pull/2545",
        Frame(512, 512, 512 * KB),
        "{folder}{name}.png",
        range(1, 101),
        manifests.matrix,
        "In a client with image packs, make a pack in a room's or your own settings and upload "
        "the pictures, each file's name being its shortcode. A script uploads them first, puts "
        "the mxc:// addresses that it gets in the place of the files' names in image_pack.json, "
        "and sends that as the state event m.room.image_pack, or im.ponies.room_emotes for "
        "clients that know only the draft.",
        icons={"{folder}avatar.png": Frame(256, 256, 512 * KB, margin=8)},
    ),
)

TARGETS: Mapping[str, Target] = MappingProxyType({target.name: target for target in _ALL})
"""By name, in the order of the help."""


def find_target(name: str) -> Target:
    """The messenger called ``name``; raises UnknownValue."""
    try:
        return TARGETS[name]
    except KeyError:
        raise UnknownValue(
            f"there is no messenger {name!r}", hint=f"use one of {', '.join(TARGETS)}"
        ) from None
