"""What a ticket allows: which operations on which objects (KMIP 2.1 sections 7.34 Right, 6.1.13 Delegated Login).

The one rule here: what no right names is denied. Of a right that names objects and groups, both have to fit.
"""

from collections.abc import Iterable

from gateway.kmip.policy import Right


def for_operation(rights: Iterable[Right], operation: int) -> tuple[Right, ...]:
    """Give the rights that allow an operation, on whatever objects."""
    return tuple(each for each in rights if each.operations is None or operation in each.operations.operation)


def whole(rights: Iterable[Right]) -> bool:
    """Tell whether one of the rights is for all objects, those not made yet included."""
    return any(each.objects is None and each.object_groups is None for each in rights)


def reach(rights: Iterable[Right], unique_identifier: str, groups: frozenset[str]) -> bool:
    """Tell whether one of the rights is for an object of this identifier, in these groups."""
    return any(
        (each.objects is None or unique_identifier in each.objects.unique_identifier)
        and (each.object_groups is None or not groups.isdisjoint(each.object_groups.object_group))
        for each in rights
    )


def covered(right: Right, by: Iterable[Right]) -> bool:
    """Tell whether one right allows all that another does; two that do so together are not enough (TC-DLOGIN-13)."""
    return any(_covers(each, right) for each in by)


def _covers(wide: Right, narrow: Right) -> bool:
    return all(
        outer is None or (inner is not None and inner <= outer)
        for outer, inner in zip(_extent(wide), _extent(narrow), strict=True)
    )


def _extent(right: Right) -> tuple[frozenset[object] | None, ...]:
    """Give what a right names of each kind, None for all."""
    return (
        None if right.operations is None else frozenset(right.operations.operation),
        None if right.objects is None else frozenset(right.objects.unique_identifier),
        None if right.object_groups is None else frozenset(right.object_groups.object_group),
    )
