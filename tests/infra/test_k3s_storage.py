"""Where infra/k3s keeps what must last: claims, and the classes of each overlay."""

import re

import pytest

from tests.support.kustomize import OVERLAYS, Manifest, Rendered, cluster, contents, workload

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)


def claims(rendered: Rendered) -> dict[str, Manifest]:
    """Each claim's spec by the workload that uses it."""
    found = {}
    for owner, template in rendered.pods():
        for claim in owner["spec"].get("volumeClaimTemplates", []):
            found[owner["metadata"]["name"]] = claim["spec"]
        for volume in template["spec"].get("volumes", []):
            if "persistentVolumeClaim" in volume:
                named = rendered.find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
                assert named, volume
                found[owner["metadata"]["name"]] = named["spec"]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_volume_has_a_class_that_gives_what_it_asks_for(overlay: str) -> None:
    rendered = cluster(overlay)
    classes = {found["metadata"]["name"]: found for found in rendered.of("StorageClass")}
    wanted = claims(rendered)
    assert wanted.keys() == {"mosquitto", "influxdb", "grafana", "model-store"}
    for name, claim in wanted.items():
        assert re.fullmatch(r"\d+Gi", claim["resources"]["requests"]["storage"]), name
        owner = workload(rendered, name)
        shared = claim["accessModes"] == ["ReadWriteMany"]
        if overlay.startswith("local-path"):
            assert claim["storageClassName"] == "local-path"
            assert not classes
            assert not shared, "local-path knows no shared volumes"
        else:
            parameters = classes[claim["storageClassName"]]["parameters"]
            assert shared == (parameters.get("sharedv4") == "true"), name
        assert shared or owner["spec"]["replicas"] == 1, name
        if owner["kind"] == "Deployment" and not shared:
            assert owner["spec"]["strategy"] == {"type": "Recreate"}, "two pods would wait for one volume"
    # What the queue may hold must fit on the broker's volume, twice: it is written beside the old one.
    site = contents(rendered.generated("ConfigMap", "mosquitto"))["site.conf"].decode()
    queued = int(re.findall(r"^max_queued_bytes (\d+)$", site, re.M)[0])
    assert int(wanted["mosquitto"]["resources"]["requests"]["storage"][:-2]) * 2**30 > 20 * queued


@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name.startswith("portworx")])
def test_portworx_keeps_copies(overlay: str) -> None:
    rendered = cluster(overlay)
    classes = {found["metadata"]["name"]: found for found in rendered.of("StorageClass")}
    for found in classes.values():
        assert found["provisioner"] == "pxd.portworx.com"
        assert found["allowVolumeExpansion"] is True
        assert found["parameters"]["io_profile"] == "auto"
    named = {
        owner: classes[claim["storageClassName"]]["parameters"] for owner, claim in claims(rendered).items()
    }
    assert named["influxdb"]["repl"] == "3"
    assert named["mosquitto"]["repl"] in ("2", "3")
    shared = {"repl": "2", "sharedv4": "true", "sharedv4_svc_type": "ClusterIP", "io_profile": "auto"}
    assert named["model-store"] == shared


def test_storks_scheduler_is_asked_for_where_portworx_is_and_only_there() -> None:
    for overlay in OVERLAYS:
        rendered = cluster(overlay)
        asked = {
            owner["metadata"]["name"]
            for owner, template in rendered.pods()
            if template["spec"].get("schedulerName") == "stork"
        }
        assert asked == (set(claims(rendered)) if overlay.startswith("portworx") else set())
