#!/usr/bin/python
"""Asks a server of iovad where the MSI window fits for a VM on some hosts."""

DOCUMENTATION = r"""
module: iovad_placement
short_description: Where the MSI window fits for a VM on some hosts
description:
  - Sends POST /v1/placements to a server of iovad and returns its answer. It changes nothing.
options:
  url: {description: The server., type: str, required: true}
  token: {description: Its token where it needs one., type: str}
  hosts: {description: As in the request., type: list, elements: dict, required: true}
  vm: {description: As in the request., type: dict, required: true}
  window: {description: As in the request., type: dict, default: {}}
  required: {description: Whether the task fails where no window fits., type: bool, default: true}
"""

EXAMPLES = r"""
- name: Is there a window for this VM on every host of the pool?
  iovad_placement:
    url: http://127.0.0.1:8080
    hosts: [{name: a, platform: example-qemu-virt}]
    vm: {vmm: qemu-virt, ram: "0x100000000"}
  register: window
"""

RETURN = r"""
verdict: {description: The verdict of the placement., type: str, returned: success}
placement: {description: The whole answer., type: dict, returned: success}
"""

import json
from urllib.error import HTTPError, URLError

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

#: Verdicts with which the VM works as it was described.
FITTING = ("default_works", "movable")


def problem(error):
    """What the server says is wrong, each place on a line."""
    try:
        body = json.load(error)
    except ValueError:
        return str(error)
    lines = [f"{body.get('title')}: {body.get('detail')}"]
    return "\n".join(lines + [f"{item['pointer']}: {item['detail']}" for item in body.get("errors", [])])


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "url": {"type": "str", "required": True}, "token": {"type": "str", "no_log": True},
        "hosts": {"type": "list", "elements": "dict", "required": True}, "vm": {"type": "dict", "required": True},
        "window": {"type": "dict", "default": {}}, "required": {"type": "bool", "default": True}})
    asked = module.params
    fields = {"Content-Type": "application/json"}
    if asked["token"]:
        fields["Authorization"] = f"Bearer {asked['token']}"
    body = {name: asked[name] for name in ("hosts", "vm", "window")}
    try:
        answer = json.load(open_url(
            asked["url"].rstrip("/") + "/v1/placements", method="POST", headers=fields, data=json.dumps(body)))
    except HTTPError as error:
        module.fail_json(msg=problem(error))
    except URLError as error:
        module.fail_json(msg=f"{asked['url']}: {error.reason}")
    if asked["required"] and answer["verdict"] not in FITTING:
        module.fail_json(msg=answer["because"], verdict=answer["verdict"], placement=answer)
    module.exit_json(changed=False, verdict=answer["verdict"], placement=answer)


if __name__ == "__main__":
    main()
