"""Why the broker cannot be used, as a person reads it: what is wrong, and what to do about it."""

import ssl

from fanwatch.errors import FanwatchError
from fanwatch.settings import BrokerSettings

_ADDRESS = "check FANWATCH_BROKER_HOST, _PORT and the broker's log"
# OpenSSL's verify codes; https://docs.openssl.org/3.0/man1/openssl-verification-options/ has them by name.
_NOT_YET_VALID, _EXPIRED = 9, 10
_HOST_MISMATCH, _ADDRESS_MISMATCH = 62, 64


def trouble(error: BaseException, settings: BrokerSettings) -> tuple[str, str]:
    """The reason and a hint for what a connect raised."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}", _certificate(error, settings)
    if isinstance(error, (ssl.SSLError, ConnectionResetError)) and settings.broker_ca_file is not None:
        # A plain Mosquitto hangs up on the first word of TLS.
        return str(error), f"{_ADDRESS}; and does that port speak TLS, as FANWATCH_BROKER_CA_FILE asks for?"
    if isinstance(error, FanwatchError):
        return str(error), "it is looked for again with each attempt"
    return str(error), _ADDRESS


def refusal(settings: BrokerSettings) -> str:
    """A hint for a broker that answered with a refusal."""
    if settings.broker_user is None:
        return "it asks for a name: set FANWATCH_BROKER_USER and FANWATCH_BROKER_PASSWORD_FILE"
    return f"check the password of {settings.broker_user} (FANWATCH_BROKER_PASSWORD_FILE) and that it may use this port"


def silence(settings: BrokerSettings) -> str:
    """A hint for a broker that ends connections without a word."""
    if settings.broker_ca_file is None:
        return f"{_ADDRESS}; where that port speaks TLS, set FANWATCH_BROKER_CA_FILE"
    return _ADDRESS


def _certificate(error: ssl.SSLCertVerificationError, settings: BrokerSettings) -> str:
    if error.verify_code == _EXPIRED:
        return "renew it with `fanwatch certs rotate` and send the broker SIGHUP; or is this machine's clock ahead?"
    if error.verify_code == _NOT_YET_VALID:
        return "is this machine's clock behind?"
    if error.verify_code in (_HOST_MISMATCH, _ADDRESS_MISMATCH):
        return (
            f"reach it under a name that its certificate has, and not as {settings.broker_host}; "
            f"or give it that one: `fanwatch certs rotate --host {settings.broker_host}`"
        )
    return f"does {settings.broker_ca_file} (FANWATCH_BROKER_CA_FILE) hold the CA of this broker?"
