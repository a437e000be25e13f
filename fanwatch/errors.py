"""One base error; its `status` is what the function server, the gateway client and the command turn into an answer."""

EXIT_USAGE = 2


class FanwatchError(Exception):
    """Anything a person must act on. The message is a sentence that says what to do."""

    status = 500


class SettingsError(FanwatchError):
    """A setting is unknown, missing or out of range."""


class BundleError(FanwatchError):
    """A model bundle is missing, incomplete, altered or does not give the answers it promises."""


class InvalidReading(FanwatchError):
    """A reading that no retry can make readable; `reason` is the dead letter's reason."""

    status = 400

    def __init__(
        self, message: str, *, field: str | None = None, value: object = None, reason: str = "invalid"
    ) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.reason = reason


class Unavailable(FanwatchError):
    """A part that is needed is away for now; trying again later is right."""

    status = 503


class UpstreamFailed(FanwatchError):
    """Another function answered with something other than a result; trying again later is right."""

    status = 502
