"""The SDK's builders of classic dashboards, which is what Grafana's file provisioning takes.

The SDK warns of them on import, for it prefers the v2 schema; every other module gets builders from here.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge as bargauge
    from grafana_foundation_sdk.builders import common as common
    from grafana_foundation_sdk.builders import dashboard as dashboard
    from grafana_foundation_sdk.builders import heatmap as heatmap
    from grafana_foundation_sdk.builders import stat as stat
    from grafana_foundation_sdk.builders import statetimeline as statetimeline
    from grafana_foundation_sdk.builders import table as table
    from grafana_foundation_sdk.builders import timeseries as timeseries
    from grafana_foundation_sdk.cog.plugins import register_default_plugins as register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard as Dashboard
