"""The house as its imports show it: rooms, arrows between them, and circles. Run: `python tests/house.py [folder]`.

Every import counts: those within functions, and those under `TYPE_CHECKING`, which no run follows and which
hide a circle as well as any.
"""

import ast
import importlib.util
import sys
from pathlib import Path


def modules(folder):
    """Every module of the package in `folder`, by name: its file, and whether it is a package."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        parts = [folder.name, *file.relative_to(folder).with_suffix("").parts]
        package = parts[-1] == "__init__"
        found[".".join(parts[:-1] if package else parts)] = (file, package)
    return found


def imports(name, file, package, known):
    """The modules of the package that one module imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = name.split(".") if package else name.split(".")[:-1]
            base = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                found.add(inner if inner in known else source)
    return {one for one in found if one in known and one != name}


def graph(folder):
    """What each module of the package imports of it; the lazy names of the package itself are left out."""
    known = modules(folder)
    found = {name: imports(name, file, package, known) for name, (file, package) in known.items()}
    # The face of the package names everything and runs none of it.
    found[folder.name] = set()
    return found


def room(name):
    """The folder that a module stands in, or the module itself where it stands beside the folders."""
    parts = name.split(".")[1:]
    if parts[:1] == ["toolkit"]:
        return ".".join(parts[:2])
    return parts[0] if parts else "the package"


def rooms(arrows):
    """The same between rooms."""
    found = {}
    for name, targets in arrows.items():
        own = found.setdefault(room(name), set())
        own |= {room(target) for target in targets} - {room(name)}
    return found


def circles(arrows):
    """Groups of nodes that reach one another, each sorted."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(arrows.get(node, ())):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(arrows):
        if node not in order:
            visit(node)
    return found


def installed():
    """The folder of the installed package, which is not imported."""
    return Path(importlib.util.find_spec("trainwise").origin).parent


def main():
    """Prints rooms, arrows and circles; returns the number of circles."""
    between = graph(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else installed())
    of_rooms = rooms(between)
    for name in sorted(of_rooms):
        print(f"{name} -> {', '.join(sorted(of_rooms[name])) or 'nothing'}")
    arrows = sum(map(len, between.values()))
    print(f"{len(between)} modules, {arrows} arrows; {len(of_rooms)} rooms, {sum(map(len, of_rooms.values()))} arrows")
    found = [*circles(between), *circles(of_rooms)]
    for circle in found:
        print("circle:", ", ".join(circle))
    print(f"{len(found)} circles")
    return len(found)


if __name__ == "__main__":
    sys.exit(main() > 0)
