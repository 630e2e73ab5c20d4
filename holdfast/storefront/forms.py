"""What checkout asks of a guest. The bounds are those of the public API."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from holdfast.flows.delivery import NO_POSTCODE

#: As the API: one sign of @ with something around it. Only a message that arrives proves an address.
EMAIL = RegexValidator(r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$", _("Write an e-mail address, such as ada@example.com."))
PLAIN = RegexValidator(r"^[^\x00-\x1f\x7f]*$", _("Remove what is no letter, digit or sign."))


class Guest(forms.Form):
    """Who buys, and where it goes when something is shipped."""

    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        validators=[EMAIL],
        help_text=_("For the confirmation and everything about this order."),
        error_messages={"required": _("Write your e-mail address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        validators=[PLAIN],
        error_messages={"required": _("Write your name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    line1 = forms.CharField(
        label=_("Street and number"),
        max_length=200,
        validators=[PLAIN],
        error_messages={"required": _("Write the street and the number.")},
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
    )
    line2 = forms.CharField(
        label=_("Flat, floor or company"),
        max_length=200,
        required=False,
        validators=[PLAIN],
        widget=forms.TextInput(attrs={"autocomplete": "address-line2"}),
    )
    postal_code = forms.CharField(
        label=_("Postal code"),
        max_length=20,
        validators=[PLAIN],
        error_messages={"required": _("Write the postal code.")},
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(
        label=_("City"),
        max_length=120,
        validators=[PLAIN],
        error_messages={"required": _("Write the city.")},
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    state = forms.CharField(
        label=_("State or province"),
        max_length=120,
        required=False,
        validators=[PLAIN],
        widget=forms.TextInput(attrs={"autocomplete": "address-level1"}),
    )

    ADDRESS = ("line1", "line2", "postal_code", "city", "state")

    def __init__(self, *args: Any, ships: bool, region: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False  # our own words beside the field, in the shop's language
        if not ships:
            for name in self.ADDRESS:
                del self.fields[name]
        elif region in NO_POSTCODE:
            self.fields["postal_code"].required = False

    @property
    def personal(self) -> list[forms.BoundField]:
        return [self["email"], self["name"]]

    @property
    def postal(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ADDRESS if name in self.fields]

    def address(self, region: str) -> dict[str, str]:
        """As the flow wants it; empty when nothing is shipped."""
        said = {name: self.cleaned_data.get(name, "") for name in self.ADDRESS}
        return {**{name: value for name, value in said.items() if value}, "country": region} if any(said.values()) else {}
