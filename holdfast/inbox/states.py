"""The moves of a stored event. `done` and `ignored` are final; a redelivery of anything else is tried again."""

from holdfast.kernel.machine import Machine, edges

EVENT = Machine(
    "event",
    initial=("received",),
    edges=edges(
        ("received", "done", "applied"),
        ("received", "ignored", "not a final financial fact, or a type we do not know"),
        ("received", "waiting", "came before what it speaks of, or failed and is tried again"),
        ("received", "parked", "tried too often: a person decides"),
        ("waiting", "done|ignored|parked", "tried again"),
        ("parked", "received", "a person replays it"),
        ("parked", "done|ignored", "a person replayed it"),
    ),
)
