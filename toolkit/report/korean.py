"""x"""

KOREAN: dict[str, str] = {}
