"""`import ryu…` gives the modules of os-ken, the maintained Ryu, so that Ryu applications load unmodified.

    from sdn_orch import ryu_alias
    ryu_alias.install()
    from ryu.base.app_manager import RyuApp

`RyuApp` is then os-ken's `OSKenApp`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ALIAS, _REAL = "ryu", "os_ken"


class _AliasLoader(Loader):
    """Gives the same module object under both names, so that classes and registries are the same too."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_REAL + spec.name.removeprefix(_ALIAS))
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec into the module, whose own relative imports
        # go by its real one.
        module.__spec__ = self._spec
        # With whichever module comes first: once os-ken's app_manager is loaded, `from ryu.base import
        # app_manager` finds it in its package and asks nobody.
        app_manager = importlib.import_module(f"{_REAL}.base.app_manager")
        app_manager.RyuApp = app_manager.OSKenApp  # type: ignore[attr-defined]


class _AliasFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _ALIAS and not fullname.startswith(f"{_ALIAS}."):
            return None
        real = _REAL + fullname.removeprefix(_ALIAS)
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ModuleNotFoundError(
                f"{fullname} is not in os-ken, which stands for Ryu here", name=fullname
            )
        return ModuleSpec(fullname, _AliasLoader(), is_package=found.submodule_search_locations is not None)


_FINDER = _AliasFinder()


def install() -> None:
    """Make `ryu` importable; also where the real one is installed, since both in one process do not mix."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
