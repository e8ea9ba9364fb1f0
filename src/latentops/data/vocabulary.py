"""Text in any script -> terms -> sparse counts.

A term is a word, or a character n-gram that begins with `NGRAM`, which no word does. Words are
casefolded NFKC letters, marks and digits with inner apostrophes. Where a script writes no spaces
(Chinese, Japanese, Thai, ...) single characters and pairs of neighbours stand for words.
"""

import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import batched, chain, pairwise
from typing import Literal, Protocol
