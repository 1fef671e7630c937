"""Validates the ECS task definition by the model that AWS's own client uses, and every Kubernetes object by its schema.

usage: schemas.py FOLDER    (where the files of the ConfigMap are written)
"""

import json
import pathlib
import sys

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml

ECS = "config/deploy/ecs-task-definition.json"
KUBERNETES = "config/deploy/kubernetes.yaml"
KUBERNETES_VERSION = "1.33"

with open(ECS, encoding="utf-8") as file:
    task = json.load(file)
model = botocore.session.get_session().get_service_model("ecs")
shape = model.operation_model("RegisterTaskDefinition").input_shape
report = botocore.validate.ParamValidator().validate(task, shape)
if report.has_errors():
    sys.exit(f"{ECS}: {report.generate_report()}")
print(f"{ECS}: well")

with open(KUBERNETES, encoding="utf-8") as file:
    objects = [item for item in yaml.safe_load_all(file) if item]
for item in objects:
    name = f"{item['kind']}/{item['metadata']['name']}"
    try:
        kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        sys.exit(f"{KUBERNETES}: {name}: {error}")
print(f"{KUBERNETES}: {len(objects)} objects are well")

# For `sesgate check`.
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for item in objects:
    if item["kind"] == "ConfigMap":
        for name, text in item["data"].items():
            (folder / name).write_text(text, encoding="utf-8")
