"""Following: a future of what another future comes to, once that is put into the words of whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

__all__ = ["Following"]

T = TypeVar("T")
U = TypeVar("U")


class Following(Future[U], Generic[T, U]):
    """`read` of the result of `first`, or what `read_error` makes of its error. To cancel it is to cancel `first`.

    Both run on the thread that ends `first`, and must be quick.
    """

    def __init__(
        self,
        first: Future[T],
        read: Callable[[T], U],
        *,
        read_error: Callable[[BaseException], BaseException],
    ) -> None:
        super().__init__()
        self._first = first
        self._read = read
        self._read_error = read_error
        first.add_done_callback(self._follow)

    def cancel(self) -> bool:
        """Have `first` given up; False when it has ended already."""
        return self._first.cancel()

    def _follow(self, first: Future[T]) -> None:
        try:
            self.set_result(self._read(first.result()))
        except CancelledError:
            super().cancel()
            self.set_running_or_notify_cancel()  # those who wait for one of several futures hear of it only now
        except BaseException as error:  # noqa: BLE001 - whatever `first` comes to is told to who waits for this one
            self.set_exception(self._read_error(error))
