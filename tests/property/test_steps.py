"""No step on the way from one set of rules to another is more open than both.

First words, answers, and words of conversations that stand, at every stage of random ways between two worlds.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from sdn_orch.errors import InUse, Invalid, NotFound
from sdn_orch.intent.snapshot import Change
from sdn_orch.intent.validate import faults
from tests.property.clouds import Cloud, make_cloud
from tests.property.outside import with_outside
from tests.property.policies import with_policies
from tests.property.turns import all_anew, some_turns
from tests.property.untracked import plain_cloud
from tests.property.walk import Walk, Word, World

SEEDS = st.integers(0, 2**48)
WORDS_BEFORE, TALKS, WORDS_OF_A_TALK = 24, 8, 3


# What permits would come before what denies.
@example(28)
@given(SEEDS)
def test_no_step_of_one_change_is_more_open_than_both_its_ends(seed: int) -> None:
    random = Random(seed)
    cloud = with_policies(random, with_outside(random, make_cloud(random)))
    go(random, cloud, some_turns(random, cloud.snapshot, 1))


# A plan in which some flows come while others go would be cut.
@example(86)
@given(SEEDS)
def test_no_step_of_a_switch_is_more_open_than_both_its_ends(seed: int) -> None:
    random = Random(seed)
    cloud = with_policies(random, with_outside(random, make_cloud(random)))
    anew = random.random() < 0.6
    changes = all_anew(random, cloud) if anew else some_turns(random, cloud.snapshot, random.choice((2, 3)))
    go(random, cloud, changes, mixes=True)


@given(SEEDS)
def test_no_step_of_plain_switches_is_more_open_than_both_its_ends(seed: int) -> None:
    random = Random(seed)
    cloud = plain_cloud(random)
    go(random, cloud, some_turns(random, cloud.snapshot, random.choice((1, 2))))


def go(random: Random, cloud: Cloud, changes: list[Change], *, mixes: bool = False) -> None:
    """The whole way to what changes make of a cloud, where they may be made."""
    try:
        if not changes or faults(cloud.snapshot, changes):
            return
        after = cloud.snapshot.change(changes)
    except (Invalid, InUse, NotFound):
        return
    old, new = World.of(cloud, random), World.of(replace(cloud, snapshot=after), random)
    walk = Walk(random, old, new, changes)
    moment, said = walk.before(), list[Word]()
    for _ in range(WORDS_BEFORE):
        word = random.choice(said) if said and random.random() < 0.4 else old.word()
        said += [word, *walk.say(moment, word, [old])]
    while (stage := walk.advance(moment)) is not None:
        for _ in range(TALKS):
            then = stage.copy()
            word = random.choice(said) if random.random() < 0.4 else random.choice((old, new)).word()
            for _ in range(WORDS_OF_A_TALK):
                answers = walk.say(then, word, [old, new], mixes=mixes)
                if not answers:
                    break
                word = random.choice(answers)
