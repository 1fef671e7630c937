"""Holds two SBOMs to the schema of CycloneDX and to what Cargo knows: without features, and with all of them."""

import json
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

locked = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--format-version=1", "--all-features"]))
known = {f"pkg:cargo/{package['name']}@{package['version']}".replace("+", "%2B") for package in locked["packages"]}


def read(path):
    text = open(path).read()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert error is None, error
    refs = [component["bom-ref"] for component in json.loads(text)["components"]]
    assert len(refs) == len(set(refs)), "something is listed twice"
    unknown = {ref for ref in refs if ref.startswith("pkg:cargo/")} - known
    assert not unknown, f"Cargo does not know {unknown}"
    return {ref.split("@")[0] for ref in refs}


plain, full = read(sys.argv[1]), read(sys.argv[2])
assert {f"pkg:cargo/{name}" for name in ["tokio", "rustls", "aws-lc-rs", "mail-parser"]} <= plain
of_features = {f"pkg:cargo/{name}" for name in ["aws-sdk-sesv2", "opentelemetry-otlp"]}
assert of_features <= full and not of_features & plain, "the features make no difference"
# What only tests and the compiler use is not in the binary.
assert not {f"pkg:cargo/{name}" for name in ["criterion", "insta", "proptest", "serde_derive"]} & full
assert {"pkg:generic/rust", "pkg:deb/debian/ca-certificates"} <= full
print(f"sbom: well, {len(plain)} parts, with all features {len(full)}")
