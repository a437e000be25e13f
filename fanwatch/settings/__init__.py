"""Every setting of every part: a class a part, FANWATCH_* in the environment; `base` says how they are read."""

from fanwatch.settings.access import AccessSettings as AccessSettings
from fanwatch.settings.base import PREFIX as PREFIX
from fanwatch.settings.base import Settings as Settings
from fanwatch.settings.base import duration_ms as duration_ms
from fanwatch.settings.base import known as known
from fanwatch.settings.base import load as load
from fanwatch.settings.base import secret as secret
from fanwatch.settings.broker import BrokerSettings as BrokerSettings
from fanwatch.settings.broker import GatewaySettings as GatewaySettings
from fanwatch.settings.broker import ReadingSettings as ReadingSettings
from fanwatch.settings.connector import ConnectorSettings as ConnectorSettings
from fanwatch.settings.console import ConsoleSettings as ConsoleSettings
from fanwatch.settings.functions import ForecastSettings as ForecastSettings
from fanwatch.settings.functions import InferSettings as InferSettings
from fanwatch.settings.functions import ModelStoreSettings as ModelStoreSettings
from fanwatch.settings.functions import ScoreSettings as ScoreSettings
from fanwatch.settings.local import AlertSettings as AlertSettings
from fanwatch.settings.local import LocalSettings as LocalSettings
from fanwatch.settings.store import HistorySettings as HistorySettings
from fanwatch.settings.store import StoreSettings as StoreSettings
