"""The console's one form of its own."""

from typing import Any

from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """E-mail and password. Whatever is wrong, the answer is one and the same, and takes as long."""

    def clean_username(self) -> Any:
        """Logins are kept in lower case."""
        return self.cleaned_data["username"].strip().lower()
