"""x"""


def in_korean(t: str) -> str:
    return t
