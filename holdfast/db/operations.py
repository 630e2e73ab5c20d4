"""Migration operations of ours."""

from typing import Any

from django.db.migrations.operations import AddConstraint


class AddLaw(AddConstraint):
    """AddConstraint without rendering every related model anew: a law does not change what a model looks like.

    With some 130 laws that is half a minute of a first start.
    """

    def state_forwards(self, app_label: str, state: Any) -> None:
        options = state.models[app_label, self.model_name_lower].options
        options["constraints"] = [*options.get("constraints", []), self.constraint]
