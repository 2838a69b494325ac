import gc

import pytest

from cloud_sync.link.loading import loading


def test_no_garbage_is_looked_for_while_modules_are_loaded() -> None:
    with loading():
        assert not gc.isenabled()
        with loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_module_that_is_missing_changes_nothing() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    assert gc.isenabled()
