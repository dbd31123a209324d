"""The connections between agents while the job runs: requests, and the news that a node is gone."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from trainer.errors import Reason, TrainerError
from trainer.nodes.link import Link
from trainer.nodes.messages import Finished, Message, Refused, parse

Answer = Callable[[Message], Message]
"""What this node does with a request; the reply."""


class Control:
    """One thread that owns all links of this node, because a TLS connection is for one thread at a time.

    When a link ends before its node has said that it is finished, `lost` is called once with words, and every
    question that is open or comes later fails with them.
    """

    def __init__(self, links: dict[int, Link], answer: Answer, lost: Callable[[str], None]) -> None:
        self._links = links
        self._answer, self._lost = answer, lost
        self._outgoing: deque[tuple[int, Message, Future[Message] | None]] = deque()
        self._asked: dict[int, Future[Message]] = {}
        self._finished: set[int] = set()
        self._changed = threading.Condition()
        self._failure: str | None = None
        self._closing = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def ask(self, rank: int, message: Message, timeout: float) -> Message:
        """The reply of a node. Raises `TrainerError(PEER)` when it refuses, is lost or takes too long."""
        future: Future[Message] = Future()
        self._enqueue(rank, message, future)
        try:
            reply = future.result(timeout)
        except TimeoutError as error:
            raise TrainerError(Reason.PEER, f"node {rank} did not answer within {timeout:g} s") from error
        if isinstance(reply, Refused):
            raise TrainerError(Reason.PEER, f"node {rank}: {reply.message}")
        return reply

    def tell_all(self, message: Message) -> None:
        """Sends a message that has no reply to every node."""
        for rank in self._links:
            self._enqueue(rank, message, None)

    def wait_finished(self, timeout: float) -> None:
        """Returns when every other node is finished. Raises `TrainerError(PEER)` when one is lost or late."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._failure is not None or self._finished >= self._links.keys(), timeout
            )
        if self._failure is not None:
            raise TrainerError(Reason.PEER, self._failure)
        if not done:
            late = sorted(self._links.keys() - self._finished)
            raise TrainerError(Reason.PEER, f"nodes {late} did not finish within {timeout:g} s")

    def close(self) -> None:
        """Sends what waits to be sent, closes the links and ends the thread."""
        self._closing = True
        self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _enqueue(self, rank: int, message: Message, future: Future[Message] | None) -> None:
        with self._changed:
            if self._failure is not None:
                raise TrainerError(Reason.PEER, self._failure)
            self._outgoing.append((rank, message, future))
        self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\x00")
        except BlockingIOError:
            # The pipe is full: the thread is about to wake anyway.
            return

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        ranks = {link.fileno(): rank for rank, link in self._links.items()}
        for descriptor in ranks:
            poll.register(descriptor, select.POLLIN)
        at = -1
        try:
            while not (self._closing and not self._outgoing):
                for descriptor, _ in poll.poll():
                    if descriptor == self._wake_read:
                        os.read(self._wake_read, 4096)
                        continue
                    at = ranks[descriptor]
                    if not self._receive(at):
                        poll.unregister(descriptor)
                while self._outgoing:
                    at, message, future = self._outgoing.popleft()
                    if future is not None:
                        self._asked[at] = future
                    self._links[at].send(message.model_dump(mode="json"))
        except TrainerError as error:
            self._fail(f"node {at} of the job was lost: {error}")
        finally:
            for link in self._links.values():
                link.close()

    def _receive(self, rank: int) -> bool:
        """Takes what a node has sent; False when it has closed after it was finished."""
        link = self._links[rank]
        while True:
            document = link.receive()
            if document is None and rank in self._finished:
                return False
            message = parse(document, f"node {rank}")
            if isinstance(message, Finished):
                with self._changed:
                    self._finished.add(rank)
                    self._changed.notify_all()
            elif rank in self._asked:
                self._asked.pop(rank).set_result(message)
            else:
                link.send(self._answer(message).model_dump(mode="json"))
            if not link.buffered:
                return True

    def _fail(self, words: str) -> None:
        with self._changed:
            self._failure = words
            self._changed.notify_all()
            waiting = [future for _, _, future in self._outgoing if future is not None] + list(self._asked.values())
            self._outgoing.clear()
        for future in waiting:
            future.set_exception(TrainerError(Reason.PEER, words))
        if not self._closing:
            self._lost(words)
