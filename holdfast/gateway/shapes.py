"""The many wire fields that the sandbox always leaves null."""


def words(text: str) -> list[str]:
    return text.split()


def nulls(names: str) -> dict[str, None]:
    """Fields that the wire always shows and that are null here: `nulls("invoice customer") | {…}`."""
    return dict.fromkeys(words(names))
