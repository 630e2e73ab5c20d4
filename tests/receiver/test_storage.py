"""Stored once, durably, before 200; redelivered, rotated, cut off and killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.kernel.ids import new_id
from tests.conftest import Database
from tests.receiver.conftest import SECRET, House, address, found
from tests.receiver.process import ReceiverProcess, Wire, event, signed


def deliveries(house: House, event_id: str) -> tuple[int, int]:
    """How many events and how many deliveries there are of an id."""
    return (
        house.database.count("inbox_event", "provider_event_id = %s", event_id),
        house.database.count("inbox_delivery", "provider_event_id = %s", event_id),
    )


def send_all(house: House, bodies: list[bytes], threads: int) -> list[int]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(house.send, bodies))


def test_fifty_deliveries_at_once_are_one_event(house):
    payloads = house.database.count("db_payload")
    assert send_all(house, [event("evt_fifty")] * 50, 50) == [200] * 50
    assert deliveries(house, "evt_fifty") == (1, 50)
    assert house.database.count("db_payload") == payloads + 1


def test_many_events_at_once_are_all_stored_in_batches(house):
    ids = [f"evt_many{n}" for n in range(300)]
    assert send_all(house, [event(id) for id in ids], 30) == [200] * 300
    stored = house.database.rows("SELECT provider_event_id FROM inbox_event WHERE provider_event_id LIKE 'evt_many%%'")
    assert {id for (id,) in stored} == set(ids)
    transactions = house.database.value(
        "SELECT count(DISTINCT xmin::text) FROM inbox_event WHERE provider_event_id LIKE 'evt_many%%'"
    )
    assert transactions < 300


def test_a_done_event_that_comes_again_is_counted_and_changes_nothing(house):
    assert house.send(event("evt_done")) == 200
    with house.database.as_owner() as owner:
        owner.execute(
            "UPDATE inbox_event SET state = 'done', due_at = NULL, done_at = now() WHERE provider_event_id = 'evt_done'"
        )
    before = house.database.rows("SELECT * FROM inbox_event WHERE provider_event_id = 'evt_done'")
    assert house.send(event("evt_done")) == 200
    assert house.database.rows("SELECT * FROM inbox_event WHERE provider_event_id = 'evt_done'") == before
    assert deliveries(house, "evt_done") == (1, 2)


def test_the_first_body_of_an_event_stays(house):
    assert house.send(event("evt_first", note=1)) == 200
    assert house.send(event("evt_first", note=2)) == 200
    [(body,)] = house.database.rows(
        "SELECT p.body FROM db_payload p JOIN inbox_event e ON e.payload_id = p.id WHERE e.provider_event_id = 'evt_first'"
    )
    assert json.loads(bytes(body))["note"] == 1


def test_several_secrets_hold_while_one_is_rolled(house):
    _, account = found(house.database, "rolling", "whsec_old", "whsec_new")
    for secret, status in (("whsec_old", 200), ("whsec_new", 200), ("whsec_other", 400)):
        body = event()
        assert house.receiver.post(address(account), body, signed(body, secret)).status_code == status


def test_a_rotated_secret_works_within_seconds_and_the_old_one_ends(house):
    from holdfast.merchants.credentials import seal

    _, account = found(house.database, "rotating", "whsec_old")
    body = event()
    assert house.receiver.post(address(account), body, signed(body, "whsec_old")).status_code == 200
    with house.database.as_owner() as owner:
        owner.execute(
            "UPDATE merchants_account SET sealed = %s WHERE id = %s", [seal({"webhook_secrets": ["whsec_new"]}), account]
        )
    time.sleep(1.1)  # looked up again at most once a second
    assert house.receiver.post(address(account), body, signed(body, "whsec_new")).status_code == 200
    assert house.receiver.post(address(account), body, signed(body, "whsec_old")).status_code == 400


def test_a_forged_signature_is_worth_one_look_up_a_second(house):
    """Whoever floods an account with forgeries does not flood the database."""
    _, account = found(house.database, "flooded", SECRET)
    good = event()
    assert house.receiver.post(address(account), good, signed(good, SECRET)).status_code == 200

    def look_ups() -> int:
        return house.database.value(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'holdfast_find_account'"
        )

    with house.database.as_owner() as owner:
        owner.execute(f"ALTER DATABASE {house.database.name} SET track_functions = 'all'")
    began = time.monotonic()
    statuses = {house.receiver.post(address(account), good, {}).status_code for _ in range(200)}
    assert statuses == {400}
    assert look_ups() <= time.monotonic() - began + 2


def test_a_new_account_works_at_once_unless_somebody_guessed_it(house):
    _, account = found(house.database, "fresh", SECRET)
    body = event()
    assert house.receiver.post(address(account), body, signed(body, SECRET)).status_code == 200


def test_an_account_switched_off_is_forgotten_within_its_time(database):
    _, account = found(database, "off", SECRET)
    with database.as_owner() as owner:
        owner.execute("UPDATE merchants_account SET enabled = false WHERE id = %s", [account])
    with ReceiverProcess(database.environment) as receiver:
        body = event()
        assert receiver.post(address(account), body, signed(body, SECRET)).status_code == 400


def test_credentials_that_no_key_opens_are_our_failure_and_not_the_providers(house):
    _, account = found(house.database, "sealed", SECRET)
    with house.database.as_owner() as owner:
        owner.execute("UPDATE merchants_account SET sealed = 'broken' WHERE id = %s", [account])
    body = event()
    answer = house.receiver.post(address(account), body, signed(body, SECRET))
    assert (answer.status_code, answer.json()["code"]) == (503, "not_opened")
    assert int(answer.headers["retry-after"]) > 0


def test_a_redelivery_does_not_wait_for_the_worker_that_has_the_event(house):
    assert house.send(event("evt_busy")) == 200
    with house.database.as_owner() as owner, owner.transaction():
        owner.execute("UPDATE inbox_event SET due_at = now() + interval '1 hour' WHERE provider_event_id = 'evt_busy'")
        began = time.monotonic()
        assert house.send(event("evt_busy")) == 200
        assert time.monotonic() - began < 2
    assert deliveries(house, "evt_busy") == (1, 2)


def test_a_row_that_the_database_refuses_does_not_take_its_batch_along(house):
    """An account that vanished between look-up and storage: its event is refused, its neighbours are stored."""
    with house.database.as_owner() as owner:
        owner.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'spoilt' USING ERRCODE = '23514'; END $$"
        )
        owner.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON inbox_event FOR EACH ROW"
            " WHEN (NEW.provider_event_id = 'evt_spoilt') EXECUTE FUNCTION spoil()"
        )
    ids = [f"evt_near{n}" for n in range(60)]
    ids[30] = "evt_spoilt"
    statuses = send_all(house, [event(id) for id in ids], 60)
    assert statuses[30] == 503
    assert [s for n, s in enumerate(statuses) if n != 30] == [200] * 59
    assert deliveries(house, "evt_spoilt") == (0, 0)
    assert house.database.count("inbox_event", "provider_event_id LIKE 'evt_near%%'") == 59


def through(wire: Wire, database: Database) -> dict[str, str]:
    return {**database.environment, "DATABASE_URL": wire.url}


def test_the_database_goes_away_and_comes_back(database):
    merchant, account = found(database, "mine", SECRET)
    with Wire(database.environment["DATABASE_URL"]) as wire, ReceiverProcess(through(wire, database)) as receiver:
        house = House(database, receiver, merchant, account)
        assert house.send(event("evt_before")) == 200

        wire.cut()
        body = event("evt_during")
        answer = receiver.post(house.path, body, signed(body, SECRET))
        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert receiver.client.get("/health/ready").status_code == 503
        assert receiver.client.get("/health/live").status_code == 200
        assert send_all(house, [event() for _ in range(40)], 20) == [503] * 40

        wire.mend()
        assert house.send(event("evt_during")) == 200
        assert house.send(event("evt_after")) == 200
        assert receiver.client.get("/health/ready").status_code == 200
        assert house.rows() == (3, 3, 3)


def test_every_connection_of_the_database_is_ended(house):
    """What a restart of PostgreSQL looks like from here: at most the requests of that moment are turned away."""
    assert house.send(event()) == 200
    with house.database.as_owner() as owner:
        ended = owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'holdfast receiver'"
        ).fetchall()
    assert len(ended) >= 2
    id = f"evt_{new_id().hex}"
    statuses = [house.send(event(id)) for _ in range(3)]
    assert statuses[-1] == 200
    assert set(statuses) <= {200, 503}
    assert deliveries(house, id) == (1, statuses.count(200))


def test_a_database_that_says_nothing_is_not_waited_for_without_end(database):
    merchant, account = found(database, "mine", SECRET)
    with Wire(database.environment["DATABASE_URL"]) as wire, ReceiverProcess(through(wire, database)) as receiver:
        house = House(database, receiver, merchant, account)
        assert house.send(event()) == 200
        wire.mute()
        began = time.monotonic()
        assert send_all(house, [event() for _ in range(20)], 20) == [503] * 20
        assert time.monotonic() - began < 12
        wire.cut()
        wire.mend()
        assert house.send(event("evt_healed")) == 200


def test_a_receiver_starts_without_its_database(database):
    merchant, account = found(database, "mine", SECRET)
    with Wire(database.environment["DATABASE_URL"]) as wire:
        wire.cut()
        with ReceiverProcess(through(wire, database)) as receiver:
            house = House(database, receiver, merchant, account)
            assert house.send(event()) == 503
            wire.mend()
            assert house.send(event()) == 200


def under_load(house: House, end: str) -> tuple[list[str], int]:
    """Send events from 16 threads, end the receiver in the middle: ids answered with 200, and its exit status."""
    acknowledged: list[str] = []
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            id = f"evt_{new_id().hex}"
            try:
                if house.send(event(id)) == 200:
                    acknowledged.append(id)
            except Exception:  # noqa: BLE001 - the receiver is gone
                return

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    status = getattr(house.receiver, end)()
    over.set()
    for thread in threads:
        thread.join(30)
    return acknowledged, status


@pytest.mark.processes
@pytest.mark.parametrize(("end", "status"), [("kill", -signal.SIGKILL), ("stop", 0)])
def test_every_event_answered_with_200_is_there_after_the_end(database, end, status):
    merchant, account = found(database, "mine", SECRET)
    with ReceiverProcess(database.environment) as receiver:
        acknowledged, exit_status = under_load(House(database, receiver, merchant, account), end)
    assert exit_status == status
    assert len(acknowledged) > 50
    stored = {id for (id,) in database.rows("SELECT provider_event_id FROM inbox_event")}
    assert set(acknowledged) <= stored
    assert database.count("inbox_delivery") == database.count("db_payload") == len(stored)


@pytest.mark.processes
@pytest.mark.parametrize(("point", "rows"), [("receiver.store:before", 0), ("receiver.store:after", 1)])
def test_a_death_around_the_commit_loses_nothing_that_was_acknowledged(database, point, rows):
    merchant, account = found(database, "mine", SECRET)
    with ReceiverProcess(database.environment, HOLDFAST_FAULTS=f"{point}=kill") as receiver:
        house = House(database, receiver, merchant, account)
        with pytest.raises(Exception, match=r"disconnect|reset|closed|refused"):
            house.send(event("evt_once"))
        assert receiver.process.wait(10) == -signal.SIGKILL
        assert house.rows() == (rows, rows, rows)
    with ReceiverProcess(database.environment) as receiver:
        house = House(database, receiver, merchant, account)
        assert house.send(event("evt_once")) == 200
        assert house.rows() == (1, rows + 1, 1)


@pytest.mark.processes
def test_sigterm_answers_what_was_accepted(database):
    """A request that waits for the database when the signal comes is stored and answered, then the process ends with 0."""
    merchant, account = found(database, "mine", SECRET)
    with ReceiverProcess(database.environment) as receiver, ThreadPoolExecutor(1) as pool:
        house = House(database, receiver, merchant, account)
        assert house.send(event()) == 200
        with database.as_owner() as owner, owner.transaction():
            owner.execute("LOCK TABLE inbox_delivery IN SHARE MODE")
            answer = pool.submit(house.send, event("evt_last"))
            time.sleep(0.5)
            receiver.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert not answer.done()
        assert answer.result(10) == 200
        assert receiver.process.wait(10) == 0
    assert database.count("inbox_event", "provider_event_id = 'evt_last'") == 1


def test_the_receiver_loads_no_django():
    code = "import sys; import holdfast.receiver.__main__ as m; m._load_adapters(); sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
