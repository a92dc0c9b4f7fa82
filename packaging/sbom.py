#!/usr/bin/env python3
"""Prints what the program is made of, as CycloneDX 1.5: every crate that is compiled into it, with its licence and the
checksum that Cargo.lock holds it to. The order and the serial number depend on nothing else, so the same sources print
the same octets."""

import json
import pathlib
import subprocess
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def compiled(data):
    """The packages that the program needs to run or to be built, tests left out: each with those that it needs."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    needs, left = {}, [data["resolve"]["root"]]
    while left:
        package = left.pop()
        if package in needs:
            continue
        deps = nodes[package]["deps"]
        wanted = [dep["pkg"] for dep in deps if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
        needs[package] = sorted(wanted)
        left.extend(wanted)
    return needs


def main():
    data = metadata()
    with open(ROOT / "Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    packages = {package["id"]: package for package in data["packages"]}
    needs = compiled(data)

    def reference(package):
        return f"pkg:cargo/{packages[package]['name']}@{packages[package]['version']}"

    def component(package):
        about = packages[package]
        entry = {"type": "library", "bom-ref": reference(package), "name": about["name"], "version": about["version"]}
        if about.get("license"):
            entry["licenses"] = [{"expression": about["license"].replace("/", " OR ")}]
        checksum = checksums.get((about["name"], about["version"]))
        if checksum:
            entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        entry["purl"] = reference(package)
        return entry

    root = data["resolve"]["root"]
    libraries = sorted((package for package in needs if package != root), key=reference)
    program = component(root) | {"type": "application"}
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": [component(package) for package in libraries],
        "dependencies": [
            {"ref": reference(package), "dependsOn": sorted(reference(need) for need in needs[package])}
            for package in sorted(needs, key=reference)
        ],
    }
    text = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    print(json.dumps(bom, indent=2))


if __name__ == "__main__":
    main()
