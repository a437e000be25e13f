"""Settings of who may see the console and act there."""

from fanwatch.settings.base import Settings, length_ms


class AccessSettings(Settings, frozen=True):
    """Who may see the console's page, and what it may do for them."""

    console_logins_file: str | None = None
    """Who may log in, as `fanwatch console users` writes it. Without one the page listens on loopback only, and
    whoever is on this machine is its technician."""
    console_cert_file: str | None = None
    """Certificate of the page, with those between it and the CA; TLS is used where it is set."""
    console_key_file: str | None = None
    """The certificate's key."""
    console_behind_proxy: bool = False
    """A proxy that speaks TLS stands before the page: plain HTTP is then allowed beyond loopback, and the proxy's
    X-Forwarded-For and X-Forwarded-Proto are believed."""
    console_session: str = "12h"
    """How long a log-in lasts."""
    operator_user: str | None = None
    """The broker's user that sends dead letters again, of role operator; where the broker asks for one."""
    operator_password_file: str | None = None
    """File that holds its password."""

    @property
    def session_s(self) -> float:
        """Seconds that a log-in lasts. SettingsError for a FANWATCH_CONSOLE_SESSION that is no duration."""
        return length_ms("console_session", self.console_session) / 1000
