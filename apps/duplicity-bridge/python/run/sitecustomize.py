# Read by Python when it starts, because "duplicity-bridge run" puts this folder first on its path. It stands in the place
# of a module of the same name that the system may have, which is therefore loaded from here.
import os
import sys


def _load():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.dirname(here))
    try:
        import coalmine_duplicity_bridge  # noqa: F401
    finally:
        sys.path.pop(0)
    from importlib.machinery import PathFinder

    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = module_from_spec(spec)
        spec.loader.exec_module(module)


if sys.version_info >= (3, 5):
    _load()
