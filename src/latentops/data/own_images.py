"""A person's own images: a folder of PNG and JPEG files, or an .npz with x and perhaps y."""

import zipfile
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, UnidentifiedImageError

from latentops.data.own import SPLITS, as_label, as_split
from latentops.data.raw import Raw, make_table, refusals
from latentops.errors import DataError

PICTURES = (".png", ".jpg", ".jpeg")
_GREY_MODES = ("1", "L", "LA")


def read_folder(folder: Path) -> Raw:
    """Every picture below `folder`; the folder that holds a picture is its class.

    Where the first level is named train, valid or test it is the split. All become grey where all
    are grey, else colour; transparency is dropped.
    """
    paths = sorted(
        path for path in folder.rglob("*") if path.is_file() and _is_visible(path, folder)
    )
    if not paths:
        raise DataError(f"{folder} holds no files. Expected PNG or JPEG images.")
    refused, pictures = [], {}
    for place, path in enumerate(paths):
        try:
            pictures[place] = _read_picture(path)
        except _PictureError as error:
            refused.append((place, "file", str(error), path.relative_to(folder)))
    if not pictures:
        raise DataError(f"{folder} holds no image that can be read: {refused[0][2]}.")
    kept = [paths[place] for place in pictures]
    _require_one_size(kept, list(pictures.values()))
    splits, labels = zip(
        *(_split_and_class(path.relative_to(folder)) for path in kept), strict=True
    )
    images, levels = quantize(_stack(list(pictures.values())), folder)
    table = make_table(len(kept), label=labels, split=splits)
    table = table.assign(row=np.array(list(pictures), dtype=np.int64))
    return Raw(str(folder), "image", table, images=images, levels=levels, refused=refusals(refused))


def read_npz(path: Path) -> Raw:
    """x [N, H, W] or [N, C, H, W], of whole numbers 0..255, or of floats in [0, 1]; y [N]."""
    arrays = _load_npz(path)
    if "x" not in arrays:
        raise DataError(
            f"{path} has no array 'x'. It has {', '.join(map(repr, arrays)) or 'none'}."
        )
    x = arrays["x"]
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape:
        raise DataError(
            f"{path}: x should be [N, H, W] or [N, channels, H, W] with 1 or 3 channels. "
            f"Found {list(arrays['x'].shape)}."
        )
    y = _per_row(arrays, "y", len(x), path)
    split = _per_row(arrays, "split", len(x), path)
    table = make_table(
        len(x),
        label=None if y is None else map(as_label, y),
        split=None if split is None else map(as_split, split),
    )
    images, levels = quantize(x, path)
    return Raw(str(path), "image", table, images=images, levels=levels)


def quantize(x: np.ndarray, origin: Path) -> tuple[np.ndarray, int]:
    """Pixels as uint8 levels, and how many: 2 where all are black or white, else 256."""
    if x.dtype == bool:
        return x.astype(np.uint8), 2
    if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
        raise DataError(f"{origin}: pixels should be numbers. Found {x.dtype}.")
    if not np.isfinite(x).all():
        first = int(np.argwhere(~np.isfinite(x))[0][0])
        raise DataError(
            f"{origin}: image {first} holds NaN or infinity. Every pixel needs a value."
        )
    top = 1 if np.issubdtype(x.dtype, np.floating) else 255
    if x.min() < 0 or x.max() > top:
        levels = top == 1 and x.min() >= 0 and 2 < x.max() <= 255
        remedy = " Divide them by 255." if levels else ""
        raise DataError(
            f"{origin}: pixels of type {x.dtype} should lie in 0..{top}. "
            f"Found {x.min():g}..{x.max():g}.{remedy}"
        )
    levels = np.rint(x * (255 / top)).astype(np.uint8) if top == 1 else x.astype(np.uint8)
    for white in (1, 255):
        if np.isin(levels, (0, white)).all():
            return (levels > 0).astype(np.uint8), 2
    return levels, 256


class _PictureError(Exception):
    """A file that is not a picture of ours; the message is the reason."""


def _read_picture(path: Path) -> Image.Image:
    if path.suffix.lower() not in PICTURES:
        raise _PictureError("is not named .png, .jpg or .jpeg")
    try:
        with Image.open(path) as picture:
            picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _PictureError("cannot be read as an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _PictureError("is too large") from error
    if picture.mode.startswith(("I", "F")):
        raise _PictureError("has more than 8 bits a pixel")
    return picture


def _require_one_size(paths: list[Path], pictures: list[Image.Image]) -> None:
    for path, picture in zip(paths, pictures, strict=True):
        if picture.size != pictures[0].size:
            raise DataError(
                f"Images should be of one size. {paths[0]} is {_size(pictures[0])} and {path} is "
                f"{_size(picture)} pixels: resize or crop them first."
            )


def _size(picture: Image.Image) -> str:
    return f"{picture.width} x {picture.height}"


def _stack(pictures: list[Image.Image]) -> np.ndarray:
    """uint8 [N, C, H, W]"""
    grey = all(picture.mode in _GREY_MODES for picture in pictures)
    arrays = [np.asarray(picture.convert("L" if grey else "RGB")) for picture in pictures]
    stacked = np.stack(arrays)
    return stacked[:, None] if grey else stacked.transpose(0, 3, 1, 2)


def _split_and_class(path: PurePath) -> tuple[str | None, str | None]:
    folders = path.parts[:-1]
    split = folders[0] if folders and folders[0] in SPLITS else None
    classes = folders[1:] if split else folders
    return split, "/".join(classes) or None


def _is_visible(path: Path, folder: Path) -> bool:
    """Hidden files, such as .DS_Store and .gitignore, are nobody's images."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as .npz of plain arrays. np.savez(path, x=..., y=...) writes "
            "one; arrays of objects are refused."
        ) from error


def _per_row(
    arrays: dict[str, np.ndarray], name: str, size: int, path: Path
) -> list[object] | None:
    if name not in arrays:
        return None
    if arrays[name].shape != (size,):
        raise DataError(
            f"{path}: {name} should have one value for each of the {size} images. "
            f"Found the shape {list(arrays[name].shape)}."
        )
    values: list[object] = arrays[name].tolist()
    return values
