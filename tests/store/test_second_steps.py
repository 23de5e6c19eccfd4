"""The second step in the database: sealed for one account, used once, turned with the key ring."""

import pytest

from letterhead.mail.secret import Secret
from letterhead.store.database import Database
from letterhead.store.second_steps import SecondSteps
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from tests.store.conftest import KEY, NOW

SECRET = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
NEWER = Secret("OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=")
JO, ANN = "jo@hart.test", "ann@hart.test"


@pytest.fixture
async def kept(store: Store) -> None:
    async with store.people() as rows:
        await rows.second_steps.keep(JO, SECRET, ["aaaabbbbccccdddd", "eeeeffffgggghhhh"], NOW)


@pytest.mark.usefixtures("kept")
async def test_it_opens_for_its_own_account_alone(database: Database, store: Store) -> None:
    sealed = store.vault.seal(SECRET, ("second step", JO))

    async with store.look_at_people() as rows:
        found = await rows.second_steps.secret(JO)
        nobody = await rows.second_steps.secret(ANN)

    assert found == SECRET
    assert nobody is None
    assert SECRET.reveal().encode() not in sealed
    assert store.vault.open(sealed, ("second step", ANN)) is None


@pytest.mark.usefixtures("kept")
async def test_a_step_of_time_is_used_once_and_no_earlier_one_after_it(store: Store) -> None:
    used = []
    for step in (100, 100, 99, 101):
        async with store.people() as rows:
            used.append(await rows.second_steps.use(JO, step))

    assert used == [True, False, False, True]


@pytest.mark.usefixtures("kept")
async def test_a_recovery_code_is_used_once_by_its_owner(store: Store) -> None:
    async with store.people() as rows:
        tried = [
            await rows.second_steps.use_recovery_code(email, "aaaabbbbccccdddd")
            for email in (ANN, JO, JO)
        ]
        left = await rows.second_steps.recovery_codes(JO)

    assert (tried, left) == ([False, True, False], 1)


@pytest.mark.usefixtures("kept")
async def test_it_is_sealed_anew_when_the_ring_is_turned(database: Database) -> None:
    turned = Store(database, Vault(lambda: [NEWER, KEY]))

    outdated, done = await turned.outdated(), await turned.reseal()
    after = Store(database, Vault(lambda: [NEWER]))

    assert (outdated, done) == ([JO], 1)
    assert await after.locked() == []
    async with after.look_at_people() as rows:
        assert await rows.second_steps.secret(JO) == SECRET
    async with after.people() as rows:
        assert await rows.second_steps.use_recovery_code(JO, "aaaabbbbccccdddd")


@pytest.mark.usefixtures("kept")
async def test_without_its_key_health_is_red_and_nobody_is_let_in(database: Database) -> None:
    lost = Store(database, Vault(lambda: [NEWER]))

    assert await lost.locked() == [JO]
    assert await lost.problems(NOW) == ["Stored secrets whose key is not in the ring: 1."]
    async with lost.look_at_people() as rows:
        assert await rows.second_steps.has(JO)
        assert await rows.second_steps.secret(JO) is None


async def test_nothing_of_a_removed_one_is_left(database: Database, store: Store) -> None:
    async with store.people() as rows:
        await rows.second_steps.keep(JO, SECRET, ["aaaabbbbccccdddd"], NOW)
        await rows.second_steps.remove(JO)

    async with database.read() as reading:
        steps = SecondSteps(reading, store.vault)
        assert not await steps.has(JO)
        assert await steps.recovery_codes(JO) == 0
