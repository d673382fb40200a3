"""What is known of the module that is asked: every name is asked for once, before anything is parsed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from surgeon.scan.gaps import Asking
from surgeon.scan.surface import Found, Question
from surgeon.sources.glance import Glance
from surgeon.sources.names import below


def imported(glances: Iterable[Glance]) -> set[Question]:
    """What some sources import, or ask to be imported."""
    return {Question(name, True) for each in glances for name in (*each.imported, *each.loaded)}


class Known:
    """The answers.

    An attribute that is not there after a mere import of the module may be there for a source that
    loads more of it: then the answer is the one that an import statement would get.
    """

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._found: dict[Question, Found] = {}
        self.loadable: set[str] = set()

    def learn(self, glances: Collection[Glance]) -> None:
        """Ask for all that was seen in some sources.

        Raises:
            EnvironmentUnusable: the module cannot be asked.
        """
        loading = imported(glances)
        names = {name for each in glances for name in (*each.names, *each.looked_up)}
        plain = [Question(name) for name in names]
        self._learn([*plain, *loading])
        lacking = {q.name: self._found[q].missing for q in plain if not self._found[q].exists}
        loads = {above for each in loading for above in (each.name, each.name.rpartition(".")[0])}
        wanted = {lacks for lacks in set(lacking.values()) if any(below(m, lacks) for m in loads)}
        self._learn([Question(name, True) for name, lacks in lacking.items() if lacks in wanted])
        self._learn([Question(lacks, True) for lacks in wanted])
        self.loadable |= {lacks for lacks in wanted if self._found[Question(lacks, True)].exists}

    def _learn(self, asked: Iterable[Question]) -> None:
        fresh = [each for each in dict.fromkeys(asked) if each not in self._found]
        if fresh:
            self._found.update(self._ask(fresh))

    def doubts(self, each: Glance) -> bool:
        """Tell whether a source may ask for something that is missing."""
        asked = [*map(Question, (*each.names, *each.looked_up)), *imported([each])]
        if not all(question in self._found and self._found[question].exists for question in asked):
            return True
        for name, keyword in each.keywords:
            takes = self._found[Question(name)].parameters
            if takes is not None and keyword not in takes:
                return True
        return False

    def answers(self, asked: Iterable[Question], *, sure: bool) -> dict[Question, Found]:
        """Answers for one source.

        Args:
            sure: whether nothing that this source asks for is missing.
        """
        return {each: Found(True) if sure else self._answer(each) for each in asked}

    def exists(self, name: str) -> bool | None:
        """Whether a name is there, or is once it has been imported; `None` where nobody has asked."""
        found = [self._found.get(Question(name, imported)) for imported in (False, True)]
        if not any(found):
            return None
        return any(each is not None and each.exists for each in found)

    def _answer(self, question: Question) -> Found:
        if question.imported:
            return self._found.get(question, Found(True))
        found = self._found.get(Question(question.name), Found(True))
        if found.exists or not any(below(each, found.missing) for each in question.loaded):
            return found
        return self._found.get(Question(question.name, True), found)
