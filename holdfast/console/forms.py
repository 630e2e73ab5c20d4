"""The console's two forms."""

from typing import Any

from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm


class LoginForm(AuthenticationForm):
    """E-mail and password. Whatever is wrong, the answer is one and the same, and takes as long."""

    def clean_username(self) -> Any:
        """Logins are kept in lower case."""
        return self.cleaned_data["username"].strip().lower()


class PasswordForm(AdminOwnPasswordChangeForm):
    """One's own password. Only that column is written: the application has no right to the others."""

    def set_password_and_save(self, user: Any, password_field_name: str = "password1", commit: bool = True) -> Any:
        """Keep the new password."""
        user.set_password(self.cleaned_data[password_field_name])
        if commit:
            user.save(update_fields=["password"])
        return user
