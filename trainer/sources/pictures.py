"""One picture from bytes to pixels: PNG, JPEG or WebP to an array of one size, or an error in words.

Decoding happens at ingest and nowhere else (docs/decisions/028-pictures-at-ingest.md), so Pillow is imported here only.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("PNG", "JPEG", "WEBP")
"""The decoders that are let near the data; Pillow has some forty more, most of them for formats nobody trains on."""
EXTENSIONS: Final = ("png", "jpg", "jpeg", "webp")
MAX_PIXELS: Final = 1 << 26
"""Pixels of a picture before it is scaled: 8,192 by 8,192. A file of a few kilobytes can claim to be larger."""
Side = Annotated[int, Field(ge=4, le=4096)]
_EIGHT_BIT: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa"})


class Decoding(Frozen):
    """How the pictures of a source are decoded: all to `size` = (height, width) in pixels, 1 channel (grey) or 3 (RGB).

    A picture of another size is scaled until it covers the size and cut to it around its middle.
    """

    size: tuple[Side, Side]
    channels: Literal[1, 3] = 3
    label: Literal["auto", "folder", "cls", "json"] = "auto"
    """Where the label is: the member's folder, a `.cls` beside the picture, or `label` in a `.json` beside it. `auto`
    takes `cls` if the first sample has it, else `json`, else the folder."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one decoded picture: (height, width), or (height, width, 3)."""
        return self.size if self.channels == 1 else (*self.size, 3)


def decode_picture(data: bytes, wanted: Decoding, name: str) -> NDArray[np.uint8]:
    """The pixels of a picture, of `wanted.shape`; `TrainerError` (bad-source) that begins with `name` otherwise.

    Nothing but pixels comes out: Exif data, such as the place where a photograph was taken, are read for the
    orientation only. Transparent parts are laid on black.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - see above

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if problem := _problem(opened):
                raise TrainerError(Reason.BAD_SOURCE, f"{name}: {problem}")
            upright = ImageOps.exif_transpose(opened)
            height, width = wanted.size
            flat = _flat(upright, "L" if wanted.channels == 1 else "RGB")
            fitted = flat if flat.size == (width, height) else ImageOps.fit(flat, (width, height))
            return np.asarray(fitted, dtype=np.uint8)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{name}: has more than {MAX_PIXELS} pixels; scale it down") from error
    except UnidentifiedImageError as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{name}: is no PNG, JPEG or WebP picture; convert it") from error
    except (OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, struct.error, zlib.error) as bad:
        # What Pillow's decoders raise on broken files; its documentation names OSError only.
        raise TrainerError(Reason.BAD_SOURCE, f"{name}: cannot be decoded, it is broken or cut off: {bad}") from bad


def _problem(image: Image.Image) -> str | None:
    """Why a picture that opens is not taken, judged by its header, before any pixel is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        return f"has {width} x {height} pixels, more than {MAX_PIXELS}; scale it down"
    if image.mode not in _EIGHT_BIT:
        return f"has pixels of type {image.mode}, not of 8 bits; convert it, or seal it with the kind arrays"
    if getattr(image, "is_animated", False):
        return "is an animation; take its frames apart"
    return None


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """The picture in the wanted mode, without transparency."""
    from PIL import Image as Pillow  # noqa: PLC0415

    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Pillow.alpha_composite(Pillow.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    return image.convert(mode)
