"""The worker's threads and its pool of connections."""

from config.settings import WORKER_LANES
from holdfast.worker.lanes import LANES


def test_every_thread_of_the_worker_has_a_connection_of_its_own():
    """With fewer, a lane waits for a connection that idle ones hold, and says that the database does not answer."""
    assert sum(lane.threads for lane in LANES) == WORKER_LANES
